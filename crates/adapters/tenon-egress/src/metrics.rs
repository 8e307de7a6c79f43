//! What this adapter says of itself, and the span of a call. Neither names what was called beyond its
//! host, and the metrics not even that.

use std::time::Duration;

use http::{Method, StatusCode};
use tenon_contract::egress::Error;
use tenon_telemetry::{Counter, Declared, Histogram, Label, trace};
use tracing::Span;
use url::Url;

/// Who calls the network outside.
const ROLES: &[&str] = &["api", "worker", "proxy"];

const OUTCOME: Label = Label {
    name: "outcome",
    values: &[
        "1xx",
        "2xx",
        "3xx",
        "4xx",
        "5xx",
        "refused",
        "identity",
        "unreachable",
        "timeout",
        "too_large",
    ],
};

/// Every metric of this crate.
pub static ALL: &[&dyn Declared] = &[&CALLS, &CALL_TIME];

/// Calls.
static CALLS: Counter = Counter::new(
    "tenon_egress_calls_total",
    "Calls of the network outside, by the class of the answer's status or by why there is none: refused is what may not be called, identity a client certificate that cannot be used.",
)
.roles(ROLES)
.by(&[OUTCOME]);

/// How long they took.
static CALL_TIME: Histogram = Histogram::of_seconds(
    "tenon_egress_call_duration_seconds",
    "How long calls of the network outside took: to the last byte for steps, to the head of the answer for the proxy.",
)
.roles(ROLES);

/// The span of a call, within what is traced around it. What is called is not told of the trace.
pub(crate) fn span(method: &Method, url: &Url) -> Span {
    trace::span(|| {
        tracing::info_span!(
            "egress.call",
            otel.kind = "client",
            http.method = %method,
            server.address = url.host_str().unwrap_or_default(),
            outcome = tracing::field::Empty,
        )
    })
}

/// Counts a call that is over.
pub(crate) fn called(outcome: Result<StatusCode, &Error>, time: Duration, span: &Span) {
    let outcome = match outcome {
        Ok(status) => match status.as_u16() / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        },
        Err(Error::Refused { .. }) => "refused",
        Err(Error::Identity { .. }) => "identity",
        Err(Error::Unreachable { .. }) => "unreachable",
        Err(Error::Timeout { .. }) => "timeout",
        Err(Error::TooLarge { .. }) => "too_large",
    };
    CALLS.add_of(&[outcome], 1);
    CALL_TIME.took(time);
    span.record("outcome", outcome);
}
