//! Archived history: what retention would drop is written into the blob store first.
//!
//! A day of ended runs is read project by project, in the order of run ids and in pages, and
//! written as JSON lines: one for the run, then one for each step record, with their values whole,
//! those from the blob store included, since their segments go with the rows. Lines are gathered
//! in compressed *blocks*, blocks in *parts* ([`part`]), each with an index of its runs.
//!
//! Nothing is dropped for having been written. Every part is read back, every line counted, and
//! the counts must be those of the database, before there is a [`VerifiedDay`], without which
//! [`ArchiveSource::drop_day`] cannot be called; and that compares the counts once more, in the
//! transaction that drops. A crash leaves an attempt without its last part, which nobody reads and
//! the next attempt removes; what was whole already is verified again and not written again.
//!
//! The archive holds what history shows and nothing else: secrets were taken out before a result
//! was recorded, and what a run was accepted with (settings, grants) is left behind.

pub mod lines;
mod part;
mod reader;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tenon_domain::{Clock, ProjectId};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::metrics;
use crate::ports::archive::{ArchiveSource, ArchiveStore, Error as ArchiveError, Part, Totals};
use crate::ports::blobs::{self, BlobStore};
use crate::ports::store;
use writer::Writer;

pub use part::{IndexEntry, PartIndex};
pub use reader::{ArchivedDay, Lines, Reader};

/// Runs read at once; each brings at most one value that is kept in its row.
const RUNS_PAGE: usize = 200;
/// Step records read at once; each brings at most two values and its console.
const STEPS_PAGE: usize = 100;

/// The limits of archiving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Whether days are archived. What is archived already ends in any case.
    pub is_on: bool,
    /// Days that ended runs stay in the database.
    pub runs_days: u32,
    /// Days, counted from that of the runs, after which their archive is deleted.
    pub archive_days: u32,
    /// The size at which a part is closed, in bytes, compressed. So much is held in memory.
    pub part_bytes_max: usize,
    /// Time between two passes.
    pub interval: Duration,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// Days that were archived and dropped.
    pub days: usize,
    /// Runs and step records of them.
    pub totals: Totals,
    /// Days that could not be archived, or changed meanwhile. They are still in the database.
    pub days_kept: usize,
    /// Project's days whose archive came to its end.
    pub ended: usize,
}

/// A day whose archive is complete: it was read back, and holds as much as the database did. Only
/// this module makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedDay {
    day: Date,
    totals: Totals,
}

impl VerifiedDay {
    /// The day.
    #[must_use]
    pub const fn day(&self) -> Date {
        self.day
    }

    /// What its archive holds, of all projects together.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }
}

/// Why a day stays in the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive cannot be written or read back, or is not what was written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A value that a row names cannot be read from the blob store.
    #[error(transparent)]
    Value(#[from] blobs::Error),
    /// The rows are not as many as they were when they were counted.
    #[error("{found:?} were read where {counted:?} were counted")]
    Changed {
        /// What the database counted.
        counted: Totals,
        /// What came of reading it, or of reading the archive back.
        found: Totals,
    },
}

/// Archives what retention is about to drop, then drops it.
pub struct Archiver {
    source: Arc<dyn ArchiveSource>,
    store: Arc<dyn ArchiveStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// The day on which archives were last looked through for old ones.
    looked_on: Option<Date>,
}

impl Archiver {
    /// An archiver that has done nothing yet.
    #[must_use]
    pub fn new(
        source: Arc<dyn ArchiveSource>,
        store: Arc<dyn ArchiveStore>,
        blobs: Arc<dyn BlobStore>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        Self { source, store, blobs, clock, limits, looked_on: None }
    }

    /// Passes until the token fires. A pass that is cut short is repeated by the next process.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let passed = tokio::select! {
                () = stop.cancelled() => return,
                passed = self.pass() => passed,
            };
            match passed {
                Ok(pass) if pass != Pass::default() => tracing::info!(
                    days = pass.days,
                    runs = pass.totals.runs,
                    steps = pass.totals.steps,
                    days_kept = pass.days_kept,
                    days_ended = pass.ended,
                    "old history was looked through"
                ),
                Ok(_) => {}
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "history is archived later"
                ),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.limits.interval) => {}
            }
        }
    }

    /// Archives and drops each day that is old enough, and deletes archives that are too old. A
    /// day that cannot be archived does not keep the others.
    ///
    /// # Errors
    /// When the database cannot be asked, or the archive not be looked through.
    pub async fn pass(&mut self) -> Result<Pass, Error> {
        let mut pass = Pass::default();
        let Some(turn) = self.source.turn().await? else { return Ok(pass) };
        let archived = self.archive_all(&mut pass).await;
        let ended = self.end_old(&mut pass).await;
        turn.release().await;
        archived.and(ended).map(|()| pass)
    }

    async fn archive_all(&self, pass: &mut Pass) -> Result<(), Error> {
        if !self.limits.is_on {
            return Ok(());
        }
        let now = self.clock.now();
        for day in self.source.expired_days(now, self.limits.runs_days).await? {
            match self.archive(day).await {
                Ok(Some(totals)) => {
                    pass.days += 1;
                    pass.totals += totals;
                    metrics::ARCHIVED_DAYS.add_of(&["archived"], 1);
                    metrics::ARCHIVED_RUNS.add(totals.runs);
                }
                Ok(None) => {
                    pass.days_kept += 1;
                    metrics::ARCHIVED_DAYS.add_of(&["changed"], 1);
                    tracing::warn!("history of {day} changed while it was archived, and stays");
                }
                Err(error) => {
                    pass.days_kept += 1;
                    metrics::ARCHIVED_DAYS.add_of(&["failed"], 1);
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "history of {day} cannot be archived, and stays in the database"
                    );
                }
            }
        }
        Ok(())
    }

    /// Archives a day and drops it; `None` when it changed meanwhile.
    async fn archive(&self, day: Date) -> Result<Option<Totals>, Error> {
        let mut totals = Totals::default();
        for (project, counted) in self.source.totals(day).await? {
            self.archive_project(project, day, counted).await?;
            totals += counted;
        }
        let verified = VerifiedDay { day, totals };
        Ok(self.source.drop_day(&verified).await?.then_some(totals))
    }

    /// Has a whole archive of a project's day that holds as much as was counted.
    async fn archive_project(
        &self,
        project: ProjectId,
        day: Date,
        counted: Totals,
    ) -> Result<(), Error> {
        let there = self.store.parts(project, day).await?;
        let attempt = match self.verified_among(&there, counted).await? {
            Some(attempt) => attempt,
            None => {
                let attempt = Uuid::now_v7();
                self.write(Writer::new(&*self.store, &self.limits, project, day, attempt), counted)
                    .await?;
                let written = self.store.parts(project, day).await?;
                let whole = part::whole_attempt(&written, Some(attempt));
                let found = part::verify(&*self.store, whole).await?;
                if found != counted {
                    return Err(Error::Changed { counted, found });
                }
                attempt
            }
        };
        // Never a later attempt: whoever writes it may be about to verify it.
        for left in there.iter().filter(|part| part.name.attempt < attempt) {
            self.store.delete(left.name).await?;
        }
        Ok(())
    }

    /// The newest attempt, if it is whole and sound and holds as much as was counted.
    async fn verified_among(
        &self,
        there: &[Part],
        counted: Totals,
    ) -> Result<Option<Uuid>, ArchiveError> {
        let whole = part::whole_attempt(there, None);
        let Some(first) = whole.first() else { return Ok(None) };
        match part::verify(&*self.store, whole).await {
            Ok(found) => Ok((found == counted).then_some(first.name.attempt)),
            Err(ArchiveError::Missing { .. } | ArchiveError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn write(&self, mut writer: Writer<'_>, counted: Totals) -> Result<(), Error> {
        let (project, day) = writer.place();
        let mut after = None;
        loop {
            let runs = self.source.runs(project, day, after, RUNS_PAGE).await?;
            for run in &runs {
                let input = lines::text(&*self.blobs, run.input.as_ref()).await?;
                writer.run(&run.summary, &lines::of_run(run, input)).await?;
                self.write_steps(&mut writer, run.summary.id).await?;
            }
            after = runs.last().map(|run| run.summary.id);
            if runs.len() < RUNS_PAGE {
                break;
            }
        }
        let found = writer.totals();
        if found != counted {
            // Without its last part it is none: somebody may have dropped rows meanwhile.
            return Err(Error::Changed { counted, found });
        }
        Ok(writer.finish().await?)
    }

    async fn write_steps(
        &self,
        writer: &mut Writer<'_>,
        run: tenon_domain::RunId,
    ) -> Result<(), Error> {
        let mut after = None;
        loop {
            let steps = self.source.steps(run, after.as_ref(), STEPS_PAGE).await?;
            for step in &steps {
                let input = lines::text(&*self.blobs, step.record.input.as_ref()).await?;
                let output = lines::text(&*self.blobs, step.record.output.as_ref()).await?;
                writer.step(&lines::of_step(run, step, input, output)).await?;
            }
            let is_end = steps.len() < STEPS_PAGE;
            after = steps.into_iter().next_back().map(|step| step.key);
            if is_end {
                return Ok(());
            }
        }
    }

    /// Deletes archives of days that are too old, once a day.
    async fn end_old(&mut self, pass: &mut Pass) -> Result<(), Error> {
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        if self.looked_on == Some(today) {
            return Ok(());
        }
        let Ok(oldest_kept) = today.checked_sub(i64::from(self.limits.archive_days).days()) else {
            return Ok(());
        };
        for project in self.store.projects().await? {
            let days = self.store.days(project).await?;
            for day in days.into_iter().filter(|day| *day < oldest_kept) {
                let parts = self.store.parts(project, day).await?;
                for part in &parts {
                    self.store.delete(part.name).await?;
                }
                // Some stores go on to list a folder that is empty.
                pass.ended += usize::from(!parts.is_empty());
            }
        }
        self.looked_on = Some(today);
        Ok(())
    }
}
