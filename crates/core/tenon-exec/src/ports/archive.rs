//! Archived history: where its objects are kept, and where it comes from.
//!
//! An *attempt* writes a project's day as parts, one object each, and marks the last. An attempt
//! of which a part is missing, or the last, is none; of several whole ones the newest counts.
//! What is in a part is the business of [`crate::archive`]; a store keeps values and checks them.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use tenon_domain::{ProjectId, RunId, StepId};
use uuid::Uuid;

use super::history::{Payload, RunSummary, StepRecord};
use super::store::{self, RunMode};
use crate::archive::VerifiedDay;

/// How many runs and step records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Step records.
    pub steps: u64,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.steps += other.steps;
    }
}

/// What a part is called. The name tells what is in it, so that a list of names is enough to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartName {
    /// Whose runs.
    pub project: ProjectId,
    /// The day, in UTC, that they were accepted on.
    pub day: Date,
    /// Who wrote it: a UUID v7, so that a later attempt has a larger one.
    pub attempt: Uuid,
    /// Counted from 0 within the attempt.
    pub number: u32,
    /// Runs that begin in it, and step records that are in it.
    pub totals: Totals,
    /// Whether the attempt ends with it. It is written after all others.
    pub is_last: bool,
}

impl PartName {
    /// An id made of the name, which the object carries inside, so that one that was put under
    /// another's name is found out.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let day = self.day.strftime("%Y%m%d").to_string().parse().unwrap_or(0_u128);
        let place = (day << 64) | (u128::from(self.number) << 1) | u128::from(self.is_last);
        let project = self.project.uuid().as_u128().rotate_left(64);
        Uuid::from_u128(self.attempt.as_u128() ^ project ^ place)
    }
}

/// A part that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What it is called.
    pub name: PartName,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Where a value is in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// First byte.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// CRC-32 of the bytes.
    pub crc32: u32,
}

/// What went wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A part is not there.
    #[error("part {number} of the archive of {day} is not in the store")]
    Missing {
        /// The day.
        day: Date,
        /// The part.
        number: u32,
    },
    /// A part is not what was written.
    #[error("part {number} of the archive of {day} is damaged")]
    Damaged {
        /// The day.
        day: Date,
        /// The part.
        number: u32,
    },
    /// The store cannot be reached, or refuses: try again later.
    #[error("the blob store failed while it should {action}")]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// A part is not what was written.
    #[must_use]
    pub const fn damaged(part: &PartName) -> Self {
        Self::Damaged { day: part.day, number: part.number }
    }
}

/// A store of parts. The sweep of segments knows nothing of them.
#[async_trait]
pub trait ArchiveStore: Send + Sync + 'static {
    /// Writes a part of these values. When it returns, the part survives a power loss. Nobody ever
    /// sees half of it. Writing the same again is no error.
    async fn put(&self, part: PartName, values: &[Bytes]) -> Result<(), Error>;

    /// Where the values of a part are, in their order, by its own index.
    async fn places(&self, part: PartName) -> Result<Vec<Place>, Error>;

    /// Reads one value and checks it: what is not the value that was written is
    /// [`Error::Damaged`], never an answer.
    async fn value(&self, part: PartName, place: Place) -> Result<Bytes, Error>;

    /// The projects that something is archived of, in order, and perhaps some that no more is.
    async fn projects(&self) -> Result<Vec<ProjectId>, Error>;

    /// The days that something is archived of, in order, and perhaps some that no more is.
    async fn days(&self, project: ProjectId) -> Result<Vec<Date>, Error>;

    /// The parts of a day, of all attempts, ordered by attempt and number.
    async fn parts(&self, project: ProjectId, day: Date) -> Result<Vec<Part>, Error>;

    /// Deletes a part; one that is gone already is no error.
    async fn delete(&self, part: PartName) -> Result<(), Error>;
}

/// An ended run as it goes into the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedRun {
    /// What history shows of it.
    pub summary: RunSummary,
    /// For real or as a test.
    pub mode: RunMode,
    /// The trigger's output.
    pub input: Option<Payload>,
}

/// The key of a step record within its run, in whose order records are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepKey {
    /// The step.
    pub step: StepId,
    /// Where in the fan-outs.
    pub iteration: Vec<u32>,
    /// The number of the record, pauses counted.
    pub record: u32,
}

/// A step record as it goes into the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedStep {
    /// Its key.
    pub key: StepKey,
    /// Its place in the order in which records ended.
    pub seq: i64,
    /// What history shows of it.
    pub record: StepRecord,
}

/// The right to archive, which one process has at a time. It saves work and guards nothing: the
/// right is lost with the connection, which may be noticed late.
#[async_trait]
pub trait Turn: Send {
    /// Gives it back now, not when the other side notices that it is gone.
    async fn release(self: Box<Self>);
}

/// What is archived, and dropped afterwards.
#[async_trait]
pub trait ArchiveSource: Send + Sync + 'static {
    /// Takes the right to archive; `None` while another process has it.
    async fn turn(&self) -> Result<Option<Box<dyn Turn>>, store::Error>;

    /// Days wholly older than `keep_days` that are not dropped yet and that no open run belongs
    /// to, oldest first.
    async fn expired_days(&self, now: Timestamp, keep_days: u32)
    -> Result<Vec<Date>, store::Error>;

    /// The projects with ended runs of a day, and how many.
    async fn totals(&self, day: Date) -> Result<Vec<(ProjectId, Totals)>, store::Error>;

    /// Ended runs of a project's day after a run, in the order of their ids, at most `limit`.
    async fn runs(
        &self,
        project: ProjectId,
        day: Date,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<EndedRun>, store::Error>;

    /// Step records of a run after a key, in the order of their keys, at most `limit`.
    async fn steps(
        &self,
        run: RunId,
        after: Option<&StepKey>,
        limit: usize,
    ) -> Result<Vec<EndedStep>, store::Error>;

    /// Drops a day in one transaction, if what it holds still is what was archived. `false` when
    /// it is not, or a run of the day is open: nothing is dropped then.
    async fn drop_day(&self, day: &VerifiedDay) -> Result<bool, store::Error>;
}
