//! The execution store: accepted work and its results. The truth about every run.
//!
//! A run is a *job* while it is open (ready or waiting) and a *run summary* once it has ended;
//! the move between the two is one statement, so a run ends once. Results are rows with the key
//! (run, step, iteration, attempt): the first commit wins, a second one is dropped.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smallvec::SmallVec;
use tenon_contract::grant::Grant;
use tenon_domain::{
    ConfigurationId, CredentialId, EndUserId, ProjectId, RunId, StepId, VersionId, WorkflowId,
};
use tenon_telemetry::TraceContext;

use super::coordination::ReplyAddress;
use super::history::{Payload, RunStatus, StepError, StepStatus, TriggerKind};
use super::queue::{DueMs, Generation, Lane, Priority};

/// Positions in the fan-outs around a step, outermost first; empty outside of any.
pub type Iteration = SmallVec<[u32; 2]>;

/// Whether a run is for real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMode {
    /// For real.
    Live,
    /// A test of a draft: no delays, no retries, short fan-outs, one page.
    Test,
}

/// Accepted work.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The run.
    pub run: RunId,
    /// Whose.
    pub project: ProjectId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The version it runs to its end.
    pub version: VersionId,
    /// For whom.
    pub user: Option<EndUserId>,
    /// The account and settings that it runs with; `None` for a workflow of no integration.
    pub installation: Option<Installation>,
    /// What started it.
    pub trigger: TriggerKind,
    /// For real or as a test.
    pub mode: RunMode,
    /// The trigger's output, a JSON object.
    pub input: Payload,
    /// The process that holds a waiting caller.
    pub reply_to: Option<ReplyAddress>,
    /// The run it replays.
    pub replay_of: Option<RunId>,
    /// What lets it use the accounts of its user; `None` for a run without one, or where no key
    /// signs grants. Signed when the job is accepted.
    pub grant: Option<Grant>,
    /// Whether results of it may be in the store, so that they are read before it goes on.
    pub has_progress: bool,
    /// How many times a worker died under it.
    pub crashes: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Where in which trace its trigger happened; `None` where that is not traced.
    pub trace: Option<TraceContext>,
    /// What it goes before, and what it waits for.
    pub order: JobOrder,
}

/// What a job goes before, and what it waits for. Decided once, when it is accepted, so that it is
/// the same whenever its id is pushed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobOrder {
    /// Before which jobs of its queue it begins.
    pub priority: Priority,
    /// The jobs of its queue of which only some may run at a time.
    pub lane: Option<Lane>,
}

/// What a run of an integration's workflow was accepted with. It is kept with the job, so that a
/// run sees the same settings from its first step to its last, whatever is changed meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct Installation {
    /// The account that its steps use where they name none.
    pub credential: CredentialId,
    /// The configuration of that account.
    pub configuration: ConfigurationId,
    /// [`InstallationValues`] as JSON; in the blob store where they are large.
    pub values: Payload,
}

/// The values that an installation had when a run was accepted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InstallationValues {
    /// Settings of the workflow, at `{{settings.x}}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// Settings of the integration, at `{{shared.x}}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub shared: Map<String, Value>,
    /// What the builder's app said of the user, at `{{user.meta.x}}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub user_meta: Map<String, Value>,
}

/// Installations whose open runs end together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallationScope {
    /// All of an account, which was disconnected.
    Account(CredentialId),
    /// One workflow with one configuration, which was switched off.
    Workflow(ConfigurationId, WorkflowId),
    /// All of a configuration, which was deleted.
    Configuration(ConfigurationId),
}

/// Work to accept in one transaction.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The job.
    pub job: Job,
    /// Accept only if this key was not seen before in the project.
    pub once: Option<OnceKey>,
}

/// A key under which work is accepted at most once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OnceKey {
    /// What the key is about, such as `event:<idempotency key>:<workflow>` or
    /// `tick:<workflow>:<trigger>:<time>`. At most 512 bytes.
    pub key: String,
    /// A digest of the request, to tell a repeat from a reuse with other content.
    pub digest: [u8; 32],
}

/// What became of an accepted item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Committed.
    New,
    /// The key was seen with the same content: this run has it.
    Repeat(RunId),
    /// The key was seen with other content.
    Conflict,
}

/// An open job, as the sweep sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenJob {
    /// The run.
    pub run: RunId,
    /// Whose; names the queue.
    pub project: ProjectId,
    /// When a waiting one goes on.
    pub due: Option<DueMs>,
    /// What it goes before, and what it waits for.
    pub order: JobOrder,
}

/// One attempt's result.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// The run.
    pub run: RunId,
    /// Whose.
    pub project: ProjectId,
    /// The step.
    pub step: StepId,
    /// Its type.
    pub kind: &'static str,
    /// Where in the fan-outs.
    pub iteration: Iteration,
    /// The number of the record, counted from 1; 0 is the start of a delay. Pauses are numbered
    /// too, so that (run, step, iteration, attempt) names one record.
    pub attempt: u32,
    /// How many of the records before it were pauses: what people see as the attempt, and what
    /// counts as a retry, is `attempt - pauses`.
    pub pauses: u32,
    /// How it ended.
    pub status: StepStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Resolved configuration, JSON.
    pub input: Option<Payload>,
    /// Output, JSON.
    pub output: Option<Payload>,
    /// Why it failed.
    pub error: Option<StepError>,
    /// When it goes on.
    pub retry_at: Option<Timestamp>,
    /// Console lines, a JSON array.
    pub logs: Option<Bytes>,
    /// Console lines that were dropped.
    pub logs_dropped: u32,
}

/// A run that suspends until a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspend {
    /// The run.
    pub run: RunId,
    /// When it goes on.
    pub due: DueMs,
}

/// A run that ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The run.
    pub run: RunId,
    /// How: succeeded, failed, cancelled or parked.
    pub status: RunStatus,
    /// Why, when it did not end well.
    pub error: Option<StepError>,
    /// When its first step began in the worker that ended it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// What a worker commits in one transaction.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Results.
    pub steps: Vec<StepRow>,
    /// Runs that suspend.
    pub suspends: Vec<Suspend>,
    /// Runs that end.
    pub finishes: Vec<Finish>,
}

impl Batch {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.suspends.is_empty() && self.finishes.is_empty()
    }
}

/// A result read back, to go on after it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredResult {
    /// The step.
    pub step: StepId,
    /// Where in the fan-outs.
    pub iteration: Iteration,
    /// The number of the record.
    pub attempt: u32,
    /// How many of the records before it were pauses.
    pub pauses: u32,
    /// How it ended.
    pub status: StepStatus,
    /// When it goes on.
    pub retry_at: Option<Timestamp>,
    /// Its output; `None` also where only the keys were asked for.
    pub output: Option<Payload>,
    /// Why it failed.
    pub error: Option<StepError>,
}

/// Which results to read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultScope {
    /// Outside of any fan-out, with outputs.
    Root,
    /// Inside fan-outs, keys and states only; the latest attempt of each.
    IterationKeys,
    /// Exactly in this iteration, with outputs.
    Iteration(Iteration),
    /// One step in all iterations below this one, with outputs, in order.
    StepBelow(StepId, Iteration),
}

/// What went wrong, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached or broke off: the outcome is unknown, try again.
    #[error("the execution database failed while it should {action}")]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database refuses these rows, now and for ever: split the batch, set the row aside.
    #[error("the execution database refuses to {action}")]
    Rejected {
        /// What was asked.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The execution store.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Accepts all items in one transaction. When this returns, new ones survive a power loss.
    /// Repeating after an unknown outcome is harmless: a run id is inserted once.
    async fn accept(&self, items: &[Accept]) -> Result<Vec<Accepted>, Error>;

    /// The open jobs among these runs; ended and unknown ones are left out.
    async fn load(&self, runs: &[RunId]) -> Result<Vec<Job>, Error>;

    /// Results of a run, for going on after them.
    async fn results(&self, run: RunId, scope: ResultScope) -> Result<Vec<StoredResult>, Error>;

    /// Commits a worker's batch in one transaction. Results that exist already are dropped;
    /// suspends and finishes of runs that have ended are dropped.
    async fn commit(&self, batch: Arc<Batch>) -> Result<(), Error>;

    /// Open jobs with an id after `after`, in order, at most `limit`.
    async fn open_jobs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<OpenJob>, Error>;

    /// Whether an open job of the project with a smaller id has to run before this one, because
    /// both are in a lane that goes in order.
    async fn has_earlier(&self, project: ProjectId, lane: Lane, run: RunId) -> Result<bool, Error>;

    /// Counts a crash for each of these open jobs and answers the new counts.
    async fn count_crashes(&self, runs: &[RunId]) -> Result<Vec<(RunId, u32)>, Error>;

    /// Accepts a replay of an ended run as `job` with `from` its results so far, in one
    /// transaction: copies the succeeded results of the old run when `keep_results`.
    async fn accept_replay(&self, job: &Job, keep_results: bool) -> Result<(), Error>;

    /// Ends an open run as cancelled. `false` when it is not open (any more).
    async fn cancel(&self, project: ProjectId, run: RunId) -> Result<bool, Error>;

    /// Ends the open runs of an installation that were accepted up to `until` as cancelled, in
    /// one statement; answers which.
    async fn cancel_installation(
        &self,
        project: ProjectId,
        scope: InstallationScope,
        until: Timestamp,
    ) -> Result<Vec<RunId>, Error>;

    /// What the store's clock shows, which is that of all processes.
    async fn now(&self) -> Result<Timestamp, Error>;

    /// The generation of the queues.
    async fn generation(&self) -> Result<Generation, Error>;

    /// Raises the generation if it still is `from`; answers the current one either way.
    async fn raise_generation(&self, from: Generation) -> Result<Generation, Error>;

    /// Makes the partitions of the coming days, forgets keys of work that are too old, and drops
    /// partitions wholly older than `keep_days` that hold no open run; none without it, where they
    /// are archived first. Answers the names of the dropped ones.
    async fn maintain_partitions(
        &self,
        now: Timestamp,
        keep_days: Option<u32>,
    ) -> Result<Vec<String>, Error>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), Error>;
}
