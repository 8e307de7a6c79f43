//! Group `job`: the whole durable path of a job that does next to nothing: its row committed in
//! PostgreSQL, its id in Redis, the run, its result and end in PostgreSQL.
//!
//! Intake, engine, recorder and worker run in this process, without HTTP around them; Redis
//! appends to its file every second, PostgreSQL commits to disk. `job.rate_two` has a second
//! worker in the same process on another connection; the cores are the same.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPool};
use tenon_contract::egress::{self, Egress, OutboundRequest, OutboundResponse};
use tenon_contract::plan::{PlanCache as _, WorkflowPlan};
use tenon_domain::workflow::load_value;
use tenon_domain::{ProjectId, SystemClock, VersionId, WorkflowId};
use tenon_exec::assignment::Duty;
use tenon_exec::engine::Engine;
use tenon_exec::intake::{self, FreshJobs, Intake, IntakeParts};
use tenon_exec::leases::{Leases, keep_alive};
use tenon_exec::plans::Plans;
use tenon_exec::ports::blobs::BlobStore;
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{Generation, JobQueue};
use tenon_exec::ports::script::{
    FunctionCall, FunctionError, FunctionErrorKind, FunctionOutcome, FunctionRunner,
};
use tenon_exec::ports::store::{Accept, Job};
use tenon_exec::recorder::Recorder;
use tenon_exec::settings::Settings;
use tenon_exec::steps::request::{RequestLimits, TokenCache};
use tenon_exec::worker::{Worker, WorkerParts};
use tenon_local::{LocalCoordination, LocalPlanCache};
use tenon_redis::{Redis, RedisQueue};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::proc::Tree;
use super::product::Product;
use super::{Figure, calibration};
use crate::processes::redis::{RedisOptions, RedisSet, Topology};

/// Jobs of one measurement.
const JOBS: usize = 60_000;
/// Callers that accept at once.
const CALLERS: usize = 512;
/// Connections to PostgreSQL.
const CONNECTIONS: u32 = 6;
/// How long everything may take to end.
const PATIENCE: Duration = Duration::from_secs(120);

const COUNT_ENDED: &str = "SELECT count(*) FROM run WHERE status = 3";

/// Measures the group.
///
/// # Errors
/// When a job does not end well: then no figure counts.
pub async fn measure() -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
    let product = Product::start_roles(folder.path(), "api").await?;
    let options = RedisOptions::new(folder.path().join("redis"), Topology::Standalone);
    let redis = tokio::task::spawn_blocking(move || RedisSet::start(&options)).await??;
    let url = &product.access.execution_url;
    let mut ended = 0;
    let one = Path::new(url, redis.url(), 1).await?.run(&product, &mut ended).await?;
    let two = Path::new(url, redis.url(), 2).await?.run(&product, &mut ended).await?;
    product.stop().await?;
    tokio::task::spawn_blocking(move || redis.stop()).await?;
    Ok(vec![
        Figure::plain("job.rate", one.rate, "jobs/s"),
        Figure::plain("job.rate_two", two.rate, "jobs/s"),
        Figure::plain("job.cpu", one.own_us, "us"),
        Figure::plain("job.cpu_redis", one.redis_us, "us"),
        Figure::plain("job.cpu_postgres", one.postgres_us, "us"),
    ])
}

/// What one measurement came to; CPU in microseconds a job.
struct Outcome {
    rate: f64,
    own_us: f64,
    redis_us: f64,
    postgres_us: f64,
}

/// Everything between a caller and the history.
struct Path {
    intake: Intake,
    project: ProjectId,
    version: VersionId,
    stop: CancellationToken,
    tasks: TaskTracker,
    ended: PgPool,
}

impl Path {
    async fn new(postgres: &str, redis: &str, workers: usize) -> anyhow::Result<Self> {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let store = Arc::new(tenon_pg_execution::Store::connect(postgres, CONNECTIONS)?);
        let settings = Arc::new(Settings::default());
        let queue = open_queue(redis, &tasks, &stop).await?;
        let fresh = Arc::new(FreshJobs::default());
        let plans = Arc::new(LocalPlanCache::new());
        let plan = plan()?;
        plans.put_workflow(&plan).await?;
        let (intake, committers) = intake::build(IntakeParts {
            store: store.clone(),
            blobs: Arc::new(Nothing),
            queue: queue.clone(),
            fresh: (workers == 1).then(|| fresh.clone()),
            grants: None,
            settings: settings.clone(),
        });
        for committer in committers {
            tasks.spawn(committer.run());
        }
        for number in 0..workers {
            let queue = match number {
                0 => queue.clone(),
                _ => open_queue(redis, &tasks, &stop).await?,
            };
            let leases = Arc::new(Leases::default());
            let (recorder, handle) = Recorder::new(
                store.clone(),
                Arc::new(Nothing),
                queue.clone(),
                leases.clone(),
                Arc::new(SystemClock),
                settings.clone(),
            );
            tasks.spawn(recorder.run());
            tasks.spawn(keep_alive(
                leases.clone(),
                queue.clone(),
                settings.beat_interval,
                settings.lease_ttl,
                stop.clone(),
            ));
            let (_, duty) = watch::channel(Arc::new(Duty::everything(queue.shards())));
            let worker = Worker::new(WorkerParts {
                engine: Arc::new(Engine {
                    store: store.clone(),
                    recorder: handle,
                    blobs: Arc::new(Nothing),
                    egress: Arc::new(Nothing),
                    integrations: None,
                    plans: None,
                    runner: Arc::new(Nothing),
                    coordination: Arc::new(LocalCoordination::new()),
                    tokens: TokenCache::new(),
                    request_limits: RequestLimits::default(),
                    clock: Arc::new(SystemClock),
                    settings: settings.clone(),
                }),
                queue,
                store: store.clone(),
                plans: Arc::new(Plans::new(plans.clone())),
                leases,
                fresh: fresh.clone(),
                duty,
                settings: settings.clone(),
                stopping: stop.clone(),
            });
            tasks.spawn(worker.run());
        }
        // Row-level security shows nothing to a connection that does not say what it is for.
        let options = PgConnectOptions::from_str(postgres)?.options([("tenon.scope", "system")]);
        let ended = PgPool::connect_with(options).await?;
        Ok(Self { intake, project: plan.project, version: plan.version, stop, tasks, ended })
    }

    async fn run(self, product: &Product, ended_before: &mut usize) -> anyhow::Result<Outcome> {
        let me = Tree(std::process::id());
        let cpu = || {
            let postgres = product.tree().cpu_of("postgres");
            let redis = me.cpu_of("redis-server");
            // The product is a child of this process, and so is Redis.
            let own = me.cpu_of("tenon").saturating_sub(product.tree().cpu_of("tenon"));
            (own, redis, postgres)
        };
        let before = cpu();
        let started = Instant::now();
        self.accept_all().await?;
        let target = *ended_before + JOBS;
        while self.count_ended().await? < target {
            ensure!(started.elapsed() < PATIENCE, "not all jobs ended in {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = started.elapsed().as_secs_f64();
        let after = cpu();
        *ended_before = target;
        self.stop.cancel();
        drop(self.intake);
        self.tasks.close();
        self.tasks.wait().await;
        self.ended.close().await;
        let per_job = |used: Duration| used.as_secs_f64() * 1e6 / JOBS as f64;
        Ok(Outcome {
            rate: JOBS as f64 / took,
            own_us: per_job(after.0.saturating_sub(before.0)),
            redis_us: per_job(after.1.saturating_sub(before.1)),
            postgres_us: per_job(after.2.saturating_sub(before.2)),
        })
    }

    async fn count_ended(&self) -> anyhow::Result<usize> {
        let count: i64 = sqlx::query_scalar(COUNT_ENDED).fetch_one(&self.ended).await?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    async fn accept_all(&self) -> anyhow::Result<()> {
        let left = Arc::new(AtomicUsize::new(JOBS));
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..CALLERS {
            let (left, intake) = (left.clone(), self.intake.clone());
            let (project, version) = (self.project, self.version);
            callers.spawn(async move {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    let input = json!({ "event": { "pad": "p".repeat(220) } });
                    let bytes = Bytes::from(input.to_string());
                    let job = Job { project, version, ..calibration::job(&bytes) };
                    intake.accept(Accept { job, once: None }, Some(Arc::new(input))).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = callers.join_next().await {
            done??;
        }
        Ok(())
    }
}

async fn open_queue(
    url: &str,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Arc<dyn JobQueue>> {
    let redis = Redis::open(&url.parse()?)?;
    let queue = RedisQueue::new(redis, 16, MemberId::draw(), tasks, stop.clone());
    queue.install_generation(Generation(1)).await?;
    Ok(Arc::new(queue))
}

/// One pure step: its result is what is recorded.
fn plan() -> anyhow::Result<WorkflowPlan> {
    let document = json!({
        "version": 1, "name": "noop",
        "triggers": [{ "type": "app_event", "event": "happened" }],
        "steps": [{
            "id": "look", "type": "conditional",
            "if": { "operator": "$stringContains", "variable": "{{trigger.event.pad}}", "argument": "p" },
        }],
    });
    let document = load_value(document, &tenon_domain::limits::DocumentLimits::default())
        .map_err(|faults| anyhow::anyhow!("the benchmark's document is wrong: {faults:?}"))
        .context("a checked document")?;
    Ok(WorkflowPlan {
        project: ProjectId::new(),
        workflow: WorkflowId::new(),
        version: VersionId::new(),
        number: 1,
        document,
    })
}

/// What the job does not use.
struct Nothing;

#[async_trait]
impl Egress for Nothing {
    async fn send(&self, _: OutboundRequest) -> Result<OutboundResponse, egress::Error> {
        unreachable!("the benchmark's workflow calls nobody")
    }
}

#[async_trait]
impl FunctionRunner for Nothing {
    async fn run(&self, _: FunctionCall) -> Result<FunctionOutcome, FunctionError> {
        self.check("").await?;
        unreachable!("the benchmark's workflow has no function")
    }

    async fn check(&self, _: &str) -> Result<(), FunctionError> {
        let message = "there are no functions here".to_owned();
        Err(FunctionError { kind: FunctionErrorKind::Unavailable, message, console: Vec::new() })
    }
}

#[async_trait]
impl BlobStore for Nothing {
    async fn put_packed(
        &self,
        _: &[Bytes],
    ) -> Result<Vec<tenon_exec::ports::blobs::BlobRef>, tenon_exec::ports::blobs::Error> {
        unreachable!("the benchmark's values are small")
    }

    async fn get(
        &self,
        _: tenon_exec::ports::blobs::BlobRef,
    ) -> Result<Bytes, tenon_exec::ports::blobs::Error> {
        unreachable!("the benchmark's values are small")
    }

    async fn segments(
        &self,
        _: Option<uuid::Uuid>,
        _: i64,
        _: usize,
    ) -> Result<Vec<tenon_exec::ports::blobs::Segment>, tenon_exec::ports::blobs::Error> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: uuid::Uuid) -> Result<(), tenon_exec::ports::blobs::Error> {
        Ok(())
    }
}
