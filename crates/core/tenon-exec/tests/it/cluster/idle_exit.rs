//! Idle workers leave, as many as can be spared, and strand no job.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tenon_contract::plan::PlanCache;
use tenon_domain::{RunId, SystemClock};
use tenon_exec::cluster::autoscale;
use tenon_exec::cluster::following::FollowingSettings;
use tenon_exec::cluster::leading::LeadingSettings;
use tenon_exec::engine::Engine;
use tenon_exec::intake::FreshJobs;
use tenon_exec::leases::Leases;
use tenon_exec::plans::Plans;
use tenon_exec::ports::history::RunStatus;
use tenon_exec::ports::queue::{Depth, JobQueue, Push};
use tenon_exec::ports::store::Job;
use tenon_exec::program::Program;
use tenon_exec::recorder::Recorder;
use tenon_exec::worker::{Worker, WorkerParts};
use tenon_local::LocalPlanCache;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Follower, World, seconds};
use crate::bench::{Bench, program};
use crate::engine::function;

const IDLE: Duration = Duration::from_secs(5);

fn impatient() -> FollowingSettings {
    FollowingSettings { idle_exit: Some(IDLE), ..FollowingSettings::default() }
}

fn at_least(workers_min: u32) -> LeadingSettings {
    let autoscale = autoscale::Rules {
        workers_min,
        down_window: Duration::from_secs(2),
        down_cooldown: Duration::from_secs(1),
        ..autoscale::Rules::default()
    };
    LeadingSettings { autoscale, ..LeadingSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn of_idle_workers_all_leave_but_the_fewest_there_may_be() {
    let world = World::new().await;
    let workers: Vec<Follower> = (0..5).map(|_| world.follow(impatient())).collect();
    let _leader = world.stand(world.leading(at_least(2)));
    seconds(4).await;
    assert!(workers.iter().all(|worker| !worker.may_exit.is_cancelled()), "too early");
    for _ in 0..120 {
        seconds(1).await;
        // Whoever may go is gone.
        for worker in workers.iter().filter(|worker| worker.may_exit.is_cancelled()) {
            worker.stop.cancel();
        }
    }
    let left = workers.iter().filter(|worker| worker.may_exit.is_cancelled()).count();
    assert_eq!(left, 3);
}

#[tokio::test(start_paused = true)]
async fn without_a_leader_nobody_leaves() {
    let world = World::new().await;
    let workers: Vec<Follower> = (0..3).map(|_| world.follow(impatient())).collect();
    let leader = world.stand(world.leading(at_least(1)));
    seconds(2).await;
    leader.kill();
    seconds(300).await;
    assert!(workers.iter().all(|worker| !worker.may_exit.is_cancelled()));
}

#[tokio::test(start_paused = true)]
async fn who_has_work_stays_and_who_gets_some_takes_its_wish_back() {
    let world = World::new().await;
    let (busy, tempted, idle) =
        (world.follow(impatient()), world.follow(impatient()), world.follow(impatient()));
    busy.busyness.in_flight.store(1, Ordering::SeqCst);
    let _leader = world.stand(world.leading(at_least(1)));
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        tempted.busyness.claimed.fetch_add(1, Ordering::SeqCst);
    }
    assert!(!busy.may_exit.is_cancelled() && !tempted.may_exit.is_cancelled());
    assert!(idle.may_exit.is_cancelled());
}

/// A worker process: it works, follows, and ends when it may.
struct Process {
    may_exit: CancellationToken,
    task: JoinHandle<()>,
}

/// Two processes on one queue.
struct House {
    world: World,
    bench: Bench,
    plans: Arc<LocalPlanCache>,
    program: Arc<Program>,
}

impl House {
    async fn new() -> Self {
        let bench = Bench::ticking(|_, _| Ok(Value::Null));
        let plans = Arc::new(LocalPlanCache::new());
        let program = program(json!([function("only", json!({}))]));
        plans.put_workflow(&program.plan).await.expect("in memory");
        Self { world: World::new().await, bench, plans, program }
    }

    fn start(&self) -> Process {
        let stores = &self.bench.stores;
        let queue: Arc<dyn JobQueue> = Arc::new(self.world.queue.handle());
        let leases = Arc::new(Leases::default());
        let (recorder, handle) = Recorder::new(
            stores.store.clone(),
            stores.blobs.clone(),
            queue.clone(),
            leases.clone(),
            Arc::new(SystemClock),
            stores.settings.clone(),
        );
        tokio::spawn(recorder.run());
        let engine = &self.bench.engine;
        let engine = Engine {
            store: engine.store.clone(),
            recorder: handle,
            blobs: engine.blobs.clone(),
            egress: engine.egress.clone(),
            runner: engine.runner.clone(),
            coordination: engine.coordination.clone(),
            tokens: tenon_exec::steps::request::TokenCache::new(),
            request_limits: engine.request_limits.clone(),
            integrations: None,
            plans: engine.plans.clone(),
            clock: engine.clock.clone(),
            settings: engine.settings.clone(),
        };
        let stopping = CancellationToken::new();
        let (told, duty) = tokio::sync::watch::channel(Arc::default());
        let worker = Worker::new(WorkerParts {
            engine: Arc::new(engine),
            queue,
            store: stores.store.clone(),
            plans: Arc::new(Plans::new(self.plans.clone())),
            leases,
            fresh: Arc::new(FreshJobs::default()),
            duty,
            settings: stores.settings.clone(),
            stopping: stopping.clone(),
        });
        let follower = self.world.follow_with(worker.clone(), Arc::default(), impatient());
        let may_exit = follower.may_exit.clone();
        let mut duty = follower.duty.clone();
        let exit = may_exit.clone();
        let task = tokio::spawn(async move {
            let forward = tokio::spawn(async move {
                loop {
                    told.send_replace(duty.borrow_and_update().clone());
                    if duty.changed().await.is_err() {
                        return;
                    }
                }
            });
            let working = tokio::spawn(worker.run());
            exit.cancelled().await;
            stopping.cancel();
            follower.stop.cancel();
            working.await.expect("it ends well");
            follower.task.await.expect("it ends well");
            forward.abort();
        });
        Process { may_exit, task }
    }

    async fn push(&self) -> RunId {
        let stores = &self.bench.stores;
        let job = stores.job(&json!({ "event": {} }));
        let run = job.run;
        stores.store.put(Job { version: self.program.plan.version, ..job });
        let push = (stores.queue_name(), Push::now(run));
        self.world.queue.push(&[push]).await.expect("in memory");
        run
    }
}

/// A job is pushed at each moment around that at which one of two idle workers leaves.
#[tokio::test(start_paused = true)]
async fn a_job_that_is_pushed_while_a_worker_leaves_is_run() {
    let mut left = 0;
    for offset in (0..4_000).step_by(160) {
        let house = House::new().await;
        let processes = [house.start(), house.start()];
        let _leader = house.world.stand(house.world.leading(at_least(1)));
        tokio::time::sleep(IDLE + Duration::from_millis(offset)).await;
        let run = house.push().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let end = house.bench.stores.store.end_of(run);
        let end = end.unwrap_or_else(|| panic!("pushed after {offset} ms it was stranded"));
        assert_eq!(end.status, RunStatus::Succeeded, "{offset} ms");
        let queue = house.bench.stores.queue_name();
        let depth = house.world.queue.depth(&queue).await.expect("in memory");
        assert_eq!(depth, Depth::default(), "{offset} ms");
        seconds(20).await;
        let gone = processes.iter().filter(|process| process.may_exit.is_cancelled()).count();
        assert_eq!(gone, 1, "one of two is spared, {offset} ms");
        left += gone;
        for process in processes {
            process.task.abort();
        }
    }
    assert_eq!(left, 25);
}
