//! Group `queue`: the job queue alone, in a Redis of its own that appends to its file every second.
//!
//! Jobs do nothing and wait in Redis only, as with other queues on Redis: no row is written. One
//! process pushes, claims and acknowledges on one connection. What it is compared with is the plain
//! push of a value to a list, one at a time on each of 50 connections, on the same server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use parking_lot::Mutex;
use tempfile::TempDir;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{
    Ask, Claimed, Generation, JobQueue as _, Lease, News, Push, Shard, Source,
};
use tenon_redis::{Endpoint, Redis, RedisQueue};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::proc::Tree;
use super::{Calibration, Figure};
use crate::processes::redis::{RedisOptions, RedisSet, Topology};

/// Shards, as by default.
const SHARDS: u16 = 16;
/// Jobs in one push and in one claim.
const BATCH: usize = 64;
/// Claims under way at once, and pushes.
const CLAIMERS: usize = 4;
const PUSHERS: usize = 2;
const LEASE: Duration = Duration::from_secs(30);
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
pub async fn measure(length: Duration) -> anyhow::Result<Vec<Figure>> {
    let rig = Rig::start().await?;
    let plain = rig.plain_push(Duration::from_secs(2)).await?;
    let (rate, redis_us) = rig.rate(length).await?;
    let (p50, p99) = rig.start_latency(length).await?;
    let bytes = rig.bytes().await?;
    let item = rig.list_item_bytes().await?;
    let rebuild = rig.rebuild().await?;
    rig.stop().await?;
    Ok(vec![
        Figure::against("queue.rate", rate, "jobs/s", plain),
        Figure::plain("queue.redis_cpu", redis_us, "us"),
        Figure::against("queue.bytes", bytes, "B", item),
        Figure::plain("queue.start_p50", p50, "ms"),
        Figure::plain("queue.start_p99", p99, "ms"),
        Figure::plain("queue.rebuild", rebuild, "s"),
    ])
}

/// A Redis with queues, empty at first.
pub(super) struct Rig {
    _folder: TempDir,
    redis: RedisSet,
    pub(super) queue: Arc<RedisQueue>,
    control: redis::aio::MultiplexedConnection,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Rig {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
        let options = RedisOptions::new(folder.path().join("redis"), Topology::Standalone);
        let redis = tokio::task::spawn_blocking(move || RedisSet::start(&options)).await??;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let endpoint: Endpoint = redis.url().parse()?;
        let (redis_handle, me) = (Redis::open(&endpoint)?, MemberId::draw());
        let queue = Arc::new(RedisQueue::new(redis_handle, SHARDS, me, &tasks, stop.clone()));
        queue.install_generation(Generation(1)).await?;
        let control = redis::Client::open(redis.url())?.get_multiplexed_async_connection().await?;
        Ok(Self { _folder: folder, redis, queue, control, tasks, stop })
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        tokio::task::spawn_blocking(move || self.redis.stop()).await?;
        Ok(())
    }

    /// CPU that the server has used.
    pub(super) fn redis_cpu(&self) -> anyhow::Result<Duration> {
        let server = self.redis.servers().first().context("there is a server")?;
        Ok(Tree(server.process.pid().context("the server runs")?).cpu())
    }

    pub(super) async fn info(&self, section: &str, field: &str) -> anyhow::Result<f64> {
        let mut control = self.control.clone();
        let text: String = redis::cmd("INFO").arg(section).query_async(&mut control).await?;
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(line.context("INFO has the field")?.trim().parse()?)
    }

    /// Values pushed to a list a second, one at a time on each connection.
    async fn plain_push(&self, length: Duration) -> anyhow::Result<Calibration> {
        let client = redis::Client::open(self.redis.url())?;
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
        let mut control = self.control.clone();
        redis::cmd("UNLINK").arg("plain").exec_async(&mut control).await?;
        Ok(Calibration { name: "lpush_50", value, unit: "values/s" })
    }

    /// Jobs of one queue pushed, claimed and finished a second, and the server's CPU a job in us.
    async fn rate(&self, length: Duration) -> anyhow::Result<(f64, f64)> {
        let names = [QueueName::new("rate")];
        self.work(&names, Duration::from_secs(1)).await?;
        let before = self.redis_cpu()?;
        let started = Instant::now();
        let done = self.work(&names, length).await?;
        let rate = done as f64 / started.elapsed().as_secs_f64();
        let redis = self.redis_cpu()? - before;
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

    /// Memory of the server for each job that waits.
    async fn bytes(&self) -> anyhow::Result<f64> {
        let names = [QueueName::new("bytes")];
        let before = self.info("memory", "used_memory").await?;
        for _ in 0..WAITING / PAGE {
            self.queue.push(&jobs(&names, PAGE)).await?;
        }
        let after = self.info("memory", "used_memory").await?;
        self.queue.install_generation(Generation(2)).await?;
        Ok((after - before) / WAITING as f64)
    }

    /// Memory of the server for each value in a list.
    async fn list_item_bytes(&self) -> anyhow::Result<Calibration> {
        let mut control = self.control.clone();
        let before = self.info("memory", "used_memory").await?;
        let values = vec![vec![b'v'; VALUE_BYTES]; 1_000];
        for _ in 0..WAITING / values.len() {
            redis::cmd("LPUSH").arg("items").arg(&values).exec_async(&mut control).await?;
        }
        let after = self.info("memory", "used_memory").await?;
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
        let mut control = self.control.clone();
        redis::cmd("FLUSHALL").exec_async(&mut control).await?;
        let names: Vec<_> = (0..100).map(|at| QueueName::new(format!("rebuild-{at}"))).collect();
        let pages: Vec<Vec<(QueueName, Push)>> = (0..REBUILT / PAGE)
            .map(|_| {
                let repaired = |(name, push)| (name, Push { is_recovered: true, ..push });
                jobs(&names, PAGE).into_iter().map(repaired).collect()
            })
            .collect();
        let started = Instant::now();
        self.queue.install_generation(Generation(3)).await?;
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

/// Claimers that finish what they are given.
pub(super) struct Workers(JoinSet<anyhow::Result<()>>);

impl Workers {
    /// Each source has claimers of its own where there are fewer sources than claimers; else
    /// claimers take turns between them.
    pub(super) fn spawn(
        queue: &Arc<RedisQueue>,
        sources: &[Source],
        of_turn: usize,
        done: Arc<AtomicUsize>,
        is_over: &CancellationToken,
    ) -> Self {
        Self::spawn_with(queue, sources, of_turn, is_over, move |claimed| {
            done.fetch_add(claimed.jobs.len(), Ordering::Relaxed);
        })
    }

    /// `note` is told of each claim before it is acknowledged.
    pub(super) fn spawn_with(
        queue: &Arc<RedisQueue>,
        sources: &[Source],
        of_turn: usize,
        is_over: &CancellationToken,
        note: impl Fn(&Claimed) + Clone + Send + Sync + 'static,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for claimer in 0..CLAIMERS {
            let mine: Vec<_> = match sources.len() {
                count if count < CLAIMERS => vec![sources[claimer % count].clone()],
                _ => sources.iter().skip(claimer).step_by(CLAIMERS).cloned().collect(),
            };
            let (queue, is_over, note) = (queue.clone(), is_over.clone(), note.clone());
            tasks.spawn(async move {
                while !is_over.is_cancelled() {
                    let mut has_work = false;
                    for source in &mine {
                        let claimed = queue.claim(source, &ask(BATCH, of_turn)).await?;
                        if claimed.jobs.is_empty() {
                            continue;
                        }
                        has_work = true;
                        queue.ack(shard_of(source, &queue), &leases(&claimed)).await?;
                        note(&claimed);
                    }
                    if !has_work && queue.news(Duration::from_millis(20)).await == News::Nothing {
                        tokio::task::yield_now().await;
                    }
                }
                Ok(())
            });
        }
        Self(tasks)
    }

    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        while let Some(worker) = self.0.join_next().await {
            worker??;
        }
        Ok(())
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

fn shard_of(source: &Source, queue: &RedisQueue) -> Shard {
    match source {
        Source::Shared(shard) => *shard,
        Source::Dedicated(name) => queue.shard_of(name),
    }
}

/// New jobs, spread over queues.
pub(super) fn jobs(names: &[QueueName], count: usize) -> Vec<(QueueName, Push)> {
    names.iter().cycle().take(count).map(|name| (name.clone(), Push::now(RunId::new()))).collect()
}

fn ask(max: usize, of_turn: usize) -> Ask {
    Ask { max, max_of_queue: of_turn, ttl: LEASE, except: Vec::new() }
}

fn leases(claimed: &Claimed) -> Vec<Lease> {
    claimed.jobs.iter().map(|job| Lease { run: job.run, fence: claimed.fence }).collect()
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
