//! The lines of an archive: what the API shows of a run and of its step records, with their
//! values whole. Members have the names that the API gives them.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, RunId, VersionId, WorkflowId};

use crate::ports::archive::{EndedRun, EndedStep};
use crate::ports::blobs::{self, BlobStore};
use crate::ports::history::{Payload, RunStatus, StepError, StepStatus, TriggerKind};
use crate::ports::script::ConsoleLine;
use crate::ports::store::RunMode;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A run; the lines of its step records follow.
    Run,
    /// A step record.
    Step,
}

/// What every line says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// What it is.
    pub record: Record,
    /// The run that it is about.
    pub run_id: RunId,
}

/// The line of a run.
#[derive(Debug, Serialize)]
pub struct RunLine<'a> {
    record: Record,
    run_id: RunId,
    is_test: bool,
    run: RunView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct RunView<'a> {
    id: RunId,
    workflow_id: WorkflowId,
    version_id: VersionId,
    user: Option<&'a EndUserId>,
    credential: Option<CredentialId>,
    configuration: Option<ConfigurationId>,
    trigger: TriggerKind,
    status: RunStatus,
    error: Option<&'a StepError>,
    attempts: u32,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    duration_ms: Option<f64>,
    replay_of: Option<RunId>,
    crashes: u32,
}

/// The line of a step record.
#[derive(Debug, Serialize)]
pub struct StepLine<'a> {
    record: Record,
    run_id: RunId,
    /// Sorts records by when they ended; lines are in the order of their keys.
    seq: i64,
    step: StepView<'a>,
}

#[derive(Debug, Serialize)]
struct StepView<'a> {
    step: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    iteration: &'a [u32],
    attempt: u32,
    status: StepStatus,
    started_at: Timestamp,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Box<RawValue>>,
    error: Option<&'a StepError>,
    retry_at: Option<Timestamp>,
    logs: &'a [ConsoleLine],
    logs_dropped: u32,
}

/// The line of a run.
pub(super) fn of_run(run: &EndedRun, input: Option<Box<RawValue>>) -> RunLine<'_> {
    let summary = &run.summary;
    let took = |end: Timestamp| end.duration_since(summary.created_at).as_micros().max(0);
    RunLine {
        record: Record::Run,
        run_id: summary.id,
        is_test: run.mode == RunMode::Test,
        run: RunView {
            id: summary.id,
            workflow_id: summary.workflow,
            version_id: summary.version,
            user: summary.user.as_ref(),
            credential: summary.credential,
            configuration: summary.configuration,
            trigger: summary.trigger,
            status: summary.status,
            error: summary.error.as_ref(),
            attempts: summary.attempts,
            created_at: summary.created_at,
            started_at: summary.started_at,
            finished_at: summary.finished_at,
            duration_ms: summary.finished_at.map(|end| took(end) as f64 / 1_000.0),
            replay_of: summary.replay_of,
            crashes: summary.crashes,
        },
        input,
    }
}

/// The line of a step record.
pub(super) fn of_step(
    run: RunId,
    step: &EndedStep,
    input: Option<Box<RawValue>>,
    output: Option<Box<RawValue>>,
) -> StepLine<'_> {
    let record = &step.record;
    StepLine {
        record: Record::Step,
        run_id: run,
        seq: step.seq,
        step: StepView {
            step: record.step.as_str(),
            kind: &record.kind,
            iteration: &record.iteration,
            attempt: record.attempt,
            status: record.status,
            started_at: record.started_at,
            duration_ms: record.duration_us as f64 / 1_000.0,
            input,
            output,
            error: record.error.as_ref(),
            retry_at: record.retry_at,
            logs: &record.logs,
            logs_dropped: record.logs_dropped,
        },
    }
}

/// A recorded value, from wherever it lies, as JSON in one line.
///
/// # Errors
/// When it lies in the blob store and cannot be read there.
pub(super) async fn text(
    blobs: &dyn BlobStore,
    payload: Option<&Payload>,
) -> Result<Option<Box<RawValue>>, blobs::Error> {
    let bytes = match payload {
        None => return Ok(None),
        Some(Payload::Inline(bytes)) => bytes.clone(),
        Some(Payload::Blob(blob)) => blobs.get(*blob).await?,
    };
    Ok(Some(in_one_line(&bytes)))
}

/// Breaks of lines are white space in JSON: inside of strings they are escaped. What is no JSON,
/// which the recorder does not write, becomes a string.
fn in_one_line(bytes: &Bytes) -> Box<RawValue> {
    let text = String::from_utf8_lossy(bytes);
    let line = match text.contains(['\n', '\r']) {
        true => text.replace(['\n', '\r'], " "),
        false => text.clone().into_owned(),
    };
    RawValue::from_string(line).or_else(|_| to_raw_value(&text)).expect("a string is a JSON value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_as_it_is_but_for_breaks_of_lines() {
        for (value, line) in [
            ("{\"a\":1.10,\"a\":2}", "{\"a\":1.10,\"a\":2}"),
            ("{\r\n \"a\": \"x\\ny\"\n}", "{   \"a\": \"x\\ny\" }"),
            ("no JSON\n", "\"no JSON\\n\""),
        ] {
            let bytes = Bytes::copy_from_slice(value.as_bytes());
            assert_eq!(in_one_line(&bytes).get().trim_end(), line);
        }
    }
}
