//! What becomes of segments that no row names, and of history that is too old.

use tenon_telemetry::{Counter, Label};

use super::{CONTROLLER, OUTCOME};

/// Segments that were removed.
pub static SEGMENTS_SWEPT: Counter = Counter::new(
    "tenon_blob_segments_swept_total",
    "Segments of the blob store that were removed because no row named them.",
)
.roles(CONTROLLER);

/// Their bytes.
pub static SEGMENT_BYTES_SWEPT: Counter = Counter::new(
    "tenon_blob_swept_bytes_total",
    "Bytes of the segments that were removed because no row named them.",
)
.roles(CONTROLLER);

/// Days of history that were to be archived.
pub static ARCHIVED_DAYS: Counter = Counter::new(
    "tenon_archive_days_total",
    "Days of history that were to be archived: archived is read back and dropped from the database; what changed meanwhile or failed stays there and is tried again.",
)
.roles(CONTROLLER)
.by(&[Label { name: OUTCOME, values: &["archived", "changed", "failed"] }]);

/// Runs of them.
pub static ARCHIVED_RUNS: Counter = Counter::new(
    "tenon_archive_runs_total",
    "Runs that were archived and dropped from the database.",
)
.roles(CONTROLLER);

/// Bytes that were written.
pub static ARCHIVED_BYTES: Counter = Counter::new(
    "tenon_archive_written_bytes_total",
    "Bytes that were written to archives, compressed, those of attempts that failed included.",
)
.roles(CONTROLLER);
