//! Writes an attempt: lines into blocks, blocks into parts.

use bytes::Bytes;
use jiff::civil::Date;
use serde::Serialize;
use tenon_domain::ProjectId;
use uuid::Uuid;

use super::Limits;
use super::lines::{RunLine, StepLine};
use super::part::{self, FORMAT, IndexEntry, PartIndex};
use crate::metrics;
use crate::ports::archive::{ArchiveStore, Error, PartName, Totals};
use crate::ports::history::RunSummary;

/// A block is closed when it is this large, in bytes, uncompressed: what is read to show one run.
const BLOCK_BYTES: usize = 1 << 20;
/// Runs in one part: bounds its index.
const PART_RUNS_MAX: usize = 20_000;

/// One attempt at a project's day.
pub(super) struct Writer<'a> {
    store: &'a dyn ArchiveStore,
    part_bytes_max: usize,
    project: ProjectId,
    day: Date,
    attempt: Uuid,
    number: u32,
    /// All that was written, and what of it is in parts that are closed.
    totals: Totals,
    closed: Totals,
    runs: Vec<IndexEntry>,
    /// Whether a line of the last of them is written.
    is_begun: bool,
    blocks: Vec<Bytes>,
    bytes: usize,
    block: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        store: &'a dyn ArchiveStore,
        limits: &Limits,
        project: ProjectId,
        day: Date,
        attempt: Uuid,
    ) -> Self {
        Self {
            store,
            part_bytes_max: limits.part_bytes_max,
            project,
            day,
            attempt,
            number: 0,
            totals: Totals::default(),
            closed: Totals::default(),
            runs: Vec::new(),
            is_begun: false,
            blocks: Vec::new(),
            bytes: 0,
            block: Vec::new(),
        }
    }

    /// What it writes.
    pub(super) const fn place(&self) -> (ProjectId, Date) {
        (self.project, self.day)
    }

    /// What it wrote so far.
    pub(super) const fn totals(&self) -> Totals {
        self.totals
    }

    /// Begins a run.
    pub(super) async fn run(
        &mut self,
        summary: &RunSummary,
        line: &RunLine<'_>,
    ) -> Result<(), Error> {
        if self.runs.len() >= PART_RUNS_MAX {
            self.close_part(false).await?;
        }
        self.runs.push(IndexEntry {
            run: summary.id,
            workflow: summary.workflow,
            user: summary.user.clone(),
            status: summary.status,
            created_at: summary.created_at,
            blocks: (self.blocks.len(), self.blocks.len()),
            is_continued: false,
        });
        self.is_begun = false;
        self.line(line, Totals { runs: 1, steps: 0 }).await
    }

    /// Adds a step record of the run that was begun last.
    pub(super) async fn step(&mut self, line: &StepLine<'_>) -> Result<(), Error> {
        self.line(line, Totals { runs: 0, steps: 1 }).await
    }

    async fn line(&mut self, line: &impl Serialize, of: Totals) -> Result<(), Error> {
        if self.bytes >= self.part_bytes_max {
            self.next_part().await?;
        }
        let block = self.blocks.len();
        if let Some(entry) = self.runs.last_mut() {
            entry.blocks.1 = block;
        }
        self.is_begun = true;
        self.totals += of;
        serde_json::to_writer(&mut self.block, line).expect("lines have only text keys");
        self.block.push(b'\n');
        if self.block.len() >= BLOCK_BYTES {
            self.close_block().await;
        }
        Ok(())
    }

    /// Goes on with the run that was begun last in another part.
    async fn next_part(&mut self) -> Result<(), Error> {
        let Some(entry) = self.runs.pop() else { return self.close_part(false).await };
        let is_continued = self.is_begun || entry.is_continued;
        let going_on = IndexEntry { blocks: (0, 0), is_continued, ..entry.clone() };
        // A run of which nothing is written yet does not begin here.
        if self.is_begun {
            self.runs.push(entry);
        }
        self.close_part(false).await?;
        self.runs.push(going_on);
        Ok(())
    }

    async fn close_block(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let packed = part::pack(std::mem::take(&mut self.block)).await;
        self.bytes += packed.len();
        self.blocks.push(packed);
    }

    /// Writes the part.
    async fn close_part(&mut self, is_last: bool) -> Result<(), Error> {
        self.close_block().await;
        let index = PartIndex {
            format: FORMAT,
            project: self.project,
            day: self.day,
            attempt: self.attempt,
            number: self.number,
            runs: std::mem::take(&mut self.runs),
        };
        let mut text = serde_json::to_vec(&index).expect("an index has only text keys");
        text.push(b'\n');
        let mut values = std::mem::take(&mut self.blocks);
        values.push(part::pack(text).await);
        let totals = Totals {
            runs: self.totals.runs - self.closed.runs,
            steps: self.totals.steps - self.closed.steps,
        };
        let name = PartName {
            project: self.project,
            day: self.day,
            attempt: self.attempt,
            number: self.number,
            totals,
            is_last,
        };
        self.store.put(name, &values).await?;
        let bytes: usize = values.iter().map(Bytes::len).sum();
        metrics::ARCHIVED_BYTES.add(bytes as u64);
        self.closed = self.totals;
        self.bytes = 0;
        self.number += 1;
        Ok(())
    }

    /// Writes what is left and marks it as the last part.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        self.close_part(true).await
    }
}
