//! The worker: claims what is due, when it is due, and lets go of what has left.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tenon_contract::plan::PlanCache;
use tenon_domain::RunId;
use tenon_exec::assignment::Duty;
use tenon_exec::intake::FreshJobs;
use tenon_exec::plans::Plans;
use tenon_exec::ports::history::RunStatus;
use tenon_exec::ports::queue::{Depth, Generation, JobQueue, Lane, LaneRule, Push};
use tenon_exec::ports::store::{Job, JobOrder};
use tenon_exec::program::Program;
use tenon_exec::worker::{Worker, WorkerParts};
use tenon_local::LocalPlanCache;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::bench::{Bench, Stores, program};
use crate::engine::function;

/// A worker at work on one project.
pub struct Workshop {
    pub stores: Stores,
    plans: Arc<LocalPlanCache>,
    worker: JoinHandle<()>,
}

impl Workshop {
    pub async fn open(bench: Bench) -> Self {
        let Bench { stores, engine, stopping, .. } = bench;
        stores.local.install_generation(Generation(1)).await.expect("in memory");
        let plans = Arc::new(LocalPlanCache::new());
        let duty = watch::channel(Arc::new(Duty::everything(stores.queue.shards())));
        let worker = Worker::new(WorkerParts {
            engine: Arc::new(engine),
            queue: stores.queue.clone(),
            store: stores.store.clone(),
            plans: Arc::new(Plans::new(plans.clone())),
            leases: stores.leases.clone(),
            fresh: Arc::new(FreshJobs::default()),
            duty: duty.1,
            settings: stores.settings.clone(),
            stopping,
        });
        let worker = tokio::spawn(worker.run());
        Self { stores, plans, worker }
    }

    /// Puts a job there and pushes it.
    pub async fn push(&self, program: &Program, crashes: u32) -> RunId {
        self.plans.put_workflow(&program.plan).await.expect("in memory");
        let job = self.stores.job(&json!({ "event": {} }));
        let run = job.run;
        self.stores.store.put(Job { version: program.plan.version, crashes, ..job });
        self.push_again(run).await;
        run
    }

    /// Pushes a job that is there.
    async fn push_again(&self, run: RunId) {
        let push = (self.stores.queue_name(), Push::now(run));
        self.stores.queue.push(&[push]).await.expect("in memory");
    }

    /// Waits for the end of a run and answers how it ended.
    pub async fn end_of(&self, run: RunId) -> RunStatus {
        loop {
            if let Some(finish) = self.stores.store.end_of(run) {
                return finish.status;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_less_than_an_idle_look_goes_on_when_it_is_due() {
    let shop = Workshop::open(Bench::ticking(|_, _| Ok(Value::Null))).await;
    let program = program(json!([{ "id": "wait", "type": "delay", "seconds": 0.2 }]));
    let begun = Instant::now();
    let run = shop.push(&program, 0).await;
    assert_eq!(shop.end_of(run).await, RunStatus::Succeeded);
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
    assert!(took < Duration::from_millis(300), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ended_is_gone_from_the_queue_and_the_leases() {
    let shop = Workshop::open(Bench::ticking(|_, _| Ok(Value::Null))).await;
    let run = shop.push(&program(json!([function("only", json!({}))])), 0).await;
    assert_eq!(shop.end_of(run).await, RunStatus::Succeeded);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let depth = shop.stores.local.depth(&shop.stores.queue_name()).await.expect("in memory");
    assert_eq!(depth, Depth::default());
    assert!(shop.stores.leases.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_killed_its_workers_too_often_is_parked_without_running() {
    let bench = Bench::ticking(|_, _| Ok(Value::Null));
    let runner = bench.runner.clone();
    let shop = Workshop::open(bench).await;
    let program = program(json!([function("only", json!({}))]));
    let limit = shop.stores.settings.crashes_max;
    let (suspect, culprit) =
        (shop.push(&program, limit - 1).await, shop.push(&program, limit).await);
    assert_eq!(shop.end_of(culprit).await, RunStatus::Parked);
    assert_eq!(shop.end_of(suspect).await, RunStatus::Succeeded);
    assert_eq!(runner.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_under_way_at_a_stop_ends_its_step_and_is_given_back() {
    let stop = tokio_util::sync::CancellationToken::new();
    let stopping = stop.clone();
    let mut bench = Bench::ticking(move |_, _| {
        stop.cancel();
        Ok(Value::Null)
    });
    bench.stopping = stopping;
    let shop = Workshop::open(bench).await;
    let run = shop
        .push(&program(json!([function("a", json!({ "next": "b" })), function("b", json!({}))])), 0)
        .await;
    tokio::time::timeout(Duration::from_secs(5), shop.worker)
        .await
        .expect("it ends")
        .expect("well");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let steps: Vec<String> =
        shop.stores.store.rows_of(run).iter().map(|row| row.step.to_string()).collect();
    assert_eq!(steps, ["a"]);
    let depth = shop.stores.local.depth(&shop.stores.queue_name()).await.expect("in memory");
    assert_eq!(depth, Depth { ready: 1, ..Depth::default() });
    assert!(shop.stores.leases.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_handed_out_before_its_turn_waits_for_the_one_before_it() {
    let shop = Workshop::open(Bench::ticking(|_, _| Ok(Value::Null))).await;
    let program = program(json!([function("only", json!({}))]));
    shop.plans.put_workflow(&program.plan).await.expect("in memory");
    let lane = Lane { key: [7; 16], rule: LaneRule::InOrder };
    let order = JobOrder { lane: Some(lane), ..JobOrder::default() };
    let jobs: Vec<Job> = (0..2)
        .map(|_| Job {
            version: program.plan.version,
            order,
            ..shop.stores.job(&json!({ "event": {} }))
        })
        .collect();
    let (first, second) = (jobs[0].run, jobs[1].run);
    for job in jobs {
        shop.stores.store.put(job);
    }
    // The queue has lost the first one.
    shop.push_again(second).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(shop.stores.store.end_of(second).is_none(), "it is not its turn");
    shop.push_again(first).await;
    assert_eq!(shop.end_of(first).await, RunStatus::Succeeded);
    assert!(shop.stores.store.end_of(second).is_none());
    assert_eq!(shop.end_of(second).await, RunStatus::Succeeded);
}
