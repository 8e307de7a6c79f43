//! The job queue of one process.
//!
//! Locks are held for pure work only, never across an `.await`. It does not keep anything:
//! a new process starts empty and without a generation, as if it had forgotten.

mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dashmap::DashMap;
use parking_lot::Mutex;
use tenon_domain::{Clock, QueueName, RunId};
use tenon_exec::ports::queue::{Claimed, Depth, DueMs, Error, Generation, JobQueue, Lease, Push};

use self::state::{Lapse, QueueState};
use tenon_exec::wakeups::Wakeups;

/// A queue that was empty for this long is no longer listed as active.
const ACTIVE_AFTER_EMPTY: Duration = Duration::from_secs(60);

/// The job queue of this process. Share one behind an `Arc`, or take more handles of the same
/// queues with [`LocalQueue::handle`].
pub struct LocalQueue {
    service: Arc<Service>,
    /// The generation this handle believes in, plus one; 0 for none.
    generation: AtomicU64,
}

struct Service {
    clock: Arc<dyn Clock>,
    /// Lease deadlines count from here, on the monotonic clock.
    started: Instant,
    queues: DashMap<QueueName, Arc<Mutex<QueueState>>>,
    /// The generation the queues carry, plus one; 0 for none.
    generation: AtomicU64,
    wakeups: Wakeups,
}

impl LocalQueue {
    /// Starts empty. `clock` says when delayed jobs fall due; leases use the monotonic clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let service = Service {
            clock,
            started: Instant::now(),
            queues: DashMap::new(),
            generation: AtomicU64::new(0),
            wakeups: Wakeups::default(),
        };
        Self { service: Arc::new(service), generation: AtomicU64::new(0) }
    }

    /// Another handle on the same queues, that has no generation yet.
    #[must_use]
    pub fn handle(&self) -> Self {
        Self { service: Arc::clone(&self.service), generation: AtomicU64::new(0) }
    }

    /// Forgets everything, as a restart of the process would. For fault tests.
    pub fn forget(&self) {
        self.service.generation.store(0, Ordering::SeqCst);
        self.service.queues.clear();
    }

    /// Runs `work` on the queue's state, which is of this handle's generation.
    fn with_state<T>(
        &self,
        queue: &QueueName,
        work: impl FnOnce(&mut QueueState) -> T,
    ) -> Result<T, Error> {
        let mine = self.generation.load(Ordering::SeqCst);
        if mine == 0 || mine != self.service.generation.load(Ordering::SeqCst) {
            return Err(Error::StaleGeneration {
                queue: queue.clone(),
                expected: from_cell(mine).unwrap_or(Generation(0)),
            });
        }
        let generation = from_cell(mine).expect("zero was turned away above");
        let state = self.service.state(queue, generation);
        let mut state = state.lock();
        state.enter(generation);
        Ok(work(&mut state))
    }

    fn now(&self) -> DueMs {
        DueMs(self.service.clock.now().as_millisecond())
    }

    fn lapse_now(&self) -> Lapse {
        let elapsed = self.service.started.elapsed().as_millis();
        Lapse(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    fn lapse_in(&self, ttl: Duration) -> Lapse {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Lapse(self.lapse_now().0.saturating_add(ttl_ms))
    }
}

impl Service {
    fn state(&self, queue: &QueueName, generation: Generation) -> Arc<Mutex<QueueState>> {
        // The read lock of the shard first: nearly always the queue is there.
        if let Some(state) = self.queues.get(queue) {
            return Arc::clone(&state);
        }
        let fresh = || Arc::new(Mutex::new(QueueState::new(generation)));
        Arc::clone(&self.queues.entry(queue.clone()).or_insert_with(fresh))
    }
}

/// How a generation is kept in an atomic cell, where 0 stands for none.
fn to_cell(generation: Generation) -> u64 {
    u64::from(generation.0) + 1
}

fn from_cell(cell: u64) -> Option<Generation> {
    let value = u32::try_from(cell.checked_sub(1)?).expect("cells hold a u32 plus one");
    Some(Generation(value))
}

#[async_trait]
impl JobQueue for LocalQueue {
    async fn generation(&self) -> Result<Option<Generation>, Error> {
        Ok(from_cell(self.service.generation.load(Ordering::SeqCst)))
    }

    async fn install_generation(&self, generation: Generation) -> Result<(), Error> {
        self.service.generation.fetch_max(to_cell(generation), Ordering::SeqCst);
        self.generation.fetch_max(to_cell(generation), Ordering::SeqCst);
        Ok(())
    }

    async fn push(&self, queue: &QueueName, jobs: &[Push]) -> Result<(), Error> {
        let now = self.now();
        let pushed_at = Instant::now();
        self.with_state(queue, |state| state.push(jobs, now, pushed_at))?;
        self.service.wakeups.wake();
        Ok(())
    }

    async fn claim(&self, queue: &QueueName, max: usize, ttl: Duration) -> Result<Claimed, Error> {
        let (now, lapse) = (self.now(), self.lapse_in(ttl));
        self.with_state(queue, |state| state.claim(max, now, lapse))?.ok_or_else(|| {
            // All 2^32 fences of this generation are used up: only a new one gives more.
            let mine = from_cell(self.generation.load(Ordering::SeqCst));
            let expected = mine.unwrap_or(Generation(0));
            Error::StaleGeneration { queue: queue.clone(), expected }
        })
    }

    async fn beat(
        &self,
        queue: &QueueName,
        leases: &[Lease],
        ttl: Duration,
    ) -> Result<Vec<RunId>, Error> {
        let lapse = self.lapse_in(ttl);
        self.with_state(queue, |state| state.beat(leases, lapse))
    }

    async fn ack(&self, queue: &QueueName, leases: &[Lease]) -> Result<(), Error> {
        self.with_state(queue, |state| state.ack(leases))
    }

    async fn nack(&self, queue: &QueueName, lease: Lease, due: Option<DueMs>) -> Result<(), Error> {
        if self.with_state(queue, |state| state.nack(lease, due))? {
            self.service.wakeups.wake();
        }
        Ok(())
    }

    async fn reap(&self, queue: &QueueName) -> Result<usize, Error> {
        let now = self.lapse_now();
        let reaped = self.with_state(queue, |state| state.reap(now))?;
        if reaped > 0 {
            self.service.wakeups.wake();
        }
        Ok(reaped)
    }

    async fn remove(&self, queue: &QueueName, runs: &[RunId]) -> Result<(), Error> {
        self.with_state(queue, |state| state.remove(runs))
    }

    async fn known(&self, queue: &QueueName, runs: &[RunId]) -> Result<Vec<bool>, Error> {
        self.with_state(queue, |state| runs.iter().map(|run| state.knows(run)).collect())
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, Error> {
        self.with_state(queue, |state| state.depth())
    }

    async fn active(&self) -> Result<Vec<QueueName>, Error> {
        let now = Instant::now();
        let is_active = |state: &Mutex<QueueState>| {
            let mut state = state.lock();
            let is_active = state.is_active(now, ACTIVE_AFTER_EMPTY);
            if !is_active {
                state.release_memory();
            }
            is_active
        };
        let active = self.service.queues.iter().filter(|entry| is_active(entry.value()));
        Ok(active.map(|entry| entry.key().clone()).collect())
    }

    async fn wait(&self, timeout: Duration) {
        self.service.wakeups.wait(timeout).await;
    }
}
