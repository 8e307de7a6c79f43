//! How long a plan takes to be read: from Redis, opened and parsed, and from memory.
//!
//! `cargo bench -p tenon-redis`. Wanted: under 1 ms from Redis, under 5 us from memory.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenon_contract::plan::{DeployedWorkflow, PlanCache as _, PlanSource, ProjectPlan};
use tenon_contract::secret::SecretBytes;
use tenon_domain::workflow::Trigger;
use tenon_domain::{ProjectId, SystemClock, VersionId, WorkflowId};
use tenon_exec::plans::Plans;
use tenon_redis::{Endpoint, Redis, RedisPlanCache, Sealer};
use tenon_testkit::redis_server::RedisServer;

/// Workflows of the project that is read.
const WORKFLOWS: usize = 50;
const READS_FROM_REDIS: usize = 5_000;
const READS_FROM_MEMORY: usize = 1_000_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let server = RedisServer::start().expect("redis-server starts");
    let endpoint: Endpoint = server.url().parse().expect("the address is valid");
    let redis = Redis::open(&endpoint).expect("the address is valid");
    let key = SecretBytes::new(vec![7; 32]);
    let day = Duration::from_secs(86_400);
    let sealer = Sealer::new(&key, &[], day, Arc::new(SystemClock)).expect("a long key");
    let cache = Arc::new(RedisPlanCache::new(redis, sealer));
    let plan = project_plan();
    cache.put_project(&plan).await.expect("redis answers");
    let bytes = serde_json::to_vec(&plan).expect("JSON").len();
    println!("a plan of {WORKFLOWS} workflows, {bytes} bytes of JSON");
    report("from redis", &measure(&*cache, plan.project, READS_FROM_REDIS).await);
    let plans = Plans::new(cache);
    report("from memory", &measure(&plans, plan.project, READS_FROM_MEMORY).await);
}

async fn measure(source: &dyn PlanSource, project: ProjectId, reads: usize) -> Vec<Duration> {
    let mut taken = Vec::with_capacity(reads);
    for _ in 0..reads {
        let begun = Instant::now();
        let plan = source.project(project).await.expect("it answers");
        taken.push(begun.elapsed());
        assert!(black_box(plan).is_some());
    }
    taken.sort_unstable();
    taken
}

fn report(name: &str, sorted: &[Duration]) {
    let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
    println!("{name:12} p50 {:?}  p99 {:?}  ({} reads)", at(50), at(99), sorted.len());
}

fn project_plan() -> ProjectPlan {
    let workflow = |number: usize| DeployedWorkflow {
        integration: None,
        id: WorkflowId::new(),
        name: format!("workflow-{number}"),
        version: VersionId::new(),
        number: 1,
        triggers: vec![Trigger::AppEvent { event: format!("event-{number}") }],
        enabled_by_default: true,
        has_response: false,
        response_timeout_seconds: 55,
        order: Default::default(),
    };
    ProjectPlan {
        project: ProjectId::new(),
        revision: 1,
        api_keys: Vec::new(),
        workflows: (0..WORKFLOWS).map(workflow).collect(),
        choices: HashMap::new(),
        disabled_users: Default::default(),
        integrations: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        signing_keys: Vec::new(),
        queue: Default::default(),
    }
}
