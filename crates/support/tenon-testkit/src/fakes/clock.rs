//! A clock that stands still until the test moves it.

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
