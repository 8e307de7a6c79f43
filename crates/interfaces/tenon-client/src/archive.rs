//! Archived runs: JSON lines, read as they come.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_domain::RunId;

use crate::client::Client;
use crate::error::Error;
use crate::model::run::Run;
use crate::model::step::StepRecordView;

/// The longest line, in bytes: a step record with its values whole.
const LINE_BYTES_MAX: usize = 256 << 20;
/// An answer of which nothing comes for so long is taken for broken.
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// A line of an archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum ArchiveLine {
    /// A run; its step records follow.
    Run {
        /// The run.
        run_id: RunId,
        /// Whether it tested a draft.
        is_test: bool,
        /// What is known of it.
        run: Box<Run>,
        /// The trigger's output.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Value>,
    },
    /// A step record.
    Step {
        /// The run.
        run_id: RunId,
        /// Sorts records by when they ended.
        seq: i64,
        /// The record.
        step: Box<StepRecordView>,
    },
}

/// The lines of an answer. Call [`ArchiveLines::next`] until it gives `None`.
pub struct ArchiveLines {
    client: Client,
    stream: BoxStream<'static, reqwest::Result<Bytes>>,
    read: BytesMut,
    /// How much of `read` is known to hold no line feed.
    searched: usize,
}

impl ArchiveLines {
    pub(crate) fn new(client: Client, response: reqwest::Response) -> Self {
        let stream = response.bytes_stream().boxed();
        Self { client, stream, read: BytesMut::new(), searched: 0 }
    }

    /// The next line as it was written, without its line feed.
    ///
    /// # Errors
    ///
    /// When the answer breaks off, which is no end: what came so far is not whole.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let found = self.read[self.searched..].iter().position(|byte| *byte == b'\n');
            if let Some(at) = found {
                let mut line = self.read.split_to(self.searched + at + 1).freeze();
                self.searched = 0;
                line.truncate(line.len() - 1);
                return Ok(Some(line));
            }
            self.searched = self.read.len();
            if self.searched > LINE_BYTES_MAX {
                return Err(self.odd("a line is too long"));
            }
            match tokio::time::timeout(SILENCE_MAX, self.stream.next()).await {
                Err(_) => return Err(self.odd("nothing more comes")),
                Ok(Some(Err(source))) => return Err(self.client.unreachable(source)),
                Ok(Some(Ok(bytes))) => self.read.extend_from_slice(&bytes),
                Ok(None) if self.read.is_empty() => return Ok(None),
                Ok(None) => return Err(self.odd("the last line has no end")),
            }
        }
    }

    /// The next line, read.
    ///
    /// # Errors
    ///
    /// As [`ArchiveLines::next`], and when it is no line of an archive.
    pub async fn next_record(&mut self) -> Result<Option<ArchiveLine>, Error> {
        let Some(line) = self.next().await? else { return Ok(None) };
        let record = serde_json::from_slice(&line);
        record.map(Some).map_err(|error| self.odd(&error.to_string()))
    }

    fn odd(&self, reason: &str) -> Error {
        self.client.not_ours(200, reason.to_owned())
    }
}
