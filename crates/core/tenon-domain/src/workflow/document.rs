//! The shape of a workflow document, version 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_expr::Source;

use super::order::{Priority, RunOrder};
use super::steps::{
    action::ActionStep,
    conditional::ConditionalStep,
    delay::DelayStep,
    fan_out::FanOutStep,
    function::FunctionStep,
    integration_request::IntegrationRequestStep,
    request::{Pagination, RequestStep},
    response::ResponseStep,
};
use crate::ids::StepId;
use crate::portal::{Input, WorkflowPortal};
use crate::retry::RetryPolicy;

/// A workflow as it is written. Built only by the loader, which has then checked it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The version of the document format: 1.
    pub version: u32,
    /// Unique in its project: `[a-z0-9][a-z0-9-]{0,62}`.
    pub name: String,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The connector whose integration it belongs to. It then runs for those accounts, and their
    /// configurations, that it was switched on for, and its steps use that account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    /// What users are asked before it runs for them: `{{settings.<id>}}`. Needs `integration`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// How it looks in the portal. Needs `integration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<WorkflowPortal>,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// Which of its runs begin first, against other runs of the project that wait.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// How many of its runs may go on at a time in the project; any number when left out. Not
    /// together with `ordering_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u16>,
    /// Runs of the project with the same key run one after another, in the order in which they
    /// were accepted. A template over `trigger`, `user.id`, `run.account` and
    /// `run.configuration` that gives a text, a number or a boolean; null or empty text is no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordering_key: Option<Source>,
    /// The step that runs first; the first of `steps` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StepId>,
    /// The steps. Edges are `next`, and `then`, `else`, `each` of the steps that branch.
    pub steps: Vec<Step>,
    /// Settings of the whole workflow.
    #[serde(default)]
    pub settings: Settings,
}

impl Workflow {
    /// In what order its runs go.
    #[must_use]
    pub fn order(&self) -> RunOrder {
        RunOrder {
            priority: self.priority,
            concurrency: self.concurrency,
            ordering_key: self.ordering_key.clone(),
        }
    }
}

/// What starts a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Trigger {
    /// An event of the builder's app; payload at `{{trigger.event.x}}`.
    AppEvent {
        /// The event's name.
        event: String,
    },
    /// An HTTP request; `{{trigger.request.body.x}}`, `.params`, `.headers`.
    Request {},
    /// The clock; `{{trigger.schedule.tick}}` is the tick's time, RFC 3339.
    Schedule {
        /// Six fields with seconds, or five without.
        cron: String,
        /// An IANA time zone.
        #[serde(default = "utc")]
        time_zone: String,
    },
    /// It was switched on for a connected user, for the first time; nothing is in `trigger`.
    /// Needs the workflow's `integration`.
    IntegrationEnabled {},
    /// The provider sends an event to a webhook of the connector; `{{trigger.webhook.body.x}}`,
    /// `.event`, `.headers`. Needs the workflow's `integration`.
    Webhook {
        /// The webhook's id in the connector's manifest.
        webhook: String,
        /// Types of events that it is for; all when left out.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        events: Vec<String>,
    },
}

impl Trigger {
    /// Whether an event of a provider's webhook starts it.
    #[must_use]
    pub fn listens_to(&self, id: &str, event: &str) -> bool {
        match self {
            Self::Webhook { webhook, events } => {
                webhook == id && (events.is_empty() || events.iter().any(|one| one == event))
            }
            _ => false,
        }
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

/// Settings of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether it runs for a user who never chose.
    pub enabled_by_default: bool,
    /// How long a request trigger waits for the Response step, in seconds.
    pub response_timeout_seconds: u32,
    /// Retry policy of every step that has none of its own.
    pub retry: Option<RetryPolicy>,
    /// Constants at `{{settings.x}}`.
    pub values: serde_json::Map<String, Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled_by_default: true,
            response_timeout_seconds: 55,
            retry: None,
            values: serde_json::Map::new(),
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its name; also the root of references to its output.
    pub id: StepId,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The step after it; none ends the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<StepId>,
    /// Its retry policy, in place of the workflow's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// Go on when it failed; its output is then `{"error": {...}}`.
    #[serde(default)]
    pub ignore_failure: bool,
    /// What it does.
    #[serde(flatten)]
    pub kind: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StepKind {
    /// Calls an HTTP service.
    Request(RequestStep),
    /// Runs JavaScript.
    Function(FunctionStep),
    /// Takes one of two branches.
    Conditional(ConditionalStep),
    /// Runs a branch for each item of an array.
    FanOut(FanOutStep),
    /// Waits.
    Delay(DelayStep),
    /// Answers the caller of a request trigger.
    Response(ResponseStep),
    /// Does something with a connected account.
    Action(ActionStep),
    /// Calls the API of a connected account.
    IntegrationRequest(IntegrationRequestStep),
}

impl StepKind {
    /// The `type` of the document.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Function(_) => "function",
            Self::Conditional(_) => "conditional",
            Self::FanOut(_) => "fan_out",
            Self::Delay(_) => "delay",
            Self::Response(_) => "response",
            Self::Action(_) => "action",
            Self::IntegrationRequest(_) => "integration_request",
        }
    }

    /// The connector that a step with an account names.
    #[must_use]
    pub fn connector(&self) -> Option<&str> {
        match self {
            Self::Action(action) => Some(&action.connector),
            Self::IntegrationRequest(request) => Some(&request.connector),
            _ => None,
        }
    }

    /// How a step that calls fetches all pages.
    #[must_use]
    pub fn pagination(&self) -> Option<&Pagination> {
        match self {
            Self::Request(request) => request.pagination.as_ref(),
            Self::IntegrationRequest(request) => request.pagination.as_ref(),
            _ => None,
        }
    }
}
