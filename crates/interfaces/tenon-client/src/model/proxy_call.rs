//! Calls that went through the proxy.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenon_domain::{CredentialId, IntegrationId};

use super::words;

words! {
    /// Statuses by their first digit.
    StatusClass {
        /// 200 to 299.
        Success = "2xx",
        /// 300 to 399.
        Redirection = "3xx",
        /// 400 to 499.
        ClientError = "4xx",
        /// 500 to 599.
        ServerError = "5xx",
    }
}

/// A call that went through the proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxyCall {
    /// Its id.
    pub id: String,
    /// The connected user, where that was known.
    pub user: Option<String>,
    /// The integration, where that was known.
    pub integration_id: Option<IntegrationId>,
    /// The account, where that was known.
    pub credential_id: Option<CredentialId>,
    /// The method.
    pub method: String,
    /// The provider's host; empty where the call was refused before that was known.
    pub host: String,
    /// The path that the caller asked for, without the query.
    pub path: String,
    /// The status that the caller got.
    pub status: u16,
    /// The problem's code, where the status is not the provider's.
    pub problem: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// To the last byte of the answer.
    pub duration_ms: f64,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// Whether the whole answer was passed on.
    pub complete: bool,
    /// How often the provider was asked.
    pub attempts: u32,
}

/// A page of calls, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxyCallList {
    /// The calls.
    pub calls: Vec<ProxyCall>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// Which calls to list. All conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProxyCallFilter {
    /// Of this connected user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With this integration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration: Option<IntegrationId>,
    /// Answered with a status of this class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusClass>,
    /// Ended at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Where the last page ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Calls in one page, 1 to 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
