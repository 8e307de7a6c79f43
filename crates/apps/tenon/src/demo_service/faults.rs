//! `/flaky`, `/limited` and `/slow`: the ways in which services are difficult, on demand.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::bounded::BoundedMap;
use super::refusal::Refusal;
use super::replay::{KEY_BYTES_MAX, idempotency_key};

/// Keys whose calls are counted at once.
const KEYS_MAX: usize = 10_000;
const SLOW_MS_MAX: u64 = 120_000;

/// What was called how often.
#[derive(Debug)]
pub(super) struct Faults {
    flaky: Mutex<BoundedMap<String, u64>>,
    limited: Mutex<BoundedMap<String, Window>>,
}

/// One second of calls.
#[derive(Debug, Clone, Copy)]
struct Window {
    start: Instant,
    calls: u32,
}

impl Default for Faults {
    fn default() -> Self {
        let (flaky, limited) = (BoundedMap::new(KEYS_MAX), BoundedMap::new(KEYS_MAX));
        Self { flaky: Mutex::new(flaky), limited: Mutex::new(limited) }
    }
}

impl Window {
    /// Counts a call, or refuses it, within `per_second` calls in the second that the first
    /// call began.
    fn take(&mut self, now: Instant, per_second: u32) -> bool {
        if now.saturating_duration_since(self.start) >= Duration::from_secs(1) {
            *self = Self { start: now, calls: 0 };
        }
        let is_free = self.calls < per_second;
        self.calls += u32::from(is_free);
        is_free
    }
}

/// `/flaky?fail=1&key=`: the first `fail` calls of a key are answered with 503 and
/// `Retry-After: 1`, those after them with 200.
///
/// The key is the `Idempotency-Key`, else `key`. All calls without one share a count that
/// starts over after each success.
pub(super) async fn flaky(
    State(demo): State<Shared>,
    headers: HeaderMap,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(query) = query?;
    let fail: u64 = match query.get("fail") {
        Some(text) => text.parse().map_err(|_| Refusal::invalid("`fail` is a whole number"))?,
        None => 1,
    };
    let key = idempotency_key(&headers)?.or_else(|| query.get("key").cloned());
    let key = checked(key)?;
    let mut counts = demo.faults.flaky.lock();
    let count = counts.get_or_insert_with(key.clone(), || 0);
    *count += 1;
    let calls = *count;
    if calls <= fail {
        return Err(Refusal::unavailable(1));
    }
    if key.is_empty() {
        *count = 0;
    }
    Ok(Json(json!({ "ok": true, "calls": calls })))
}

/// What `/limited` is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct LimitedQuery {
    per_second: Option<u32>,
    key: Option<String>,
}

/// `/limited?per_second=5&key=`: beyond so many calls a second and key, 429 and
/// `Retry-After: 1`.
pub(super) async fn limited(
    State(demo): State<Shared>,
    query: Result<Query<LimitedQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(LimitedQuery { per_second, key }) = query?;
    let key = checked(key)?;
    let now = Instant::now();
    let mut windows = demo.faults.limited.lock();
    let window = windows.get_or_insert_with(key, || Window { start: now, calls: 0 });
    let per_second = per_second.unwrap_or(5).max(1);
    if !window.take(now, per_second) {
        return Err(Refusal::too_many(1));
    }
    Ok(Json(json!({ "ok": true, "left": per_second - window.calls })))
}

/// What `/slow` is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct SlowQuery {
    ms: Option<u64>,
}

/// `/slow?ms=1000`: answers after so many milliseconds, at most two minutes.
pub(super) async fn slow(
    query: Result<Query<SlowQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(SlowQuery { ms }) = query?;
    let ms = ms.unwrap_or(1_000);
    if ms > SLOW_MS_MAX {
        return Err(Refusal::invalid(format!("`ms` is at most {SLOW_MS_MAX}")));
    }
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(Json(json!({ "ok": true, "ms": ms })))
}

fn checked(key: Option<String>) -> Result<String, Refusal> {
    let key = key.unwrap_or_default();
    if key.len() > KEY_BYTES_MAX {
        return Err(Refusal::invalid(format!("a key has at most {KEY_BYTES_MAX} bytes")));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Window;

    #[test]
    fn a_window_lets_so_many_through_and_then_starts_over() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut window = Window { start, calls: 0 };
        let taken: Vec<bool> =
            [0, 500, 999, 1_000, 1_001, 1_500].map(|ms| window.take(at(ms), 2)).to_vec();
        assert_eq!(taken, [true, true, false, true, true, false]);
    }
}
