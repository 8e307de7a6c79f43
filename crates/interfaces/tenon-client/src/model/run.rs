//! Runs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_domain::{ConfigurationId, CredentialId, RunId, VersionId, WorkflowId};

use super::configuration::Document;
use super::words;

words! {
    /// Where a run is.
    RunStatus {
        /// Accepted; no step has been recorded yet.
        Queued = "queued",
        /// Some step has been recorded.
        Running = "running",
        /// Waits for a delay or a retry.
        Waiting = "waiting",
        /// Ended well.
        Succeeded = "succeeded",
        /// Ended because a step failed for good.
        Failed = "failed",
        /// Ended by request.
        Cancelled = "cancelled",
        /// Set aside: it killed its worker too often.
        Parked = "parked",
    }
}

impl RunStatus {
    /// Whether it will not change any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Parked)
    }
}

words! {
    /// What started a run.
    TriggerKind {
        /// An event of the builder's app.
        AppEvent = "app_event",
        /// An HTTP request.
        Request = "request",
        /// The clock.
        Schedule = "schedule",
        /// The workflow was switched on for a connected user.
        IntegrationEnabled = "integration_enabled",
        /// An event of a provider.
        Webhook = "webhook",
        /// A test of a draft.
        Test = "test",
        /// A replay of another run.
        Replay = "replay",
    }
}

/// Why a step or a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// The kind of failure.
    pub code: String,
    /// What happened.
    pub message: String,
    /// The step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// The name of the workflow, while it is deployed.
    pub workflow: Option<String>,
    /// The version it runs.
    pub version_id: VersionId,
    /// The connected user it runs for.
    pub user: Option<String>,
    /// What started it.
    pub trigger: TriggerKind,
    /// Where it is.
    pub status: RunStatus,
    /// Why it failed.
    pub error: Option<StepError>,
    /// Attempts of steps, so far.
    pub attempts: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first step began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// From its acceptance to its end.
    pub duration_ms: Option<f64>,
    /// When a waiting run goes on.
    pub resumes_at: Option<Timestamp>,
    /// The run it replays.
    pub replay_of: Option<RunId>,
    /// How often a worker died under it.
    pub crashes: u32,
}

/// What keeps a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The run.
    pub run: RunId,
    /// Where it is.
    pub status: RunStatus,
    /// All that keeps it, the most telling first.
    pub reasons: Vec<WhyReason>,
}

/// One thing that keeps a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhyReason {
    /// A word for programs.
    pub code: String,
    /// The same for people.
    pub message: String,
    /// The figures, by their names.
    #[serde(flatten)]
    pub figures: serde_json::Map<String, Value>,
}

/// A page of runs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunList {
    /// The runs.
    pub runs: Vec<Run>,
    /// Goes into [`RunFilter::cursor`] to go on.
    pub next: Option<String>,
}

/// Which runs to list. All conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunFilter {
    /// Of this workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowId>,
    /// For this connected user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// For this account of a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// For this configuration of an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ConfigurationId>,
    /// In this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// Accepted at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
    /// Accepted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// Where the last page ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Runs in one page, 1 to 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A run that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedRun {
    /// The new run.
    pub run_id: RunId,
}

/// Where a replay starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayFrom {
    /// From the trigger.
    Start,
    /// From the step that failed.
    FailedStep,
}

/// A draft to run once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestRun {
    /// The draft.
    pub document: Document,
    /// The connected user it runs for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What the trigger gives; an object.
    pub input: Value,
}
