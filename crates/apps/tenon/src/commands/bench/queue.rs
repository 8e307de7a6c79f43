//! Group `queue`: the job queue alone, in a Redis of its own that appends to its file every second.
//!
//! Jobs do nothing and wait in Redis only, as with other queues on Redis: no row is written. One
//! process pushes, claims and acknowledges on one connection. What it is compared with is the plain
//! push of a value to a list, one at a time on each of 50 connections, on the same server; and
//! other queues, where they are asked for (`peers.rs`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use parking_lot::Mutex;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{Generation, JobQueue as _, Push, Shard, Source};
use tenon_redis::{Endpoint, Redis, RedisQueue};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::peers::{OneQueue, Peers};
use super::server::Server;
use super::workers::{BATCH, Workers, ask, leases, shard_of};
use super::{Calibration, Figure};

/// Shards, as by default.
const SHARDS: u16 = 16;
/// Pushes under way at once.
const PUSHERS: usize = 2;
/// How long everything may take to be worked off.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of a value in the lists of the calibrations: a small job's payload.
const VALUE_BYTES: usize = 256;
/// Connections of the calibration.
const CONNECTIONS: usize = 50;
/// Jobs that wait for `queue.bytes`, and ids that come back for `queue.rebuild`.
const WAITING: usize = 100_000;
const REBUILT: usize = 1_000_000;
/// Ids that the sweep reads and pushes at once.
const PAGE: usize = 5_000;
/// Jobs a second for `queue.start`.
const START_RATE: u64 = 1_000;

/// Measures the group.
///
/// # Errors
/// When Redis cannot be started, or a job is lost or comes twice: then no figure counts.
pub async fn measure(length: Duration, peers: &Peers) -> anyhow::Result<Vec<Figure>> {
    let rig = Rig::start().await?;
    let plain = rig.plain_push(Duration::from_secs(2)).await?;
    let (mut rounds, mut of_peers) = (Vec::new(), vec![Vec::new(); peers.iter().count()]);
    for _ in 0..peers.rounds() {
        rounds.push(rig.one_queue(length).await?);
        for (peer, theirs) in peers.iter().zip(&mut of_peers) {
            match peer.one_queue(START_RATE, length).await {
                Ok(round) => theirs.push(round),
                Err(error) => eprintln!("a round of {} is left out: {error:#}", peer.name),
            }
        }
    }
    let ours = OneQueue::median(&rounds);
    let item = rig.list_item_bytes().await?;
    let rebuild = rig.rebuild().await?;
    rig.stop().await?;
    let mut figures = vec![
        Figure::against("queue.rate", ours.process, "jobs/s", plain),
        Figure::plain("queue.push", ours.push, "jobs/s"),
        Figure::plain("queue.redis_cpu", ours.redis_us, "us"),
        Figure::against("queue.bytes", ours.bytes, "B", item),
        Figure::plain("queue.start_p50", ours.start_p50, "ms"),
        Figure::plain("queue.start_p99", ours.start_p99, "ms"),
        Figure::plain("queue.rebuild", rebuild, "s"),
    ];
    for (peer, rounds) in peers.iter().zip(&of_peers).filter(|(_, rounds)| !rounds.is_empty()) {
        let theirs = OneQueue::median(rounds);
        figures.extend([
            peer.figure("queue.rate", ours.process, theirs.process, "jobs/s"),
            peer.figure("queue.push", ours.push, theirs.push, "jobs/s"),
            peer.figure("queue.redis_cpu", ours.redis_us, theirs.redis_us, "us"),
            peer.figure("queue.bytes", ours.bytes, theirs.bytes, "B"),
            peer.figure("queue.start_p50", ours.start_p50, theirs.start_p50, "ms"),
            peer.figure("queue.start_p99", ours.start_p99, theirs.start_p99, "ms"),
        ]);
    }
    Ok(figures)
}

/// A Redis with queues, empty at first.
pub(super) struct Rig {
    pub(super) server: Server,
    pub(super) queue: Arc<RedisQueue>,
    generation: AtomicU32,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Rig {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let server = Server::start().await?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let endpoint: Endpoint = server.url().parse()?;
        let queue = Arc::new(RedisQueue::new(
            Redis::open(&endpoint)?,
            SHARDS,
            MemberId::draw(),
            &tasks,
            stop.clone(),
        ));
        let rig = Self { server, queue, generation: AtomicU32::new(0), tasks, stop };
        rig.empty().await?;
        Ok(rig)
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.server.stop().await
    }

    /// Makes the server forget everything and begins a generation. What waited would else be
    /// dropped by the first who comes to its shard.
    async fn empty(&self) -> anyhow::Result<()> {
        let mut control = self.server.control.clone();
        redis::cmd("FLUSHALL").exec_async(&mut control).await?;
        let generation = Generation(self.generation.fetch_add(1, Ordering::Relaxed) + 1);
        Ok(self.queue.install_generation(generation).await?)
    }

    async fn one_queue(&self, length: Duration) -> anyhow::Result<OneQueue> {
        let (process, redis_us) = self.rate(length).await?;
        let (bytes, push) = self.bytes().await?;
        let (start_p50, start_p99) = self.start_latency(length).await?;
        Ok(OneQueue { push, process, redis_us, bytes, start_p50, start_p99 })
    }

    /// Values pushed to a list a second, one at a time on each connection.
    async fn plain_push(&self, length: Duration) -> anyhow::Result<Calibration> {
        let client = redis::Client::open(self.server.url())?;
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let mut link = client.get_multiplexed_async_connection().await?;
            tasks.spawn(async move {
                let push = redis::cmd("LPUSH").arg("plain").arg(vec![b'v'; VALUE_BYTES]).take();
                let mut count = 0_u64;
                while started.elapsed() < length {
                    push.query_async::<u64>(&mut link).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            });
        }
        let mut count = 0;
        while let Some(done) = tasks.join_next().await {
            count += done??;
        }
        let value = count as f64 / started.elapsed().as_secs_f64();
        let mut control = self.server.control.clone();
        redis::cmd("UNLINK").arg("plain").exec_async(&mut control).await?;
        Ok(Calibration { name: "lpush_50", value, unit: "values/s" })
    }

    /// Jobs of one queue pushed, claimed and finished a second, and the server's CPU a job in us.
    async fn rate(&self, length: Duration) -> anyhow::Result<(f64, f64)> {
        let names = [QueueName::new("rate")];
        self.work(&names, Duration::from_secs(1)).await?;
        let before = self.server.cpu()?;
        let started = Instant::now();
        let done = self.work(&names, length).await?;
        let rate = done as f64 / started.elapsed().as_secs_f64();
        let redis = self.server.cpu()? - before;
        Ok((rate, redis.as_secs_f64() * 1e6 / done as f64))
    }

    /// Pushes for a while, and works off meanwhile; answers how many jobs were finished.
    async fn work(&self, names: &[QueueName], length: Duration) -> anyhow::Result<usize> {
        let started = Instant::now();
        let (pushed, is_over) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let done = Arc::new(AtomicUsize::new(0));
        let mut pushers = JoinSet::new();
        for _ in 0..PUSHERS {
            let (queue, names) = (self.queue.clone(), names.to_vec());
            let (pushed, done) = (pushed.clone(), done.clone());
            pushers.spawn(async move {
                while started.elapsed() < length {
                    let ahead = pushed.load(Ordering::Relaxed) - done.load(Ordering::Relaxed);
                    if ahead > 50 * BATCH {
                        tokio::task::yield_now().await;
                        continue;
                    }
                    queue.push(&jobs(&names, BATCH)).await?;
                    pushed.fetch_add(BATCH, Ordering::Relaxed);
                }
                anyhow::Ok(())
            });
        }
        let sources = sources_of(&self.queue, names);
        let workers = Workers::spawn(&self.queue, &sources, BATCH, done.clone(), &is_over);
        while let Some(pusher) = pushers.join_next().await {
            pusher??;
        }
        let all = pushed.load(Ordering::Relaxed);
        wait_until(|| done.load(Ordering::Relaxed) >= all).await?;
        is_over.cancel();
        workers.end().await?;
        let done = done.load(Ordering::Relaxed);
        ensure!(done == all, "{all} jobs were pushed and {done} finished");
        Ok(done)
    }

    /// From the call of a push to the claim of the job, in ms, at a steady rate into an idle worker.
    async fn start_latency(&self, length: Duration) -> anyhow::Result<(f64, f64)> {
        let name = QueueName::new("start");
        let source = Source::Shared(self.queue.shard_of(&name));
        let pushed: Arc<Mutex<HashMap<RunId, Instant>>> = Arc::default();
        let is_over = CancellationToken::new();
        let worker = tokio::spawn({
            let (queue, pushed) = (self.queue.clone(), pushed.clone());
            let (is_over, source) = (is_over.clone(), source.clone());
            async move {
                let mut waits = Vec::new();
                while !is_over.is_cancelled() {
                    let claimed = queue.claim(&source, &ask(BATCH, BATCH)).await?;
                    let now = Instant::now();
                    for job in &claimed.jobs {
                        let at = pushed.lock().remove(&job.run).context("it was pushed once")?;
                        waits.push(now - at);
                    }
                    if !claimed.jobs.is_empty() {
                        let (queue, leases) = (queue.clone(), leases(&claimed));
                        let shard = shard_of(&source, &queue);
                        tokio::spawn(async move { queue.ack(shard, &leases).await });
                    }
                    if !claimed.has_more {
                        queue.news(Duration::from_millis(100)).await;
                    }
                }
                anyhow::Ok(waits)
            }
        });
        let started = Instant::now();
        let mut pushes = JoinSet::new();
        let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / START_RATE));
        while started.elapsed() < length {
            tick.tick().await;
            let run = RunId::new();
            pushed.lock().insert(run, Instant::now());
            let (queue, name) = (self.queue.clone(), name.clone());
            pushes.spawn(async move { queue.push(&[(name, Push::now(run))]).await });
        }
        while let Some(push) = pushes.join_next().await {
            push??;
        }
        wait_until(|| pushed.lock().is_empty()).await?;
        is_over.cancel();
        Ok(quantiles_ms(worker.await??))
    }

    /// Memory of the server for each job that waits, and how many are pushed a second.
    async fn bytes(&self) -> anyhow::Result<(f64, f64)> {
        let names = [QueueName::new("bytes")];
        self.empty().await?;
        let before = self.server.info("memory", "used_memory").await?;
        let mut spent = Duration::ZERO;
        for _ in 0..WAITING / PAGE {
            let page = jobs(&names, PAGE);
            let started = Instant::now();
            self.queue.push(&page).await?;
            spent += started.elapsed();
        }
        let after = self.server.info("memory", "used_memory").await?;
        self.empty().await?;
        let waiting = WAITING as f64;
        Ok(((after - before) / waiting, waiting / spent.as_secs_f64()))
    }

    /// Memory of the server for each value in a list.
    async fn list_item_bytes(&self) -> anyhow::Result<Calibration> {
        let mut control = self.server.control.clone();
        let before = self.server.info("memory", "used_memory").await?;
        let values = vec![vec![b'v'; VALUE_BYTES]; 1_000];
        for _ in 0..WAITING / values.len() {
            redis::cmd("LPUSH").arg("items").arg(&values).exec_async(&mut control).await?;
        }
        let after = self.server.info("memory", "used_memory").await?;
        redis::cmd("UNLINK").arg("items").exec_async(&mut control).await?;
        Ok(Calibration {
            name: "list_item_256",
            value: (after - before) / WAITING as f64,
            unit: "B",
        })
    }

    /// From a service that forgot to all ids pushed again, in pages as the sweep does, in seconds.
    /// Reading them from PostgreSQL goes on beside it and is not in this figure.
    async fn rebuild(&self) -> anyhow::Result<f64> {
        let names: Vec<_> = (0..100).map(|at| QueueName::new(format!("rebuild-{at}"))).collect();
        let pages: Vec<Vec<(QueueName, Push)>> = (0..REBUILT / PAGE)
            .map(|_| {
                let repaired = |(name, push)| (name, Push { is_recovered: true, ..push });
                jobs(&names, PAGE).into_iter().map(repaired).collect()
            })
            .collect();
        let started = Instant::now();
        self.empty().await?;
        for page in &pages {
            self.queue.push(page).await?;
        }
        let seconds = started.elapsed().as_secs_f64();
        let mut ready = 0;
        for name in &names {
            ready += self.queue.depth(name).await?.ready;
        }
        ensure!(ready == REBUILT as u64, "{ready} of {REBUILT} came back");
        Ok(seconds)
    }
}

pub(super) async fn wait_until(is_so: impl Fn() -> bool) -> anyhow::Result<()> {
    let started = Instant::now();
    while !is_so() {
        ensure!(started.elapsed() < PATIENCE, "jobs are missing after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// The sources in which queues are, each once.
pub(super) fn sources_of(queue: &RedisQueue, names: &[QueueName]) -> Vec<Source> {
    let mut shards: Vec<Shard> = names.iter().map(|name| queue.shard_of(name)).collect();
    shards.sort_unstable();
    shards.dedup();
    shards.into_iter().map(Source::Shared).collect()
}

/// New jobs, spread over queues.
pub(super) fn jobs(names: &[QueueName], count: usize) -> Vec<(QueueName, Push)> {
    names.iter().cycle().take(count).map(|name| (name.clone(), Push::now(RunId::new()))).collect()
}

/// The median and the 99th percentile.
pub(super) fn quantiles_ms(mut waits: Vec<Duration>) -> (f64, f64) {
    waits.sort_unstable();
    let at = |share: f64| {
        let place = ((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1));
        waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
    };
    (at(0.5), at(0.99))
}
