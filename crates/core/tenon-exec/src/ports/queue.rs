//! The job queue: ids, order, leases. Never the truth.
//!
//! The truth about accepted work is the job row in Postgres. A queue may forget everything at
//! any time; the reconciliation sweep then pushes every open job again. So a queue holds only
//! run ids, and all its operations may be repeated: a lost reply means an unknown outcome.
//!
//! There is one queue for each tenant (a project environment), thousands of them. Queues live in
//! a fixed number of *shards*, so that one call can serve many queues, and an idle queue costs
//! nothing. A worker claims from a *source*: all shared queues of a shard, by weighted fair
//! turns, or one *dedicated* queue, which workers of its own serve.
//!
//! A job is in one of four places: *ready* (to be claimed, by priority, then by age), *delayed*
//! (by due time), *held* (its lane is full), *running* (leased, by deadline). `known` is their
//! union. What does not exceed a limit of its queue or lane is handed out; the rest waits.
//!
//! Leases are fenced. A claim hands out one fence for its batch, `generation << 32 | counter`;
//! only the holder of the fence may extend, finish or give back a job. The generation comes
//! from a sequence in Postgres and is raised whenever the queue is found to have forgotten.

use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::{QueueName, RunId};

use super::membership::MemberId;
use super::store::JobOrder;

/// Ready jobs of one priority among which a job is looked for, at most.
pub const LOOK_MAX: usize = 1_000;

/// Runs that go before a held one and are named, at most.
pub const AHEAD_MAX: usize = 5;

/// How often the queue has been found empty-handed; grows only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

/// Proof of a claim. Grows with every claim of a shard.
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

/// A part of the queue service that one call can serve. Which shard a queue is in follows from
/// its name and the number of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

impl Shard {
    /// The shard of a queue among `shards`: CRC-32 of its name, so that it is the same on every
    /// machine and in every version. All is in shard 0 where there is one, or none.
    #[must_use]
    pub fn of(queue: &QueueName, shards: u16) -> Self {
        let hash = crc32fast::hash(queue.as_str().as_bytes());
        Self(u16::try_from(hash % u32::from(shards.max(1))).unwrap_or(0))
    }
}

/// What a worker claims from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// All queues of a shard that are not dedicated.
    Shared(Shard),
    /// One dedicated queue.
    Dedicated(QueueName),
}

/// What runs first within a queue. Between queues it means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Before everything else.
    High,
    /// As most.
    #[default]
    Normal,
    /// When nothing else waits.
    Low,
}

/// Jobs of one queue of which only some may be out at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane {
    /// Names the lane within its queue: a digest of what it stands for.
    pub key: [u8; 16],
    /// What it asks for.
    pub rule: LaneRule,
}

/// What a lane asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneRule {
    /// One job at a time, in the order of run ids, which is that of acceptance. A job that is
    /// given back with a due time keeps its turn: those behind it wait.
    InOrder,
    /// At most so many jobs at a time (at least 1). A job that is given back with a due time
    /// makes room meanwhile.
    AtMost(u16),
}

/// A job to put into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Push {
    /// The run.
    pub run: RunId,
    /// When it may start; now when `None` or past.
    pub due: Option<DueMs>,
    /// Whether this is a repair: the claimer then checks the row in Postgres before running.
    pub is_recovered: bool,
    /// What it goes before.
    pub priority: Priority,
    /// What it has to wait for.
    pub lane: Option<Lane>,
}

impl Push {
    /// A new job without a due time, a lane or a priority of its own.
    #[must_use]
    pub const fn now(run: RunId) -> Self {
        Self { run, due: None, is_recovered: false, priority: Priority::Normal, lane: None }
    }
}

/// What a claim asks for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// At most so many jobs, all queues together.
    pub max: usize,
    /// At most so many jobs in one turn of a queue, so that a claim is shared between queues that
    /// wait; turns go round until `max` is reached. Where many queues of the shard wait, turns are
    /// shorter, so that a round of all of them stays short.
    pub max_of_queue: usize,
    /// How long the jobs are leased.
    pub ttl: Duration,
    /// Queues to pass over: this worker has enough of them. At most 100.
    pub except: Vec<QueueName>,
}

/// A job that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    /// The run.
    pub run: RunId,
    /// Its queue.
    pub queue: QueueName,
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
    /// The jobs: by queue, fairly between queues, within a queue by priority, then oldest first;
    /// empty when nothing is due.
    pub jobs: Vec<ClaimedJob>,
    /// When the next delayed job of the shard falls due, or a queue's rate allows another start,
    /// if there is one.
    pub next_due: Option<DueMs>,
    /// Whether more could have been claimed at this moment.
    pub has_more: bool,
}

/// A held job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// The fence it was claimed under.
    pub fence: Fence,
}

/// A lease that is to be extended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// The queue of the job.
    pub queue: QueueName,
    /// The lease.
    pub lease: Lease,
    /// The job's order, so that a service that forgot knows which lane the job is in; `None` as
    /// long as the worker has not read the job.
    pub order: Option<JobOrder>,
}

/// Where a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// The queue does not know it.
    Unknown,
    /// Ready to be claimed.
    Ready {
        /// Jobs of its queue that are handed out before it, as it looks now; `None` where it is
        /// not among the first [`LOOK_MAX`] of its priority.
        before: Option<u64>,
        /// Why nothing like it is handed out now, if that is so.
        holdup: Option<Holdup>,
    },
    /// Waiting for its time.
    Delayed {
        /// When it falls due.
        due: DueMs,
    },
    /// Waiting because its lane is full.
    Held {
        /// What the lane asks for.
        rule: LaneRule,
        /// Jobs that wait for the same lane and go before it.
        before: u64,
        /// The jobs that fill the lane, at most [`AHEAD_MAX`] of them.
        ahead: Vec<RunId>,
    },
    /// Leased.
    Running {
        /// Who holds it; `None` where that was not noted.
        member: Option<MemberId>,
        /// When the lease lapses if it is not extended.
        until: DueMs,
    },
}

/// Why a queue hands out no ready job for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holdup {
    /// It is paused.
    Paused,
    /// As many of its jobs run as its terms allow.
    RunningMax(u32),
    /// Its terms allow no other start before this moment.
    Rate(DueMs),
    /// Leases are around of which the lane is not known, and the job has a lane.
    UnknownLanes,
}

/// How many jobs are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Ready to be claimed.
    pub ready: u64,
    /// Waiting for their due time.
    pub delayed: u64,
    /// Waiting because their lane is full.
    pub held: u64,
    /// Leased.
    pub running: u64,
}

/// How a queue is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Its share against other queues of its shard that wait, 1 to 1000; 10 is usual.
    pub weight: u16,
    /// Jobs that may run at a time; `None` is without limit.
    pub running_max: Option<u32>,
    /// Jobs that may start in a second, with as many saved up; `None` is without limit.
    pub starts_per_second: Option<f64>,
    /// Whether workers of its own serve it.
    pub is_dedicated: bool,
    /// Whether nothing of it is handed out for now.
    pub is_paused: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            weight: 10,
            running_max: None,
            starts_per_second: None,
            is_dedicated: false,
            is_paused: false,
        }
    }
}

/// What a queue holds, at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueState {
    /// Which.
    pub queue: QueueName,
    /// How many jobs are where.
    pub depth: Depth,
    /// The ready job that would be handed out next, whose id says when it was accepted.
    pub next: Option<RunId>,
    /// Whether workers of its own serve it.
    pub is_dedicated: bool,
    /// Whether nothing of it is handed out for now.
    pub is_paused: bool,
}

/// What was pushed since the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// These sources may have work now.
    Of(Vec<Source>),
    /// Any source may: news were missed.
    Any,
    /// Nothing was heard of.
    Nothing,
}

/// What went wrong, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue forgot, or belongs to another generation: run the recovery, then try again.
    #[error("shard {} of the queues is not of generation {}", shard.0, expected.0)]
    StaleGeneration {
        /// The shard asked.
        shard: Shard,
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
    /// How many shards there are, the same for every process. Changing it is a new generation.
    fn shards(&self) -> u16;

    /// Whom the claims of this handle are noted for.
    fn member(&self) -> MemberId;

    /// Where a queue is.
    fn shard_of(&self, queue: &QueueName) -> Shard;

    /// The generation that the service carries; `None` when it has forgotten (or is new).
    async fn generation(&self) -> Result<Option<Generation>, Error>;

    /// Writes the generation; a smaller one than the service carries is ignored. Queues of an
    /// older generation are then treated as forgotten. From here on this handle uses it.
    async fn install_generation(&self, generation: Generation) -> Result<(), Error>;

    /// From here on this handle uses a generation that the service was seen to carry. Nothing is
    /// written: a service that has forgotten since must not look as if it had not.
    fn use_generation(&self, generation: Generation);

    /// Puts jobs into their queues and wakes who serves them. A job that is already known keeps
    /// its place. Repeating is harmless. Queues in different shards are told side by side; an
    /// error means that some may not have been.
    async fn push(&self, jobs: &[(QueueName, Push)]) -> Result<(), Error>;

    /// Leases due jobs of a source. Moves due delayed jobs of the shard to ready first (bounded),
    /// whatever the source.
    async fn claim(&self, source: &Source, ask: &Ask) -> Result<Claimed, Error>;

    /// Extends leases by `ttl` from now. A lease the service has never heard of (it forgot) is
    /// taken up again; one that another worker holds, or that was finished, comes back as lost.
    ///
    /// Where the order of the job is told, a lease that is taken up again is as any other: it
    /// fills its lane, and given back it goes where it belongs. Where it is not, no job of a lane
    /// of that queue starts until a later beat tells it, or the job has ended or was pushed again.
    async fn beat(&self, shard: Shard, leases: &[Beat], ttl: Duration)
    -> Result<Vec<RunId>, Error>;

    /// Removes finished jobs. Called after the results are committed. Leases that are not held
    /// are passed over.
    async fn ack(&self, shard: Shard, leases: &[Lease]) -> Result<(), Error>;

    /// Gives jobs back: to the front when due is `None`, else delayed. Leases that are not held
    /// are passed over.
    async fn nack(&self, shard: Shard, leases: &[(Lease, Option<DueMs>)]) -> Result<(), Error>;

    /// Puts jobs whose lease has lapsed back to the front of their queues, flagged as recovered
    /// and reaped. Answers how many (bounded a call).
    async fn reap(&self, shard: Shard) -> Result<usize, Error>;

    /// Drops jobs from wherever they are, for a cancelled run. Unknown ones are passed over.
    async fn remove(&self, queue: &QueueName, runs: &[RunId]) -> Result<(), Error>;

    /// For each run, whether the queue knows it. The sweep pushes those it does not. Where the
    /// service notices that a part of the queue was lost, it drops what waits and answers so.
    async fn known(&self, queue: &QueueName, runs: &[RunId]) -> Result<Vec<bool>, Error>;

    /// Where one job of a queue is. For people: it may be elsewhere by the time it is read.
    async fn locate(&self, queue: &QueueName, run: RunId) -> Result<Whereabouts, Error>;

    /// How many jobs of a queue are where.
    async fn depth(&self, queue: &QueueName) -> Result<Depth, Error>;

    /// Sets how queues are served. The service may forget it; who decides says it again.
    async fn set_terms(&self, terms: &[(QueueName, Terms)]) -> Result<(), Error>;

    /// What the queues of a shard hold, in pages of at most 500, from page 0 until one is empty;
    /// only those that hold anything. A queue may be missed or come twice while others change.
    async fn overview(&self, shard: Shard, page: usize) -> Result<Vec<QueueState>, Error>;

    /// Tells other workers that a source has more than this one can take. Best effort.
    async fn call_for_help(&self, source: &Source);

    /// Returns when something was pushed since the last return (by any process), or after
    /// `timeout`. Spurious news are harmless; missed ones are bounded by `timeout`.
    async fn news(&self, timeout: Duration) -> News;
}
