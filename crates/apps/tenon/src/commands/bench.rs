//! `tenon bench`: measures this build on this machine, each figure beside a calibration.
//!
//! The product runs in processes of its own, started as a user would start it, with fsync on; the
//! load, the echo service and the calibrations run in this process. CPU and memory are read from
//! `/proc` for the product's whole process tree, PostgreSQL and function runners included.

mod calibration;
mod connect;
mod envelope;
mod figures;
mod job;
mod load;
mod nginx;
mod overload;
mod peers;
mod proc;
mod product;
mod proxy;
mod queue;
mod queues;
mod record;
mod server;
mod vault;
mod vault_process;
mod workers;
mod wrk;

use std::borrow::Cow;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use figures::Bench;
use peers::Peers;

use super::global::Global;

/// Measure this build on this machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tenon bench                    everything, about five minutes\n  tenon bench run3 accept --json  two groups, one JSON object a figure\n  tenon bench queue queues --peers  the queue beside BullMQ, in the same run\n\nGroups: start, idle, accept, run3, step, waiting, job, queue, queues, record, overload, connect, proxy, envelope, vault.
proxy needs nginx and wrk; envelope is compared with openssl, where it is there. --peers needs what scripts/ensure-bench-peers.sh installs."
)]
pub struct BenchArgs {
    /// Groups or figures to measure, such as `run3` or `idle.rss`; everything when left out.
    names: Vec<String>,
    /// Seconds that each rate is measured for.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Measure other queues beside ours, in groups `queue` and `queues`: those in this folder.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "target/bench-peers")]
    peers: Option<PathBuf>,
}

/// One measured figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What was measured.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it is compared with, measured in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Value over calibration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

/// A figure of the machine, not of the product.
#[derive(Debug, Clone, Serialize)]
pub struct Calibration {
    /// Its name.
    pub name: &'static str,
    /// What was measured.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
}

impl Figure {
    /// A figure without a calibration: bytes, CPU, seconds.
    fn plain(name: impl Into<Cow<'static, str>>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, calibration: None, ratio: None }
    }

    /// A figure beside a calibration of the same run.
    fn against(
        name: impl Into<Cow<'static, str>>,
        value: f64,
        unit: &'static str,
        calibration: Calibration,
    ) -> Self {
        let ratio = Some(value / calibration.value);
        Self { name: name.into(), value, unit, calibration: Some(calibration), ratio }
    }
}

/// The groups, in the order they run.
const GROUPS: [&str; 15] = [
    "start", "idle", "accept", "run3", "step", "waiting", "job", "queue", "queues", "record",
    "overload", "connect", "proxy", "envelope", "vault",
];

/// Runs the command.
///
/// # Errors
/// When the product cannot be started or answers wrongly: then no figure counts.
pub async fn run(args: BenchArgs, global: &Global) -> anyhow::Result<ExitCode> {
    for name in &args.names {
        let group = name.split('.').next().unwrap_or_default();
        if !GROUPS.contains(&group) {
            bail!("there is no benchmark `{name}`; the groups are {}", GROUPS.join(", "));
        }
    }
    let bench = Bench { seconds: args.seconds.clamp(1, 600) };
    let peers = args.peers.as_deref().map(Peers::find).unwrap_or_default();
    for group in GROUPS {
        let is_asked = args.names.is_empty()
            || args.names.iter().any(|name| name.split('.').next() == Some(group));
        if !is_asked {
            continue;
        }
        eprintln!("measuring {group} ...");
        let figures = match group {
            "start" => bench.start().await?,
            "idle" => bench.idle().await?,
            "accept" => bench.accept().await?,
            "run3" => bench.run3().await?,
            "step" => bench.step().await?,
            "job" => job::measure().await?,
            "queue" => queue::measure(bench.length(), &peers).await?,
            "queues" => queues::measure(&peers).await?,
            "record" => record::measure(bench.length()).await?,
            "overload" => overload::measure(bench.length()).await?,
            "connect" => connect::measure(bench.length()).await?,
            "proxy" => proxy::measure(bench.length()).await?,
            "envelope" => envelope::measure().await?,
            "vault" => vault::measure(bench.length()).await?,
            _ => bench.waiting().await?,
        };
        for figure in figures {
            let is_named = args.names.is_empty()
                || args.names.iter().any(|name| name == group || *name == figure.name);
            if is_named {
                print(&figure, global.json)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(figure: &Figure, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        println!("{}", serde_json::to_string(figure)?);
        return Ok(());
    }
    let against = match (&figure.calibration, figure.ratio) {
        (Some(calibration), Some(ratio)) => format!(
            "  {ratio:.3} of {} {:.1} {}",
            calibration.name, calibration.value, calibration.unit
        ),
        _ => String::new(),
    };
    println!("{:<32} {:>12.3} {:<8}{against}", figure.name, figure.value, figure.unit);
    Ok(())
}
