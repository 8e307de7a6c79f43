//! The conformance suites on Redis, each rule on a server of its own, and faults of the server.

mod cluster;
mod failover;
mod faults;
mod lost_keys;
mod sealed;

use std::sync::Arc;
use std::time::Duration;

use tenon_contract::plan::PlanCache;
use tenon_contract::quota::Quotas;
use tenon_contract::secret::SecretBytes;
use tenon_domain::{Clock, SystemClock};
use tenon_exec::ports::call_pools::CallPools;
use tenon_exec::ports::coordination::Coordination;
use tenon_exec::ports::membership::{MemberId, Membership};
use tenon_exec::ports::queue::JobQueue;
use tenon_redis::{
    Endpoint, Redis, RedisCallPools, RedisCoordination, RedisMembership, RedisPlanCache,
    RedisQueue, RedisQuotas, Sealer,
};
use tenon_testkit::redis_server::RedisServer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the keys of tests live.
const EPOCH: Duration = Duration::from_secs(86_400);

/// Shards of the queues of tests.
const SHARDS: u16 = 3;

/// Seals under a key of this byte; reads those of the others, too.
fn sealer(byte: u8, others: &[u8], clock: Arc<dyn Clock>) -> Sealer {
    let key = |byte: &u8| SecretBytes::new(vec![*byte; 32]);
    let others: Vec<SecretBytes> = others.iter().map(key).collect();
    Sealer::new(&key(&byte), &others, EPOCH, clock).expect("the key is long enough")
}

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
        let (redis, me) = (self.connect(), MemberId::draw());
        Arc::new(RedisQueue::new(redis, SHARDS, me, &self.tasks, self.stop.clone()))
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

impl tenon_testkit::call_pool_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn CallPools> {
        Arc::new(RedisCallPools::new(self.connect()))
    }

    async fn forget(&self) {
        self.server.forget().expect("redis answers");
    }
}

impl tenon_testkit::membership_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn Membership> {
        Arc::new(RedisMembership::new(self.connect()))
    }

    async fn forget(&self) {
        self.server.forget().expect("redis answers");
    }
}

impl tenon_testkit::plan_cache_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn PlanCache> {
        Arc::new(RedisPlanCache::new(self.connect(), sealer(1, &[], Arc::new(SystemClock))))
    }

    async fn forget(&self) {
        self.server.forget().expect("redis answers");
    }
}

impl tenon_testkit::quota_suite::Harness for Bench {
    async fn handle(&self) -> Arc<dyn Quotas> {
        Arc::new(RedisQuotas::new(self.connect()))
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

mod call_pools {
    tenon_testkit::call_pool_suite!(super::Bench::start);

    /// What is left in Redis ends by itself.
    #[tokio::test]
    async fn a_pool_has_a_ttl() {
        use tenon_domain::{IntegrationId, ProjectId};
        use tenon_exec::ports::call_pools::{Bid, CallPools, Pool};
        use tenon_exec::ports::membership::MemberId;

        let bench = super::Bench::start().await;
        let pools = super::RedisCallPools::new(bench.connect());
        let pool = Pool { project: ProjectId::new(), integration: IntegrationId::new() };
        let ttl = std::time::Duration::from_secs(5);
        let member = MemberId::draw();
        let bid = Bid { member, max: 5, used: 1, wanted: 9, spare: 0, ttl };
        pools.bid(&pool, &bid).await.expect("redis answers");
        let script = "return redis.call('PTTL', redis.call('KEYS', '*')[1])";
        let ttl = bench.server.command(&["EVAL", script, "0"]).expect("redis answers");
        let ttl: i64 = ttl.parse().expect("a number");
        assert!((1..=10_000).contains(&ttl), "{ttl}");
        pools.bid(&pool, &Bid { used: 0, wanted: 0, ..bid }).await.expect("redis answers");
        assert_eq!(bench.server.command(&["DBSIZE"]).expect("redis answers"), "0");
    }
}

mod membership {
    tenon_testkit::membership_suite!(super::Bench::start);
}

mod plan_cache {
    tenon_testkit::plan_cache_suite!(super::Bench::start);
}

mod quotas {
    tenon_testkit::quota_suite!(super::Bench::start);

    /// What is left in Redis ends by itself.
    #[tokio::test]
    async fn every_key_has_a_ttl() {
        use jiff::{SignedDuration, Timestamp};
        use tenon_contract::quota::{Bucket, Quotas, bucket_key};

        let bench = super::Bench::start().await;
        let quotas = super::RedisQuotas::new(bench.connect());
        let key = bucket_key(tenon_domain::ProjectId::new(), "slack", "app", "a");
        let window = std::time::Duration::from_secs(60);
        let bucket = Bucket { key: key.clone(), limit: Some(5), window, cost: 1 };
        quotas.take(&[bucket]).await.expect("redis answers");
        let until = Timestamp::now() + SignedDuration::from_hours(48);
        quotas.block(&key, until).await.expect("redis answers");
        let script = "local found = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
                      found[#found + 1] = redis.call('PTTL', key) end table.sort(found) \
                      return table.concat(found, ' ')";
        let ttls = bench.server.command(&["EVAL", script, "0"]).expect("redis answers");
        let ttls: Vec<i64> = ttls.split(' ').map(|ttl| ttl.parse().expect("a number")).collect();
        assert_eq!(ttls.len(), 2);
        assert!((1..=72_000).contains(&ttls[0]), "{ttls:?}");
        assert!((80_000_000..=86_400_000).contains(&ttls[1]), "a day at most: {ttls:?}");
    }
}
