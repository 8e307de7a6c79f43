//! Claimers of a queue, for the groups that measure it alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tenon_exec::ports::queue::{Ask, Claimed, JobQueue as _, Lease, Shard, Source};
use tenon_redis::RedisQueue;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Jobs in one push and in one claim.
pub const BATCH: usize = 64;
/// Claims under way at once.
const CLAIMERS: usize = 4;
const LEASE: Duration = Duration::from_secs(30);

/// Claimers that finish what they are given.
#[derive(Debug)]
pub struct Workers(JoinSet<anyhow::Result<()>>);

impl Workers {
    /// Claimers share the sources, as the claims of a worker do: a source that has more is asked
    /// again in its turn, another when there is news.
    pub fn spawn(
        queue: &Arc<RedisQueue>,
        sources: &[Source],
        of_turn: usize,
        done: Arc<AtomicUsize>,
        is_over: &CancellationToken,
    ) -> Self {
        Self::spawn_with(queue, sources, of_turn, is_over, move |claimed| {
            done.fetch_add(claimed.jobs.len(), Ordering::Relaxed);
        })
    }

    /// `note` is told of each claim before it is acknowledged.
    pub fn spawn_with(
        queue: &Arc<RedisQueue>,
        sources: &[Source],
        of_turn: usize,
        is_over: &CancellationToken,
        note: impl Fn(&Claimed) + Clone + Send + Sync + 'static,
    ) -> Self {
        let mut tasks = JoinSet::new();
        // One source alone is asked by all claimers at once.
        let all: Vec<Source> =
            sources.iter().cycle().take(sources.len().max(CLAIMERS)).cloned().collect();
        let agenda = Arc::new(Mutex::new(VecDeque::from(all.clone())));
        for _ in 0..CLAIMERS {
            let (queue, is_over, note) = (queue.clone(), is_over.clone(), note.clone());
            let (agenda, all) = (agenda.clone(), all.clone());
            tasks.spawn(async move {
                while !is_over.is_cancelled() {
                    let next = agenda.lock().pop_front();
                    let Some(source) = next else {
                        queue.news(Duration::from_millis(20)).await;
                        *agenda.lock() = VecDeque::from(all.clone());
                        continue;
                    };
                    let claimed = queue.claim(&source, &ask(BATCH, of_turn)).await?;
                    if claimed.has_more {
                        agenda.lock().push_back(source.clone());
                    }
                    if !claimed.jobs.is_empty() {
                        queue.ack(shard_of(&source, &queue), &leases(&claimed)).await?;
                        note(&claimed);
                    }
                }
                Ok(())
            });
        }
        Self(tasks)
    }

    /// Waits for them; call it once their token is cancelled.
    ///
    /// # Errors
    /// When one of them failed.
    pub async fn end(mut self) -> anyhow::Result<()> {
        while let Some(worker) = self.0.join_next().await {
            worker??;
        }
        Ok(())
    }
}

/// The shard in which a source is.
pub fn shard_of(source: &Source, queue: &RedisQueue) -> Shard {
    match source {
        Source::Shared(shard) => *shard,
        Source::Dedicated(name) => queue.shard_of(name),
    }
}

/// A claim, with so many jobs of a queue in one turn.
pub fn ask(max: usize, of_turn: usize) -> Ask {
    Ask { max, max_of_queue: of_turn, ttl: LEASE, except: Vec::new() }
}

/// The leases of what was claimed.
pub fn leases(claimed: &Claimed) -> Vec<Lease> {
    claimed.jobs.iter().map(|job| Lease { run: job.run, fence: claimed.fence }).collect()
}
