//! Waits: seconds to years; survives restarts; holds no worker.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Source;

/// `type: delay`. Output: `{"until": "<RFC 3339>"}`. Exactly one of `seconds`, `minutes`,
/// `hours`, `days`, `until`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DelayStep {
    /// Seconds to wait, a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Source>,
    /// Minutes to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<Source>,
    /// Hours to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Source>,
    /// Days of 24 hours to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Source>,
    /// A moment, RFC 3339; one that has passed does not wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Source>,
}
