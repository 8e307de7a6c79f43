//! Actions: what a workflow can do with an account, in the words of the provider.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_expr::Source;

use super::proxy::ErrorRule;
use super::request::{Pagination, RequestSpec, RequestStep};

/// One operation. The credential is injected into every request of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// `[a-z][a-z0-9_]{0,62}`; never changed.
    pub id: String,
    /// For people.
    pub title: String,
    /// One or two sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it does to the provider's data.
    pub effect: Effect,
    /// JSON Schema (2020-12) of the input, an object.
    pub input: Value,
    /// JSON Schema of the output.
    pub output: Value,
    /// Scopes that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Requests before the main one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<RequestStep>,
    /// The request.
    pub request: RequestSpec,
    /// How to fetch all pages; then the result sees the items of all as `{{items}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// The output; the body when left out (the items, of a paginated one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Source>,
    /// What answers mean, before the rules of `proxy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorRule>,
    /// Whether repeating it with the same input changes nothing more. Reads always are.
    #[serde(default)]
    pub idempotent: bool,
    /// Anything else, such as hints for screens.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hints: BTreeMap<String, Value>,
}

/// What an action does to the provider's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    Read,
    /// Adds.
    Create,
    /// Changes.
    Update,
    /// Removes.
    Delete,
}
