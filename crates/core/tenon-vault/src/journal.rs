//! The audit's group commit: many records that wait, one append.
//!
//! Nothing is opened before its record is written, so opening is as fast as an append; records
//! that come at the same moment share one. It decides nothing about who may open what.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::audit::AuditRecord;
use crate::keyring::KeyRings;
use crate::ports::{KeyStore, StoreError};
use crate::settings::Settings;

/// A record was not written, or that is not known.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// Too many wait.
    #[error("too many audit records wait to be written")]
    Full,
    /// It took too long.
    #[error("the audit did not answer in time")]
    Slow,
    /// The store failed.
    #[error("the audit could not be written")]
    Store(#[source] Arc<StoreError>),
    /// The process stops, or nobody runs [`Background`].
    #[error("the audit has stopped")]
    Stopped,
}

struct Waiting {
    record: AuditRecord,
    /// `None`: nobody waits for it.
    written: Option<oneshot::Sender<Result<(), Error>>>,
}

/// Takes records in.
pub(crate) struct Journal {
    waiting: mpsc::Sender<Waiting>,
    timeout: Duration,
}

impl Journal {
    /// A journal and what writes it.
    pub(crate) fn new(
        keys: &Arc<dyn KeyStore>,
        rings: &Arc<KeyRings>,
        settings: &Settings,
    ) -> (Self, Background) {
        let (sender, receiver) = mpsc::channel(settings.audit_waiting_max.max(1));
        let receiver = Arc::new(Mutex::new(receiver));
        let writers = (0..settings.audit_appends_max.max(1))
            .map(|_| Writer {
                waiting: receiver.clone(),
                keys: keys.clone(),
                batch_max: settings.audit_batch_max.max(1),
            })
            .collect();
        let background = Background {
            writers,
            rings: rings.clone(),
            tidy_interval: (settings.ring_cache_ttl / 4).max(Duration::from_millis(100)),
        };
        (Self { waiting: sender, timeout: settings.audit_timeout }, background)
    }

    /// Returns when the record is written.
    pub(crate) async fn record(&self, record: AuditRecord) -> Result<(), Error> {
        let (written, outcome) = oneshot::channel();
        self.send(Waiting { record, written: Some(written) })?;
        match tokio::time::timeout(self.timeout, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::Stopped),
            Err(_) => Err(Error::Slow),
        }
    }

    /// Hands in a record that nothing depends on.
    pub(crate) fn note(&self, record: AuditRecord) {
        if let Err(error) = self.send(Waiting { record, written: None }) {
            tracing::warn!(error = %error, "a refused opening is missing in the audit");
        }
    }

    fn send(&self, waiting: Waiting) -> Result<(), Error> {
        self.waiting.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Full,
            mpsc::error::TrySendError::Closed(_) => Error::Stopped,
        })
    }
}

/// What has to run beside the service: writes the audit and forgets ring keys that have expired.
/// Without it nothing is opened.
pub struct Background {
    writers: Vec<Writer>,
    rings: Arc<KeyRings>,
    tidy_interval: Duration,
}

impl Background {
    /// Runs until the service is dropped and what was handed in is written.
    pub async fn run(self) {
        let mut tidying = tokio::time::interval(self.tidy_interval);
        tidying.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut writing = std::pin::pin!(join_all(self.writers.into_iter().map(Writer::run)));
        loop {
            tokio::select! {
                _ = &mut writing => return,
                _ = tidying.tick() => self.rings.forget_expired(),
            }
        }
    }
}

struct Writer {
    waiting: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    keys: Arc<dyn KeyStore>,
    batch_max: usize,
}

impl Writer {
    async fn run(self) {
        loop {
            let mut batch = Vec::new();
            if self.waiting.lock().await.recv_many(&mut batch, self.batch_max).await == 0 {
                return;
            }
            self.write(batch).await;
        }
    }

    async fn write(&self, batch: Vec<Waiting>) {
        let (records, waiting): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.record, waiting.written)).unzip();
        let outcome = self.keys.append_audit(&records).await.map_err(|error| {
            tracing::error!(
                error = %error,
                cause = %error.source,
                records = records.len(),
                "the audit cannot be written: nothing is opened"
            );
            Error::Store(Arc::new(error))
        });
        for written in waiting.into_iter().flatten() {
            // Who gave up waiting does not open.
            let _ = written.send(outcome.clone());
        }
    }
}
