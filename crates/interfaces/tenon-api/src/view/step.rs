//! Step records as the API shows them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tenon_exec::ports::{history, script};
use utoipa::ToSchema;

use super::run::StepError;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepStatus {
    /// It has an output.
    Succeeded,
    /// It failed for good.
    Failed,
    /// It failed and is tried again at `retry_at`.
    Retrying,
    /// It waits until `retry_at`.
    Waiting,
}

impl From<history::StepStatus> for StepStatus {
    fn from(status: history::StepStatus) -> Self {
        match status {
            history::StepStatus::Succeeded => Self::Succeeded,
            history::StepStatus::Failed => Self::Failed,
            history::StepStatus::Retrying => Self::Retrying,
            history::StepStatus::Waiting => Self::Waiting,
        }
    }
}

/// Stands for a value that is too large to be shown here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OmittedValue {
    /// Its size as JSON text.
    pub(crate) bytes: u64,
    /// Where to get it.
    pub(crate) href: String,
}

/// A line of console output of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LogLine {
    /// `log`, `info`, `warn`, `error` or `debug`.
    level: String,
    message: String,
}

impl From<script::ConsoleLine> for LogLine {
    fn from(line: script::ConsoleLine) -> Self {
        Self { level: line.level, message: line.message }
    }
}

/// One attempt of one step in one iteration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepRecord)]
pub(crate) struct StepRecordView {
    pub(crate) step: String,
    /// Its type in the document.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Positions in the fan-outs around it, outermost first; empty outside.
    pub(crate) iteration: Vec<u32>,
    /// Counted from 1; 0 is the start of a delay.
    pub(crate) attempt: u32,
    pub(crate) status: StepStatus,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) started_at: Timestamp,
    pub(crate) duration_ms: f64,
    /// The resolved configuration, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) input: Option<Box<RawValue>>,
    /// In place of `input` when that is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input_omitted: Option<OmittedValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) output: Option<Box<RawValue>>,
    /// In place of `output` when that is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_omitted: Option<OmittedValue>,
    /// Why it failed.
    pub(crate) error: Option<StepError>,
    /// When it is tried again, or goes on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) retry_at: Option<Timestamp>,
    /// Console output of a function.
    pub(crate) logs: Vec<LogLine>,
    /// Console lines that were dropped.
    pub(crate) logs_dropped: u32,
}

/// A page of step records, in the order they ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepList {
    pub(crate) steps: Vec<StepRecordView>,
    /// Pass it as `cursor` to go on; null when there are no more for now.
    pub(crate) next: Option<String>,
}
