//! What waits, sampled from the queues.

use std::collections::HashMap;
use std::time::Duration;

use tenon_domain::{QueueName, RunId};

use crate::ports::queue::{Depth, Error, JobQueue, QueueState, Shard};

/// Pages of one shard that a sample reads, at most: with 500 queues a page, 20,000 queues.
const PAGES_MAX: usize = 40;

/// A sample of all queues.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Ready jobs of the queues that have any.
    pub ready: HashMap<QueueName, u64>,
    /// Jobs by place, all queues together.
    pub depth: Depth,
    /// Ready jobs of queues that are not paused.
    pub startable: u64,
    /// The age of the oldest job that could start, by this machine's clock and the clock of the
    /// process that accepted it: good for seconds, not for order.
    pub oldest: Duration,
}

impl Load {
    /// Reads all shards, one after the other.
    ///
    /// # Errors
    /// When the queue service cannot be reached.
    pub async fn sample(queue: &dyn JobQueue, now_ms: i64) -> Result<Self, Error> {
        let mut load = Self::default();
        for shard in 0..queue.shards() {
            for page in 0..PAGES_MAX {
                let states = queue.overview(Shard(shard), page).await?;
                if states.is_empty() {
                    break;
                }
                for state in states {
                    load.add(state, now_ms);
                }
            }
        }
        Ok(load)
    }

    fn add(&mut self, state: QueueState, now_ms: i64) {
        self.depth.ready += state.depth.ready;
        self.depth.delayed += state.depth.delayed;
        self.depth.held += state.depth.held;
        self.depth.running += state.depth.running;
        if !state.is_paused && state.depth.ready > 0 {
            self.startable += state.depth.ready;
            let age = state.next.map_or(Duration::ZERO, |run| age_of(run, now_ms));
            self.oldest = self.oldest.max(age);
        }
        if state.depth.ready > 0 {
            self.ready.insert(state.queue, state.depth.ready);
        }
    }
}

/// How long ago a run was accepted, from its id; zero for one of the future.
#[must_use]
pub fn age_of(run: RunId, now_ms: i64) -> Duration {
    let Some(made) = run.uuid().get_timestamp() else { return Duration::ZERO };
    let (seconds, nanos) = made.to_unix();
    let made_ms = seconds.saturating_mul(1_000) + u64::from(nanos) / 1_000_000;
    let now_ms = u64::try_from(now_ms).unwrap_or(0);
    Duration::from_millis(now_ms.saturating_sub(made_ms))
}
