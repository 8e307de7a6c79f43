//! The queue without a guard.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{
    Ask, Beat, Claimed, Depth, DueMs, Error, Generation, JobQueue, Lease, News, Push, QueueState,
    Shard, Source, Terms, Whereabouts,
};

use super::Guard;

/// A queue without one guard.
pub struct Unguarded {
    queue: Arc<dyn JobQueue>,
    removed: Guard,
    installed: Mutex<Option<Generation>>,
}

impl Unguarded {
    pub fn new(queue: Arc<dyn JobQueue>, removed: Guard) -> Self {
        Self { queue, removed, installed: Mutex::default() }
    }
}

#[async_trait]
impl JobQueue for Unguarded {
    async fn generation(&self) -> Result<Option<Generation>, Error> {
        let carried = self.queue.generation().await?;
        let installed = *self.installed.lock();
        match installed {
            // As if nothing had been forgotten.
            Some(installed) if carried.is_none() && self.removed == Guard::Generation => {
                self.queue.install_generation(installed).await?;
                Ok(Some(installed))
            }
            _ => Ok(carried),
        }
    }

    async fn install_generation(&self, generation: Generation) -> Result<(), Error> {
        *self.installed.lock() = Some(generation);
        self.queue.install_generation(generation).await
    }

    fn use_generation(&self, generation: Generation) {
        *self.installed.lock() = Some(generation);
        self.queue.use_generation(generation);
    }

    fn shards(&self) -> u16 {
        self.queue.shards()
    }

    fn member(&self) -> MemberId {
        self.queue.member()
    }

    fn shard_of(&self, queue: &QueueName) -> Shard {
        self.queue.shard_of(queue)
    }

    async fn push(&self, jobs: &[(QueueName, Push)]) -> Result<(), Error> {
        self.queue.push(jobs).await
    }

    async fn claim(&self, source: &Source, ask: &Ask) -> Result<Claimed, Error> {
        self.queue.claim(source, ask).await
    }

    async fn beat(
        &self,
        shard: Shard,
        leases: &[Beat],
        ttl: Duration,
    ) -> Result<Vec<RunId>, Error> {
        let lost = self.queue.beat(shard, leases, ttl).await?;
        // Whoever holds them now, this process goes on.
        Ok(if self.removed == Guard::Lease { Vec::new() } else { lost })
    }

    async fn ack(&self, shard: Shard, leases: &[Lease]) -> Result<(), Error> {
        self.queue.ack(shard, leases).await
    }

    async fn nack(&self, shard: Shard, leases: &[(Lease, Option<DueMs>)]) -> Result<(), Error> {
        self.queue.nack(shard, leases).await
    }

    async fn reap(&self, shard: Shard) -> Result<usize, Error> {
        self.queue.reap(shard).await
    }

    async fn remove(&self, queue: &QueueName, runs: &[RunId]) -> Result<(), Error> {
        self.queue.remove(queue, runs).await
    }

    async fn known(&self, queue: &QueueName, runs: &[RunId]) -> Result<Vec<bool>, Error> {
        self.queue.known(queue, runs).await
    }

    async fn locate(&self, queue: &QueueName, run: RunId) -> Result<Whereabouts, Error> {
        self.queue.locate(queue, run).await
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, Error> {
        self.queue.depth(queue).await
    }

    async fn set_terms(&self, terms: &[(QueueName, Terms)]) -> Result<(), Error> {
        self.queue.set_terms(terms).await
    }

    async fn overview(&self, shard: Shard, page: usize) -> Result<Vec<QueueState>, Error> {
        self.queue.overview(shard, page).await
    }

    async fn call_for_help(&self, source: &Source) {
        self.queue.call_for_help(source).await;
    }

    async fn news(&self, timeout: Duration) -> News {
        self.queue.news(timeout).await
    }
}
