//! Clocks for tests: one that the test moves, and one that goes with tokio's.

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tenon_domain::Clock;

/// Time as the test says.
#[derive(Debug)]
pub struct FakeClock(Mutex<Timestamp>);

impl FakeClock {
    /// Starts at a moment written as RFC 3339.
    ///
    /// # Panics
    /// When the text is no time.
    #[must_use]
    pub fn at(text: &str) -> Self {
        Self(Mutex::new(text.parse().expect("the test wrote a time")))
    }

    /// Moves on.
    pub fn advance(&self, by: SignedDuration) {
        *self.0.lock() += by;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// Time that goes with tokio's clock: under `start_paused` it jumps to whatever is waited for.
#[derive(Debug)]
pub struct RuntimeClock {
    start: Timestamp,
    started: tokio::time::Instant,
}

impl RuntimeClock {
    /// Shows a moment, written as RFC 3339, now.
    ///
    /// # Panics
    /// When the text is no time.
    #[must_use]
    pub fn at(text: &str) -> Self {
        let start = text.parse().expect("the test wrote a time");
        Self { start, started: tokio::time::Instant::now() }
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        let passed =
            SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.checked_add(passed).unwrap_or(Timestamp::MAX)
    }
}
