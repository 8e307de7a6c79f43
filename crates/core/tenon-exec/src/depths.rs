//! How much waits, for the metrics: looked up by the controller every few seconds.

use std::sync::Arc;
use std::time::Duration;

use tenon_domain::{Clock, RunId};
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::ports::queue::{Depth, Error, JobQueue, QueueState, Shard};

/// What all queues hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depths {
    /// Jobs by place.
    pub jobs: Depth,
    /// Queues without workers of their own that hold anything.
    pub shared: u64,
    /// Queues with workers of their own that hold anything.
    pub dedicated: u64,
    /// Of the jobs that are next in their queues, the one that was accepted first.
    pub oldest: Option<RunId>,
}

/// Looks up what the queues hold.
///
/// # Errors
/// When the queue service cannot be reached.
pub async fn look(queue: &dyn JobQueue) -> Result<Depths, Error> {
    let mut found = Depths::default();
    for shard in (0..queue.shards()).map(Shard) {
        for page in 0.. {
            let states = queue.overview(shard, page).await?;
            if states.is_empty() {
                break;
            }
            states.iter().for_each(|state| found.add(state));
        }
    }
    Ok(found)
}

impl Depths {
    fn add(&mut self, state: &QueueState) {
        match state.is_dedicated {
            true => self.dedicated += 1,
            false => self.shared += 1,
        }
        self.jobs.ready += state.depth.ready;
        self.jobs.delayed += state.depth.delayed;
        self.jobs.held += state.depth.held;
        self.jobs.running += state.depth.running;
        self.oldest = self.oldest.into_iter().chain(state.next).min();
    }
}

/// Looks every `interval` and sets the metrics, until the token fires.
pub async fn follow(
    queue: Arc<dyn JobQueue>,
    clock: Arc<dyn Clock>,
    interval: Duration,
    stop: CancellationToken,
) {
    loop {
        match look(&*queue).await {
            Ok(depths) => publish(&depths, &*clock),
            // The last figures stay; that the service is away is seen elsewhere.
            Err(error) => tracing::debug!(error = %error, "the queues could not be counted"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}

fn publish(depths: &Depths, clock: &dyn Clock) {
    for (place, jobs) in [
        ("ready", depths.jobs.ready),
        ("delayed", depths.jobs.delayed),
        ("held", depths.jobs.held),
        ("running", depths.jobs.running),
    ] {
        metrics::QUEUE_JOBS.set_of(&[place], jobs as f64);
    }
    metrics::QUEUES.set_of(&["shared"], depths.shared as f64);
    metrics::QUEUES.set_of(&["dedicated"], depths.dedicated as f64);
    let age = depths.oldest.map_or(0, |run| age_ms(run, clock));
    metrics::OLDEST_READY.set(age as f64 / 1_000.0);
}

/// How long ago a run was accepted, in milliseconds; its id says when.
fn age_ms(run: RunId, clock: &dyn Clock) -> i64 {
    let Some(made) = run.uuid().get_timestamp() else { return 0 };
    let (seconds, nanos) = made.to_unix();
    let made_ms = i64::try_from(seconds * 1_000 + u64::from(nanos) / 1_000_000).unwrap_or(i64::MAX);
    clock.now().as_millisecond().saturating_sub(made_ms).max(0)
}
