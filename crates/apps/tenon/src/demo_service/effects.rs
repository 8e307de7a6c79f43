//! `/effects`: counts calls by their `Idempotency-Key`, so that a test can tell whether a
//! workflow did something once, twice or never.
//!
//! The counts are exact: a call is counted before it is answered, nothing is ever evicted, and
//! when there is no room the call is refused. With a file, a count is in the file before the
//! answer, so it outlives a kill of this process (though not a loss of power: nothing is synced).

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::refusal::Refusal;
use super::replay::{KEY_BYTES_MAX, idempotency_key};

/// The most keys that are counted.
const KEYS_MAX: usize = 500_000;
/// The most repeated keys that one answer lists.
const REPEATED_MAX: usize = 1_000;

/// How often each key came.
#[derive(Debug)]
pub(super) struct Effects {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    counts: HashMap<String, u64>,
    /// Calls with a key.
    calls: u64,
    /// Calls without a key.
    without_key: u64,
    /// One line a call: its key, empty when it had none.
    file: Option<File>,
}

impl Effects {
    pub(super) fn in_memory() -> Self {
        Self { held: Mutex::new(Held::default()) }
    }

    /// Counts on from what the file holds, and appends to it.
    ///
    /// # Errors
    /// When the file cannot be read or written, holds what this service does not write, or
    /// holds more keys than can be counted.
    pub(super) fn kept_in(path: &Path) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            // A write that was cut short; its call was never answered.
            file.set_len(whole as u64)?;
        }
        let mut held = Held::default();
        for line in text[..whole].lines() {
            let key = Some(line).filter(|line| !line.is_empty());
            let is_key =
                line.len() <= KEY_BYTES_MAX && line.bytes().all(|b| matches!(b, b' '..=b'~'));
            if !is_key || !held.has_room_for(key) {
                let message = format!("`{}` is not a list of keys", path.display());
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
            }
            held.count(key);
        }
        held.file = Some(file);
        Ok(Self { held: Mutex::new(held) })
    }
}

impl Held {
    fn has_room_for(&self, key: Option<&str>) -> bool {
        self.counts.len() < KEYS_MAX || key.is_none_or(|key| self.counts.contains_key(key))
    }

    /// Counts a call; gives how often its key came so far.
    fn count(&mut self, key: Option<&str>) -> u64 {
        let Some(key) = key else {
            self.without_key += 1;
            return self.without_key;
        };
        self.calls += 1;
        if let Some(count) = self.counts.get_mut(key) {
            *count += 1;
            return *count;
        }
        self.counts.insert(key.to_owned(), 1);
        1
    }

    /// The line is one write on a file open for appending, so it is there whole or not at all
    /// but for a full disk or a kill in between, which the next start mends.
    fn keep(&mut self, key: Option<&str>) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(format!("{}\n", key.unwrap_or_default()).as_bytes())
    }
}

/// `POST /effects`: counts the call; answers how often its key came, this call included.
pub(super) async fn record(
    State(demo): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let key = idempotency_key(&headers)?.filter(|key| !key.is_empty());
    let mut held = demo.effects.held.lock();
    if !held.has_room_for(key.as_deref()) {
        return Err(Refusal::full("keys"));
    }
    held.keep(key.as_deref()).map_err(|_| Refusal::not_kept())?;
    let count = held.count(key.as_deref());
    Ok(Json(json!({ "key": key, "count": count })))
}

/// What is asked about.
#[derive(Debug, Deserialize)]
pub(super) struct CountQuery {
    key: Option<String>,
}

/// `GET /effects?key=`: how often that key came. Without a key: how many calls and keys there
/// were, and the keys that came more than once, the first thousand in order.
pub(super) async fn count(
    State(demo): State<Shared>,
    query: Result<Query<CountQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(CountQuery { key }) = query?;
    let held = demo.effects.held.lock();
    if let Some(key) = key {
        let count = held.counts.get(&key).copied().unwrap_or(0);
        return Ok(Json(json!({ "key": key, "count": count })));
    }
    let (calls, keys, without_key) = (held.calls, held.counts.len(), held.without_key);
    let mut repeated: Vec<(String, u64)> = held
        .counts
        .iter()
        .filter(|(_, count)| **count > 1)
        .map(|(key, count)| (key.clone(), *count))
        .collect();
    drop(held);
    repeated.sort();
    let repeated_keys = repeated.len();
    repeated.truncate(REPEATED_MAX);
    let repeated: Vec<Value> =
        repeated.into_iter().map(|(key, count)| json!({ "key": key, "count": count })).collect();
    Ok(Json(json!({
        "calls": calls, "keys": keys, "without_key": without_key,
        "repeated_keys": repeated_keys, "repeated": repeated,
    })))
}

/// `DELETE /effects`: forgets all counts, and empties the file.
pub(super) async fn clear(State(demo): State<Shared>) -> Result<Json<Value>, Refusal> {
    let mut held = demo.effects.held.lock();
    if let Some(file) = &held.file {
        file.set_len(0).map_err(|_| Refusal::not_kept())?;
    }
    let file = held.file.take();
    *held = Held { file, ..Held::default() };
    Ok(Json(json!({ "calls": 0 })))
}
