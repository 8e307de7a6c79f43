//! What is done after linking, for probing and before unlinking.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Source;

use super::request::{RequestSpec, RequestStep};

/// Requests around the life of an account. The credential is injected into all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lifecycle {
    /// Run once after linking: whose account is it. A failure refuses the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Whether the account still works; the first request of `identity` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<RequestSpec>,
    /// Run before unlinking, best effort: revoke the token, remove what was set up. A request that
    /// sets `authorization` itself keeps it (revocation endpoints often want the client's).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revoke: Vec<RequestSpec>,
}

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The requests; none where the token answer says it all.
    #[serde(default)]
    pub steps: Vec<RequestStep>,
    /// The account's id at the provider. Connecting again must give the same one.
    pub id: Source,
    /// A name for people, such as an e-mail address or workspace.
    pub name: Source,
    /// Kept as fields of the account: no secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub save: BTreeMap<String, Source>,
}
