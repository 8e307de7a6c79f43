//! Reads archived history, one project at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tenon_domain::{ProjectId, RunId};

use super::lines::Head;
use super::part::{self, whole_attempt};
use crate::ports::archive::{ArchiveStore, Error, Part, PartName, Place, Totals};
use crate::ports::blobs::begun_ms;

/// Days whose parts are listed at the same time.
const LISTED_AT_ONCE: usize = 8;

/// A day that is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchivedDay {
    /// The day, in UTC, that the runs were accepted on.
    pub day: Date,
    /// What it holds.
    pub totals: Totals,
    /// Objects that it is in.
    pub parts: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Reads archives. Every call names the project: nothing of another is ever seen.
#[derive(Clone)]
pub struct Reader {
    store: Arc<dyn ArchiveStore>,
}

impl Reader {
    /// Reads from a store.
    #[must_use]
    pub fn new(store: Arc<dyn ArchiveStore>) -> Self {
        Self { store }
    }

    /// Archived days, newest first, before a day, at most `limit`. Nothing but names is read.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn days(
        &self,
        project: ProjectId,
        before: Option<Date>,
        limit: usize,
    ) -> Result<Vec<ArchivedDay>, Error> {
        let mut days = self.store.days(project).await?;
        days.retain(|day| before.is_none_or(|before| *day < before));
        let listed = days.into_iter().rev().map(|day| async move {
            let parts = self.store.parts(project, day).await?;
            Ok(shown(day, whole_attempt(&parts, None)))
        });
        // A day whose only attempt is not at its end is not shown.
        let listed = futures::stream::iter(listed).buffered(LISTED_AT_ONCE);
        listed.try_filter_map(async |day| Ok(day)).take(limit).try_collect().await
    }

    /// The lines of a day: each run, followed by its step records. `None` when it is not archived.
    ///
    /// # Errors
    /// When the store cannot be read, or a part of the day is damaged.
    pub async fn day(&self, project: ProjectId, day: Date) -> Result<Option<Lines>, Error> {
        let parts = self.store.parts(project, day).await?;
        let parts: Vec<PartName> =
            whole_attempt(&parts, None).iter().map(|part| part.name).collect();
        if parts.is_empty() {
            return Ok(None);
        }
        let (store, parts) = (self.store.clone(), parts.into());
        Ok(Some(Lines { store, parts, blocks: VecDeque::new(), run: None }))
    }

    /// The line of a run, followed by those of its step records. `None` when it is not archived.
    ///
    /// # Errors
    /// When the store cannot be read, or an index of the day is damaged.
    pub async fn run(&self, project: ProjectId, run: RunId) -> Result<Option<Lines>, Error> {
        let Some(day) = day_of(run) else { return Ok(None) };
        let parts = self.store.parts(project, day).await?;
        let mut blocks = VecDeque::new();
        for Part { name, .. } in whole_attempt(&parts, None) {
            let (index, places) = part::index(&*self.store, *name).await?;
            let found = index.runs.iter().find(|entry| entry.run == run);
            match found {
                Some(entry) => {
                    let (first, last) = entry.blocks;
                    blocks.extend(places[first..=last].iter().map(|place| (*name, *place)));
                }
                // Runs are in order: behind it there is no more of it.
                None if !blocks.is_empty() => break,
                None => {}
            }
        }
        if blocks.is_empty() {
            return Ok(None);
        }
        let store = self.store.clone();
        Ok(Some(Lines { store, parts: VecDeque::new(), blocks, run: Some(run) }))
    }
}

fn shown(day: Date, parts: &[Part]) -> Option<ArchivedDay> {
    if parts.is_empty() {
        return None;
    }
    let mut totals = Totals::default();
    for part in parts {
        totals += part.name.totals;
    }
    let bytes = parts.iter().map(|part| part.bytes).sum();
    Some(ArchivedDay { day, totals, parts: parts.len(), bytes })
}

/// The day that a run was accepted on, by its id.
fn day_of(run: RunId) -> Option<Date> {
    let accepted = jiff::Timestamp::from_millisecond(begun_ms(run.uuid())).ok()?;
    Some(accepted.to_zoned(TimeZone::UTC).date())
}

/// Lines of an archive, read a block at a time.
pub struct Lines {
    store: Arc<dyn ArchiveStore>,
    /// Parts whose blocks are not known yet.
    parts: VecDeque<PartName>,
    blocks: VecDeque<(PartName, Place)>,
    /// Only lines of this run.
    run: Option<RunId>,
}

impl Lines {
    /// The next lines, some at once, each ending in a line feed; `None` at the end.
    ///
    /// # Errors
    /// When the store cannot be read, or what is there is damaged.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some((part, place)) = self.blocks.pop_front() {
                let block = part::open(part, self.store.value(part, place).await?).await?;
                let lines = match self.run {
                    None => block,
                    Some(run) => of_run(&block, run).ok_or(Error::damaged(&part))?,
                };
                if lines.is_empty() {
                    continue;
                }
                return Ok(Some(Bytes::from(lines)));
            }
            let Some(part) = self.parts.pop_front() else { return Ok(None) };
            let (_, places) = part::index(&*self.store, part).await?;
            self.blocks.extend(places.into_iter().map(|place| (part, place)));
        }
    }
}

/// The lines of one run; `None` when there is something that is no line.
fn of_run(block: &[u8], run: RunId) -> Option<Vec<u8>> {
    let mut lines = Vec::new();
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let head: Head = serde_json::from_slice(line).ok()?;
        if head.run_id == run {
            lines.extend_from_slice(line);
        }
    }
    Some(lines)
}
