//! The settings of history that is too old.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenon_exec::archive::Limits;

use super::Settings;
use super::rules::Broken;

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days that ended runs and their steps are kept in the database.
    pub runs_days: u32,
    /// Days that the log of proxy calls is kept.
    pub proxy_calls_days: u32,
    /// Whether runs are written to the blob store before they are dropped.
    pub archive: bool,
    /// Days, counted from that of the runs, that the archive is kept.
    pub archive_days: u32,
    /// The size at which an object of the archive is closed.
    pub archive_part_bytes_max: usize,
    /// Time between two looks for what is too old.
    pub interval_ms: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            runs_days: 90,
            proxy_calls_days: 30,
            archive: false,
            archive_days: 730,
            archive_part_bytes_max: 16_777_216,
            interval_ms: 600_000,
        }
    }
}

impl Settings {
    /// For archiving history.
    #[must_use]
    pub fn archiving(&self) -> Limits {
        let retention = &self.retention;
        Limits {
            is_on: retention.archive,
            runs_days: retention.runs_days,
            archive_days: retention.archive_days,
            part_bytes_max: retention.archive_part_bytes_max,
            interval: Duration::from_millis(retention.interval_ms),
        }
    }
}

/// The rules that the section breaks.
pub(super) fn broken(retention: &Retention, found: &mut Vec<Broken>) {
    if retention.archive && retention.archive_days <= retention.runs_days {
        let message = "must be more than `retention.runs_days`, or an archive ends as it is made";
        found.push(("retention.archive_days", message.to_owned()));
    }
    if retention.archive_part_bytes_max < 1_048_576 {
        found.push(("retention.archive_part_bytes_max", "must be at least 1048576".to_owned()));
    }
    if retention.interval_ms < 100 {
        found.push(("retention.interval_ms", "must be at least 100".to_owned()));
    }
}
