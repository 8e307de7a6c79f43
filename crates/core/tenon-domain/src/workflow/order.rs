//! In what order the runs of a workflow go, and how many of them at a time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Source;

/// Which runs begin first, of those of one project that wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others.
    High,
    /// As most.
    #[default]
    Normal,
    /// When no other run waits.
    Low,
}

impl Priority {
    /// Whether it is what a document has that says nothing.
    // By reference, as serde asks.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

/// What a workflow's document says of the order of its runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunOrder {
    /// Which runs begin first.
    #[serde(skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// Runs at a time; `None` is without limit. Never together with a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u16>,
    /// What runs have in common that go one after another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordering_key: Option<Source>,
}

impl RunOrder {
    /// Whether the document says nothing of it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
