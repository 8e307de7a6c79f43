//! The conformance suites on Redis, each rule on a server of its own, and faults of the server.

mod cluster;
mod faults;
mod lost_keys;

use std::sync::Arc;

use tenon_contract::plan::PlanCache;
use tenon_exec::ports::coordination::Coordination;
use tenon_exec::ports::queue::JobQueue;
use tenon_redis::{Endpoint, Redis, RedisCoordination, RedisPlanCache, RedisQueue};
use tenon_testkit::redis_server::RedisServer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A server, and the tasks of the handles on it.
struct Bench {
    server: RedisServer,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Bench {
    async fn start() -> Self {
        let server = RedisServer::start().expect("redis-server starts");
        Self { server, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    fn connect(&self) -> Redis {
        let endpoint: Endpoint = self.server.url().parse().expect("the address is valid");
        Redis::open(&endpoint).expect("the address is valid")
    }

    fn queue(&self) -> Arc<RedisQueue> {
        Arc::new(RedisQueue::new(self.connect(), &self.tasks, self.stop.clone()))
    }

    /// A handle that listens already.
    async fn coordination(&self) -> Arc<RedisCoordination> {
        let handle = RedisCoordination::new(self.connect(), &self.tasks, self.stop.clone());
        let channel = format!("reply:{}", handle.address().0);
        while self.subscribers(&channel) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Arc::new(handle)
    }

    fn subscribers(&self, channel: &str) -> usize {
        let script = format!("return redis.call('PUBSUB', 'NUMSUB', '{channel}')[2]");
        let count = self.server.command(&["EVAL", &script, "0"]).expect("redis answers");
        count.parse().expect("a number")
    }
}

impl tenon_testkit::queue_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn JobQueue> {
        self.queue()
    }

    async fn forget(&self) {
        self.server.forget().expect("redis answers");
    }
}

impl tenon_testkit::coordination_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn Coordination> {
        self.coordination().await
    }
}

impl tenon_testkit::plan_cache_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn PlanCache> {
        Arc::new(RedisPlanCache::new(self.connect()))
    }

    async fn forget(&self) {
        self.server.forget().expect("redis answers");
    }
}

mod queue {
    tenon_testkit::queue_suite!(super::Bench::start);
}

mod coordination {
    tenon_testkit::coordination_suite!(super::Bench::start);
}

mod plan_cache {
    tenon_testkit::plan_cache_suite!(super::Bench::start);
}
