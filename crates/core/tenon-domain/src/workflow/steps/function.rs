//! Runs JavaScript in a separate, sandboxed process.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Source;

/// `type: function`. Output: `{"result": <what it returned>}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionStep {
    /// Values handed in as the first argument.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Source>,
    /// `function run(parameters, libraries) { ... }`, possibly async.
    pub code: String,
    /// Wall-clock limit of one call in milliseconds, at most the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}
