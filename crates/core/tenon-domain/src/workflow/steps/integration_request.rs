//! Calls the API of a connected account, with its credential.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Source;

use super::request::{Method, Pagination, RequestBody, ResponseFormat};

/// `type: integration_request`. Output: `{"response": {"statusCode", "headers", "body"}}`, as of a
/// request. A status of 400 or more fails the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntegrationRequestStep {
    /// The connector, such as `slack`; `custom.<name>` for one of the project's own.
    pub connector: String,
    /// Which of the user's accounts: its id, or its external id (also as `ext:<external id>`).
    /// The oldest when left out or null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Source>,
    /// GET when left out.
    #[serde(default)]
    pub method: Method,
    /// Relative to the base URL of the account, such as `/contacts/{{trigger.event.id}}`; may hold
    /// templates, whose values are encoded for their place.
    pub path: Source,
    /// Query parameters; an array gives the name more than once, null leaves it out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Source>,
    /// Headers; null leaves one out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Source>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RequestBody>,
    /// How to fetch all pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// How the answer is read.
    #[serde(default)]
    pub response: ResponseFormat,
    /// Limit of one call in milliseconds, at most the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}
