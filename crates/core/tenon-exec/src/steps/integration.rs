//! Steps that use a connected account: an action of its connector, or any call to its API.
//!
//! Both find the account in the plans, get its credential ready, and make their calls through
//! [`caller`], which keeps to the provider's rate limits, puts the credential in, and renews it
//! once where it is refused. A provider that wants no more calls pauses the run; that is no
//! failure. A credential that cannot be used any more fails the step at once, without a call.
//!
//! Nothing here retries: the engine does, by the step's policy. A step that goes on after a pause
//! begins anew, with the same idempotency keys; what it had read of a list is read again.

mod account;
mod action;
mod caller;
pub mod check;
mod failure;
pub(crate) mod mask;
mod request;
mod slots;

pub use slots::{CallSlot, CallSlots, SlotSettings};

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tenon_contract::egress::Egress;
use tenon_contract::plan::PlanSource;
use tenon_contract::quota::Quotas;
use tenon_credentials::access::CredentialAccess;
use tenon_domain::workflow::steps::action::ActionStep;
use tenon_domain::workflow::steps::integration_request::IntegrationRequestStep;
use tenon_domain::{Clock, StepId};
use tenon_expr::{Scope, Source};
use tokio_util::sync::CancellationToken;

use super::request::RequestLimits;
use super::{Failure, FailureClass, Outcome};
use crate::ports::store::Job;

/// What an engine needs to use accounts.
pub struct Integrations {
    /// Credentials that are ready to use.
    pub access: CredentialAccess,
    /// Which accounts there are.
    pub plans: Arc<dyn PlanSource>,
    /// The providers' rate limits.
    pub quotas: Arc<dyn Quotas>,
    /// Room among the calls that are under way.
    pub slots: CallSlots,
    /// Bounds.
    pub limits: IntegrationLimits,
}

/// Bounds of steps that use accounts, beside those of all requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationLimits {
    /// The longest wait for a provider's rate limit without pausing the run, before a step has
    /// done anything.
    pub wait_max: Duration,
    /// The same once a step has read something: a pause would read it again, so that a list of
    /// many pages might never end.
    pub wait_amid_pages_max: Duration,
    /// Calls of one project to one connector that are under way at a time, over all workers; a
    /// project may have a limit of its own.
    pub calls_per_connector_max: u32,
    /// How long a run pauses that found no room among them.
    pub busy_pause: Duration,
}

impl Default for IntegrationLimits {
    fn default() -> Self {
        Self {
            wait_max: Duration::from_secs(2),
            wait_amid_pages_max: Duration::from_secs(120),
            calls_per_connector_max: 100,
            busy_pause: Duration::from_secs(1),
        }
    }
}

/// What a step that uses an account needs besides its configuration.
pub struct IntegrationCall<'a> {
    /// Accounts; `None` where this process has none.
    pub integrations: Option<&'a Integrations>,
    /// The way out.
    pub egress: &'a dyn Egress,
    /// Time.
    pub clock: &'a dyn Clock,
    /// The run.
    pub job: &'a Job,
    /// The connector whose integration the workflow belongs to: its steps use the account that
    /// the run was accepted for.
    pub own_connector: Option<&'a str>,
    /// The step.
    pub step: &'a StepId,
    /// The same for every attempt of this step in this run.
    pub idempotency_key: &'a str,
    /// Bounds of requests.
    pub limits: &'a RequestLimits,
    /// Fires when the process stops: a wait becomes a pause.
    pub stopping: &'a CancellationToken,
}

impl<'a> IntegrationCall<'a> {
    fn integrations(&self) -> Result<&'a Integrations, Failure> {
        self.integrations.ok_or_else(|| {
            let message = "this process keeps no accounts";
            Failure::new("integration_unavailable", message, FailureClass::Permanent)
        })
    }
}

/// Runs one attempt of an action. Output: `{"result": <what the action gives>}`, for a list also
/// `pages` and `hasMore`.
///
/// # Errors
/// When there is no such account or action, the input does not fit, or the provider refuses.
pub async fn run_action(
    step: &ActionStep,
    scope: &(dyn Scope + Sync),
    call: &IntegrationCall<'_>,
) -> Result<Outcome, Failure> {
    let mut input = json!({ "connector": step.connector, "action": step.action });
    let output = action::run(step, scope, call, &mut input).await;
    match output {
        Ok(output) => Ok(Outcome { input: Some(input), output, ..Outcome::default() }),
        Err(failure) => Err(with_input(failure, input)),
    }
}

/// Runs one attempt of an integration request. Output as of a request step.
///
/// # Errors
/// When there is no such account, the call cannot be built, gets no answer, or the provider
/// refuses.
pub async fn run_request(
    step: &IntegrationRequestStep,
    scope: &(dyn Scope + Sync),
    call: &IntegrationCall<'_>,
) -> Result<Outcome, Failure> {
    let about = json!({ "connector": step.connector });
    request::run(step, scope, call).await.map_err(|failure| with_input(failure, about))
}

/// The account that a step names; `None` for the oldest.
fn wanted_account(
    source: Option<&Source>,
    scope: &(dyn Scope + Sync),
) -> Result<Option<String>, Failure> {
    let Some(source) = source else { return Ok(None) };
    match source.eval(scope).map_err(|error| Failure::template("account", &error))? {
        Value::Null => Ok(None),
        Value::String(text) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
        other => {
            let message = format!("`account` is {other}; it must be the id of an account");
            Err(Failure::new("no_account", message, FailureClass::Permanent))
        }
    }
}

/// What history shows of a step that failed, unless it knows more.
fn with_input(mut failure: Failure, input: Value) -> Failure {
    if failure.input.is_none() {
        failure.input = Some(Box::new(input));
    }
    failure
}
