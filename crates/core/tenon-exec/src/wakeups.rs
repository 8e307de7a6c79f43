//! Wakes the workers of this process when something was pushed: how queue adapters keep
//! [`JobQueue::wait`](crate::ports::queue::JobQueue::wait).
//!
//! It counts pushes; it does not say what was pushed, or where.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// A count of pushes that can be waited for.
#[derive(Debug, Default)]
pub struct Wakeups {
    pushed: AtomicU64,
    seen: AtomicU64,
    notify: Notify,
}

impl Wakeups {
    /// Ends every wait that is under way, and the next one if there is none.
    pub fn wake(&self) {
        self.pushed.fetch_add(1, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Returns at the first [`Wakeups::wake`] since the last return, or after `timeout`.
    pub async fn wait(&self, timeout: Duration) {
        let notified = self.notify.notified();
        tokio::pin!(notified);
        // Listen before looking, so that a wake between the two is not missed.
        notified.as_mut().enable();
        let pushed = self.pushed.load(Ordering::SeqCst);
        if self.seen.swap(pushed, Ordering::SeqCst) != pushed {
            return;
        }
        if tokio::time::timeout(timeout, notified).await.is_ok() {
            self.seen.store(self.pushed.load(Ordering::SeqCst), Ordering::SeqCst);
        }
    }
}
