//! Reading what ran. Written by the recorder, read by the API.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenon_domain::{
    ConfigurationId, CredentialId, EndUserId, ProjectId, RunId, StepId, VersionId, WorkflowId,
};

use super::blobs::BlobRef;
use super::script::ConsoleLine;
use super::store::{Installation, JobOrder};

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted; no step has been recorded yet.
    Queued,
    /// Some step has been recorded.
    Running,
    /// Waits for a delay, a retry, or a provider that wants no more calls for now.
    Waiting,
    /// Ended well.
    Succeeded,
    /// Ended because a step failed for good.
    Failed,
    /// Ended by request.
    Cancelled,
    /// Set aside: it killed its worker too often. Replayable.
    Parked,
}

impl RunStatus {
    /// Whether it will not change any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Parked)
    }
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// An event of the builder's app.
    AppEvent,
    /// An HTTP request.
    Request,
    /// The clock.
    Schedule,
    /// The workflow was switched on for a connected user.
    IntegrationEnabled,
    /// An event of a provider.
    Webhook,
    /// A test of a draft.
    Test,
    /// A replay of another run.
    Replay,
}

/// How an attempt of a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It has an output.
    Succeeded,
    /// It failed for good; the run failed with it, unless the step ignores failure.
    Failed,
    /// It failed and is tried again at `retry_at`.
    Retrying,
    /// It waits until `retry_at`: a delay, or a pause. A pause has a reason in `error`, such as
    /// `rate_limited`, and uses up no attempt.
    Waiting,
}

/// One line of the list of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// The version it runs, kept for its whole life.
    pub version: VersionId,
    /// The connected user it runs for.
    pub user: Option<EndUserId>,
    /// The account that it was accepted for.
    pub credential: Option<CredentialId>,
    /// The configuration of that account.
    pub configuration: Option<ConfigurationId>,
    /// What started it.
    pub trigger: TriggerKind,
    /// Where it is.
    pub status: RunStatus,
    /// The step that failed, and why, in one line.
    pub error: Option<StepError>,
    /// Attempts recorded so far, pauses left out.
    pub attempts: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first step began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When a waiting run goes on.
    pub resumes_at: Option<Timestamp>,
    /// The run it replays.
    pub replay_of: Option<RunId>,
    /// How many times a worker died under it.
    pub crashes: u32,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// A code with a page in `docs/errors/`.
    pub code: String,
    /// What happened, for people; no secrets.
    pub message: String,
    /// The step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
}

/// A recorded value.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// JSON text.
    Inline(Bytes),
    /// JSON text in the blob store.
    Blob(BlobRef),
}

/// One attempt of one step in one iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// The step.
    pub step: StepId,
    /// Its type in the document.
    pub kind: String,
    /// Positions in the fan-outs around it, outermost first; empty outside.
    pub iteration: Vec<u32>,
    /// Counted from 1; 0 is the start of a delay. A pause belongs to the attempt that it holds up.
    pub attempt: u32,
    /// How it ended.
    pub status: StepStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Its resolved configuration.
    pub input: Option<Payload>,
    /// Its output.
    pub output: Option<Payload>,
    /// Why it failed.
    pub error: Option<StepError>,
    /// When it is tried again, or goes on.
    pub retry_at: Option<Timestamp>,
    /// Console output of a function.
    pub logs: Vec<ConsoleLine>,
    /// Console lines that were dropped.
    pub logs_dropped: u32,
}

/// Which runs to list. All conditions hold together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFilter {
    /// Of this workflow.
    pub workflow: Option<WorkflowId>,
    /// Of this user.
    pub user: Option<EndUserId>,
    /// Accepted for this account.
    pub credential: Option<CredentialId>,
    /// Accepted for this configuration of an account.
    pub configuration: Option<ConfigurationId>,
    /// In this state.
    pub status: Option<RunStatus>,
    /// Accepted at or after.
    pub after: Option<Timestamp>,
    /// Accepted before.
    pub before: Option<Timestamp>,
}

/// A page of runs, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunSummary>,
    /// Ask again with this to go on; `None` at the end.
    pub next: Option<RunId>,
}

/// A page of step records, in the order they ended.
#[derive(Debug, Clone, PartialEq)]
pub struct StepPage {
    /// The records.
    pub steps: Vec<StepRecord>,
    /// Ask again with this to go on; `None` when there are no more for now.
    pub next: Option<i64>,
}

/// The store cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}")]
pub struct Error {
    /// What was asked.
    pub action: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Reads history. Every call names the project: nothing of another is ever seen.
#[async_trait]
pub trait HistoryReader: Send + Sync + 'static {
    /// Runs, newest first, older than `cursor`; at most `limit` (1 to 200).
    async fn list(
        &self,
        project: ProjectId,
        filter: &RunFilter,
        cursor: Option<RunId>,
        limit: usize,
    ) -> Result<RunPage, Error>;

    /// One run.
    async fn run(&self, project: ProjectId, run: RunId) -> Result<Option<RunSummary>, Error>;

    /// The trigger's input of a run.
    async fn input(&self, project: ProjectId, run: RunId) -> Result<Option<Payload>, Error>;

    /// What a run was accepted with; `None` for one of no integration, and where there is no run.
    async fn installation(
        &self,
        project: ProjectId,
        run: RunId,
    ) -> Result<Option<Installation>, Error>;

    /// The latest step records of a run, newest first, at most `limit` (1 to 1,000), without
    /// their values and their console.
    async fn latest_steps(
        &self,
        project: ProjectId,
        run: RunId,
        limit: usize,
    ) -> Result<Vec<StepRecord>, Error>;
    /// What a run goes before and waits for; `None` where there is no run.
    async fn order(&self, project: ProjectId, run: RunId) -> Result<Option<JobOrder>, Error>;

    /// Step records of a run after `cursor`, at most `limit` (1 to 1,000).
    async fn steps(
        &self,
        project: ProjectId,
        run: RunId,
        cursor: Option<i64>,
        limit: usize,
    ) -> Result<StepPage, Error>;
}
