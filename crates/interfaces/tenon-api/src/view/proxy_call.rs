//! Calls through the proxy as the API shows them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenon_domain::{CredentialId, EndUserId, IntegrationId};
use tenon_exec::ports::calls::ProxyCall;
use utoipa::ToSchema;

/// Statuses by their first digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) enum StatusClass {
    /// 200 to 299.
    #[serde(rename = "2xx")]
    Success,
    /// 300 to 399.
    #[serde(rename = "3xx")]
    Redirection,
    /// 400 to 499; 499 where the caller went away.
    #[serde(rename = "4xx")]
    ClientError,
    /// 500 to 599.
    #[serde(rename = "5xx")]
    ServerError,
}

impl StatusClass {
    /// The first digit.
    pub(crate) const fn hundreds(self) -> u16 {
        match self {
            Self::Success => 2,
            Self::Redirection => 3,
            Self::ClientError => 4,
            Self::ServerError => 5,
        }
    }
}

/// A page of calls, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProxyCallList {
    pub(crate) calls: Vec<ProxyCallView>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<String>,
}

/// A call that went through the proxy. Bodies, headers and queries are not kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyCall)]
pub(crate) struct ProxyCallView {
    #[schema(value_type = String, format = Uuid)]
    id: String,
    /// The connected user; null where the call was refused before that was known.
    #[schema(value_type = Option<String>)]
    user: Option<EndUserId>,
    #[schema(value_type = Option<String>, format = Uuid)]
    integration_id: Option<IntegrationId>,
    #[schema(value_type = Option<String>, format = Uuid)]
    credential_id: Option<CredentialId>,
    method: String,
    /// The provider's host; empty where the call was refused before that was known.
    host: String,
    /// The path that the caller asked for, without the query, at most 2048 bytes of it.
    path: String,
    /// The status that the caller got; 499 where it went away before there was one.
    status: u16,
    /// The problem's code, where the status is not the provider's.
    problem: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// To the last byte of the answer.
    duration_ms: f64,
    /// Bytes of the request's body.
    request_bytes: u64,
    /// Bytes of the answer's body.
    response_bytes: u64,
    /// Whether the whole answer was passed on.
    complete: bool,
    /// How often the provider was asked.
    attempts: u32,
}

impl From<ProxyCall> for ProxyCallView {
    fn from(call: ProxyCall) -> Self {
        Self {
            id: call.id.uuid().to_string(),
            user: call.user,
            integration_id: call.integration,
            credential_id: call.credential,
            method: call.method,
            host: call.host,
            path: call.path,
            status: call.status,
            problem: call.problem,
            started_at: call.started_at,
            duration_ms: call.duration.as_secs_f64() * 1_000.0,
            request_bytes: call.request_bytes,
            response_bytes: call.response_bytes,
            complete: call.is_complete,
            attempts: call.attempts,
        }
    }
}
