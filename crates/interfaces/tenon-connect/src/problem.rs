//! What the errors of the use cases look like to the SDK: the one place of this crate where they
//! become HTTP. None becomes 401 or 403.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts};
use http::Request;
use http::request::Parts;
use serde::de::DeserializeOwned;
use tenon_config::{
    ConnectFault, Error as ConfigError, FieldFault, InstallationFault, SettingProblem,
};
use tenon_http_kit::json::from_value;
use tenon_http_kit::{
    Code, ErrorItem, PathParams, Problem, QueryParams, StrictValue, WireProblem, codes as kit,
};

use crate::codes;
use crate::state::Connect;

pub(crate) fn of_config(connect: &Connect, error: ConfigError) -> WireProblem {
    let retry_after = connect.settings.retry_after;
    let problem = match error {
        ConfigError::NoSuchProject(_)
        | ConfigError::NoSuchWorkflow(_)
        | ConfigError::NoSuchVersion(_)
        | ConfigError::NoSuchApiKey(_)
        | ConfigError::NoSuchUser(_) => Problem::not_found(),
        ConfigError::NotFound { .. } | ConfigError::ConnectorUnknown { .. } => {
            Problem::not_found().detail(error.to_string())
        }
        ConfigError::IntegrationInactive { .. } => {
            Problem::new(&codes::INTEGRATION_INACTIVE).detail(error.to_string())
        }
        ConfigError::AppMissing { .. } => {
            Problem::new(&codes::INTEGRATION_MISCONFIGURED).detail(error.to_string())
        }
        ConfigError::Fields(faults) => of_fields(faults),
        ConfigError::Connect(fault) => return of_connect(&fault),
        ConfigError::Installation(fault) => return of_installation(fault),
        ConfigError::Settings(problems) => of_problems(&kit::INVALID_FIELD, &problems),
        ConfigError::IntegrationMissing { .. } | ConfigError::SecretMissing { .. } => {
            Problem::not_found().detail(error.to_string())
        }
        ConfigError::NameTwice { .. } | ConfigError::Invalid { .. } => {
            Problem::new(&kit::INVALID_FIELD).detail(error.to_string())
        }
        ConfigError::LimitReached { .. } | ConfigError::Conflict { .. } => {
            Problem::new(&kit::CONFLICT).detail(error.to_string())
        }
        ConfigError::PortalLink(fault) => {
            Problem::new(&codes::PORTAL_LINK).detail(fault.to_string())
        }
        ConfigError::NoVault => Problem::unavailable("use the vault", retry_after, &error)
            .detail("this installation has no vault; its operator has to set one up"),
        ConfigError::Unavailable(_) => {
            Problem::unavailable("use the configuration", retry_after, &error)
        }
        ConfigError::ConnectorInvalid(_) | ConfigError::Store(_) => {
            Problem::internal("use the configuration", &error)
        }
    };
    problem.into()
}

fn of_fields(faults: Vec<FieldFault>) -> Problem {
    let items = faults.into_iter().map(|fault| ErrorItem {
        pointer: Some(format!("/{}", fault.field.replace('~', "~0").replace('/', "~1"))),
        message: fault.message,
        ..ErrorItem::default()
    });
    Problem::new(&kit::INVALID_FIELD).with_all(items)
}

/// Why a workflow was not switched.
fn of_installation(fault: InstallationFault) -> WireProblem {
    let detail = fault.to_string();
    match fault {
        InstallationFault::NotDeployed => not_found(detail),
        InstallationFault::NotConnected { .. } => {
            Problem::new(&codes::NOT_CONNECTED).detail(detail).into()
        }
        InstallationFault::AccountBroken { .. } => {
            WireProblem::from(Problem::new(&codes::ACCOUNT_BROKEN).detail(detail)).of_integration()
        }
        InstallationFault::SettingsMissing(problems) => {
            of_problems(&codes::SETTINGS_MISSING, &problems).into()
        }
        InstallationFault::NotPermitted => WireProblem::not_permitted(detail),
        InstallationFault::UserDisabled => Problem::new(&kit::FORBIDDEN).detail(detail).into(),
    }
}

fn of_problems(code: &'static Code, problems: &[SettingProblem]) -> Problem {
    let items = problems.iter().map(|problem| {
        let input = &problem.fault.input;
        ErrorItem {
            pointer: Some(match problem.workflow {
                None => format!("/sharedSettings/{input}"),
                Some(workflow) => format!("/workflowSettings/{workflow}/settings/{input}"),
            }),
            message: problem.fault.message.clone(),
            code: Some(problem.fault.code.to_owned()),
            ..ErrorItem::default()
        }
    });
    Problem::new(code).with_all(items)
}

/// What the provider did not take is an error of the integration: the builder's app is told.
fn of_connect(fault: &ConnectFault) -> WireProblem {
    let code = match fault {
        ConnectFault::Unknown
        | ConnectFault::OtherBrowser
        | ConnectFault::Used
        | ConnectFault::Ended
        | ConnectFault::OtherServer { .. } => &codes::CONNECT_STATE,
        ConnectFault::OneAccount | ConnectFault::NameTaken => &kit::CONFLICT,
        ConnectFault::Misconfigured { .. } => &codes::INTEGRATION_MISCONFIGURED,
        ConnectFault::Rejected { .. } => &codes::CREDENTIAL_INVALID,
        ConnectFault::Denied { .. }
        | ConnectFault::Failed { .. }
        | ConnectFault::Away { .. }
        | ConnectFault::OtherAccount { .. } => &codes::CONNECT_FAILED,
    };
    let problem = Problem::new(code).detail(fault.to_string());
    let problem = match fault {
        ConnectFault::Away { retry_after: Some(after), .. } => problem.retry_after(*after),
        _ => problem,
    };
    let is_integration = !matches!(fault, ConnectFault::OneAccount | ConnectFault::NameTaken);
    let problem = WireProblem::from(problem);
    if is_integration { problem.of_integration() } else { problem }
}

/// A field of the body that cannot be used.
pub(crate) fn invalid(field: &str, message: impl Into<String>) -> WireProblem {
    let item = ErrorItem {
        message: message.into(),
        pointer: Some(format!("/{field}")),
        ..ErrorItem::default()
    };
    Problem::new(&kit::INVALID_FIELD).with(item).into()
}

/// There is nothing here that the caller may see.
pub(crate) fn not_found(detail: impl Into<String>) -> WireProblem {
    Problem::not_found().detail(detail.into()).into()
}

/// A JSON object as the body; what is wrong with it is said in the shape of the SDK.
pub(crate) struct WireJson<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Connect> for WireJson<T> {
    type Rejection = WireProblem;

    async fn from_request(request: Request<Body>, connect: &Connect) -> Result<Self, WireProblem> {
        let StrictValue { value, .. } = StrictValue::from_request(request, connect).await?;
        if !value.is_object() {
            let problem = Problem::new(&kit::INVALID_FIELD);
            return Err(problem.detail("the body must be a JSON object").into());
        }
        Ok(Self(from_value(value)?))
    }
}

/// Path parameters, as [`WireJson`].
pub(crate) struct WirePath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Connect> for WirePath<T> {
    type Rejection = WireProblem;

    async fn from_request_parts(parts: &mut Parts, connect: &Connect) -> Result<Self, WireProblem> {
        let PathParams(path) = PathParams::from_request_parts(parts, connect).await?;
        Ok(Self(path))
    }
}

/// Query parameters, as [`WireJson`]; those that are not known are passed over.
pub(crate) struct WireQuery<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Connect> for WireQuery<T> {
    type Rejection = WireProblem;

    async fn from_request_parts(parts: &mut Parts, connect: &Connect) -> Result<Self, WireProblem> {
        let QueryParams(query) = QueryParams::from_request_parts(parts, connect).await?;
        Ok(Self(query))
    }
}
