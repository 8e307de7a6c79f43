//! Recorded values in answers: shown while they are small and the page has room, else named by
//! their size and where to get them.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tenon_domain::{ProjectId, RunId};
use tenon_exec::ports::history::{Payload, StepRecord};
use utoipa::ToSchema;

use crate::page::{self, StepCursor};
use crate::state::Api;
use crate::view::step::{OmittedValue, StepRecordView};

/// Which recorded values a page of steps shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Payloads {
    /// None of them.
    None,
    /// Those of at most 64 KB, while the page has room.
    #[default]
    Inline,
    /// All of them, while the page has room.
    Full,
}

/// One of the two values of a step record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ValueField {
    /// Its resolved configuration.
    Input,
    /// What it gave.
    Output,
}

impl ValueField {
    const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// Turns the records of one page into views, within one budget of bytes.
pub(crate) struct Presenter<'a> {
    api: &'a Api,
    project: ProjectId,
    run: RunId,
    payloads: Payloads,
    /// Where the page began: with it, a single value is found again without a long search.
    page: Option<StepCursor>,
    bytes_left: usize,
}

impl<'a> Presenter<'a> {
    pub(crate) fn new(
        api: &'a Api,
        (project, run): (ProjectId, RunId),
        payloads: Payloads,
        page: Option<StepCursor>,
    ) -> Self {
        Self { api, project, run, payloads, page, bytes_left: api.settings.page_bytes_max }
    }

    pub(crate) async fn view(&mut self, mut record: StepRecord) -> StepRecordView {
        let input = record.input.take();
        let output = record.output.take();
        let (input, input_omitted) = self.show(&record, ValueField::Input, input).await;
        let (output, output_omitted) = self.show(&record, ValueField::Output, output).await;
        StepRecordView {
            step: record.step.to_string(),
            kind: record.kind,
            iteration: record.iteration,
            attempt: record.attempt,
            status: record.status.into(),
            started_at: record.started_at,
            duration_ms: record.duration_us as f64 / 1_000.0,
            input,
            input_omitted,
            output,
            output_omitted,
            error: record.error.map(Into::into),
            retry_at: record.retry_at,
            logs: record.logs.into_iter().map(Into::into).collect(),
            logs_dropped: record.logs_dropped,
        }
    }

    async fn show(
        &mut self,
        record: &StepRecord,
        field: ValueField,
        payload: Option<Payload>,
    ) -> (Option<Box<RawValue>>, Option<OmittedValue>) {
        let Some(payload) = payload else { return (None, None) };
        let bytes = size(&payload);
        let value = if self.is_shown(bytes) { self.read(&payload).await } else { None };
        match value {
            Some(value) => {
                self.bytes_left -= value.get().len();
                (Some(value), None)
            }
            None => (None, Some(OmittedValue { bytes, href: self.href(record, field) })),
        }
    }

    fn is_shown(&self, bytes: u64) -> bool {
        let bytes_max = match self.payloads {
            Payloads::None => return false,
            Payloads::Inline => self.api.settings.inline_bytes_max.min(self.bytes_left),
            Payloads::Full => self.bytes_left,
        };
        usize::try_from(bytes).is_ok_and(|bytes| bytes <= bytes_max)
    }

    /// A value that cannot be read is left out of the page; asking for it alone tells why.
    async fn read(&self, payload: &Payload) -> Option<Box<RawValue>> {
        let bytes = match payload {
            Payload::Inline(bytes) => bytes.clone(),
            Payload::Blob(blob) => self.api.blobs.get(*blob).await.ok()?,
        };
        raw(&bytes).filter(|value| value.get().len() <= self.bytes_left)
    }

    fn href(&self, record: &StepRecord, field: ValueField) -> String {
        let iteration: Vec<String> = record.iteration.iter().map(u32::to_string).collect();
        let mut href = format!(
            "/api/v1/projects/{}/runs/{}/values/{}/{}?attempt={}",
            self.project,
            self.run,
            record.step,
            field.name(),
            record.attempt,
        );
        if !iteration.is_empty() {
            href.push_str("&iteration=");
            href.push_str(&iteration.join("."));
        }
        if let Some(page) = self.page {
            href.push_str("&cursor=");
            href.push_str(&page::encode(&page));
        }
        href
    }
}

/// The size of a value as JSON text, in bytes.
fn size(payload: &Payload) -> u64 {
    match payload {
        Payload::Inline(bytes) => bytes.len() as u64,
        Payload::Blob(blob) => blob.len,
    }
}

/// JSON text as a value that is written out as it is.
fn raw(bytes: &Bytes) -> Option<Box<RawValue>> {
    serde_json::from_slice(bytes).ok()
}
