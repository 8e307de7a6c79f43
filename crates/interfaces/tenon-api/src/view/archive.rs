//! Archived history as the API shows it.

use jiff::civil::Date;
use serde::Serialize;
use tenon_exec::archive::ArchivedDay;
use utoipa::ToSchema;

/// A day that is archived.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ArchivedDay)]
pub(crate) struct ArchivedDayView {
    /// The day, in UTC, that the runs were accepted on.
    #[schema(value_type = String, format = Date)]
    day: Date,
    /// Runs of the day.
    runs: u64,
    /// Their step records.
    steps: u64,
    /// Objects of the blob store that it is in.
    parts: usize,
    /// Their bytes, compressed.
    bytes: u64,
}

impl From<ArchivedDay> for ArchivedDayView {
    fn from(day: ArchivedDay) -> Self {
        Self {
            day: day.day,
            runs: day.totals.runs,
            steps: day.totals.steps,
            parts: day.parts,
            bytes: day.bytes,
        }
    }
}

/// A page of archived days, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArchivedDayList {
    pub(crate) days: Vec<ArchivedDayView>,
    /// Pass it as `cursor` to go on; null at the end.
    pub(crate) next: Option<String>,
}
