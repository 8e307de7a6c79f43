//! What goes wrong on our side of a call, and how it is said in each dialect.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tenon_contract::egress::Error as EgressError;
use tenon_http_kit::wire::INSUFFICIENT_PERMISSION;
use tenon_http_kit::{Code, Problem, codes as kit};

use crate::codes;
use crate::ports::{NotReady, Unusable};
use crate::route::Dialect;
use crate::target::TargetError;

/// When to come again while something of ours is away.
const AWAY_RETRY_AFTER: Duration = Duration::from_secs(5);

/// A call that gets no answer of the provider.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: &'static Code,
    detail: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    /// Whether it is the provider or the account, rather than the caller or us.
    is_integration: bool,
    /// What the SDK knows it by, where that is not the code's name.
    sdk_code: Option<&'static str>,
}

impl Failure {
    pub(crate) fn new(code: &'static Code) -> Self {
        Self { code, detail: None, retry_after: None, is_integration: false, sdk_code: None }
    }

    pub(crate) fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Marks it as one of the provider or the account.
    pub(crate) fn of_integration(mut self) -> Self {
        self.is_integration = true;
        self
    }

    /// Something of ours is away.
    pub(crate) fn away(action: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        // Logged once, here; the caller sees none of it.
        let _ = Problem::unavailable(action, AWAY_RETRY_AFTER, error);
        Self::new(&kit::UNAVAILABLE).retry_after(AWAY_RETRY_AFTER)
    }

    /// The user's token does not allow the call. The SDK keeps its user signed in for this code.
    pub(crate) fn not_permitted() -> Self {
        let mut failure = Self::new(&kit::FORBIDDEN).detail("the token does not allow this call");
        failure.sdk_code = Some(INSUFFICIENT_PERMISSION);
        failure
    }

    /// The answer to the caller.
    pub(crate) fn into_response(self, dialect: Dialect) -> Response {
        match dialect {
            Dialect::Own => {
                let mut problem = Problem::new(self.code);
                if let Some(detail) = self.detail {
                    problem = problem.detail(detail);
                }
                if let Some(after) = self.retry_after {
                    problem = problem.retry_after(after);
                }
                problem.into_response()
            }
            Dialect::Sdk => self.into_sdk_response(),
        }
    }

    /// `{message, code, status, meta}`, as the published SDK reads it.
    fn into_sdk_response(self) -> Response {
        let detail = match &self.detail {
            // Text made at run time could hold a cause.
            Some(Cow::Owned(_)) if self.code.status >= 500 => None,
            detail => detail.as_deref(),
        };
        let message = match detail {
            Some(detail) => format!("{}: {detail}", self.code.title),
            None => self.code.title.to_owned(),
        };
        let meta = match self.is_integration {
            // All that the SDK gives to an app then as the error's message.
            true => json!({ "isIntegrationError": true, "message": message }),
            false => json!({}),
        };
        let body = json!({
            "message": message,
            "code": self.sdk_code.unwrap_or(self.code.name),
            "status": self.code.status,
            "meta": meta,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() =
            StatusCode::from_u16(self.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(Problem::retry_after_seconds(after)));
        }
        response
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        Self::new(&codes::PROXY_TARGET).detail(error.to_string())
    }
}

impl From<NotReady> for Failure {
    fn from(error: NotReady) -> Self {
        match error {
            NotReady::Dead { reason } => Self::new(&codes::CREDENTIAL_INVALID)
                .detail(format!("the account has to be connected again: {reason}"))
                .of_integration(),
            NotReady::Misconfigured { reason } => {
                Self::new(&codes::INTEGRATION_MISCONFIGURED).detail(reason).of_integration()
            }
            NotReady::Inactive => Self::new(&codes::INTEGRATION_INACTIVE),
            NotReady::Temporary { retry_after } => {
                Self::new(&codes::CREDENTIAL_NOT_RENEWED).retry_after(retry_after).of_integration()
            }
            NotReady::Gone => Self::new(&codes::NO_ACCOUNT).detail("the account was disconnected"),
            NotReady::Away(source) => Self::away("open an account's secret", &*source),
            NotReady::Broken(source) => {
                let _ = Problem::internal("open an account's secret", &*source);
                Self::new(&kit::INTERNAL)
            }
        }
    }
}

impl From<Unusable> for Failure {
    fn from(error: Unusable) -> Self {
        match error {
            Unusable::Connector { reason } => {
                Self::new(&codes::INTEGRATION_MISCONFIGURED).detail(reason).of_integration()
            }
            Unusable::Call { reason } => Self::new(&kit::INVALID_FIELD).detail(reason),
        }
    }
}

impl From<EgressError> for Failure {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Refused { .. } => Self::new(&codes::PROXY_TARGET)
                .detail("the provider's host is not a public one, or the call cannot be sent"),
            EgressError::Identity { reason, .. } => Self::new(&codes::CREDENTIAL_INVALID)
                .detail(format!("the client certificate cannot be used: {reason}"))
                .of_integration(),
            EgressError::Unreachable { was_sent: false, .. } => {
                Self::new(&codes::PROVIDER_UNREACHABLE)
                    .detail("no connection; nothing was sent")
                    .of_integration()
            }
            EgressError::Unreachable { was_sent: true, .. } | EgressError::TooLarge { .. } => {
                Self::new(&codes::PROVIDER_UNREACHABLE)
                    .detail("the connection broke; the call may have arrived")
                    .of_integration()
            }
            EgressError::Timeout { .. } => Self::new(&codes::PROVIDER_TIMEOUT)
                .detail("the call may have arrived")
                .of_integration(),
        }
    }
}
