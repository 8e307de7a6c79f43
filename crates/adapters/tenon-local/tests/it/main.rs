//! The conformance suites on the in-process adapters.

use std::sync::Arc;

use tenon_contract::plan::PlanCache;
use tenon_contract::quota::Quotas;
use tenon_domain::SystemClock;
use tenon_exec::ports::coordination::Coordination;
use tenon_exec::ports::queue::JobQueue;
use tenon_local::{LocalCoordination, LocalMembership, LocalPlanCache, LocalQueue, LocalQuotas};

mod queue {
    use super::*;

    struct Harness(LocalQueue);

    impl tenon_testkit::queue_suite::Harness for Harness {
        async fn handle(&self) -> Arc<dyn JobQueue> {
            Arc::new(self.0.handle())
        }

        async fn forget(&self) {
            self.0.forget();
        }
    }

    async fn harness() -> Harness {
        Harness(LocalQueue::new(Arc::new(SystemClock)))
    }

    tenon_testkit::queue_suite!(harness);
}

mod coordination {
    use super::*;

    struct Harness(Arc<LocalCoordination>);

    impl tenon_testkit::coordination_suite::Harness for Harness {
        async fn handle(&self) -> Arc<dyn Coordination> {
            Arc::clone(&self.0) as Arc<dyn Coordination>
        }
    }

    async fn harness() -> Harness {
        Harness(Arc::new(LocalCoordination::new()))
    }

    tenon_testkit::coordination_suite!(harness);
}

mod plan_cache {
    use super::*;

    struct Harness(Arc<LocalPlanCache>);

    impl tenon_testkit::plan_cache_suite::Harness for Harness {
        async fn handle(&self) -> Arc<dyn PlanCache> {
            Arc::clone(&self.0) as Arc<dyn PlanCache>
        }

        async fn forget(&self) {
            self.0.forget();
        }
    }

    async fn harness() -> Harness {
        Harness(Arc::new(LocalPlanCache::new()))
    }

    tenon_testkit::plan_cache_suite!(harness);
}

mod quotas {
    use super::*;

    struct Harness(Arc<LocalQuotas>);

    impl tenon_testkit::quota_suite::Harness for Harness {
        async fn handle(&self) -> Arc<dyn Quotas> {
            Arc::clone(&self.0) as Arc<dyn Quotas>
        }

        async fn forget(&self) {
            self.0.forget();
        }
    }

    async fn harness() -> Harness {
        Harness(Arc::new(LocalQuotas::new(Arc::new(SystemClock))))
    }

    tenon_testkit::quota_suite!(harness);
}

mod call_pools {
    use tenon_exec::ports::call_pools::CallPools;
    use tenon_local::LocalCallPools;

    use super::*;

    struct Harness(Arc<LocalCallPools>);

    impl tenon_testkit::call_pool_suite::Harness for Harness {
        async fn handle(&self) -> Arc<dyn CallPools> {
            Arc::clone(&self.0) as Arc<dyn CallPools>
        }

        async fn forget(&self) {
            self.0.forget();
        }
    }

    async fn harness() -> Harness {
        Harness(Arc::new(LocalCallPools::new()))
    }

    tenon_testkit::call_pool_suite!(harness);
}

mod membership {
    use tenon_exec::ports::membership::Membership;

    use super::*;

    struct Harness(Arc<LocalMembership>);

    impl tenon_testkit::membership_suite::Harness for Harness {
        async fn handle(&self) -> Arc<dyn Membership> {
            Arc::clone(&self.0) as Arc<dyn Membership>
        }

        async fn forget(&self) {
            self.0.forget();
        }
    }

    async fn harness() -> Harness {
        Harness(Arc::new(LocalMembership::new()))
    }

    tenon_testkit::membership_suite!(harness);
}
