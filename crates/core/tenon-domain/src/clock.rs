//! Time comes in through [`Clock`], so that tests can move it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that goes by another one, which all processes can see: that of the database.
///
/// Between two looks at it the time that passes is measured by the machine's monotonic clock, so
/// that a machine whose clock is wrong, or is set while processes run, has the same time as the
/// others. Before the first look it is the machine's own.
#[derive(Debug)]
pub struct SharedClock {
    /// What the offset counts from.
    origin: Instant,
    /// What the other clock showed at `origin`, in Unix microseconds; [`NEVER`] before the first
    /// look.
    at_origin_us: AtomicI64,
}

/// The other clock was not seen yet.
const NEVER: i64 = i64::MIN;

impl Default for SharedClock {
    fn default() -> Self {
        Self { origin: Instant::now(), at_origin_us: AtomicI64::new(NEVER) }
    }
}

impl SharedClock {
    /// Goes by what the other clock showed at a moment.
    pub fn set(&self, shown: Timestamp, at: Instant) {
        let passed = micros(at.saturating_duration_since(self.origin));
        let at_origin_us = shown.as_microsecond().saturating_sub(passed);
        self.at_origin_us.store(at_origin_us, Ordering::Relaxed);
    }

    /// How far it is ahead of the machine's clock; `None` before the first look.
    #[must_use]
    pub fn ahead(&self) -> Option<SignedDuration> {
        let now = self.shared_now()?;
        Some(now.duration_since(Timestamp::now()))
    }

    fn shared_now(&self) -> Option<Timestamp> {
        let at_origin_us = self.at_origin_us.load(Ordering::Relaxed);
        if at_origin_us == NEVER {
            return None;
        }
        Timestamp::from_microsecond(at_origin_us.saturating_add(micros(self.origin.elapsed()))).ok()
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        self.shared_now().unwrap_or_else(Timestamp::now)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunId;

    #[test]
    fn before_the_first_look_it_is_the_machines() {
        let clock = SharedClock::default();
        assert_eq!(clock.ahead(), None);
        let off = clock.now().duration_since(Timestamp::now());
        assert!(off.abs() < SignedDuration::from_mins(1), "{off}");
    }

    #[test]
    fn it_goes_by_what_it_was_shown() {
        let clock = SharedClock::default();
        let shown = Timestamp::now() + SignedDuration::from_hours(1);
        let at = Instant::now();
        clock.set(shown, at);
        let late = clock.now().duration_since(shown);
        assert!(late >= SignedDuration::ZERO && late < SignedDuration::from_mins(1), "{late}");
        let ahead = clock.ahead().expect("it was set") - SignedDuration::from_hours(1);
        assert!(ahead.abs() < SignedDuration::from_mins(1), "{ahead}");
    }

    #[test]
    fn ids_of_runs_sort_as_they_are_drawn() {
        let clock = SharedClock::default();
        let runs: Vec<RunId> = (0..10_000).map(|_| RunId::accepted_now(&clock)).collect();
        assert!(runs.is_sorted());
        let drawn = runs[0].drawn_at().expect("they say when");
        assert!(RunId::first_at(drawn) <= runs[0]);
        assert!(drawn.duration_since(clock.now()).abs() < SignedDuration::from_mins(1));
    }
}
