//! What errors of credentials, connectors and providers mean for a step.

use jiff::Timestamp;
use serde_json::{Value, json};
use tenon_connector::action::{ActionError, InputFault};
use tenon_connector::answer::Verdict;
use tenon_connector::inject::InjectError;
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_connector::request::BuildError;
use tenon_credentials::access::AccessError;

use super::super::{Failure, FailureClass};

/// Faults of an input that are named; a hundred more help nobody.
const FAULTS_MAX: usize = 5;

/// There is no credential to use.
pub(super) fn of_access(connector: &str, error: &AccessError) -> Failure {
    let permanent = FailureClass::Permanent;
    let text = error.to_string();
    match error {
        AccessError::UnknownConnector { .. } | AccessError::UnknownMethod { .. } => {
            Failure::new("unknown_connector", text, permanent)
        }
        AccessError::Inactive { .. } => Failure::new("integration_inactive", text, permanent),
        AccessError::Dead { code, reason, .. } => dead(connector, code, reason),
        AccessError::Misconfigured { .. } => {
            Failure::new("integration_misconfigured", text, permanent)
        }
        AccessError::Temporary { .. } => {
            Failure::new("credential_not_renewed", text, FailureClass::Transient)
        }
        AccessError::Gone => {
            let message = format!("the `{connector}` account was disconnected");
            Failure::new("no_account", message, permanent)
        }
        AccessError::Refused { .. } | AccessError::Damaged => {
            Failure::new("credential_refused", text, permanent)
        }
        AccessError::VaultAway { .. } => {
            Failure::new("integration_unavailable", text, FailureClass::Infrastructure)
        }
    }
}

/// A person has to connect the account again.
pub(super) fn dead(connector: &str, code: &str, reason: &str) -> Failure {
    let message = format!("the `{connector}` account has to be connected again ({code}): {reason}");
    Failure::new("credential_invalid", message, FailureClass::Permanent)
}

/// The provider wants no more calls before a moment.
pub(super) fn paused(connector: &str, until: Timestamp) -> Failure {
    let message = format!("`{connector}` takes no more calls for now");
    Failure::new("rate_limited", message, FailureClass::Paused { until })
}

/// The project has as many calls under way as it may.
pub(super) fn busy(connector: &str, until: Timestamp) -> Failure {
    let message = format!("as many calls to `{connector}` are under way as the project may have");
    Failure::new("connector_busy", message, FailureClass::Paused { until })
}

/// The call cannot be built.
pub(super) fn of_build(error: &BuildError) -> Failure {
    Failure::new(error.code, error.message.clone(), FailureClass::Permanent)
}

/// The credential does not go into the call.
pub(super) fn of_inject(connector: &str, error: &InjectError) -> Failure {
    let message = format!("the credential of `{connector}` cannot be used: {error}");
    Failure::new("integration_misconfigured", message, FailureClass::Permanent)
}

/// An answer that is an error. `response` is what history and later steps see of it.
pub(super) fn of_answer(
    connector: &str,
    status: u16,
    verdict: &Verdict,
    response: Value,
) -> Failure {
    let message = match &verdict.message {
        Some(said) => format!("{connector} answered {status}: {said}"),
        None => format!("{connector} answered {status}"),
    };
    // The step's policy goes by the status. Where the connector calls an answer of another
    // status temporary, it is tried again as a lost connection is.
    let class = match verdict.kind {
        ErrorKind::Retryable if status < 500 => FailureClass::Transient,
        _ => FailureClass::Status { status, retry_after: verdict.wait },
    };
    let mut failure = Failure::new("provider_error", message, class);
    failure.output = Some(Box::new(json!({ "response": response, "kind": verdict.kind })));
    failure
}

/// An action that did not come to its end.
pub(super) fn of_action(connector: &str, action: &str, error: &ActionError) -> Failure {
    match error {
        ActionError::Input { faults } => {
            let message = format!("the input of `{action}` does not fit: {}", list(faults));
            Failure::new("action_input", message, FailureClass::Permanent)
        }
        ActionError::Build(error) => of_build(error),
        ActionError::Answer { status, verdict, response } => {
            of_answer(connector, *status, verdict, (**response).clone())
        }
        other => {
            let message = format!("`{action}` of `{connector}`: {other}");
            Failure::new("action_result", message, FailureClass::Permanent)
        }
    }
}

fn list(faults: &[InputFault]) -> String {
    let shown: Vec<String> = faults
        .iter()
        .take(FAULTS_MAX)
        .map(|fault| match fault.pointer.as_str() {
            "" => fault.message.clone(),
            pointer => format!("`{pointer}`: {}", fault.message),
        })
        .collect();
    let more = faults.len().saturating_sub(FAULTS_MAX);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    shown.join("; ") + &rest
}
