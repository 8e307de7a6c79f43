//! What this adapter says of itself.

use std::time::Duration;

use tenon_telemetry::{Counter, Declared, Histogram, Label};

use crate::connection::CallError;

/// All but the vault, which does not call Redis.
const ROLES: &[&str] = &["api", "gateway", "worker", "controller", "proxy"];

const KIND: Label = Label { name: "kind", values: &["command", "script"] };

/// Every metric of this crate.
pub static ALL: &[&dyn Declared] = &[&CALLS, &CALL_TIME];

/// Calls of Redis.
static CALLS: Counter = Counter::new(
    "tenon_redis_calls_total",
    "Calls of Redis by kind and outcome; after timeout and error the outcome is unknown.",
)
.roles(ROLES)
.by(&[KIND, Label { name: "outcome", values: &["answered", "timeout", "error"] }]);

/// How long they took.
static CALL_TIME: Histogram = Histogram::of_seconds(
    "tenon_redis_call_duration_seconds",
    "How long calls of Redis took, by kind, those that failed included.",
)
.roles(ROLES)
.by(&[KIND]);

/// Counts a call that is over.
pub(crate) fn called<T>(kind: &'static str, outcome: &Result<T, CallError>, time: Duration) {
    let outcome = match outcome {
        Ok(_) => "answered",
        Err(CallError::Timeout) => "timeout",
        Err(CallError::Redis(_) | CallError::Shape(_)) => "error",
    };
    CALLS.add_of(&[kind, outcome], 1);
    CALL_TIME.took_of(&[kind], time);
}
