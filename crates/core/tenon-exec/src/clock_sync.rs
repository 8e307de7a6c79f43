//! Keeps the clock of a process in step with that of the execution store.
//!
//! Ids of runs carry the time of acceptance. Runs with one ordering key go by it, whichever gateway
//! took them, and the sweep tells by it which jobs are young. So all processes have one time: that of
//! the database. A look at it is as exact as half of its round trip; a caller who has an answer and
//! asks again takes longer than that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tenon_domain::SharedClock;
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::ports::store::{self, JobStore};

/// Looks of which the quickest counts.
const LOOKS: usize = 3;
/// Between two times that it is looked at. Quartz drifts by some 250 us in it.
const INTERVAL: Duration = Duration::from_secs(5);
/// A look that took longer tells less than what is known from before.
const LOOK_MAX: Duration = Duration::from_millis(50);
/// How long what is known from before is trusted more than a slow look.
const KNOWN_MAX: Duration = Duration::from_secs(60);
/// From here on a person hears of it.
const AHEAD_MAX: SignedDuration = SignedDuration::from_secs(1);

/// Keeps a clock in step.
pub struct ClockSync {
    store: Arc<dyn JobStore>,
    clock: Arc<SharedClock>,
    set_at: Option<Instant>,
    is_told: bool,
}

impl ClockSync {
    /// Sets the clock by the store's, for the first time.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn begin(
        store: Arc<dyn JobStore>,
        clock: Arc<SharedClock>,
    ) -> Result<Self, store::Error> {
        let mut sync = Self { store, clock, set_at: None, is_told: false };
        sync.look().await?;
        Ok(sync)
    }

    /// Looks again and again, until the token fires.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            if let Err(error) = self.look().await {
                tracing::debug!(error = %error, "the database's clock could not be read");
            }
        }
    }

    async fn look(&mut self) -> Result<(), store::Error> {
        let mut best = None;
        for _ in 0..LOOKS {
            let asked = Instant::now();
            let shown = self.store.now().await?;
            let took = asked.elapsed();
            if best.is_none_or(|(_, _, least)| took < least) {
                best = Some((shown, asked + took / 2, took));
            }
        }
        let Some((shown, at, took)) = best else { return Ok(()) };
        let is_known = self.set_at.is_some_and(|at| at.elapsed() < KNOWN_MAX);
        if is_known && took > LOOK_MAX {
            return Ok(());
        }
        self.clock.set(shown, at);
        self.set_at = Some(at);
        self.tell();
        Ok(())
    }

    /// Says when the machine's clock is wrong, once.
    fn tell(&mut self) {
        let Some(ahead) = self.clock.ahead() else { return };
        metrics::CLOCK_AHEAD.set(ahead.as_secs_f64());
        let is_off = ahead.abs() > AHEAD_MAX;
        if is_off && !self.is_told {
            tracing::warn!(
                database_ahead_seconds = ahead.as_secs_f64(),
                "the clock of this machine is not that of the database, which counts; set it by NTP"
            );
        }
        self.is_told = is_off;
    }
}
