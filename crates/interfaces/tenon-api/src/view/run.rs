//! Runs as the API shows them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, RunId, VersionId, WorkflowId};
use tenon_exec::ports::history;
use utoipa::ToSchema;

/// Where a run is. `succeeded`, `failed`, `cancelled` and `parked` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunStatus {
    /// Accepted; no step has been recorded yet.
    Queued,
    /// Some step has been recorded.
    Running,
    /// Waits for a delay or a retry.
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

impl From<history::RunStatus> for RunStatus {
    fn from(status: history::RunStatus) -> Self {
        match status {
            history::RunStatus::Queued => Self::Queued,
            history::RunStatus::Running => Self::Running,
            history::RunStatus::Waiting => Self::Waiting,
            history::RunStatus::Succeeded => Self::Succeeded,
            history::RunStatus::Failed => Self::Failed,
            history::RunStatus::Cancelled => Self::Cancelled,
            history::RunStatus::Parked => Self::Parked,
        }
    }
}

impl From<RunStatus> for history::RunStatus {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Queued => Self::Queued,
            RunStatus::Running => Self::Running,
            RunStatus::Waiting => Self::Waiting,
            RunStatus::Succeeded => Self::Succeeded,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
            RunStatus::Parked => Self::Parked,
        }
    }
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TriggerKind {
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

impl From<history::TriggerKind> for TriggerKind {
    fn from(kind: history::TriggerKind) -> Self {
        match kind {
            history::TriggerKind::AppEvent => Self::AppEvent,
            history::TriggerKind::Request => Self::Request,
            history::TriggerKind::Schedule => Self::Schedule,
            history::TriggerKind::IntegrationEnabled => Self::IntegrationEnabled,
            history::TriggerKind::Webhook => Self::Webhook,
            history::TriggerKind::Test => Self::Test,
            history::TriggerKind::Replay => Self::Replay,
        }
    }
}

/// Why a step or a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StepError {
    /// The kind of failure; has a page in `docs/errors/`.
    pub(crate) code: String,
    /// What happened.
    pub(crate) message: String,
    /// The step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
}

impl From<history::StepError> for StepError {
    fn from(error: history::StepError) -> Self {
        let step = error.step.map(|step| step.to_string());
        Self { code: error.code, message: error.message, step }
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunView {
    #[schema(value_type = String, format = Uuid)]
    id: RunId,
    #[schema(value_type = String, format = Uuid)]
    workflow_id: WorkflowId,
    /// The name of the workflow, while it is deployed.
    workflow: Option<String>,
    /// The version it runs, from its start to its end.
    #[schema(value_type = String, format = Uuid)]
    version_id: VersionId,
    /// The connected user it runs for.
    #[schema(value_type = Option<String>)]
    user: Option<EndUserId>,
    /// The account that it was accepted for, when its workflow belongs to an integration.
    #[schema(value_type = Option<String>, format = Uuid)]
    credential: Option<CredentialId>,
    /// The configuration of that account.
    #[schema(value_type = Option<String>, format = Uuid)]
    configuration: Option<ConfigurationId>,
    trigger: TriggerKind,
    status: RunStatus,
    /// Why it failed.
    error: Option<StepError>,
    /// Attempts of steps, so far.
    attempts: u32,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its first step began.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// From its acceptance to its end.
    duration_ms: Option<f64>,
    /// When a waiting run goes on.
    #[schema(value_type = Option<String>, format = DateTime)]
    resumes_at: Option<Timestamp>,
    /// The run it replays.
    #[schema(value_type = Option<String>, format = Uuid)]
    replay_of: Option<RunId>,
    /// How often a worker died under it.
    crashes: u32,
}

impl RunView {
    pub(crate) fn new(run: history::RunSummary, workflow: Option<String>) -> Self {
        Self {
            id: run.id,
            workflow_id: run.workflow,
            workflow,
            version_id: run.version,
            user: run.user,
            credential: run.credential,
            configuration: run.configuration,
            trigger: run.trigger.into(),
            status: run.status.into(),
            error: run.error.map(StepError::from),
            attempts: run.attempts,
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            duration_ms: run.finished_at.map(|end| milliseconds(run.created_at, end)),
            resumes_at: run.resumes_at,
            replay_of: run.replay_of,
            crashes: run.crashes,
        }
    }
}

/// From one time to another, to the microsecond; never negative.
fn milliseconds(start: Timestamp, end: Timestamp) -> f64 {
    let microseconds = end.duration_since(start).as_micros().max(0);
    microseconds as f64 / 1_000.0
}

/// A page of runs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunList {
    pub(crate) runs: Vec<RunView>,
    /// Pass it as `cursor` to go on; null at the end.
    pub(crate) next: Option<String>,
}

/// A run that was accepted just now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedRun {
    #[schema(value_type = String, format = Uuid)]
    pub(crate) run_id: RunId,
}
