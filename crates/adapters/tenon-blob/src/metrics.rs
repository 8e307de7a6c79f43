//! What this adapter says of itself: never which object, and never whose.

use std::time::Duration;

use tenon_exec::ports::blobs::Error;
use tenon_telemetry::{Counter, Declared, Histogram, Label};

/// Who opens the blob store.
const ROLES: &[&str] = &["api", "gateway", "worker", "controller"];

const KIND: Label = Label { name: "kind", values: &["write", "read", "size", "list", "delete"] };
const OF: Label = Label { name: "of", values: &["segment", "archive"] };

/// Every metric of this crate.
pub static ALL: &[&dyn Declared] = &[&CALLS, &CALL_TIME, &BYTES, &SEGMENT_VALUES, &REPEATS, &WRONG];

/// Calls of the store.
static CALLS: Counter = Counter::new(
    "tenon_blob_calls_total",
    "Calls of the blob store by kind, by what they were about and by outcome, each with all its attempts; missing is an object that is not there.",
)
.roles(ROLES)
.by(&[KIND, OF, Label { name: "outcome", values: &["done", "missing", "failed"] }]);

/// How long they took.
static CALL_TIME: Histogram = Histogram::of_seconds(
    "tenon_blob_call_duration_seconds",
    "How long calls of the blob store took, by kind, with all attempts and the pauses between them.",
)
.roles(ROLES)
.by(&[KIND]);

/// Bytes over the wire, or to and from the disk.
static BYTES: Counter = Counter::new(
    "tenon_blob_bytes_total",
    "Bytes that were written to and read from the blob store, indexes included, those of failed calls left out.",
)
.roles(ROLES)
.by(&[Label { name: "direction", values: &["written", "read"] }, OF]);

/// Values in a segment.
static SEGMENT_VALUES: Histogram =
    Histogram::of_counts("tenon_blob_segment_values", "Values that were packed into one segment.")
        .roles(ROLES);

/// Attempts beyond the first.
static REPEATS: Counter = Counter::new(
    "tenon_blob_retries_total",
    "Attempts of calls to a bucket that were repeated, by why: late had no answer within its deadline, failed is an error that may pass.",
)
.roles(ROLES)
.by(&[Label { name: "reason", values: &["late", "failed"] }]);

/// Reads that brought other bytes than were written.
static WRONG: Counter = Counter::new(
    "tenon_blob_checksum_failures_total",
    "Reads whose bytes were not those that were written. Each is read once more; more than a few are damage, which tenon blobs verify finds.",
)
.roles(ROLES);

/// What a call was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// A value of the label `kind`.
    pub kind: &'static str,
    /// A value of the label `of`.
    pub of: &'static str,
}

/// Counts a call that is over.
pub(crate) fn called<T>(call: Call, outcome: &Result<T, Error>, time: Duration) {
    let outcome = match outcome {
        Ok(_) => "done",
        Err(Error::Missing { .. }) => "missing",
        Err(Error::Corrupt { .. } | Error::Unavailable { .. }) => "failed",
    };
    CALLS.add_of(&[call.kind, call.of, outcome], 1);
    CALL_TIME.took_of(&[call.kind], time);
}

/// Counts bytes that were written.
pub(crate) fn written(of: &'static str, bytes: u64) {
    BYTES.add_of(&["written", of], bytes);
}

/// Counts bytes that were read.
pub(crate) fn read(of: &'static str, bytes: u64) {
    BYTES.add_of(&["read", of], bytes);
}

/// Counts the values of a segment.
pub(crate) fn packed(values: usize) {
    SEGMENT_VALUES.count(values);
}

/// Counts an attempt that is repeated.
pub(crate) fn repeated(reason: &'static str) {
    REPEATS.add_of(&[reason], 1);
}

/// Counts a read that brought other bytes.
pub(crate) fn wrong() {
    WRONG.add(1);
}
