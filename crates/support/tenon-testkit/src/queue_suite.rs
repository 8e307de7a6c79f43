//! The rules of [`JobQueue`], each a function named by its rule, run on every adapter.
//!
//! An adapter's test says `tenon_testkit::queue_suite!(harness)`, where `harness` makes a fresh
//! [`Harness`]; every rule becomes one test. The suite knows nothing of any adapter.
//!
//! Which guard each rule watches was tried by taking the guard out of the adapters:
//!
//! | Without this guard | these fail, and the random sequences with them |
//! |---|---|
//! | fence check in `ack` | `only_the_holder_finishes_a_job`, `a_zombie_cannot_finish_a_reclaimed_job` |
//! | fence check in `nack` | `a_zombie_cannot_give_back_a_reclaimed_job` |
//! | fence check in `beat` | `a_beat_reports_a_lease_that_another_took` |
//! | only earlier generations are taken up again | `a_beat_does_not_revive_a_finished_job` |
//! | generation check | `a_new_generation_empties_the_queues`, `an_older_generation_is_turned_away` |
//! | "is it known" in `push` | `pushing_twice_keeps_one`, `repeating_changes_nothing` |
//! | a counter that grows | `fences_grow_with_every_claim`, `a_zombie_cannot_finish_a_reclaimed_job` |

mod leases;
mod order;
mod random;
mod recovery;
mod service;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

pub use leases::*;
pub use order::*;
pub use random::*;
pub use recovery::*;
pub use service::*;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{Claimed, DueMs, Generation, JobQueue, Lease, Push};

/// A lease that does not lapse during a test.
const LONG: Duration = Duration::from_secs(3600);

/// A lease that lapses at once.
const SHORT: Duration = Duration::from_millis(1);

/// Time for a short lease, or a due time one ms ahead, to pass.
const A_MOMENT: Duration = Duration::from_millis(20);

/// A queue service that a rule may use as it likes; dropped after the rule.
pub trait Harness: Send + Sync {
    /// A handle of its own, as another process would have, without a generation.
    fn handle(&self) -> impl Future<Output = Arc<dyn JobQueue>> + Send;

    /// Makes the service forget everything.
    fn forget(&self) -> impl Future<Output = ()> + Send;
}

/// Makes one test of each rule; `$make` is a function that answers a [`Harness`], maybe async
/// through `async fn() -> impl Harness`.
#[macro_export]
macro_rules! queue_suite {
    ($make:path) => {
        $crate::queue_suite!(@rules $make:
            pushing_twice_keeps_one,
            jobs_come_in_the_order_they_were_pushed,
            a_claim_takes_no_more_than_asked,
            a_delayed_job_waits_for_its_time,
            delayed_jobs_fall_due_in_order,
            a_job_given_back_stands_first,
            a_job_given_back_with_a_due_time_is_delayed,
            a_repair_stays_flagged,
            concurrent_claimers_never_share_a_job,
            fences_grow_with_every_claim,
            only_the_holder_finishes_a_job,
            a_lapsed_job_comes_back_flagged_and_first,
            a_beat_keeps_a_lease_from_lapsing,
            a_beat_reports_a_lease_that_another_took,
            a_beat_does_not_revive_a_finished_job,
            a_zombie_cannot_finish_a_reclaimed_job,
            a_zombie_cannot_give_back_a_reclaimed_job,
            repeating_changes_nothing,
            a_queue_without_a_generation_asks_for_recovery,
            a_queue_that_forgot_asks_for_recovery,
            a_beat_takes_up_what_the_service_forgot,
            a_beat_does_not_take_what_was_pushed_again,
            an_older_generation_is_turned_away,
            a_new_generation_empties_the_queues,
            removed_jobs_are_gone_from_everywhere,
            the_queue_knows_what_it_holds,
            depth_counts_each_place,
            queues_do_not_mix,
            a_push_is_listed_as_active,
            a_push_by_another_handle_ends_a_wait,
            a_push_before_the_wait_ends_it,
            a_wait_without_pushes_ends_by_itself,
            large_batches_are_taken_whole,
            any_sequence_behaves_as_the_model,
        );
    };
    (@rules $make:path: $($rule:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let harness = $make().await;
                $crate::queue_suite::$rule(&harness).await;
            }
        )*
    };
}

/// A queue of a fresh generation, with one handle.
struct Bench {
    handle: Arc<dyn JobQueue>,
    name: QueueName,
}

impl Bench {
    async fn new(harness: &impl Harness) -> Self {
        let handle = harness.handle().await;
        handle.install_generation(Generation(1)).await.expect("installing a generation works");
        Self { handle, name: QueueName::new("orders") }
    }

    /// Another process of the same generation.
    async fn another(&self, harness: &impl Harness) -> Self {
        let handle = harness.handle().await;
        handle.install_generation(Generation(1)).await.expect("installing a generation works");
        Self { handle, name: self.name.clone() }
    }

    /// Pushes new runs that may start now.
    async fn push_new(&self, count: usize) -> Vec<RunId> {
        let runs: Vec<_> = (0..count).map(|_| RunId::new()).collect();
        let jobs: Vec<_> = runs.iter().map(|run| push_now(*run)).collect();
        self.push(&jobs).await;
        runs
    }

    async fn push(&self, jobs: &[Push]) {
        self.handle.push(&self.name, jobs).await.expect("a push works");
    }

    async fn claim(&self, max: usize, ttl: Duration) -> Claimed {
        self.handle.claim(&self.name, max, ttl).await.expect("a claim works")
    }

    /// Claims one job that must be there.
    async fn claim_one(&self, ttl: Duration) -> Lease {
        let claimed = self.claim(1, ttl).await;
        leases(&claimed).pop().expect("a job is ready")
    }

    async fn beat(&self, lease: Lease, ttl: Duration) -> Vec<RunId> {
        self.handle.beat(&self.name, &[lease], ttl).await.expect("a beat works")
    }

    async fn ack(&self, lease: Lease) {
        self.handle.ack(&self.name, &[lease]).await.expect("an ack works");
    }

    async fn nack(&self, lease: Lease, due: Option<DueMs>) {
        self.handle.nack(&self.name, lease, due).await.expect("a nack works");
    }

    async fn reap(&self) -> usize {
        self.handle.reap(&self.name).await.expect("a reap works")
    }

    async fn knows(&self, run: RunId) -> bool {
        self.handle.known(&self.name, &[run]).await.expect("asking works")[0]
    }

    /// Places as (ready, delayed, running).
    async fn depth(&self) -> (u64, u64, u64) {
        let depth = self.handle.depth(&self.name).await.expect("counting works");
        (depth.ready, depth.delayed, depth.running)
    }
}

fn push_now(run: RunId) -> Push {
    Push { run, due: None, is_recovered: false }
}

fn runs(claimed: &Claimed) -> Vec<RunId> {
    claimed.jobs.iter().map(|job| job.run).collect()
}

fn leases(claimed: &Claimed) -> Vec<Lease> {
    claimed.jobs.iter().map(|job| Lease { run: job.run, fence: claimed.fence }).collect()
}

fn in_ms(ms: i64) -> DueMs {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).expect("the clock is after 1970");
    DueMs(i64::try_from(since.as_millis()).expect("the year fits") + ms)
}

/// All of `runs`, each once.
fn assert_each_once(seen: &[RunId], runs: &[RunId]) {
    let unique: HashSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len(), "a job was handed out twice");
    assert_eq!(unique, runs.iter().collect(), "a job is missing");
}
