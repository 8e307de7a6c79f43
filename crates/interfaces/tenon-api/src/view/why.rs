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
    /// `queue_away`, `missing`, `queued`, `no_worker`, `queue_paused`, `at_cap`, `rate_cap`, `lanes_unknown`,
    /// `delayed`, `held`, `running` or `taken_over`. More may come.
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
    /// Jobs that go before the run: in its queue, or, where it is held, in its lane. Left out where
    /// they are too many to be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    /// The runs that it waits for, the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    ahead: Vec<RunId>,
    /// Runs of its workflow that may be out at a time, where that is what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    lane_max: Option<u16>,
    /// The worker that has it: machine and process.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    /// When its worker loses it if it does not say that it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    lease_until: Option<Timestamp>,
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
            Reason::Queued { before, ready, running } => {
                Self { before, ready: Some(ready), running: Some(running), ..view }
            }
            Reason::Delayed { until } | Reason::RateCap { until } => {
                Self { until: Some(until), ..view }
            }
            Reason::AtCap { running, running_max } => {
                Self { running: Some(running), running_max: Some(running_max), ..view }
            }
            Reason::Held { lane_max, before, ahead } => {
                Self { lane_max, before: Some(before), ahead, ..view }
            }
            Reason::NoWorker { ready } => Self { ready: Some(ready), running: Some(0), ..view },
            Reason::Running { worker, lease_until, last } => {
                let (step, since) = last.unzip();
                let step = step.map(|step| step.to_string());
                Self { worker, lease_until: Some(lease_until), step, since, ..view }
            }
            Reason::TakenOver { times } => Self { times: Some(times), ..view },
            Reason::QueueAway | Reason::Missing | Reason::QueuePaused | Reason::LanesUnknown => {
                view
            }
        }
    }
}
