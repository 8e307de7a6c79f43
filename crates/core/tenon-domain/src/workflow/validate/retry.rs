//! Bounds of retry policies.

use super::check_range;
use crate::limits::DocumentLimits;
use crate::retry::{Backoff, RetryPolicy, StatusPattern};
use crate::workflow::diagnostic::Finding;

pub(super) fn check(
    policy: &RetryPolicy,
    pointer: &str,
    limits: &DocumentLimits,
    findings: &mut Vec<Finding>,
) {
    check_range(
        format!("{pointer}/retries"),
        "retries",
        policy.retries,
        0..=limits.retries_max,
        findings,
    );
    let delay_max = f64::from(limits.retry_delay_seconds_max);
    match &policy.backoff {
        Backoff::Schedule(delays) => {
            let pointer = format!("{pointer}/backoff/schedule");
            if delays.is_empty() && policy.retries > 0 {
                findings.push(Finding::new(
                    "empty_schedule",
                    pointer.as_str(),
                    "a schedule needs at least one delay",
                ));
            }
            for (index, delay) in delays.iter().enumerate() {
                check_range(
                    format!("{pointer}/{index}"),
                    "a delay",
                    *delay,
                    0.0..=delay_max,
                    findings,
                );
            }
        }
        Backoff::Exponential { initial, factor, max } => {
            let pointer = format!("{pointer}/backoff/exponential");
            check_range(
                format!("{pointer}/initial"),
                "initial",
                *initial,
                0.0..=delay_max,
                findings,
            );
            check_range(format!("{pointer}/factor"), "factor", *factor, 1.0..=100.0, findings);
            check_range(format!("{pointer}/max"), "max", *max, 0.0..=delay_max, findings);
        }
    }
    for (index, status) in policy.on_status.iter().enumerate() {
        if let StatusPattern::Exact(status) = status {
            let pointer = format!("{pointer}/on_status/{index}");
            check_range(pointer, "a status", *status, 400..=599, findings);
        }
    }
}
