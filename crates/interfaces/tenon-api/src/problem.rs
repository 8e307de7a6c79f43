//! What the ports' errors look like to a caller. The one place of this crate where they become
//! HTTP.

use std::time::Duration;

use tenon_config::{ConnectFault, Error as ConfigError, InstallationFault, SettingProblem};
use tenon_contract::plan::PlanError;
use tenon_domain::workflow::Diagnostic;
use tenon_exec::ports::{archive, blobs, control, history, operations};
use tenon_http_kit::{Code, ErrorItem, Problem, codes};

use crate::codes as own_codes;

/// When to try again after a read failed.
const RETRY_AFTER: Duration = Duration::from_secs(2);

pub(crate) fn of_plans(error: &PlanError) -> Problem {
    Problem::unavailable("read the project's plan", RETRY_AFTER, error)
}

pub(crate) fn of_history(error: &history::Error) -> Problem {
    Problem::unavailable("read history", RETRY_AFTER, error)
}

pub(crate) fn of_operations(error: &operations::Error) -> Problem {
    Problem::unavailable("ask about the queues", RETRY_AFTER, error)
}

pub(crate) fn of_blobs(error: &blobs::Error) -> Problem {
    match error {
        blobs::Error::Unavailable { .. } => {
            Problem::unavailable("read a recorded value", RETRY_AFTER, error)
        }
        blobs::Error::Missing { .. } | blobs::Error::Corrupt { .. } => {
            Problem::internal("read a recorded value", error)
        }
    }
}

pub(crate) fn of_archive(error: &archive::Error) -> Problem {
    match error {
        archive::Error::Unavailable { .. } => {
            Problem::unavailable("read archived history", RETRY_AFTER, error)
        }
        archive::Error::Missing { .. } | archive::Error::Damaged { .. } => {
            Problem::internal("read archived history", error)
        }
    }
}

pub(crate) fn of_config(error: ConfigError) -> Problem {
    of_fields(error, "")
}

/// As [`of_config`], where the values that a person filled in are at a place in the body.
pub(crate) fn of_fields(error: ConfigError, pointer: &str) -> Problem {
    match error {
        ConfigError::NoSuchProject(_)
        | ConfigError::NoSuchWorkflow(_)
        | ConfigError::NoSuchVersion(_)
        | ConfigError::NoSuchApiKey(_)
        | ConfigError::NoSuchUser(_) => Problem::not_found(),
        ConfigError::NotFound { .. } => Problem::not_found().detail(error.to_string()),
        ConfigError::ConnectorUnknown { .. } => {
            Problem::new(&own_codes::CONNECTOR_UNKNOWN).detail(error.to_string())
        }
        ConfigError::ConnectorInvalid(faults) => {
            Problem::new(&own_codes::CONNECTOR_INVALID).with_all(faults.iter().map(of_diagnostic))
        }
        ConfigError::IntegrationInactive { .. } => {
            Problem::new(&own_codes::INTEGRATION_INACTIVE).detail(error.to_string())
        }
        ConfigError::AppMissing { .. } => {
            Problem::new(&own_codes::INTEGRATION_MISCONFIGURED).detail(error.to_string())
        }
        ConfigError::Fields(faults) => {
            let items = faults.into_iter().map(|fault| ErrorItem {
                pointer: Some(format!("{pointer}/{}", escaped(&fault.field))),
                message: fault.message,
                ..ErrorItem::default()
            });
            Problem::new(&codes::INVALID_FIELD).with_all(items)
        }
        ConfigError::Connect(fault) => of_connect(&fault),
        ConfigError::Settings(problems) => of_settings(&codes::INVALID_FIELD, problems),
        ConfigError::Installation(fault) => of_installation(fault),
        ConfigError::IntegrationMissing { .. } => {
            Problem::new(&own_codes::INTEGRATION_MISSING).detail(error.to_string())
        }
        ConfigError::SecretMissing { .. } => {
            Problem::new(&own_codes::INVALID_DOCUMENT).detail(error.to_string())
        }
        ConfigError::NameTwice { .. } | ConfigError::Invalid { .. } => {
            Problem::new(&codes::INVALID_FIELD).detail(error.to_string())
        }
        ConfigError::LimitReached { .. } | ConfigError::Conflict { .. } => {
            Problem::new(&codes::CONFLICT).detail(error.to_string())
        }
        // Only the portal's page opens links; here they are made.
        ConfigError::PortalLink(_) => Problem::not_found(),
        ConfigError::NoVault => Problem::unavailable("use the vault", RETRY_AFTER, &error)
            .detail("this installation has no vault; its operator has to set one up"),
        ConfigError::Unavailable(_) => {
            Problem::unavailable("use the configuration", RETRY_AFTER, &error)
        }
        ConfigError::Store(_) => Problem::internal("use the configuration", &error),
    }
}

fn of_installation(fault: InstallationFault) -> Problem {
    let detail = fault.to_string();
    let code = match fault {
        InstallationFault::SettingsMissing(problems) => {
            return of_settings(&own_codes::SETTINGS_MISSING, problems).detail(detail);
        }
        InstallationFault::NotDeployed => &codes::CONFLICT,
        InstallationFault::NotConnected { .. } => &own_codes::NOT_CONNECTED,
        InstallationFault::AccountBroken { .. } => &own_codes::ACCOUNT_BROKEN,
        InstallationFault::NotPermitted => &own_codes::WORKFLOW_NOT_PERMITTED,
        InstallationFault::UserDisabled => &own_codes::USER_DISABLED,
    };
    Problem::new(code).detail(detail)
}

/// Each setting at its place in a body that changes a configuration.
fn of_settings(code: &'static Code, problems: Vec<SettingProblem>) -> Problem {
    let items = problems.into_iter().map(|problem| {
        let part = match problem.workflow {
            Some(workflow) => format!("/workflow_settings/{workflow}/settings"),
            None => "/shared_settings".to_owned(),
        };
        ErrorItem {
            pointer: Some(format!("{part}/{}", escaped(&problem.fault.input))),
            message: problem.fault.message,
            code: Some(problem.fault.code.to_owned()),
            ..ErrorItem::default()
        }
    });
    Problem::new(code).with_all(items)
}

fn of_connect(fault: &ConnectFault) -> Problem {
    let code = match fault {
        ConnectFault::Unknown
        | ConnectFault::OtherBrowser
        | ConnectFault::Used
        | ConnectFault::Ended => &own_codes::CONNECT_STATE,
        ConnectFault::OtherServer { .. } => &own_codes::CONNECT_ISSUER,
        ConnectFault::Denied { .. } => &own_codes::CONNECT_DENIED,
        ConnectFault::Rejected { .. } => &own_codes::CREDENTIAL_INVALID,
        ConnectFault::OneAccount | ConnectFault::NameTaken => &codes::CONFLICT,
        ConnectFault::Misconfigured { .. }
        | ConnectFault::Failed { .. }
        | ConnectFault::Away { .. }
        | ConnectFault::OtherAccount { .. } => &own_codes::CONNECT_FAILED,
    };
    let problem = Problem::new(code).detail(fault.to_string());
    match fault {
        ConnectFault::Away { retry_after: Some(after), .. } => problem.retry_after(*after),
        _ => problem,
    }
}

fn of_diagnostic(fault: &Diagnostic) -> ErrorItem {
    ErrorItem {
        message: fault.message.clone(),
        code: Some(fault.code.to_owned()),
        help: fault.help.clone(),
        pointer: Some(fault.pointer.clone()),
        ..ErrorItem::default()
    }
}

/// A member's name inside a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

pub(crate) fn of_control(error: &control::Error) -> Problem {
    match error {
        control::Error::NoSuchRun(_) => Problem::not_found(),
        control::Error::WrongState { .. } => {
            Problem::new(&codes::CONFLICT).detail(error.to_string())
        }
        control::Error::Overloaded { retry_after } => {
            Problem::new(&codes::OVERLOADED).retry_after(*retry_after)
        }
        control::Error::Unavailable { retry_after, .. } => {
            Problem::unavailable("accept the run", *retry_after, error)
        }
    }
}
