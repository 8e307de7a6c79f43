//! Archived days.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A day that is archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedDay {
    /// The day, in UTC, that the runs were accepted on.
    pub day: Date,
    /// Runs of the day.
    pub runs: u64,
    /// Their step records.
    pub steps: u64,
    /// Objects of the blob store that it is in.
    pub parts: u64,
    /// Their bytes, compressed.
    pub bytes: u64,
}

/// A page of archived days, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedDayList {
    /// The days.
    pub days: Vec<ArchivedDay>,
    /// Where to go on.
    pub next: Option<String>,
}
