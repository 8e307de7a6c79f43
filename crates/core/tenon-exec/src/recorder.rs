//! The recorder: takes results from the engine and commits them in batches.
//!
//! Order matters: large values are in the blob store before the row that names them; rows are
//! committed before the queue is told; only then is a run let go. A crash at any point loses at
//! most what was not committed, and that is executed again.
//!
//! While the database is away the recorder keeps what it has and tries again; its input is
//! bounded, so workers slow down and stop claiming. It never drops a result.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use tenon_domain::{Clock, QueueName};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::leases::Leases;
use crate::metrics;
use crate::ports::blobs::BlobStore;
use crate::ports::history::Payload;
use crate::ports::queue::{DueMs, JobQueue, Lease, Shard};
use crate::ports::store::{self, Batch, Finish, JobStore, StepRow, Suspend};
use crate::settings::Settings;

/// The recorder has ended: the process stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the recorder has stopped")]
pub struct Stopped;

/// How a run leaves this process.
#[derive(Debug, Clone, PartialEq)]
pub enum Leave {
    /// It ended.
    Finish(Finish),
    /// It waits; `None` means it goes on at once in another process.
    Suspend(Option<DueMs>),
}

enum Entry {
    Step(Box<StepRow>),
    Leave { queue: QueueName, lease: Lease, leave: Box<Leave> },
    Barrier(oneshot::Sender<()>),
}

/// Hands results to the recorder. Cheap to clone.
#[derive(Clone)]
pub struct RecorderHandle {
    entries: mpsc::Sender<Entry>,
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
}

impl RecorderHandle {
    /// Hands over one result. Waits while too many are uncommitted.
    ///
    /// # Errors
    /// [`Stopped`] when the recorder has ended.
    pub async fn record(&self, row: StepRow) -> Result<(), Stopped> {
        metrics::step(&row);
        self.send(Entry::Step(Box::new(row))).await
    }

    /// Hands over the end of a run's stay in this process. The queue is told, and the lease let
    /// go, after everything recorded of the run is committed.
    ///
    /// # Errors
    /// [`Stopped`] when the recorder has ended.
    pub async fn leave(&self, queue: QueueName, lease: Lease, leave: Leave) -> Result<(), Stopped> {
        self.send(Entry::Leave { queue, lease, leave: Box::new(leave) }).await
    }

    /// Returns when everything handed over before is committed.
    ///
    /// # Errors
    /// [`Stopped`] when the recorder has ended.
    pub async fn barrier(&self) -> Result<(), Stopped> {
        let (done, committed) = oneshot::channel();
        self.send(Entry::Barrier(done)).await?;
        committed.await.map_err(|_| Stopped)
    }

    /// Whether so much is uncommitted that no further work should be taken.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.waiting_max
    }

    async fn send(&self, entry: Entry) -> Result<(), Stopped> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.entries.send(entry).await.map_err(|_| Stopped)
    }
}

/// Commits results. Runs until every handle is dropped and all is committed.
pub struct Recorder {
    entries: mpsc::Receiver<Entry>,
    waiting: Arc<AtomicUsize>,
    store: Arc<dyn JobStore>,
    blobs: Arc<dyn BlobStore>,
    queue: Arc<dyn JobQueue>,
    leases: Arc<Leases>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
}

impl Recorder {
    /// Builds a recorder and its handle.
    #[must_use]
    pub fn new(
        store: Arc<dyn JobStore>,
        blobs: Arc<dyn BlobStore>,
        queue: Arc<dyn JobQueue>,
        leases: Arc<Leases>,
        clock: Arc<dyn Clock>,
        settings: Arc<Settings>,
    ) -> (Self, RecorderHandle) {
        let (sender, entries) = mpsc::channel(settings.record_waiting_max * 2);
        let waiting = Arc::new(AtomicUsize::new(0));
        let handle = RecorderHandle {
            entries: sender,
            waiting: waiting.clone(),
            waiting_max: settings.record_waiting_max,
        };
        (Self { entries, waiting, store, blobs, queue, leases, clock, settings }, handle)
    }

    /// Commits batches until the handles are gone.
    pub async fn run(mut self) {
        let mut buffer = Vec::new();
        while self.collect(&mut buffer).await {
            let taken = buffer.len();
            metrics::RECORD_WAITING.set(self.waiting.load(Ordering::Relaxed) as f64);
            self.flush(std::mem::take(&mut buffer)).await;
            let before = self.waiting.fetch_sub(taken, Ordering::Relaxed);
            metrics::RECORD_WAITING.set(before.saturating_sub(taken) as f64);
        }
    }

    /// Fills the buffer: waits for a first entry, then for company. A barrier waits for nobody.
    async fn collect(&mut self, buffer: &mut Vec<Entry>) -> bool {
        let max = self.settings.record_batch_max;
        if self.entries.recv_many(buffer, max).await == 0 {
            return false;
        }
        let until = Instant::now() + self.settings.record_linger;
        while buffer.len() < max && !buffer.iter().any(|entry| matches!(entry, Entry::Barrier(_))) {
            let room = max - buffer.len();
            match tokio::time::timeout_at(until, self.entries.recv_many(buffer, room)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        true
    }

    async fn flush(&self, entries: Vec<Entry>) {
        let mut batch = Batch::default();
        let mut leaving = Vec::new();
        let mut barriers = Vec::new();
        for entry in entries {
            match entry {
                Entry::Step(row) => batch.steps.push(*row),
                Entry::Barrier(done) => barriers.push(done),
                Entry::Leave { queue, lease, leave } => {
                    match &*leave {
                        Leave::Finish(finish) => batch.finishes.push(finish.clone()),
                        Leave::Suspend(due) => batch.suspends.push(Suspend {
                            run: lease.run,
                            due: due.unwrap_or_else(|| DueMs(self.clock.now().as_millisecond())),
                        }),
                    }
                    leaving.push((queue, lease, leave));
                }
            }
        }
        self.pack(&mut batch).await;
        if !batch.is_empty() {
            let entries = batch.steps.len() + batch.suspends.len() + batch.finishes.len();
            let started = Instant::now();
            self.commit(batch).await;
            metrics::RECORD_BATCH.count(entries);
            metrics::RECORD_TIME.took(started.elapsed());
        }
        for done in barriers {
            let _ = done.send(());
        }
        self.release(leaving).await;
    }

    /// Moves large values of the batch into one segment of the blob store.
    async fn pack(&self, batch: &mut Batch) {
        let limit = self.settings.inline_bytes_max;
        let mut slots: Vec<&mut Payload> = batch
            .steps
            .iter_mut()
            .flat_map(|row| [row.input.as_mut(), row.output.as_mut()])
            .flatten()
            .filter(|payload| matches!(payload, Payload::Inline(bytes) if bytes.len() > limit))
            .collect();
        if slots.is_empty() {
            return;
        }
        let values: Vec<Bytes> = slots
            .iter()
            .map(|payload| match payload {
                Payload::Inline(bytes) => bytes.clone(),
                Payload::Blob(_) => Bytes::new(),
            })
            .collect();
        let mut backoff = Backoff::new();
        loop {
            match self.blobs.put_packed(&values).await {
                Ok(places) => {
                    for (slot, place) in slots.iter_mut().zip(places) {
                        **slot = Payload::Blob(place);
                    }
                    return;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "large results wait for the blob store");
                    backoff.wait().await;
                }
            }
        }
    }

    /// Commits until it is done; rows that the database refuses are set aside one by one.
    async fn commit(&self, batch: Batch) {
        let batch = Arc::new(batch);
        let mut backoff = Backoff::new();
        loop {
            match self.store.commit(batch.clone()).await {
                Ok(()) => return,
                Err(store::Error::Unavailable { action, source }) => {
                    tracing::warn!(action, error = %source, "results wait for the database");
                    backoff.wait().await;
                }
                Err(store::Error::Rejected { source, .. }) => {
                    return self.commit_singly(&batch, &*source).await;
                }
            }
        }
    }

    /// One row at a time, so that one bad row does not hold up the others.
    async fn commit_singly(&self, batch: &Batch, why: &(dyn std::error::Error + Send + Sync)) {
        tracing::error!(error = %why, "the database refused a batch of results; trying its rows singly");
        let singles = (batch
            .steps
            .iter()
            .map(|row| Batch { steps: vec![row.clone()], ..Batch::default() }))
        .chain(batch.suspends.iter().map(|row| Batch { suspends: vec![*row], ..Batch::default() }))
        .chain(
            batch
                .finishes
                .iter()
                .map(|row| Batch { finishes: vec![row.clone()], ..Batch::default() }),
        );
        for single in singles {
            let single = Arc::new(single);
            let mut backoff = Backoff::new();
            loop {
                match self.store.commit(single.clone()).await {
                    Ok(()) => break,
                    Err(store::Error::Unavailable { .. }) => backoff.wait().await,
                    Err(store::Error::Rejected { source, .. }) => {
                        metrics::RECORD_REFUSED.add(1);
                        let run = single.steps.first().map(|row| row.run);
                        tracing::error!(execution.id = ?run, error = %source, "a result could not be recorded");
                        break;
                    }
                }
            }
        }
    }

    async fn tell(&self, shard: Shard, told: &Told) {
        metrics::ACKED.add(told.finished.len() as u64);
        metrics::NACKED.add(told.suspended.len() as u64);
        if !told.finished.is_empty()
            && let Err(error) = self.queue.ack(shard, &told.finished).await
        {
            metrics::QUEUE_CALL_FAILURES.add(told.finished.len() as u64);
            tracing::debug!(error = %error, "ended runs were not acknowledged");
        }
        if !told.suspended.is_empty()
            && let Err(error) = self.queue.nack(shard, &told.suspended).await
        {
            metrics::QUEUE_CALL_FAILURES.add(told.suspended.len() as u64);
            tracing::debug!(error = %error, "suspended runs were not given back");
        }
    }

    /// Tells the queue what is committed, then lets the leases go. A queue that cannot be told
    /// finds out by itself: the lease lapses and the next claimer sees that the run has ended.
    async fn release(&self, leaving: Vec<(QueueName, Lease, Box<Leave>)>) {
        let mut told: HashMap<Shard, Told> = HashMap::new();
        for (queue, lease, leave) in &leaving {
            let told = told.entry(self.queue.shard_of(queue)).or_default();
            match &**leave {
                Leave::Finish(_) => told.finished.push(*lease),
                Leave::Suspend(due) => told.suspended.push((*lease, *due)),
            }
        }
        join_all(told.iter().map(|(shard, told)| self.tell(*shard, told))).await;
        for (_, lease, _) in leaving {
            self.leases.drop_lease(lease);
        }
    }
}

/// What one shard of the queues is told.
#[derive(Default)]
struct Told {
    finished: Vec<Lease>,
    suspended: Vec<(Lease, Option<DueMs>)>,
}

/// Waits between tries, longer each time, up to two seconds.
struct Backoff(Duration);

impl Backoff {
    const fn new() -> Self {
        Self(Duration::from_millis(50))
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_secs(2));
    }
}
