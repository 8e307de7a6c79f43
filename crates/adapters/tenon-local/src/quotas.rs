//! Rate limits of providers in the memory of one process.
//!
//! The same windows as the Redis adapter: they slide in steps of a tenth, and a call counts until
//! the tenth that it fell into has left the window.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use tenon_contract::quota::{Bucket, QuotaError, Quotas, Taken};
use tenon_domain::Clock;

/// Counters and blocks below which ended ones are not looked for.
const PURGE_MIN: usize = 1_024;

/// The longest block: a provider that asks for more is asked again after it.
const BLOCK_MAX: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// The counters of this process.
pub struct LocalQuotas {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By key and window in milliseconds.
    counters: HashMap<(String, i64), Counter>,
    /// Until when, in milliseconds since 1970.
    blocks: HashMap<String, i64>,
    purge_at: usize,
}

#[derive(Default)]
struct Counter {
    /// Numbers of tenths, ascending, with the calls in each.
    slots: VecDeque<(i64, u64)>,
}

impl LocalQuotas {
    /// Starts with nothing counted.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State { purge_at: PURGE_MIN, ..State::default() };
        Self { clock, state: Mutex::new(state) }
    }

    /// Forgets everything, as a restart of the process would. For fault tests.
    pub fn forget(&self) {
        let mut state = self.state.lock();
        state.counters.clear();
        state.blocks.clear();
    }
}

#[async_trait]
impl Quotas for LocalQuotas {
    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, QuotaError> {
        let now = self.clock.now().as_millisecond();
        let mut state = self.state.lock();
        state.purge(now);
        let waits = buckets.iter().filter_map(|bucket| state.room_at(bucket, now));
        if let Some(until) = waits.max() {
            let until = Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX);
            return Ok(Taken::Wait { until });
        }
        for bucket in buckets {
            state.count(bucket, now);
        }
        Ok(Taken::Granted)
    }

    async fn block(&self, key: &str, until: Timestamp) -> Result<(), QuotaError> {
        let now = self.clock.now();
        let until = until.min(now.checked_add(BLOCK_MAX).unwrap_or(Timestamp::MAX));
        let until = until.as_millisecond();
        if until > now.as_millisecond() {
            let mut state = self.state.lock();
            let held = state.blocks.entry(key.to_owned()).or_insert(until);
            *held = (*held).max(until);
        }
        Ok(())
    }
}

impl State {
    /// When there may be room in a bucket; `None`: now.
    fn room_at(&self, bucket: &Bucket, now: i64) -> Option<i64> {
        let blocked = self.blocks.get(&bucket.key).copied().filter(|until| *until > now);
        let window = window_ms(bucket.window);
        let counter = self.counters.get(&(bucket.key.clone(), window));
        let counted = bucket.limit.and_then(|limit| match counter {
            Some(counter) => counter.room_at(limit, bucket.cost, window, now),
            None => (limit == 0).then_some(now + window),
        });
        blocked.max(counted)
    }

    fn count(&mut self, bucket: &Bucket, now: i64) {
        let Some(limit) = bucket.limit else { return };
        let window = window_ms(bucket.window);
        let counter = self.counters.entry((bucket.key.clone(), window)).or_default();
        counter.add(bucket.cost.min(limit), window, now);
    }

    /// Drops what has ended, now and then.
    fn purge(&mut self, now: i64) {
        if self.counters.len() + self.blocks.len() < self.purge_at {
            return;
        }
        self.blocks.retain(|_, until| *until > now);
        self.counters.retain(|(_, window), counter| {
            let first = first_slot(*window, now);
            counter.slots.back().is_some_and(|(slot, _)| *slot >= first)
        });
        self.purge_at = PURGE_MIN.max(2 * (self.counters.len() + self.blocks.len()));
    }
}

impl Counter {
    fn room_at(&self, limit: u32, cost: u32, window: i64, now: i64) -> Option<i64> {
        if limit == 0 {
            return Some(now + window);
        }
        let first = first_slot(window, now);
        let live = || self.slots.iter().filter(|(slot, _)| *slot >= first);
        let counted: u64 = live().map(|(_, count)| count).sum();
        let mut over = (counted + u64::from(cost.min(limit))).saturating_sub(u64::from(limit));
        if over == 0 {
            return None;
        }
        let mut room_at = now + window;
        for (slot, count) in live() {
            over = over.saturating_sub(*count);
            room_at = (slot + 1) * width(window) + window;
            if over == 0 {
                break;
            }
        }
        Some(room_at)
    }

    fn add(&mut self, cost: u32, window: i64, now: i64) {
        let first = first_slot(window, now);
        while self.slots.front().is_some_and(|(slot, _)| *slot < first) {
            self.slots.pop_front();
        }
        let slot = now.div_euclid(width(window));
        match self.slots.back_mut() {
            // A clock that was set back counts into the latest tenth.
            Some((latest, count)) if *latest >= slot => *count += u64::from(cost),
            _ => self.slots.push_back((slot, u64::from(cost))),
        }
    }
}

fn window_ms(window: Duration) -> i64 {
    i64::try_from(window.as_millis()).unwrap_or(i64::MAX / 4).clamp(10, i64::MAX / 4)
}

/// The length of a tenth of a window.
fn width(window: i64) -> i64 {
    (window + 9) / 10
}

/// The first tenth of which a part may be in the window that ends now.
fn first_slot(window: i64, now: i64) -> i64 {
    (now - window).div_euclid(width(window))
}
