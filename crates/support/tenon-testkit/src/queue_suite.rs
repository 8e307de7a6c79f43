//! The rules of [`JobQueue`], each a function named by its rule, run on every adapter.
//!
//! An adapter's test says `tenon_testkit::queue_suite!(harness)`, where `harness` makes a fresh
//! [`Harness`]; every rule becomes one test. The suite knows nothing of any adapter.
//!
//! Which guard each rule watches was tried by taking the guard out of the adapters:
//!
//! | Without this guard | these fail, and the random sequences with them |
//! |---|---|
//! | fence check in `ack` and `nack` | `only_the_holder_finishes_a_job`, `a_zombie_cannot_finish_a_reclaimed_job`, `a_zombie_cannot_give_back_a_reclaimed_job` |
//! | fence check in `beat` | `a_beat_reports_a_lease_that_another_took` |
//! | only what was forgotten is taken up again | `a_beat_does_not_revive_a_finished_job`, `removed_jobs_are_gone_from_everywhere` |
//! | generation check | `a_new_generation_empties_the_queues`, `an_older_generation_is_turned_away` |
//! | nobody but a rebuild writes the generation | `using_a_generation_writes_nothing` |
//! | "is it known" in `push` | `pushing_twice_keeps_one`, `repeating_changes_nothing` |
//! | a counter that grows | `fences_grow_with_every_claim`, `a_zombie_cannot_finish_a_reclaimed_job` |
//! | a job costs one over the weight | `weights_share_the_claims` |
//! | the length of a round | `turns_are_short_where_many_wait` |
//! | who left ahead of the others is remembered | `who_drains_now_and_then_gains_nothing` |
//! | running jobs count against `running_max` | `no_more_run_than_the_terms_allow` |
//! | the lowest id of a lane goes first | `a_lane_is_in_order_however_it_was_pushed`, `a_lower_id_goes_before_one_that_is_delayed` |
//! | a lease that is taken up again takes its lane | `a_lease_taken_up_again_with_its_lane_shuts_no_other`, `a_lease_taken_up_again_goes_before_who_became_ready_meanwhile` |
//! | lanes wait for leases without a known lane | `a_lane_waits_for_leases_from_before_a_loss` |

mod adoption;
mod lanes;
mod leases;
mod limits;
mod order;
mod random;
mod recovery;
mod service;
mod turns;
mod whereabouts;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

pub use adoption::*;
pub use lanes::*;
pub use leases::*;
pub use limits::*;
pub use order::*;
pub use random::*;
pub use recovery::*;
pub use service::*;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{
    Ask, Beat, Claimed, Depth, DueMs, Generation, JobQueue, Lease, Push, Shard, Source, Terms,
    Whereabouts,
};
use tenon_exec::ports::store::JobOrder;
pub use turns::*;
pub use whereabouts::*;

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
            priorities_go_before_age,
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
            what_was_taken_up_again_and_lapsed_is_forgotten,
            a_beat_does_not_take_what_was_pushed_again,
            an_older_generation_is_turned_away,
            using_a_generation_writes_nothing,
            a_new_generation_empties_the_queues,
            removed_jobs_are_gone_from_everywhere,
            the_queue_knows_what_it_holds,
            depth_counts_each_place,
            queues_do_not_mix,
            an_overview_lists_what_queues_hold,
            an_overview_goes_on_in_pages,
            a_push_by_another_handle_is_news,
            a_push_before_the_wait_is_news,
            a_wait_without_pushes_ends_by_itself,
            a_source_that_has_work_already_is_no_news,
            a_job_given_back_is_news,
            a_call_for_help_reaches_the_others,
            large_batches_are_taken_whole,
            queues_that_wait_share_a_claim,
            turns_go_round_until_the_claim_is_full,
            turns_are_short_where_many_wait,
            weights_share_the_claims,
            a_flood_does_not_keep_others_waiting,
            who_drains_now_and_then_gains_nothing,
            queues_are_passed_over_where_asked,
            a_claim_says_whether_more_is_ready,
            no_more_run_than_the_terms_allow,
            no_more_start_than_the_rate_allows,
            a_slow_rate_gives_one_at_a_time,
            a_paused_queue_keeps_its_jobs,
            a_dedicated_queue_is_a_source_of_its_own,
            a_dedicated_queue_at_its_limit_is_news_again,
            terms_are_kept_for_a_queue_that_is_empty,
            a_lane_in_order_runs_one_at_a_time,
            a_lane_keeps_its_turn_while_a_job_is_delayed,
            a_lane_keeps_its_turn_over_a_lapsed_lease,
            a_lane_is_in_order_however_it_was_pushed,
            a_lower_id_goes_before_one_that_is_delayed,
            a_removed_job_leaves_its_lane,
            lanes_do_not_wait_for_each_other,
            a_lane_of_two_has_room_for_two,
            a_delayed_job_makes_room_in_its_lane,
            a_lane_waits_for_leases_from_before_a_loss,
            a_lease_taken_up_again_with_its_lane_shuts_no_other,
            a_lease_taken_up_again_goes_before_who_became_ready_meanwhile,
            two_of_a_lane_that_run_end_one_after_the_other,
            a_lease_that_tells_its_lane_later_opens_the_others,
            what_was_taken_up_again_with_its_order_goes_back_where_it_belongs,
            a_lane_of_two_counts_leases_taken_up_again,
            a_job_is_found_in_every_place,
            a_job_far_behind_is_found_without_its_number,
            a_job_says_what_holds_its_queue_up,
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
        let jobs: Vec<_> = jobs.iter().map(|job| (self.name.clone(), *job)).collect();
        self.handle.push(&jobs).await.expect("a push works");
    }

    fn shard(&self) -> Shard {
        self.handle.shard_of(&self.name)
    }

    fn source(&self) -> Source {
        Source::Shared(self.shard())
    }

    /// Another queue of the same shard, with the same handle.
    fn neighbour(&self, number: usize) -> Self {
        let names = (0..).map(|at| QueueName::new(format!("neighbour-{at}")));
        let mut in_shard = names.filter(|name| self.handle.shard_of(name) == self.shard());
        let name = in_shard.nth(number).expect("there are names without end");
        Self { handle: Arc::clone(&self.handle), name }
    }

    async fn set_terms(&self, terms: Terms) {
        let told = self.handle.set_terms(&[(self.name.clone(), terms)]).await;
        told.expect("setting terms works");
    }

    /// Claims from the shard.
    async fn claim(&self, max: usize, ttl: Duration) -> Claimed {
        self.claim_as(&ask(max, ttl)).await
    }

    async fn claim_as(&self, ask: &Ask) -> Claimed {
        self.handle.claim(&self.source(), ask).await.expect("a claim works")
    }

    /// Claims from the queue as a dedicated one.
    async fn claim_dedicated(&self, max: usize) -> Claimed {
        let source = Source::Dedicated(self.name.clone());
        self.handle.claim(&source, &ask(max, LONG)).await.expect("a claim works")
    }

    /// Claims one job that must be there.
    async fn claim_one(&self, ttl: Duration) -> Lease {
        let claimed = self.claim(1, ttl).await;
        leases(&claimed).pop().expect("a job is ready")
    }

    /// A beat of a worker that has not read the job yet.
    async fn beat(&self, lease: Lease, ttl: Duration) -> Vec<RunId> {
        self.beat_as(lease, None, ttl).await
    }

    /// A beat that tells the order of the job.
    async fn beat_as(&self, lease: Lease, order: Option<JobOrder>, ttl: Duration) -> Vec<RunId> {
        let beats = [Beat { queue: self.name.clone(), lease, order }];
        self.handle.beat(self.shard(), &beats, ttl).await.expect("a beat works")
    }

    async fn locate(&self, run: RunId) -> Whereabouts {
        self.handle.locate(&self.name, run).await.expect("asking works")
    }

    async fn ack(&self, lease: Lease) {
        self.handle.ack(self.shard(), &[lease]).await.expect("an ack works");
    }

    async fn ack_all(&self, claimed: &Claimed) {
        self.handle.ack(self.shard(), &leases(claimed)).await.expect("an ack works");
    }

    async fn nack(&self, lease: Lease, due: Option<DueMs>) {
        self.nack_all(&[(lease, due)]).await;
    }

    async fn nack_all(&self, leases: &[(Lease, Option<DueMs>)]) {
        self.handle.nack(self.shard(), leases).await.expect("a nack works");
    }

    async fn reap(&self) -> usize {
        self.handle.reap(self.shard()).await.expect("a reap works")
    }

    async fn remove(&self, run: RunId) {
        self.handle.remove(&self.name, &[run]).await.expect("removing works");
    }

    async fn knows(&self, run: RunId) -> bool {
        self.handle.known(&self.name, &[run]).await.expect("asking works")[0]
    }

    async fn places(&self) -> Depth {
        self.handle.depth(&self.name).await.expect("counting works")
    }

    /// Places as (ready, delayed, running) of a queue in which nothing is held.
    async fn depth(&self) -> (u64, u64, u64) {
        let depth = self.places().await;
        assert_eq!(depth.held, 0);
        (depth.ready, depth.delayed, depth.running)
    }

    /// The ready job that an overview says is next.
    async fn next(&self) -> Option<RunId> {
        let states = self.handle.overview(self.shard(), 0).await.expect("looking works");
        states.into_iter().find(|state| state.queue == self.name)?.next
    }

    /// Takes news until there are none, as a handle may begin by saying that it missed some.
    async fn hear_all(&self) {
        for _ in 0..50 {
            let news = self.handle.news(Duration::from_millis(100)).await;
            if news == tenon_exec::ports::queue::News::Nothing {
                return;
            }
        }
        panic!("there are always news");
    }
}

/// One queue may take the whole claim.
fn ask(max: usize, ttl: Duration) -> Ask {
    Ask { max, max_of_queue: max.max(1), ttl, except: Vec::new() }
}

fn push_now(run: RunId) -> Push {
    Push::now(run)
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
