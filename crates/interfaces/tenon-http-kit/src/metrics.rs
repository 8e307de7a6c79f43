//! What the listeners say of themselves. A route is no label: there are too many.

use std::time::Duration;

use http::StatusCode;
use tenon_telemetry::{Counter, Declared, Histogram, Label};

/// The roles that listen for HTTP.
const ROLES: &[&str] = &["api", "gateway", "proxy"];

/// Every metric of this crate.
pub static ALL: &[&dyn Declared] = &[&REQUESTS, &REQUEST_TIME, &TURNED_AWAY];

/// Requests.
static REQUESTS: Counter = Counter::new(
    "tenon_http_requests_total",
    "Requests that were answered, by the class of the status; calls of the proxy are among them.",
)
.roles(ROLES)
.by(&[Label { name: "status", values: &["1xx", "2xx", "3xx", "4xx", "5xx"] }]);

/// How long they took.
static REQUEST_TIME: Histogram = Histogram::of_seconds(
    "tenon_http_request_duration_seconds",
    "From the head of a request to the head of its answer.",
)
.roles(ROLES);

/// Requests that were turned away.
static TURNED_AWAY: Counter = Counter::new(
    "tenon_http_turned_away_total",
    "Requests that were answered 503 at once because http.requests_in_flight_max were in work.",
)
.roles(ROLES);

/// Counts a request that is answered.
pub(crate) fn answered(status: StatusCode, time: Duration) {
    let class = match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    REQUESTS.add_of(&[class], 1);
    REQUEST_TIME.took(time);
}

/// Counts a request that was turned away.
pub(crate) fn turned_away() {
    TURNED_AWAY.add(1);
}
