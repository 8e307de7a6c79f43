//! The leases this process holds, and the task that keeps them alive.
//!
//! A lease has a local deadline, half a second before the queue's: work under a lease that could
//! not be extended in time is abandoned before another worker can begin it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tenon_domain::{QueueName, RunId};
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::ports::in_flight::InFlightLog;
use crate::ports::queue::{Beat, Fence, JobQueue, Lease, Shard};
use crate::ports::store::JobOrder;

/// How much earlier than the queue we consider a lease lost.
const SAFETY_MARGIN: Duration = Duration::from_millis(500);

struct Held {
    fence: Fence,
    queue: QueueName,
    /// Known once the job was read.
    order: Option<JobOrder>,
    guard: LeaseGuard,
}

/// What tells an execution whether its lease is still good: it was not lost as far as is known, and
/// its deadline has not passed. A process that was stopped and goes on may be the last to hear of it.
#[derive(Debug, Clone, Default)]
pub struct LeaseGuard {
    lost: CancellationToken,
    /// In microseconds since [`ORIGIN`]; 0 for none.
    deadline_us: Arc<AtomicU64>,
}

/// What deadlines count from.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

impl LeaseGuard {
    fn until(deadline: Instant) -> Self {
        let guard = Self::default();
        guard.extend(deadline);
        guard
    }

    fn extend(&self, deadline: Instant) {
        let micros = deadline.saturating_duration_since(*ORIGIN).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX).max(1);
        self.deadline_us.store(micros, Ordering::Relaxed);
    }

    /// Whether its deadline has passed.
    fn is_overdue(&self) -> bool {
        let deadline = self.deadline_us.load(Ordering::Relaxed);
        deadline > 0 && u128::from(deadline) < ORIGIN.elapsed().as_micros()
    }

    /// Gives the lease up.
    pub fn cancel(&self) {
        self.lost.cancel();
    }

    /// Whether it was given up, or found to be lost.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Waits until it is.
    pub async fn cancelled(&self) {
        self.lost.cancelled().await;
    }

    /// Goes on only while the lease is good; else gives it up and never returns. To be asked before
    /// anything is done that the world sees.
    pub async fn go_on(&self) {
        if self.is_overdue() && !self.is_cancelled() {
            metrics::LEASES_LOST.add_of(&["overdue"], 1);
            self.cancel();
        }
        if self.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }
}

/// All leases held by this process.
#[derive(Default)]
pub struct Leases {
    held: Mutex<HashMap<RunId, Held>>,
    log: Option<Arc<dyn InFlightLog>>,
}

impl Leases {
    /// Leases that are also noted where they outlive the process.
    #[must_use]
    pub fn with_log(log: Arc<dyn InFlightLog>) -> Self {
        Self { held: Mutex::default(), log: Some(log) }
    }

    /// Takes note of a claimed job; the guard tells when the lease is lost.
    pub fn hold(&self, queue: &QueueName, lease: Lease, ttl: Duration) -> LeaseGuard {
        let guard = LeaseGuard::until(Instant::now() + ttl.saturating_sub(SAFETY_MARGIN));
        let (fence, queue) = (lease.fence, queue.clone());
        let held = Held { fence, queue, order: None, guard: guard.clone() };
        if let Some(log) = &self.log {
            log.note(lease.run);
        }
        if let Some(former) = self.held.lock().insert(lease.run, held) {
            former.guard.cancel();
        }
        guard
    }

    /// Takes note of the order of a job that was read. Its beats tell it from then on, so that a
    /// queue that forgot the job knows its lane again.
    pub fn learn(&self, lease: Lease, order: JobOrder) {
        let mut held = self.held.lock();
        if let Some(entry) = held.get_mut(&lease.run).filter(|entry| entry.fence == lease.fence) {
            entry.order = Some(order);
        }
    }

    /// Lets a lease go, unless the run is held under a newer one.
    pub fn drop_lease(&self, lease: Lease) {
        let mut held = self.held.lock();
        if held.get(&lease.run).is_some_and(|entry| entry.fence == lease.fence) {
            held.remove(&lease.run);
            if let Some(log) = &self.log {
                log.forget(lease.run);
            }
        }
    }

    /// Abandons a run that was cancelled.
    pub fn abandon(&self, run: RunId) {
        if let Some(entry) = self.held.lock().get(&run) {
            entry.guard.cancel();
        }
    }

    /// How many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.lock().len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Extends all leases once; abandons those that are lost or past their deadline. What was
    /// past it before is not extended: somebody else may have begun.
    pub async fn beat(&self, queue: &dyn JobQueue, ttl: Duration) {
        let started = Instant::now();
        self.abandon_overdue();
        for (shard, leases) in self.by_shard(queue) {
            for part in leases.chunks(500) {
                let sent = Instant::now();
                match queue.beat(shard, part, ttl).await {
                    Ok(lost) => self.extend(part, &lost, sent + ttl.saturating_sub(SAFETY_MARGIN)),
                    Err(error) => {
                        metrics::BEATS_FAILED.add(1);
                        tracing::debug!(error = %error, "leases were not extended");
                    }
                }
            }
        }
        self.abandon_overdue();
        metrics::BEAT_TIME.took(started.elapsed());
    }

    fn by_shard(&self, queue: &dyn JobQueue) -> HashMap<Shard, Vec<Beat>> {
        let mut grouped: HashMap<Shard, Vec<Beat>> = HashMap::new();
        for (run, entry) in self.held.lock().iter() {
            if entry.guard.is_cancelled() {
                continue;
            }
            let lease = Lease { run: *run, fence: entry.fence };
            let shard = queue.shard_of(&entry.queue);
            let beat = Beat { queue: entry.queue.clone(), lease, order: entry.order };
            grouped.entry(shard).or_default().push(beat);
        }
        grouped
    }

    fn extend(&self, leases: &[Beat], lost: &[RunId], deadline: Instant) {
        let lost: HashSet<RunId> = lost.iter().copied().collect();
        let mut held = self.held.lock();
        for Beat { lease, .. } in leases {
            let Some(entry) = held.get_mut(&lease.run) else { continue };
            if entry.fence != lease.fence {
                continue;
            }
            if lost.contains(&lease.run) {
                metrics::LEASES_LOST.add_of(&["taken"], 1);
                entry.guard.cancel();
                held.remove(&lease.run);
                if let Some(log) = &self.log {
                    log.forget(lease.run);
                }
            } else {
                entry.guard.extend(deadline);
            }
        }
    }

    fn abandon_overdue(&self) {
        for entry in self.held.lock().values() {
            if entry.guard.is_overdue() && !entry.guard.is_cancelled() {
                metrics::LEASES_LOST.add_of(&["overdue"], 1);
                entry.guard.cancel();
            }
        }
    }
}

/// Beats until the token fires. Runs on a thread of its own, so that busy executors cannot keep
/// it from its work.
pub async fn keep_alive(
    leases: Arc<Leases>,
    queue: Arc<dyn JobQueue>,
    interval: Duration,
    ttl: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => leases.beat(&*queue, ttl).await,
        }
    }
}
