//! Why a run does not go on, as the API shows it.

use jiff::Timestamp;
use serde::Serialize;
use tenon_domain::RunId;
use tenon_exec::why::{Reason, Why};
use utoipa::ToSchema;

use super::run::{RunStatus, StepError};

/// What keeps a run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Why)]
pub(crate) struct WhyView {
    #[schema(value_type = String, format = Uuid)]
    run: RunId,
    status: RunStatus,
    /// All that keeps it, the most telling first; at least one.
    reasons: Vec<ReasonView>,
}

/// One thing that keeps a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = WhyReason)]
pub(crate) struct ReasonView {
    /// A word for programs: `ended`, `delay`, `retry`, `provider_limit`, `system_retry`,
    /// `queue_away`, `missing`, `queued`, `no_worker`, `queued_or_running`, `at_cap`, `held`, `queue_paused`, `moving`, `running` or
    /// `taken_over`. More may come.
    code: &'static str,
    /// The same for people.
    message: String,
    /// The step that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    /// The attempt that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// When it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// When it ended, or when its last recorded step did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Why the step or the run failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<StepError>,
    /// Jobs of the project that are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<u64>,
    /// Jobs of the project that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<u64>,
    /// Runs that the project may have at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    running_max: Option<u32>,
    /// Jobs of the project that wait for others of their lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<u64>,
    /// How often a worker died under the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
}

impl From<Why> for WhyView {
    fn from(why: Why) -> Self {
        Self {
            run: why.run,
            status: why.status.into(),
            reasons: why.reasons.into_iter().map(ReasonView::from).collect(),
        }
    }
}

impl From<Reason> for ReasonView {
    fn from(reason: Reason) -> Self {
        let (code, message) = (reason.code(), reason.to_string());
        let view = Self { code, message, ..Self::default() };
        match reason {
            Reason::Ended { at, error, .. } => {
                Self { since: at, error: error.map(StepError::from), ..view }
            }
            Reason::Delay { step, until } => {
                Self { step: Some(step.to_string()), until: Some(until), ..view }
            }
            Reason::Retry { step, attempt, until, error } => Self {
                step: Some(step.to_string()),
                attempt: Some(attempt),
                until: Some(until),
                error: error.map(StepError::from),
                ..view
            },
            Reason::ProviderLimit { step, until, error } => Self {
                step: Some(step.to_string()),
                until: Some(until),
                error: error.map(StepError::from),
                ..view
            },
            Reason::SystemRetry { until } => Self { until: Some(until), ..view },
            Reason::Queued { ready, running } => {
                Self { ready: Some(ready), running: Some(running), ..view }
            }
            Reason::QueuedOrRunning { ready, held, running } => {
                let (ready, held, running) = (Some(ready), Some(held), Some(running));
                Self { ready, held, running, ..view }
            }
            Reason::AtCap { running, running_max } => {
                Self { running: Some(running), running_max: Some(running_max), ..view }
            }
            Reason::Held { held } => Self { held: Some(held), ..view },
            Reason::NoWorker { ready } => Self { ready: Some(ready), running: Some(0), ..view },
            Reason::Running { last: Some((step, at)) } => {
                Self { step: Some(step.to_string()), since: Some(at), ..view }
            }
            Reason::TakenOver { times } => Self { times: Some(times), ..view },
            Reason::Running { last: None }
            | Reason::QueueAway
            | Reason::Missing
            | Reason::QueuePaused
            | Reason::Moving => view,
        }
    }
}
