//! Step records.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::run::StepError;
use super::words;

words! {
    /// How an attempt ended.
    StepStatus {
        /// It has an output.
        Succeeded = "succeeded",
        /// It failed for good.
        Failed = "failed",
        /// It failed and is tried again.
        Retrying = "retrying",
        /// It waits.
        Waiting = "waiting",
    }
}

/// Stands for a value that was too large to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OmittedValue {
    /// Its size as JSON text.
    pub bytes: u64,
    /// Where to get it: a path of the server.
    pub href: String,
}

/// A line of console output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `log`, `info`, `warn`, `error` or `debug`.
    pub level: String,
    /// The text.
    pub message: String,
}

/// One attempt of one step in one iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecordView {
    /// The step.
    pub step: String,
    /// Its type in the document.
    #[serde(rename = "type")]
    pub kind: String,
    /// Positions in the fan-outs around it, outermost first.
    pub iteration: Vec<u32>,
    /// Counted from 1; 0 is the start of a delay.
    pub attempt: u32,
    /// How it ended.
    pub status: StepStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration_ms: f64,
    /// Its resolved configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// In place of `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_omitted: Option<OmittedValue>,
    /// Its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// In place of `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_omitted: Option<OmittedValue>,
    /// Why it failed.
    pub error: Option<StepError>,
    /// When it is tried again, or goes on.
    pub retry_at: Option<Timestamp>,
    /// Console output.
    #[serde(default)]
    pub logs: Vec<LogLine>,
    /// Console lines that were dropped.
    #[serde(default)]
    pub logs_dropped: u32,
}

/// A page of step records, in the order they ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepList {
    /// The records.
    pub steps: Vec<StepRecordView>,
    /// The cursor of the next page; `None` when there are no more for now.
    pub next: Option<String>,
}
