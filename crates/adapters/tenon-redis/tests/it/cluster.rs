//! The adapters on a cluster of three nodes: every script stays in one slot, and what one node
//! publishes is heard on the others.

use std::sync::Arc;

use tenon_contract::plan::PlanCache;
use tenon_contract::quota::Quotas;
use tenon_exec::ports::call_pools::CallPools;
use tenon_exec::ports::coordination::Coordination;
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::JobQueue;
use tenon_redis::{
    Endpoint, Redis, RedisCallPools, RedisCoordination, RedisPlanCache, RedisQueue, RedisQuotas,
};
use tenon_testkit::redis_server::RedisCluster;
use tenon_testkit::{
    call_pool_suite, coordination_suite, plan_cache_suite, queue_suite, quota_suite,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

struct Bench {
    cluster: RedisCluster,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Bench {
    fn start() -> Self {
        let cluster = RedisCluster::start().expect("the cluster starts");
        Self { cluster, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    fn connect(&self) -> Redis {
        let endpoint: Endpoint = self.cluster.url().parse().expect("the addresses are valid");
        Redis::open(&endpoint).expect("the addresses are valid")
    }
}

impl queue_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn JobQueue> {
        let (redis, me) = (self.connect(), MemberId::draw());
        Arc::new(RedisQueue::new(redis, 16, me, &self.tasks, self.stop.clone()))
    }

    async fn forget(&self) {
        self.cluster.forget().expect("the nodes answer");
    }
}

impl coordination_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn Coordination> {
        let handle = RedisCoordination::new(self.connect(), &self.tasks, self.stop.clone());
        let script =
            format!("return redis.call('PUBSUB', 'NUMSUB', 'reply:{}')[2]", handle.address().0);
        let listens = || {
            let mut nodes = self.cluster.nodes().iter();
            nodes.any(|node| node.command(&["EVAL", &script, "0"]).is_ok_and(|count| count == "1"))
        };
        while !listens() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Arc::new(handle)
    }
}

impl plan_cache_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn PlanCache> {
        Arc::new(RedisPlanCache::new(
            self.connect(),
            crate::sealer(1, &[], Arc::new(tenon_domain::SystemClock)),
        ))
    }

    async fn forget(&self) {
        self.cluster.forget().expect("the nodes answer");
    }
}

impl quota_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn Quotas> {
        Arc::new(RedisQuotas::new(self.connect()))
    }

    async fn forget(&self) {
        self.cluster.forget().expect("the nodes answer");
    }
}

impl call_pool_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn CallPools> {
        Arc::new(RedisCallPools::new(self.connect()))
    }

    async fn forget(&self) {
        self.cluster.forget().expect("the nodes answer");
    }
}

/// One cluster for all of them, as it takes seconds to form; it forgets between two rules.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_hold_on_a_cluster() {
    let bench = Bench::start();
    macro_rules! hold {
        ($suite:ident: $($rule:ident),* $(,)?) => {
            $(
                $suite::$rule(&bench).await;
                bench.cluster.forget().expect("the nodes answer");
            )*
        };
    }
    hold!(queue_suite:
        pushing_twice_keeps_one,
        a_job_given_back_stands_first,
        a_lapsed_job_comes_back_flagged_and_first,
        concurrent_claimers_never_share_a_job,
        a_queue_that_forgot_asks_for_recovery,
        a_beat_takes_up_what_the_service_forgot,
        a_new_generation_empties_the_queues,
        removed_jobs_are_gone_from_everywhere,
        the_queue_knows_what_it_holds,
        queues_do_not_mix,
        an_overview_lists_what_queues_hold,
        a_push_by_another_handle_is_news,
        a_call_for_help_reaches_the_others,
        weights_share_the_claims,
        no_more_run_than_the_terms_allow,
        a_dedicated_queue_is_a_source_of_its_own,
        a_lane_is_in_order_however_it_was_pushed,
        a_lease_taken_up_again_goes_before_who_became_ready_meanwhile,
        a_job_is_found_in_every_place,
        large_batches_are_taken_whole,
    );
    hold!(call_pool_suite:
        together_they_hold_no_more_than_the_pool,
        what_a_dead_worker_held_comes_back,
        who_waited_longer_comes_first,
        pools_do_not_mix,
    );
    hold!(coordination_suite:
        an_answer_reaches_the_process_that_waits,
        an_announcement_reaches_every_process_once,
    );
    hold!(plan_cache_suite:
        a_newer_revision_wins,
        a_workflow_version_is_read_as_it_was_put,
        projects_are_listed,
        a_cache_that_forgot_is_not_filled,
    );
    hold!(quota_suite:
        all_buckets_are_taken_or_none,
        a_block_holds_and_the_later_one_wins,
        buckets_do_not_mix,
        forgetting_allows_one_more_window,
    );
}
