//! One renewal of a secret at a time in this process: the first caller starts it, the others wait.
//!
//! A renewal is a task of its own. It goes on when every caller has gone, because a provider that
//! has rotated its token must not find nobody at home.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tenon_domain::SecretId;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::error::AccessError;

/// How a renewal ended: `Ok` asks the caller to read again.
pub(super) type Landing = Result<(), AccessError>;

/// Renewals under way.
#[derive(Default)]
pub(super) struct Flights {
    running: Arc<Mutex<HashMap<SecretId, watch::Receiver<Option<Landing>>>>>,
    tasks: TaskTracker,
}

/// A renewal to wait for.
pub(super) struct Flight {
    landing: watch::Receiver<Option<Landing>>,
    /// Whether this caller started it.
    pub(super) is_own: bool,
}

/// The renewal takes longer than the caller waits, or its task failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotLanded;

impl Flights {
    /// Joins the renewal of a secret, or starts it.
    pub(super) fn join<F>(&self, secret: SecretId, start: impl FnOnce() -> F) -> Flight
    where
        F: Future<Output = Landing> + Send + 'static,
    {
        let mut running = self.running.lock();
        if let Some(landing) = running.get(&secret) {
            return Flight { landing: landing.clone(), is_own: false };
        }
        let (report, landing) = watch::channel(None);
        running.insert(secret, landing.clone());
        let seat = Seat { running: Arc::clone(&self.running), secret };
        let renewal = start();
        self.tasks.spawn(async move {
            let end = renewal.await;
            // First gone from the map, then told: who asks afterwards starts another one.
            drop(seat);
            report.send_replace(Some(end));
        });
        Flight { landing, is_own: true }
    }

    /// Waits until the renewals under way have ended. New ones may still start.
    pub(super) async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

impl Flight {
    /// Waits for the end, so long at most.
    pub(super) async fn land(mut self, wait_max: Duration) -> Result<Landing, NotLanded> {
        let landed = self.landing.wait_for(Option::is_some);
        match tokio::time::timeout(wait_max, landed).await {
            Ok(Ok(end)) => end.clone().ok_or(NotLanded),
            Ok(Err(_)) | Err(_) => Err(NotLanded),
        }
    }
}

/// The place of a renewal in the map; given up when the task ends, also by a panic.
struct Seat {
    running: Arc<Mutex<HashMap<SecretId, watch::Receiver<Option<Landing>>>>>,
    secret: SecretId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.running.lock().remove(&self.secret);
    }
}
