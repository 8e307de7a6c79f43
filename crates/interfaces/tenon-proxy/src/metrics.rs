//! What the proxy says of itself.

use std::time::Duration;

use http::StatusCode;
use tenon_telemetry::{Counter, Declared, Histogram, Label};

const ROLES: &[&str] = &["proxy"];

/// Every metric of this crate.
pub static ALL: &[&dyn Declared] = &[&CALLS, &CALL_TIME];

/// Calls of the proxy.
static CALLS: Counter = Counter::new(
    "tenon_proxy_calls_total",
    "Calls through the proxy by who answered, the provider or Tenon in its place, and by the class of the status.",
)
.roles(ROLES)
.by(&[
    Label { name: "answered_by", values: &["provider", "tenon"] },
    Label { name: "status", values: &["1xx", "2xx", "3xx", "4xx", "5xx"] },
]);

/// How long they took.
static CALL_TIME: Histogram = Histogram::of_seconds(
    "tenon_proxy_call_duration_seconds",
    "From the head of a call through the proxy to the head of its answer.",
)
.roles(ROLES);

/// Counts a call whose answer begins.
pub(crate) fn called(is_of_provider: bool, status: StatusCode, time: Duration) {
    let by = if is_of_provider { "provider" } else { "tenon" };
    let class = match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    CALLS.add_of(&[by, class], 1);
    CALL_TIME.took(time);
}
