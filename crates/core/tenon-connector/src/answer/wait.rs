//! How long an answer asks to wait.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

use super::Reading;
use crate::context::Layers;
use crate::manifest::proxy::{ResetSign, ResetUnit};
use crate::request::template::eval;

/// Numbers from here on are moments, not lengths of time, in seconds.
const EPOCH_MIN: f64 = 1_000_000_000.0;
/// Numbers from here on are moments in milliseconds.
const EPOCH_MS_MIN: f64 = 100_000_000_000.0;

/// What `Retry-After` asks for: seconds, or a date. A date is measured from the answer's own
/// `Date`, so that a clock that is off on one side does not matter; from `now` when it has none.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp, longest: Duration) -> Option<Duration> {
    let asked = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that do not fit ask for longer than anyone waits.
        return Some(asked.parse().map_or(longest, Duration::from_secs).min(longest));
    }
    let until = date(asked)?;
    let from = text(headers, header::DATE).and_then(date).unwrap_or(now);
    Some(until_then(until, from).min(longest))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    DateTimeParser::new().parse_timestamp(text).ok().or_else(|| text.parse().ok())
}

fn until_then(until: Timestamp, from: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// The longest wait of the signs that the answer has; bounded.
pub(super) fn reset(
    signs: &[ResetSign],
    answer: &Reading,
    scope: &Layers<'_>,
    now: Timestamp,
    longest: Duration,
) -> Option<Duration> {
    // Moments are measured from the provider's clock where it shows it.
    let from = text(answer.headers(), header::DATE).and_then(date).unwrap_or(now);
    let wait = |sign: &ResetSign| {
        let value = eval(&sign.value, scope, "a reset sign").ok()?;
        one(&value, sign.unit, from).map(|wait| wait.min(longest))
    };
    signs.iter().filter_map(wait).max()
}

fn one(value: &Value, unit: ResetUnit, from: Timestamp) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    let Some(number) = number else {
        let until = value.as_str().and_then(date)?;
        return (unit == ResetUnit::Auto).then(|| until_then(until, from));
    };
    if !number.is_finite() {
        return None;
    }
    let since_epoch = |seconds: f64| {
        let until = Duration::try_from_secs_f64(seconds).ok()?;
        let now = Duration::try_from(from.as_duration()).ok()?;
        Some(until.saturating_sub(now))
    };
    let length = |seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    match unit {
        ResetUnit::Seconds => length(number),
        ResetUnit::Milliseconds => length(number / 1_000.0),
        ResetUnit::Epoch => since_epoch(number),
        ResetUnit::EpochMilliseconds => since_epoch(number / 1_000.0),
        ResetUnit::Auto if number > EPOCH_MS_MIN => since_epoch(number / 1_000.0),
        ResetUnit::Auto if number > EPOCH_MIN => since_epoch(number),
        ResetUnit::Auto => length(number),
    }
}
