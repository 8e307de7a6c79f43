//! The job queue: ids, order, leases. Never the truth.
//!
//! The truth about accepted work is the job row in Postgres. A queue may forget everything at
//! any time; the reconciliation sweep then pushes every open job again. So a queue holds only
//! run ids, and all its operations may be repeated: a lost reply means an unknown outcome.
//!
//! A job is in one of three places of its queue: *ready* (a list), *delayed* (by due time),
//! *running* (leased, by deadline). `known` is the union of the three.
//!
//! Leases are fenced. A claim hands out one fence for its batch, `generation << 32 | counter`;
//! only the holder of the fence may extend, finish or give back a job. The generation comes
//! from a sequence in Postgres and is raised whenever the queue is found to have forgotten.

use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::{QueueName, RunId};

/// How often the queue has been found empty-handed; grows only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

/// Proof of a claim. Grows with every claim of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

impl Fence {
    /// Builds the fence of the `counter`-th claim of a generation.
    #[must_use]
    pub const fn new(generation: Generation, counter: u32) -> Self {
        Self(((generation.0 as u64) << 32) | counter as u64)
    }
}

/// A point in time as milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DueMs(pub i64);

/// A job to put into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Push {
    /// The run.
    pub run: RunId,
    /// When it may start; now when `None` or past.
    pub due: Option<DueMs>,
    /// Whether this is a repair: the claimer then checks the row in Postgres before running.
    pub is_recovered: bool,
}

/// A job that was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedJob {
    /// The run.
    pub run: RunId,
    /// Whether it was pushed by a repair, or its former worker let the lease lapse.
    pub is_recovered: bool,
    /// Whether it came back through a lapsed lease: its former worker died or stalled.
    pub is_reaped: bool,
}

/// The outcome of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The fence of all jobs of this claim.
    pub fence: Fence,
    /// The jobs, oldest first; empty when nothing is due.
    pub jobs: Vec<ClaimedJob>,
    /// When the next delayed job falls due, if there is one.
    pub next_due: Option<DueMs>,
}

/// A held job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// The fence it was claimed under.
    pub fence: Fence,
}

/// How many jobs are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Ready to be claimed.
    pub ready: u64,
    /// Waiting for their due time.
    pub delayed: u64,
    /// Leased.
    pub running: u64,
}

/// What went wrong, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue forgot, or belongs to another generation: run the recovery, then try again.
    #[error("queue `{queue}` is not of generation {expected:?}")]
    StaleGeneration {
        /// The queue asked.
        queue: QueueName,
        /// The generation the caller believes in.
        expected: Generation,
    },
    /// The queue cannot be reached now: try again later. The outcome is unknown.
    #[error("the queue service cannot be reached while it should {action}")]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A job queue service. Cheap to share behind an `Arc`.
#[async_trait]
pub trait JobQueue: Send + Sync + 'static {
    /// The generation that the service carries; `None` when it has forgotten (or is new).
    async fn generation(&self) -> Result<Option<Generation>, Error>;

    /// Writes the generation; a smaller one than the service carries is ignored. Queues of an
    /// older generation are then treated as forgotten. From here on this handle uses it.
    async fn install_generation(&self, generation: Generation) -> Result<(), Error>;

    /// Puts jobs into a queue and wakes a waiting worker. A job that is already known keeps its
    /// place. Repeating is harmless.
    async fn push(&self, queue: &QueueName, jobs: &[Push]) -> Result<(), Error>;

    /// Leases up to `max` due jobs for `ttl`. Moves due delayed jobs to ready first (bounded).
    async fn claim(&self, queue: &QueueName, max: usize, ttl: Duration) -> Result<Claimed, Error>;

    /// Extends leases by `ttl` from now. A lease the service has never heard of (it forgot) is
    /// taken up again; one that another worker holds, or that was finished, comes back as lost.
    async fn beat(
        &self,
        queue: &QueueName,
        leases: &[Lease],
        ttl: Duration,
    ) -> Result<Vec<RunId>, Error>;

    /// Removes finished jobs. Called after the results are committed. Leases that are not held
    /// are passed over.
    async fn ack(&self, queue: &QueueName, leases: &[Lease]) -> Result<(), Error>;

    /// Gives a job back: to the front when `due` is `None`, else delayed. A lease that is not
    /// held is passed over.
    async fn nack(&self, queue: &QueueName, lease: Lease, due: Option<DueMs>) -> Result<(), Error>;

    /// Puts jobs whose lease has lapsed back to the front, flagged as recovered and reaped.
    /// Answers how many (bounded a call).
    async fn reap(&self, queue: &QueueName) -> Result<usize, Error>;

    /// Drops jobs from wherever they are, for a cancelled run. Unknown ones are passed over.
    async fn remove(&self, queue: &QueueName, runs: &[RunId]) -> Result<(), Error>;

    /// For each run, whether the queue knows it. The sweep pushes those it does not.
    async fn known(&self, queue: &QueueName, runs: &[RunId]) -> Result<Vec<bool>, Error>;

    /// How many jobs are where.
    async fn depth(&self, queue: &QueueName) -> Result<Depth, Error>;

    /// The queues that have been pushed to and may hold work, in no order.
    async fn active(&self) -> Result<Vec<QueueName>, Error>;

    /// Returns when something was pushed to any queue since the last return (by any process),
    /// or after `timeout`. A spurious return is harmless; a missed wake-up is bounded by `timeout`.
    async fn wait(&self, timeout: Duration);
}
