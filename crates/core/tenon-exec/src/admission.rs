//! Whether a project may send more work now, asked before anything is accepted.
//!
//! Two limits: runs accepted in a second, counted in this process, and open runs, of which the queue
//! is asked about once a second. Both bound how much one project can put before the others, not to
//! the last run: what is asked about once a second may be passed by what comes in a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::Mutex;
use tenon_domain::{ProjectId, QueueName};
use tokio::time::Instant;

use crate::ports::queue::{Depth, JobQueue};

/// For how long a depth is believed.
const DEPTH_TTL: Duration = Duration::from_secs(1);
/// How long the queue may take to say it; then the last one is believed.
const DEPTH_PATIENCE: Duration = Duration::from_millis(250);
/// When to come again while too many runs are open.
const OPEN_RETRY_AFTER: Duration = Duration::from_secs(10);
/// Projects that are counted; beyond, those that were not heard of for a while are forgotten.
const PROJECTS_MAX: usize = 100_000;

/// Bounds of what one project may send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdmissionLimits {
    /// Runs accepted in a second, with as many saved up; `None` is without limit.
    pub accepts_per_second: Option<f64>,
    /// Open runs: waiting, delayed and under way.
    pub open_max: u64,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self { accepts_per_second: None, open_max: 1_000_000 }
    }
}

/// Why no more work is taken in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    /// It comes too fast.
    #[error("the project sends more work in a second than it may")]
    TooFast {
        /// When there will be room.
        retry_after: Duration,
    },
    /// Too much of it has not ended.
    #[error("{open} runs of the project are open, at most {max} may be")]
    TooManyOpen {
        /// How many there are, about.
        open: u64,
        /// How many there may be.
        max: u64,
        /// When to look again.
        retry_after: Duration,
    },
}

/// Decides it. One for a process, behind an `Arc`.
pub struct Admission {
    queue: Arc<dyn JobQueue>,
    limits: AdmissionLimits,
    projects: DashMap<ProjectId, Arc<Counted>>,
}

impl Admission {
    /// Bounds what goes into `queue`.
    #[must_use]
    pub fn new(queue: Arc<dyn JobQueue>, limits: AdmissionLimits) -> Self {
        Self { queue, limits, projects: DashMap::new() }
    }

    /// Lets so many runs of a project in, all or none.
    ///
    /// # Errors
    /// [`TurnedAway`]: nothing is to be accepted.
    pub async fn enter(&self, project: ProjectId, runs: usize) -> Result<(), TurnedAway> {
        let runs = u64::try_from(runs).unwrap_or(u64::MAX);
        let counted = self.counted(project);
        self.refresh(project, &counted).await;
        let open = counted.open();
        let max = self.limits.open_max;
        if open.saturating_add(runs) > max {
            return Err(TurnedAway::TooManyOpen { open, max, retry_after: OPEN_RETRY_AFTER });
        }
        if let Some(rate) = self.limits.accepts_per_second {
            counted
                .pace
                .lock()
                .take(rate, runs)
                .map_err(|retry_after| TurnedAway::TooFast { retry_after })?;
        }
        counted.since.fetch_add(runs, Ordering::Relaxed);
        Ok(())
    }

    fn counted(&self, project: ProjectId) -> Arc<Counted> {
        if let Some(counted) = self.projects.get(&project) {
            return counted.clone();
        }
        if self.projects.len() >= PROJECTS_MAX {
            self.projects.retain(|_, counted| !counted.is_stale());
        }
        self.projects.entry(project).or_default().clone()
    }

    /// Asks the queue where what is known is too old; one caller does, the others go on with that.
    async fn refresh(&self, project: ProjectId, counted: &Counted) {
        if !counted.is_stale() || counted.is_reading.swap(true, Ordering::AcqRel) {
            return;
        }
        // Whatever comes meanwhile may not be in the answer.
        let before = counted.since.load(Ordering::Relaxed);
        let queue = QueueName::of_project(project);
        match tokio::time::timeout(DEPTH_PATIENCE, self.queue.depth(&queue)).await {
            Ok(Ok(depth)) => counted.depth.store(open_in(&depth), Ordering::Relaxed),
            Ok(Err(error)) => tracing::debug!(error = %error, "a queue did not say how deep it is"),
            Err(_) => tracing::debug!("a queue did not say in time how deep it is"),
        }
        // Where there is no answer, what came is not held against the project for ever.
        counted.since.fetch_sub(before, Ordering::Relaxed);
        *counted.read_at.lock() = Some(Instant::now());
        counted.is_reading.store(false, Ordering::Release);
    }
}

const fn open_in(depth: &Depth) -> u64 {
    depth.ready + depth.delayed + depth.held + depth.running
}

/// What is known of a project.
#[derive(Default)]
struct Counted {
    /// What the queue last said.
    depth: AtomicU64,
    /// Runs let in since.
    since: AtomicU64,
    read_at: Mutex<Option<Instant>>,
    is_reading: AtomicBool,
    pace: Mutex<Pace>,
}

impl Counted {
    fn open(&self) -> u64 {
        self.depth.load(Ordering::Relaxed).saturating_add(self.since.load(Ordering::Relaxed))
    }

    fn is_stale(&self) -> bool {
        self.read_at.lock().is_none_or(|at| at.elapsed() >= DEPTH_TTL)
    }
}

/// Runs that may be accepted: a second's worth is saved up. One event may start more runs than
/// that; it is let in when nothing is owed, and then owes them.
#[derive(Default)]
struct Pace {
    saved: Option<(f64, Instant)>,
}

impl Pace {
    fn take(&mut self, rate: f64, runs: u64) -> Result<(), Duration> {
        let now = Instant::now();
        let most = rate.max(1.0);
        let saved = match self.saved {
            None => most,
            Some((saved, at)) => (saved + rate * now.duration_since(at).as_secs_f64()).min(most),
        };
        #[expect(clippy::cast_precision_loss, reason = "nobody sends 2^52 runs at once")]
        let cost = runs as f64;
        // What fits into a second's worth waits for its room; what never fits, for a full one.
        let needed = cost.min(most);
        let is_let_in = saved >= needed;
        self.saved = Some((if is_let_in { saved - cost } else { saved }, now));
        if is_let_in {
            return Ok(());
        }
        Err(Duration::try_from_secs_f64((needed - saved) / rate).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pace_lets_in_its_rate_and_says_when_to_come_again() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            pace.take(10.0, 1).expect("saved up");
        }
        let wait = pace.take(10.0, 1).expect_err("used up");
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
        tokio::time::advance(Duration::from_millis(100)).await;
        pace.take(10.0, 1).expect("one more");
        assert!(pace.take(10.0, 1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_fits_is_let_in_and_paid_for_later() {
        let mut pace = Pace::default();
        pace.take(10.0, 25).expect("more than a second's worth, of which nothing is owed");
        let wait = pace.take(10.0, 1).expect_err("15 are owed");
        assert!(wait > Duration::from_millis(1_500), "{wait:?}");
        tokio::time::advance(Duration::from_millis(1_700)).await;
        pace.take(10.0, 1).expect("paid");
    }

    #[tokio::test(start_paused = true)]
    async fn less_than_one_in_a_second_is_a_pace_too() {
        let mut pace = Pace::default();
        pace.take(0.5, 1).expect("the first");
        assert_eq!(pace.take(0.5, 1), Err(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_secs(2)).await;
        pace.take(0.5, 1).expect("two seconds later");
    }
}
