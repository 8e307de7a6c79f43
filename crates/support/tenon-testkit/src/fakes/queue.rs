//! A queue that is watched, and fails when it is told to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{Claimed, Depth, DueMs, Error, Generation, JobQueue, Lease, Push};

use super::{Entry, Journal, Presence};

/// Stands before a real queue: notes what goes in, and can be cut off.
pub struct WatchedQueue {
    inner: Arc<dyn JobQueue>,
    journal: Journal,
    presence: Presence,
}

impl WatchedQueue {
    /// Watches a queue.
    #[must_use]
    pub fn new(inner: Arc<dyn JobQueue>, journal: Journal) -> Self {
        Self { inner, journal, presence: Presence::default() }
    }

    /// Whether every call but [`JobQueue::wait`] fails from now on.
    pub fn set_away(&self, is_away: bool) {
        self.presence.set_away(is_away);
    }

    fn check(&self, action: &'static str) -> Result<(), Error> {
        self.presence.check().map_err(|source| Error::Unavailable { action, source })
    }
}

#[async_trait]
impl JobQueue for WatchedQueue {
    async fn generation(&self) -> Result<Option<Generation>, Error> {
        self.check("read the generation")?;
        self.inner.generation().await
    }

    async fn install_generation(&self, generation: Generation) -> Result<(), Error> {
        self.check("install the generation")?;
        self.inner.install_generation(generation).await?;
        self.journal.note(Entry::Installed(generation.0));
        Ok(())
    }

    async fn push(&self, queue: &QueueName, jobs: &[Push]) -> Result<(), Error> {
        self.check("push")?;
        self.inner.push(queue, jobs).await?;
        let pushed = jobs.iter().map(|job| (job.run, job.is_recovered)).collect();
        self.journal.note(Entry::Pushed(pushed));
        Ok(())
    }

    async fn claim(&self, queue: &QueueName, max: usize, ttl: Duration) -> Result<Claimed, Error> {
        self.check("claim")?;
        self.inner.claim(queue, max, ttl).await
    }

    async fn beat(
        &self,
        queue: &QueueName,
        leases: &[Lease],
        ttl: Duration,
    ) -> Result<Vec<RunId>, Error> {
        self.check("extend leases")?;
        self.inner.beat(queue, leases, ttl).await
    }

    async fn ack(&self, queue: &QueueName, leases: &[Lease]) -> Result<(), Error> {
        self.check("acknowledge")?;
        self.inner.ack(queue, leases).await?;
        self.journal.note(Entry::Acked(leases.iter().map(|lease| lease.run).collect()));
        Ok(())
    }

    async fn nack(&self, queue: &QueueName, lease: Lease, due: Option<DueMs>) -> Result<(), Error> {
        self.check("give back")?;
        self.inner.nack(queue, lease, due).await?;
        self.journal.note(Entry::Nacked(lease.run));
        Ok(())
    }

    async fn reap(&self, queue: &QueueName) -> Result<usize, Error> {
        self.check("reap")?;
        self.inner.reap(queue).await
    }

    async fn remove(&self, queue: &QueueName, runs: &[RunId]) -> Result<(), Error> {
        self.check("remove")?;
        self.inner.remove(queue, runs).await
    }

    async fn known(&self, queue: &QueueName, runs: &[RunId]) -> Result<Vec<bool>, Error> {
        self.check("look for jobs")?;
        self.inner.known(queue, runs).await
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, Error> {
        self.check("count")?;
        self.inner.depth(queue).await
    }

    async fn active(&self) -> Result<Vec<QueueName>, Error> {
        self.check("list queues")?;
        self.inner.active().await
    }

    async fn wait(&self, timeout: Duration) {
        self.inner.wait(timeout).await;
    }
}
