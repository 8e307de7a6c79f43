//! Group `queues`: many queues side by side, and one that floods, in a Redis of its own.
//!
//! As in group `queue`, jobs do nothing and one process does everything on one connection.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use parking_lot::Mutex;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{JobQueue as _, Push};
use tokio_util::sync::CancellationToken;

use super::peers::{ManyQueues, Peers};
use super::proc::Tree;
use super::queue::{Rig, jobs, quantiles_ms, sources_of, wait_until};
use super::workers::{BATCH, Workers, ask};
use super::{Calibration, Figure};

/// Jobs of one queue in one turn at most, as a worker asks: half of what it claims.
const OF_TURN: usize = BATCH / 2;
/// Jobs of one push.
const PAGE: usize = 5_000;
/// How often one queue and a thousand are measured, in turns; the median counts.
const ROUNDS: usize = 3;
/// Jobs of all queues together.
const JOBS: usize = 100_000;
/// How long nothing is done for the idle figure.
const IDLE: Duration = Duration::from_secs(5);
/// Jobs that wait in the queue that floods.
const FLOOD: usize = 1_000_000;
/// Jobs of other queues, started one after the other beside it.
const SMALL: usize = 400;
const SMALL_INTERVAL: Duration = Duration::from_millis(5);

/// Measures the group.
///
/// # Errors
/// When Redis cannot be started, or a job is lost: then no figure counts.
pub async fn measure(peers: &Peers) -> anyhow::Result<Vec<Figure>> {
    let (mut of_one, mut of_thousand) = (Vec::new(), Vec::new());
    let mut of_peers = vec![Vec::new(); peers.iter().count()];
    for _ in 0..ROUNDS {
        of_one.push(drain(1).await?);
        of_thousand.push(drain(1_000).await?);
        for (peer, theirs) in peers.iter().zip(&mut of_peers) {
            match peer.many_queues(1_000, JOBS).await {
                Ok(round) => theirs.push(round),
                Err(error) => eprintln!("a round of {} is left out: {error:#}", peer.name),
            }
        }
    }
    let (one, thousand) = (ManyQueues::median(&of_one), ManyQueues::median(&of_thousand));
    let ten_thousand = drain(10_000).await?;
    let (quiet_p99, noisy_p99, share) = noisy().await?;
    let against_one = |name, drained: &ManyQueues| {
        let calibration = Calibration { name: "one_queue", value: one.rate, unit: "jobs/s" };
        Figure::against(name, drained.rate, "jobs/s", calibration)
    };
    let quiet = Calibration { name: "quiet_p99", value: quiet_p99, unit: "ms" };
    let mut figures = vec![
        Figure::plain("queues.1000", thousand.served, "s"),
        against_one("queues.1000_rate", &thousand),
        Figure::plain("queues.1000_links", thousand.connections, ""),
        Figure::plain("queues.1000_rss", thousand.rss / 1e6, "MB"),
        Figure::plain("queues.1000_idle_cpu", thousand.idle_share * 100.0, "%"),
        Figure::plain("queues.10000", ten_thousand.served, "s"),
        against_one("queues.10000_rate", &ten_thousand),
        Figure::plain("queues.10000_idle_cpu", ten_thousand.idle_share * 100.0, "%"),
        Figure::against("queues.noisy_p99", noisy_p99, "ms", quiet),
        Figure::plain("queues.noisy", share, "of drain"),
    ];
    for (peer, rounds) in peers.iter().zip(&of_peers).filter(|(_, rounds)| !rounds.is_empty()) {
        let theirs = ManyQueues::median(rounds);
        let figure = |name, of: fn(&ManyQueues) -> f64, unit| {
            peer.figure(name, of(&thousand), of(&theirs), unit)
        };
        figures.extend([
            figure("queues.1000", |many| many.served, "s"),
            figure("queues.1000_rate", |many| many.rate, "jobs/s"),
            figure("queues.1000_links", |many| many.connections, ""),
            figure("queues.1000_rss", |many| many.rss / 1e6, "MB"),
            figure("queues.1000_idle_cpu", |many| many.idle_share * 100.0, "%"),
        ]);
    }
    Ok(figures)
}

/// Works off a number of queues; memory is that of this process, which is the worker.
async fn drain(count: usize) -> anyhow::Result<ManyQueues> {
    let rig = Rig::start().await?;
    let names: Vec<_> = (0..count).map(|at| QueueName::new(format!("tenant-{at:06}"))).collect();
    for page in jobs(&names, JOBS).chunks(PAGE) {
        rig.queue.push(page).await?;
    }
    let waiting: Arc<Mutex<HashSet<QueueName>>> =
        Arc::new(Mutex::new(names.iter().cloned().collect()));
    let done = Arc::new(AtomicUsize::new(0));
    let served: Arc<Mutex<Option<Duration>>> = Arc::default();
    let is_over = CancellationToken::new();
    let started = Instant::now();
    let workers =
        Workers::spawn_with(&rig.queue, &sources_of(&rig.queue, &names), OF_TURN, &is_over, {
            let (waiting, done, served) = (waiting.clone(), done.clone(), served.clone());
            move |claimed| {
                let mut waiting = waiting.lock();
                if !waiting.is_empty() {
                    for job in &claimed.jobs {
                        waiting.remove(&job.queue);
                    }
                    if waiting.is_empty() {
                        *served.lock() = Some(started.elapsed());
                    }
                }
                drop(waiting);
                done.fetch_add(claimed.jobs.len(), Ordering::Relaxed);
            }
        });
    wait_until(|| done.load(Ordering::Relaxed) >= JOBS).await?;
    let took = started.elapsed();
    is_over.cancel();
    workers.end().await?;
    let own = Tree(std::process::id());
    // The server is a child of this process, so its CPU is in the tree's.
    let (before, since) = (own.cpu(), Instant::now());
    // What an idle worker does: it waits for news and looks at each source once a second.
    let is_over = CancellationToken::new();
    let idle = idle_worker(&rig, &names, is_over.clone());
    tokio::time::sleep(IDLE).await;
    is_over.cancel();
    idle.await??;
    let idle_share = (own.cpu() - before).as_secs_f64() / since.elapsed().as_secs_f64();
    let connections = rig.server.info("clients", "connected_clients").await?;
    let of_server = rig.server.info("memory", "used_memory_rss").await?;
    let rss = own.rss_without_postgres() as f64 - of_server;
    rig.stop().await?;
    let served = served.lock().take().context("some queue was never served")?.as_secs_f64();
    let rate = JOBS as f64 / took.as_secs_f64();
    Ok(ManyQueues { rate, served, connections, rss, idle_share })
}

fn idle_worker(
    rig: &Rig,
    names: &[QueueName],
    is_over: CancellationToken,
) -> tokio::task::JoinHandle<anyhow::Result<()>> {
    let (queue, sources) = (rig.queue.clone(), sources_of(&rig.queue, names));
    tokio::spawn(async move {
        while !is_over.is_cancelled() {
            for source in &sources {
                queue.claim(source, &ask(BATCH, OF_TURN)).await?;
            }
            queue.news(Duration::from_secs(1)).await;
        }
        Ok(())
    })
}

/// The start of a small tenant's job, p99 in ms, without and with a queue of the same shard that
/// floods; and the largest start as a share of the flood's drain.
async fn noisy() -> anyhow::Result<(f64, f64, f64)> {
    let rig = Rig::start().await?;
    let flood = QueueName::new("flood");
    let shard = rig.queue.shard_of(&flood);
    let names = (0..).map(|at| QueueName::new(format!("small-{at}")));
    let small: Vec<_> =
        names.filter(|name| rig.queue.shard_of(name) == shard).take(SMALL).collect();
    let (_, quiet_p99, _) = small_starts(&rig, &small).await?;
    for _ in 0..FLOOD / PAGE {
        rig.queue.push(&jobs(std::slice::from_ref(&flood), PAGE)).await?;
    }
    let (done, noisy_p99, worst) = small_starts(&rig, &small).await?;
    let rate = done.rate;
    rig.stop().await?;
    let drain_seconds = FLOOD as f64 / rate.max(1.0);
    Ok((quiet_p99, noisy_p99, worst.as_secs_f64() / drain_seconds))
}

/// How fast all jobs were finished meanwhile.
struct Meanwhile {
    rate: f64,
}

async fn small_starts(
    rig: &Rig,
    small: &[QueueName],
) -> anyhow::Result<(Meanwhile, f64, Duration)> {
    let pushed: Arc<Mutex<HashMap<RunId, Instant>>> = Arc::default();
    let waits: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let done = Arc::new(AtomicUsize::new(0));
    let is_over = CancellationToken::new();
    let started = Instant::now();
    let workers =
        Workers::spawn_with(&rig.queue, &sources_of(&rig.queue, small), OF_TURN, &is_over, {
            let (pushed, waits, done) = (pushed.clone(), waits.clone(), done.clone());
            move |claimed| {
                let now = Instant::now();
                let mut pushed = pushed.lock();
                let starts = claimed.jobs.iter().filter_map(|job| pushed.remove(&job.run));
                waits.lock().extend(starts.map(|at| now - at));
                done.fetch_add(claimed.jobs.len(), Ordering::Relaxed);
            }
        });
    for name in small {
        let run = RunId::new();
        pushed.lock().insert(run, Instant::now());
        rig.queue.push(&[(name.clone(), Push::now(run))]).await?;
        tokio::time::sleep(SMALL_INTERVAL).await;
    }
    wait_until(|| pushed.lock().is_empty()).await?;
    let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    is_over.cancel();
    workers.end().await?;
    let waits = std::mem::take(&mut *waits.lock());
    let worst = waits.iter().max().copied().unwrap_or_default();
    let (_, p99) = quantiles_ms(waits);
    Ok((Meanwhile { rate }, p99, worst))
}
