//! Gathers proxy calls that are over and writes them in batches.
//!
//! Whoever hands one in never waits: the queue is bounded, what does not fit is dropped and
//! counted. A batch that the database cannot take now is tried again while the queue fills up
//! behind it; one that it refuses for good is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::ports::calls::{ProxyCall, ProxyCallStore};
use crate::ports::store::Error;

/// Limits of the log of proxy calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLogSettings {
    /// Calls that may wait to be written; more are dropped and counted.
    pub waiting_max: usize,
    /// Calls in one transaction.
    pub batch_max: usize,
    /// How long a call may wait for others to be written with.
    pub linger: Duration,
    /// The pause before a batch is tried again.
    pub retry_pause: Duration,
    /// How long a stop may take to write what is left.
    pub stop_grace: Duration,
}

impl Default for CallLogSettings {
    fn default() -> Self {
        Self {
            waiting_max: 20_000,
            batch_max: 1_000,
            linger: Duration::from_millis(500),
            retry_pause: Duration::from_secs(1),
            stop_grace: Duration::from_secs(3),
        }
    }
}

/// Takes calls in. Clones share the queue.
#[derive(Debug, Clone)]
pub struct CallLog {
    waiting: mpsc::Sender<ProxyCall>,
    dropped: Arc<AtomicU64>,
}

/// Writes them: run it as long as calls come.
pub struct CallLogWriter {
    waiting: mpsc::Receiver<ProxyCall>,
    dropped: Arc<AtomicU64>,
    store: Arc<dyn ProxyCallStore>,
    settings: CallLogSettings,
}

/// A log and what writes it.
#[must_use]
pub fn call_log(
    store: Arc<dyn ProxyCallStore>,
    settings: CallLogSettings,
) -> (CallLog, CallLogWriter) {
    let (sender, receiver) = mpsc::channel(settings.waiting_max.max(1));
    let dropped = Arc::new(AtomicU64::new(0));
    let log = CallLog { waiting: sender, dropped: dropped.clone() };
    (log, CallLogWriter { waiting: receiver, dropped, store, settings })
}

impl CallLog {
    /// Hands a call in. It is dropped, and counted, when too many wait.
    pub fn record(&self, call: ProxyCall) {
        if self.waiting.try_send(call).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many calls have been dropped since that was last logged.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl CallLogWriter {
    /// Writes until `stop`, and then what is left.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            let came = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                came = self.waiting.recv_many(&mut batch, self.settings.batch_max) => came,
            };
            if came == 0 {
                return;
            }
            self.gather(&mut batch, &stop).await;
            self.write(&mut batch, &stop).await;
            self.tell_dropped();
        }
        self.waiting.close();
        let rest = tokio::time::timeout(self.settings.stop_grace, self.write_rest(&mut batch));
        if rest.await.is_err() {
            self.count_dropped(batch.len() + self.waiting.len());
        }
        self.tell_dropped();
    }

    /// Waits a moment for more, so that quiet times do not make a transaction a call.
    async fn gather(&mut self, batch: &mut Vec<ProxyCall>, stop: &CancellationToken) {
        let until = tokio::time::Instant::now() + self.settings.linger;
        while batch.len() < self.settings.batch_max {
            let room = self.settings.batch_max - batch.len();
            let came = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(until) => return,
                came = self.waiting.recv_many(batch, room) => came,
            };
            if came == 0 {
                return;
            }
        }
    }

    /// Leaves what is not written, because the process stops, in `batch`.
    async fn write(&self, batch: &mut Vec<ProxyCall>, stop: &CancellationToken) {
        loop {
            match self.store.append(batch).await {
                Ok(()) => break,
                Err(error @ Error::Rejected { .. }) => {
                    tracing::error!(error = %error, calls = batch.len(), "proxy calls are not kept");
                    self.count_dropped(batch.len());
                    break;
                }
                Err(error) => {
                    tracing::debug!(error = %error, "proxy calls are kept later");
                    if stop
                        .run_until_cancelled(tokio::time::sleep(self.settings.retry_pause))
                        .await
                        .is_none()
                    {
                        return;
                    }
                }
            }
        }
        batch.clear();
    }

    async fn write_rest(&mut self, batch: &mut Vec<ProxyCall>) {
        loop {
            let room = self.settings.batch_max.saturating_sub(batch.len());
            if room > 0 {
                self.waiting.recv_many(batch, room).await;
            }
            if batch.is_empty() {
                return;
            }
            if let Err(error) = self.store.append(batch).await {
                tracing::debug!(error = %error, "the last proxy calls are not kept");
                self.count_dropped(batch.len());
            }
            batch.clear();
        }
    }

    fn count_dropped(&self, calls: usize) {
        self.dropped.fetch_add(u64::try_from(calls).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn tell_dropped(&self) {
        let calls = self.dropped.swap(0, Ordering::Relaxed);
        if calls > 0 {
            metrics::CALLS_DROPPED.add(calls);
            tracing::warn!(calls, "{calls} proxy calls are missing in the log of calls");
        }
    }
}

#[cfg(test)]
mod tests;
