//! A queue that is watched, and fails when it is told to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{
    Ask, Beat, Claimed, Depth, DueMs, Error, Generation, JobQueue, Lease, News, Push, QueueState,
    Shard, Source, Terms, Whereabouts,
};

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

    /// Whether every call but [`JobQueue::news`] fails from now on.
    pub fn set_away(&self, is_away: bool) {
        self.presence.set_away(is_away);
    }

    fn check(&self, action: &'static str) -> Result<(), Error> {
        self.presence.check().map_err(|source| Error::Unavailable { action, source })
    }
}

#[async_trait]
impl JobQueue for WatchedQueue {
    fn shards(&self) -> u16 {
        self.inner.shards()
    }

    fn member(&self) -> MemberId {
        self.inner.member()
    }

    fn shard_of(&self, queue: &QueueName) -> Shard {
        self.inner.shard_of(queue)
    }

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

    fn use_generation(&self, generation: Generation) {
        self.inner.use_generation(generation);
    }

    async fn push(&self, jobs: &[(QueueName, Push)]) -> Result<(), Error> {
        self.check("push")?;
        self.inner.push(jobs).await?;
        let pushed = jobs.iter().map(|(_, job)| (job.run, job.is_recovered)).collect();
        self.journal.note(Entry::Pushed(pushed));
        Ok(())
    }

    async fn claim(&self, source: &Source, ask: &Ask) -> Result<Claimed, Error> {
        self.check("claim")?;
        self.inner.claim(source, ask).await
    }

    async fn beat(
        &self,
        shard: Shard,
        leases: &[Beat],
        ttl: Duration,
    ) -> Result<Vec<RunId>, Error> {
        self.check("extend leases")?;
        self.inner.beat(shard, leases, ttl).await
    }

    async fn ack(&self, shard: Shard, leases: &[Lease]) -> Result<(), Error> {
        self.check("acknowledge")?;
        self.inner.ack(shard, leases).await?;
        self.journal.note(Entry::Acked(leases.iter().map(|lease| lease.run).collect()));
        Ok(())
    }

    async fn nack(&self, shard: Shard, leases: &[(Lease, Option<DueMs>)]) -> Result<(), Error> {
        self.check("give back")?;
        self.inner.nack(shard, leases).await?;
        leases.iter().for_each(|(lease, _)| self.journal.note(Entry::Nacked(lease.run)));
        Ok(())
    }

    async fn reap(&self, shard: Shard) -> Result<usize, Error> {
        self.check("reap")?;
        self.inner.reap(shard).await
    }

    async fn remove(&self, queue: &QueueName, runs: &[RunId]) -> Result<(), Error> {
        self.check("remove")?;
        self.inner.remove(queue, runs).await
    }

    async fn known(&self, queue: &QueueName, runs: &[RunId]) -> Result<Vec<bool>, Error> {
        self.check("look for jobs")?;
        self.inner.known(queue, runs).await
    }

    async fn locate(&self, queue: &QueueName, run: RunId) -> Result<Whereabouts, Error> {
        self.check("find a job")?;
        self.inner.locate(queue, run).await
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, Error> {
        self.check("count")?;
        self.inner.depth(queue).await
    }

    async fn set_terms(&self, terms: &[(QueueName, Terms)]) -> Result<(), Error> {
        self.check("set terms")?;
        self.inner.set_terms(terms).await
    }

    async fn overview(&self, shard: Shard, page: usize) -> Result<Vec<QueueState>, Error> {
        self.check("look at the queues")?;
        self.inner.overview(shard, page).await
    }

    async fn call_for_help(&self, source: &Source) {
        self.inner.call_for_help(source).await;
    }

    async fn news(&self, timeout: Duration) -> News {
        self.inner.news(timeout).await
    }
}
