//! One text for one content: documents that mean the same have the same fingerprint, so that
//! applying a document again makes no new version.
//!
//! Comments, the order of keys, YAML or JSON, and defaults written out do not count. The order
//! of steps does.

use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::document::Workflow;

/// The SHA-256 of a workflow's canonical JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The workflow as compact JSON with sorted keys and every default written out.
#[must_use]
pub fn canonical_json(workflow: &Workflow) -> String {
    let value = serde_json::to_value(workflow).expect("a workflow holds only JSON values");
    sorted(value).to_string()
}

/// The fingerprint of a workflow.
#[must_use]
pub fn fingerprint(workflow: &Workflow) -> Fingerprint {
    Fingerprint(Sha256::digest(canonical_json(workflow).as_bytes()).into())
}

/// Nesting is bounded by the loader's depth limit.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            members.into_iter().map(|(key, value)| (key, sorted(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        scalar => scalar,
    }
}
