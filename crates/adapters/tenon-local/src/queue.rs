//! The job queue of one process.
//!
//! Locks are held for pure work only, never across an `.await`. It does not keep anything:
//! a new process starts empty and without a generation, as if it had forgotten.

mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use tenon_domain::{Clock, QueueName, RunId};
use tenon_exec::news::Newsboard;
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{
    Ask, Beat, Claimed, Depth, DueMs, Error, Generation, JobQueue, Lease, News, Push, QueueState,
    Shard, Source, Terms, Whereabouts,
};

use self::state::{Lapse, Now, ShardState};

/// Shards where none are asked for: a process alone needs no more than one lock.
const SHARDS: u16 = 1;

/// Queues in a page of an overview.
const PAGE: usize = 500;

/// The job queue of this process. Share one behind an `Arc`, or take more handles of the same
/// queues with [`LocalQueue::handle`].
pub struct LocalQueue {
    service: Arc<Service>,
    /// Whom its claims are noted for.
    member: MemberId,
    /// The generation this handle believes in, plus one; 0 for none.
    generation: AtomicU64,
    news: Arc<Newsboard>,
}

struct Service {
    clock: Arc<dyn Clock>,
    /// Lease deadlines count from here, on the monotonic clock.
    started: Instant,
    shards: Vec<Mutex<ShardState>>,
    /// The generation the queues carry, plus one; 0 for none.
    generation: AtomicU64,
    /// One for each handle that lives.
    boards: Mutex<Vec<std::sync::Weak<Newsboard>>>,
}

impl LocalQueue {
    /// Starts empty. `clock` says when delayed jobs fall due; leases use the monotonic clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_shards(clock, SHARDS)
    }

    /// Starts empty, with queues in so many shards (at least 1).
    #[must_use]
    pub fn with_shards(clock: Arc<dyn Clock>, shards: u16) -> Self {
        let empty = |shard| Mutex::new(ShardState::new(Shard(shard), Generation(0)));
        let service = Arc::new(Service {
            clock,
            started: Instant::now(),
            shards: (0..shards.max(1)).map(empty).collect(),
            generation: AtomicU64::new(0),
            boards: Mutex::default(),
        });
        Self::of(service)
    }

    /// The same handle, whose claims are noted for `member`.
    #[must_use]
    pub fn for_member(mut self, member: MemberId) -> Self {
        self.member = member;
        self
    }

    /// Another handle on the same queues, that has no generation yet.
    #[must_use]
    pub fn handle(&self) -> Self {
        Self::of(Arc::clone(&self.service))
    }

    fn of(service: Arc<Service>) -> Self {
        let news = Arc::new(Newsboard::default());
        let mut boards = service.boards.lock();
        boards.retain(|board| board.strong_count() > 0);
        boards.push(Arc::downgrade(&news));
        drop(boards);
        Self { service, member: MemberId::draw(), generation: AtomicU64::new(0), news }
    }

    /// Forgets everything, as a restart of the process would. For fault tests.
    pub fn forget(&self) {
        self.service.generation.store(0, Ordering::SeqCst);
        for (number, shard) in (0..).zip(&self.service.shards) {
            *shard.lock() = ShardState::new(Shard(number), Generation(0));
        }
    }

    /// Runs `work` on a shard's state, which is of this handle's generation, and tells who has
    /// work again.
    fn with_state<T>(
        &self,
        shard: Shard,
        work: impl FnOnce(&mut ShardState) -> T,
    ) -> Result<T, Error> {
        let mine = self.generation.load(Ordering::SeqCst);
        if mine == 0 || mine != self.service.generation.load(Ordering::SeqCst) {
            return Err(self.stale(shard));
        }
        let generation = from_cell(mine).expect("zero was turned away above");
        let Some(state) = self.service.shards.get(usize::from(shard.0)) else {
            return Err(self.stale(shard));
        };
        let mut state = state.lock();
        state.enter(generation);
        let done = work(&mut state);
        let fresh = state.take_fresh();
        drop(state);
        for source in fresh {
            self.service.post(&source, None);
        }
        Ok(done)
    }

    fn stale(&self, shard: Shard) -> Error {
        let mine = from_cell(self.generation.load(Ordering::SeqCst));
        Error::StaleGeneration { shard, expected: mine.unwrap_or(Generation(0)) }
    }

    fn now(&self) -> Now {
        let elapsed = self.service.started.elapsed().as_millis();
        Now {
            due: DueMs(self.service.clock.now().as_millisecond()),
            lapse: Lapse(u64::try_from(elapsed).unwrap_or(u64::MAX)),
        }
    }
}

impl Service {
    /// Tells every handle but `except`.
    fn post(&self, source: &Source, except: Option<&Arc<Newsboard>>) {
        let boards = self.boards.lock();
        let boards = boards.iter().filter_map(std::sync::Weak::upgrade);
        let others = boards.filter(|board| except.is_none_or(|own| !Arc::ptr_eq(own, board)));
        others.for_each(|board| board.post(source.clone()));
    }
}

fn lapse_in(now: Now, ttl: Duration) -> Lapse {
    let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    Lapse(now.lapse.0.saturating_add(ttl_ms))
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
    fn shards(&self) -> u16 {
        u16::try_from(self.service.shards.len()).expect("they were counted by a u16")
    }

    fn member(&self) -> MemberId {
        self.member
    }

    fn shard_of(&self, queue: &QueueName) -> Shard {
        Shard::of(queue, self.shards())
    }

    async fn generation(&self) -> Result<Option<Generation>, Error> {
        Ok(from_cell(self.service.generation.load(Ordering::SeqCst)))
    }

    async fn install_generation(&self, generation: Generation) -> Result<(), Error> {
        self.service.generation.fetch_max(to_cell(generation), Ordering::SeqCst);
        self.use_generation(generation);
        Ok(())
    }

    fn use_generation(&self, generation: Generation) {
        self.generation.fetch_max(to_cell(generation), Ordering::SeqCst);
    }

    async fn push(&self, jobs: &[(QueueName, Push)]) -> Result<(), Error> {
        let now = self.now();
        let mut shards: Vec<Vec<&(QueueName, Push)>> = vec![Vec::new(); self.service.shards.len()];
        for job in jobs {
            shards[usize::from(self.shard_of(&job.0).0)].push(job);
        }
        for (shard, jobs) in (0..).zip(shards).filter(|(_, jobs)| !jobs.is_empty()) {
            self.with_state(Shard(shard), |state| {
                jobs.iter().for_each(|(queue, push)| state.push(queue, push, now));
            })?;
        }
        Ok(())
    }

    async fn claim(&self, source: &Source, ask: &Ask) -> Result<Claimed, Error> {
        let now = self.now();
        let lapse = lapse_in(now, ask.ttl);
        let shard = match source {
            Source::Shared(shard) => *shard,
            Source::Dedicated(queue) => self.shard_of(queue),
        };
        // All 2^32 fences of a generation may be used up: only a new one gives more.
        self.with_state(shard, |state| state.claim(source, ask, self.member, lapse, now))?
            .ok_or_else(|| self.stale(shard))
    }

    async fn beat(
        &self,
        shard: Shard,
        leases: &[Beat],
        ttl: Duration,
    ) -> Result<Vec<RunId>, Error> {
        let now = self.now();
        let lapse = lapse_in(now, ttl);
        self.with_state(shard, |state| state.beat(leases, self.member, lapse, now))
    }

    async fn ack(&self, shard: Shard, leases: &[Lease]) -> Result<(), Error> {
        let now = self.now();
        self.with_state(shard, |state| state.ack(leases, now))
    }

    async fn nack(&self, shard: Shard, leases: &[(Lease, Option<DueMs>)]) -> Result<(), Error> {
        let now = self.now();
        self.with_state(shard, |state| state.nack(leases, now))
    }

    async fn reap(&self, shard: Shard) -> Result<usize, Error> {
        let now = self.now();
        self.with_state(shard, |state| state.reap(now))
    }

    async fn remove(&self, queue: &QueueName, runs: &[RunId]) -> Result<(), Error> {
        let now = self.now();
        self.with_state(self.shard_of(queue), |state| state.remove(queue, runs, now))
    }

    async fn known(&self, queue: &QueueName, runs: &[RunId]) -> Result<Vec<bool>, Error> {
        self.with_state(self.shard_of(queue), |state| {
            runs.iter().map(|run| state.knows(queue, run)).collect()
        })
    }

    async fn locate(&self, queue: &QueueName, run: RunId) -> Result<Whereabouts, Error> {
        let now = self.now();
        self.with_state(self.shard_of(queue), |state| state.locate(queue, run, now))
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, Error> {
        self.with_state(self.shard_of(queue), |state| state.depth(queue))
    }

    async fn set_terms(&self, terms: &[(QueueName, Terms)]) -> Result<(), Error> {
        let now = self.now();
        for (queue, terms) in terms {
            self.with_state(self.shard_of(queue), |state| state.set_terms(queue, terms, now))?;
        }
        Ok(())
    }

    async fn overview(&self, shard: Shard, page: usize) -> Result<Vec<QueueState>, Error> {
        self.with_state(shard, |state| {
            let names = state.holding().into_iter().skip(page.saturating_mul(PAGE)).take(PAGE);
            names
                .map(|queue| {
                    let terms = state.terms_of(&queue);
                    QueueState {
                        depth: state.depth(&queue),
                        next: state.next_of(&queue),
                        is_dedicated: terms.is_dedicated,
                        is_paused: terms.is_paused,
                        queue,
                    }
                })
                .collect()
        })
    }

    async fn call_for_help(&self, source: &Source) {
        self.service.post(source, Some(&self.news));
    }

    async fn news(&self, timeout: Duration) -> News {
        self.news.take(timeout).await
    }
}
