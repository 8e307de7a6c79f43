//! `tenon chaos`: breaks an installation of its own under load and checks what it promised.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use tenon_chaos::check::Verdict;
use tenon_chaos::faults::{Fault, Scale};
use tenon_chaos::run::{Outcome, Plan, run as run_plan};
use tenon_chaos::stage::postgres::PostgresPrograms;
use tenon_chaos::stage::{Parts, Topology};

use super::global::Global;
use crate::postgres::{EmbeddedSettings, programs};

const EXAMPLES: &str = "\
Examples:
  tenon chaos                                   a minute of faults, as seed 1 says
  tenon chaos --seed 7 --duration 5m --output out.json
  tenon chaos --faults F1,F5 --workers 4        workers die and Redis forgets
  tenon chaos --topology cluster --faults F8    primaries of a Redis cluster die
  tenon chaos --faults F23 --queues 10000       ten thousand queues at once
  tenon chaos --list                            the faults
  tenon chaos --merge out-*.json                one table of several trials

It starts servers and processes of its own on this machine, in a temporary folder, and touches
nothing else. It needs PostgreSQL and redis-server. The exit code is 1 when a promise was broken;
the record (history.jsonl) and all logs are then kept, and their folder is printed.";

/// Break an installation under load, and check what it promised.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ChaosArgs {
    /// Decides which faults come when, and what they hit.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long faults go on, such as 60s or 5m.
    #[arg(long, default_value = "60s", value_parser = duration)]
    duration: Duration,
    /// The faults to draw from, with commas; all but the longest when left out.
    #[arg(long, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// Take the faults in their order, again and again, instead of by their weights.
    #[arg(long)]
    in_order: bool,
    /// Faults at most.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    faults_max: usize,
    /// How Redis is run: standalone, cluster (three primaries, three replicas), sentinel.
    #[arg(long, default_value = "standalone")]
    topology: Topology,
    /// Worker processes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=32))]
    workers: u8,
    /// Requests a second.
    #[arg(long, default_value_t = 16.0)]
    rate: f64,
    /// How long a fault that lasts is held.
    #[arg(long, default_value = "2500ms", value_parser = duration)]
    hold: Duration,
    /// The longest time between two faults.
    #[arg(long, default_value = "1500ms", value_parser = duration)]
    gap: Duration,
    /// How long what was accepted may take to end after the last fault.
    #[arg(long, default_value = "120s", value_parser = duration)]
    patience: Duration,
    /// Requests of a herd (F33).
    #[arg(long, default_value_t = 200)]
    herd: usize,
    /// Queues that appear at once (F23).
    #[arg(long, default_value_t = 50)]
    queues: usize,
    /// Let PostgreSQL not flush to disk: faster, and no weaker against what is done here.
    #[arg(long)]
    no_fsync: bool,
    /// Another build of tenon, which rolling restarts (F31) change to and back.
    #[arg(long, value_name = "PROGRAM")]
    other_binary: Option<PathBuf>,
    /// The folder of `initdb` and `postgres`; found by itself when left out.
    #[arg(long, value_name = "FOLDER", env = "TENON_POSTGRES_BIN")]
    postgres_bin: Option<PathBuf>,
    /// Write the verdict and its figures to a file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep the record and the logs, whatever is found.
    #[arg(long)]
    keep: bool,
    /// Print the faults and stop.
    #[arg(long)]
    list: bool,
    /// Print one table of the verdicts in these files, and stop.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    merge: Vec<PathBuf>,
    /// Take a guard out of the processes, to see that it is missed; in debug builds only.
    #[arg(long, hide = true)]
    without: Option<String>,
}

/// What `--output` writes and `--merge` reads.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Written {
    seed: u64,
    topology: String,
    workers: u8,
    duration_ms: u64,
    verdict: Verdict,
    /// Faults that cannot be done here, and why.
    unavailable: Vec<(String, String)>,
}

/// Runs the command.
///
/// # Errors
/// When the installation does not start, or does not come up again after a fault.
pub async fn run(args: ChaosArgs, global: &Global) -> anyhow::Result<ExitCode> {
    if args.list {
        for fault in Fault::all() {
            println!("{fault}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !args.merge.is_empty() {
        return merge(&args.merge, global);
    }
    let began = Instant::now();
    let plan = plan(&args)?;
    eprintln!(
        "seed {}, {} for {:?}, {} workers",
        args.seed, args.topology, args.duration, args.workers
    );
    let Outcome { verdict, unavailable, kept } = run_plan(plan, |line| {
        eprintln!("{:>6.1} s  {line}", began.elapsed().as_secs_f64());
    })
    .await?;
    let is_kept = verdict.violations.is_empty();
    let written = Written {
        seed: args.seed,
        topology: args.topology.to_string(),
        workers: args.workers,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        verdict,
        unavailable: unavailable.into_iter().map(|(fault, why)| (fault.id(), why)).collect(),
    };
    if let Some(path) = &args.output {
        std::fs::write(path, serde_json::to_vec_pretty(&written)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    show(&written, global)?;
    if let Some(kept) = kept {
        eprintln!("the record and the logs are in {}", kept.display());
    }
    Ok(if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plan(args: &ChaosArgs) -> anyhow::Result<Plan> {
    let settings =
        EmbeddedSettings { bin_dir: args.postgres_bin.clone(), ..EmbeddedSettings::default() };
    let (bin_dir, account) = programs(Path::new("."), &settings)?;
    let faults = match args.faults.is_empty() {
        true => Fault::all().iter().copied().filter(|fault| fault.weight() > 0).collect(),
        false => args.faults.clone(),
    };
    Ok(Plan {
        parts: Parts {
            program: std::env::current_exe().context("this program's own path cannot be found")?,
            other_program: args.other_binary.clone(),
            postgres: PostgresPrograms { bin_dir, account },
            topology: args.topology,
            workers: usize::from(args.workers),
            is_durable: !args.no_fsync,
            without: args.without.clone(),
            has_kill_points: cfg!(debug_assertions),
            seed: args.seed,
        },
        faults,
        in_order: args.in_order,
        duration: args.duration,
        faults_max: args.faults_max,
        rate: args.rate,
        scale: Scale { hold: args.hold, herd: args.herd, queues: args.queues },
        gap: args.gap,
        patience: args.patience,
        keeps: args.keep,
    })
}

fn show(written: &Written, global: &Global) -> anyhow::Result<()> {
    if global.json {
        println!("{}", serde_json::to_string_pretty(written)?);
        return Ok(());
    }
    print!("{}", written.verdict);
    for (fault, why) in &written.unavailable {
        println!("left out: {fault}: {why}");
    }
    Ok(())
}

fn merge(files: &[PathBuf], global: &Global) -> anyhow::Result<ExitCode> {
    let mut all = Written::default();
    for file in files {
        let text =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let written: Written = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no verdict", file.display()))?;
        all.verdict.add(written.verdict);
        all.duration_ms += written.duration_ms;
        for (fault, why) in written.unavailable {
            if !all.unavailable.iter().any(|(known, because)| *known == fault && *because == why) {
                all.unavailable.push((fault, why));
            }
        }
    }
    show(&all, global)?;
    Ok(if all.verdict.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `60s`, `1500ms`, `5m`; a number alone is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no duration"))?;
    let seconds = match unit {
        "ms" => number / 1_000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return Err(format!("`{unit}` is no unit: ms, s, m or h")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration("60s"), Ok(Duration::from_mins(1)));
        assert_eq!(duration("60"), duration("1m"));
        assert!(duration("soon").is_err() && duration("1 fortnight").is_err());
    }
}
