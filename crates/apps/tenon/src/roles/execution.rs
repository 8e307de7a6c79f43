//! Builds the roles of a process and runs them until it stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use async_trait::async_trait;
use axum::Router;
use tenon_api::ApiState;
use tenon_blob::DiskStore;
use tenon_config::ports::Announcer;
use tenon_config::{Configuration, PlanPublisher};
use tenon_contract::plan::PlanCache;
use tenon_domain::{Clock, SystemClock};
use tenon_egress::HttpEgress;
use tenon_exec::control::Control;
use tenon_exec::engine::Engine;
use tenon_exec::intake::{self, FreshJobs, Intake, IntakeParts};
use tenon_exec::leases::{Leases, keep_alive};
use tenon_exec::plans::Plans;
use tenon_exec::ports::blobs::BlobStore;
use tenon_exec::ports::coordination::Coordination;
use tenon_exec::ports::queue::JobQueue;
use tenon_exec::ports::script::FunctionRunner;
use tenon_exec::ports::store::JobStore;
use tenon_exec::recorder::Recorder;
use tenon_exec::settings::Settings as ExecSettings;
use tenon_exec::steps::request::{RequestLimits, TokenCache};
use tenon_exec::worker::{Worker, WorkerParts};
use tenon_gateway::GatewayState;
use tenon_http_kit::{serve, with_layers};
use tenon_local::{InFlightFile, LocalCoordination, LocalPlanCache, LocalQueue};
use tenon_pg_execution::LocalQueueLock;
use tenon_redis::{Endpoint, Redis, RedisCoordination, RedisPlanCache, RedisQueue};
use tenon_script::{RunnerCommand, ScriptPool};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::readiness::Dependencies;
use super::{Role, Roles, Store, duties};
use crate::config::Settings;

/// Connections of the API to the history.
const HISTORY_CONNECTIONS_MAX: u32 = 4;
/// Runs under way, in the data folder.
const IN_FLIGHT_FILE: &str = "in-flight";
/// How long a start waits for the process before to be gone.
const LOCAL_QUEUE_PATIENCE: Duration = Duration::from_secs(10);
/// How often unpublished plans are looked for.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(1);

/// What a process is built from.
pub struct Parts {
    /// What it does.
    pub roles: Roles,
    /// The settings of the installation.
    pub settings: Settings,
    /// The configuration database; needed by the `api` role only.
    pub config_url: Option<String>,
    /// The execution database.
    pub execution_url: String,
    /// How a function process is started.
    pub runner: RunnerCommand,
}

/// A running process.
pub struct Running {
    /// Where it listens.
    pub listen: Option<SocketAddr>,
    /// The use cases of configuration, where this process has the `api` role.
    pub configuration: Option<Configuration>,
    listening: CancellationToken,
    stopping: CancellationToken,
    listeners: TaskTracker,
    workers: TaskTracker,
    duties: TaskTracker,
    recorder: Option<tokio::task::JoinHandle<()>>,
    beat_stop: CancellationToken,
    beat: Option<std::thread::JoinHandle<()>>,
    local_queue: Option<LocalQueueLock>,
}

impl Running {
    /// Stops in order: listeners take nothing more and end their requests, which may need this
    /// very process's workers; workers end their steps; the recorder commits what is left. Leases
    /// are kept alive until then.
    pub async fn stop(mut self) {
        self.listening.cancel();
        self.listeners.close();
        self.listeners.wait().await;
        self.stopping.cancel();
        self.workers.close();
        self.workers.wait().await;
        if let Some(recorder) = self.recorder.take() {
            let _ = recorder.await;
        }
        self.duties.close();
        self.duties.wait().await;
        self.beat_stop.cancel();
        if let Some(beat) = self.beat.take() {
            let _ = tokio::task::spawn_blocking(move || beat.join()).await;
        }
        if let Some(lock) = self.local_queue.take() {
            lock.release().await;
        }
    }
}

/// The services shared by all roles of a process.
struct Shared {
    queue: Arc<dyn JobQueue>,
    coordination: Arc<dyn Coordination>,
    plan_cache: Arc<dyn PlanCache>,
    store: tenon_pg_execution::Store,
    jobs: Arc<dyn JobStore>,
    reader: tenon_pg_execution::Reader,
    blobs: Arc<dyn BlobStore>,
    plans: Arc<Plans>,
    functions: Option<Arc<ScriptPool>>,
    intake: Intake,
    fresh: Arc<FreshJobs>,
    clock: Arc<dyn Clock>,
    settings: Arc<ExecSettings>,
}

/// Tells this process at once, the others through the coordination service: a caller whose change
/// was answered finds it when it comes back to this process.
struct AnnounceThrough {
    plans: Arc<Plans>,
    coordination: Arc<dyn Coordination>,
}

#[async_trait]
impl Announcer for AnnounceThrough {
    async fn announce(&self, topic: &str) {
        self.plans.hear(topic);
        if let Err(error) = self.coordination.announce(topic).await {
            tracing::debug!(error = %error, "a change was not announced");
        }
    }
}

/// Builds and starts the roles. Returns when the process can be sent work.
///
/// # Errors
/// When a database cannot be reached or migrated, or the address is taken.
pub async fn start(parts: Parts) -> anyhow::Result<Running> {
    let stopping = CancellationToken::new();
    let listening = stopping.child_token();
    let listeners = TaskTracker::new();
    let workers = TaskTracker::new();
    let duties = TaskTracker::new();
    let shared = share(&parts, &duties, &stopping).await?;
    let local_queue = own_local_queue(&parts, &shared).await?;
    let configuration = configure(&parts, &shared, &duties, &stopping).await?;
    let announcements = shared.coordination.announcements();
    duties.spawn(shared.plans.clone().follow(announcements, stopping.clone()));

    let beat_stop = CancellationToken::new();
    let (mut recorder, mut beat) = (None, None);
    if parts.roles.has(Role::Worker) {
        let started = start_worker(&parts, &shared, &workers, &duties, &stopping).await?;
        recorder = Some(started.recorder);
        beat = Some(spawn_beat(&shared, started.leases, beat_stop.clone())?);
    }
    if parts.roles.has(Role::Controller) {
        duties::start(&shared_duties(&shared), &duties, &stopping);
    }
    let mut listen = None;
    if parts.roles.listens() {
        let address = parts.settings.server.listen;
        let router = routes(&parts, &shared, configuration.as_ref(), &listening);
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; another process may have it: choose another with --listen")
        })?;
        listen = Some(listener.local_addr()?);
        let (settings, token) = (parts.settings.serving(), listening.clone());
        listeners.spawn(async move {
            let report = serve(listener, router, settings, token).await;
            tracing::debug!(?report, "the listener has drained");
        });
    }
    Ok(Running {
        listen,
        configuration,
        listening,
        stopping,
        listeners,
        workers,
        duties,
        recorder,
        beat_stop,
        beat,
        local_queue,
    })
}

/// Without Redis the queue lives in this process, so this must be the only one on its database.
async fn own_local_queue(parts: &Parts, shared: &Shared) -> anyhow::Result<Option<LocalQueueLock>> {
    if parts.settings.redis.url.is_some() {
        return Ok(None);
    }
    // The process before may have been killed a moment ago; its session ends soon.
    let until = Instant::now() + LOCAL_QUEUE_PATIENCE;
    loop {
        if let Some(lock) = shared.store.lock_local_queue().await? {
            return Ok(Some(lock));
        }
        if Instant::now() >= until {
            anyhow::bail!(
                "another process without Redis serves this database; stop it, or give all \
                 processes one redis.url (TENON_REDIS__URL)"
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The adapters, by whether there is Redis.
async fn share(
    parts: &Parts,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> anyhow::Result<Shared> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut exec = parts.settings.engine();
    let (queue, coordination, plan_cache): (
        Arc<dyn JobQueue>,
        Arc<dyn Coordination>,
        Arc<dyn PlanCache>,
    ) = match &parts.settings.redis.url {
        Some(url) => {
            let redis = Redis::open(&url.expose().parse::<Endpoint>()?)?;
            (
                Arc::new(RedisQueue::new(redis.clone(), tasks, stopping.clone())),
                Arc::new(RedisCoordination::new(redis.clone(), tasks, stopping.clone())),
                Arc::new(RedisPlanCache::new(redis)),
            )
        }
        None => {
            // Nobody outlives this process who could re-assert a lease.
            exec.reassert_grace = Duration::ZERO;
            (
                Arc::new(LocalQueue::new(clock.clone())),
                Arc::new(LocalCoordination::new()),
                Arc::new(LocalPlanCache::new()),
            )
        }
    };
    let settings = Arc::new(exec);
    let store = tenon_pg_execution::Store::connect(
        &parts.execution_url,
        parts.settings.postgres.execution_connections_max,
    )?;
    store.migrate().await.context("cannot bring the execution database up to date")?;
    let reader =
        tenon_pg_execution::Reader::connect(&parts.execution_url, HISTORY_CONNECTIONS_MAX)?;
    let jobs = super::faults::guarded(store.clone())?;
    let blobs_dir = parts.settings.blobs_dir();
    let blobs: Arc<dyn BlobStore> = Arc::new(
        DiskStore::open(&blobs_dir)
            .await
            .with_context(|| format!("cannot use {} for blobs", blobs_dir.display()))?,
    );
    let fresh = Arc::new(FreshJobs::default());
    let (intake, committers) = intake::build(IntakeParts {
        store: jobs.clone(),
        blobs: blobs.clone(),
        queue: queue.clone(),
        fresh: parts.roles.has(Role::Worker).then(|| fresh.clone()),
        settings: settings.clone(),
    });
    for committer in committers {
        tokio::spawn(committer.run());
    }
    let plans = Arc::new(Plans::new(plan_cache.clone()));
    Ok(Shared {
        queue,
        coordination,
        plan_cache,
        store,
        jobs,
        reader,
        blobs,
        plans,
        functions: start_functions(parts).await?,
        intake,
        fresh,
        clock,
        settings,
    })
}

/// Function processes: workers run code in them, the API only has it parsed.
async fn start_functions(parts: &Parts) -> anyhow::Result<Option<Arc<ScriptPool>>> {
    if !parts.roles.has(Role::Worker) && !parts.roles.has(Role::Api) {
        return Ok(None);
    }
    let settings = parts.settings.function_pool(parts.runner.clone());
    let pool = ScriptPool::start(settings).await.context("function processes cannot run here")?;
    Ok(Some(Arc::new(pool)))
}

/// The configuration plane, where this process may open its database.
async fn configure(
    parts: &Parts,
    shared: &Shared,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> anyhow::Result<Option<Configuration>> {
    if !parts.roles.may_open(Store::ConfigDatabase) {
        return Ok(None);
    }
    let url = parts
        .config_url
        .as_deref()
        .context("the api role needs the configuration database: set postgres.config_url")?;
    let settings = parts.settings.config_store(url.to_owned());
    let store = tenon_pg_config::PgConfigStore::new(&settings)?;
    store.migrate().await.context("cannot bring the configuration database up to date")?;
    let store: Arc<dyn tenon_config::ports::Store> = Arc::new(store);
    let announcer = Arc::new(AnnounceThrough {
        plans: shared.plans.clone(),
        coordination: shared.coordination.clone(),
    });
    let publisher = PlanPublisher::new(store.clone(), shared.plan_cache.clone(), announcer);
    if let Err(error) = publisher.publish_all().await {
        tracing::warn!(error = %error, "plans are published later");
    }
    let (repair, stop) = (publisher.clone(), stopping.clone());
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PUBLISH_INTERVAL) => {}
            }
            if let Err(error) = repair.repair().await {
                tracing::debug!(error = %error, "plans are published later");
            }
        }
    });
    let limits = tenon_config::Limits::default();
    Ok(Some(Configuration::new(store, publisher, shared.clock.clone(), limits)))
}

struct StartedWorker {
    recorder: tokio::task::JoinHandle<()>,
    leases: Arc<Leases>,
}

async fn start_worker(
    parts: &Parts,
    shared: &Shared,
    workers: &TaskTracker,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> anyhow::Result<StartedWorker> {
    let leases = Arc::new(open_leases(parts, shared).await?);
    let settings = shared.settings.clone();
    let (recorder, handle) = Recorder::new(
        shared.jobs.clone(),
        shared.blobs.clone(),
        shared.queue.clone(),
        leases.clone(),
        settings.clone(),
    );
    let runner = shared.functions.clone().context("a worker has function processes")?;
    let engine = Arc::new(Engine {
        store: shared.jobs.clone(),
        recorder: handle,
        blobs: shared.blobs.clone(),
        egress: Arc::new(HttpEgress::new(parts.settings.outgoing())?),
        runner,
        coordination: shared.coordination.clone(),
        tokens: TokenCache::default(),
        request_limits: RequestLimits {
            timeout: settings.request_timeout,
            response_bytes_max: settings.response_bytes_max,
            ..RequestLimits::default()
        },
        clock: shared.clock.clone(),
        settings: settings.clone(),
    });
    let worker = Worker::new(WorkerParts {
        engine,
        queue: shared.queue.clone(),
        store: shared.jobs.clone(),
        plans: shared.plans.clone(),
        leases: leases.clone(),
        fresh: shared.fresh.clone(),
        settings,
        stopping: stopping.clone(),
    });
    workers.spawn(worker.run());
    tasks.spawn(duties::hear_cancels(
        leases.clone(),
        shared.coordination.announcements(),
        stopping.clone(),
    ));
    Ok(StartedWorker { recorder: tokio::spawn(recorder.run()), leases })
}

/// With a local queue nobody sees this process's leases lapse, so they are noted on disk: the
/// runs that the process before had in its hands when it died each count a crash.
async fn open_leases(parts: &Parts, shared: &Shared) -> anyhow::Result<Leases> {
    if parts.settings.redis.url.is_some() {
        return Ok(Leases::default());
    }
    std::fs::create_dir_all(&parts.settings.server.data_dir)?;
    let path = parts.settings.server.data_dir.join(IN_FLIGHT_FILE);
    let (log, leftovers) =
        InFlightFile::open(&path).with_context(|| format!("cannot use {}", path.display()))?;
    if !leftovers.is_empty() {
        let open = shared.jobs.count_crashes(&leftovers).await?;
        tracing::warn!(runs = open.len(), "the process before died with runs under way");
    }
    Ok(Leases::with_log(Arc::new(log)))
}

/// Leases are extended on a thread of their own, which busy executors cannot starve.
fn spawn_beat(
    shared: &Shared,
    leases: Arc<Leases>,
    stop: CancellationToken,
) -> anyhow::Result<std::thread::JoinHandle<()>> {
    let (queue, settings) = (shared.queue.clone(), shared.settings.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("tenon-beat".to_owned()).spawn(move || {
        runtime.block_on(keep_alive(
            leases,
            queue,
            settings.beat_interval,
            settings.lease_ttl,
            stop,
        ));
    })?;
    Ok(thread)
}

fn shared_duties(shared: &Shared) -> duties::Duties {
    duties::Duties {
        store: shared.jobs.clone(),
        ticks: Arc::new(shared.store.clone()),
        queue: shared.queue.clone(),
        blobs: shared.blobs.clone(),
        plans: shared.plans.clone(),
        clock: shared.clock.clone(),
        settings: shared.settings.clone(),
    }
}

fn routes(
    parts: &Parts,
    shared: &Shared,
    configuration: Option<&Configuration>,
    listening: &CancellationToken,
) -> Router {
    let mut router = Router::new();
    if let Some(configuration) = configuration {
        let control = Control {
            intake: shared.intake.clone(),
            store: shared.jobs.clone(),
            history: Arc::new(shared.reader.clone()),
            queue: shared.queue.clone(),
            coordination: shared.coordination.clone(),
            clock: shared.clock.clone(),
        };
        router = router.merge(tenon_api::router(ApiState {
            plans: shared.plans.clone(),
            config: Arc::new(configuration.clone()),
            history: Arc::new(shared.reader.clone()),
            control: Arc::new(control),
            blobs: shared.blobs.clone(),
            functions: shared.functions.clone().map(|pool| pool as Arc<dyn FunctionRunner>),
            settings: Arc::new(parts.settings.management()),
            shutdown: listening.clone(),
        }));
    }
    if parts.roles.has(Role::Gateway) {
        router = router.merge(tenon_gateway::router(GatewayState {
            plans: shared.plans.clone(),
            intake: shared.intake.clone(),
            coordination: shared.coordination.clone(),
            clock: shared.clock.clone(),
            body_limits: parts.settings.bodies(),
            json_limits: parts.settings.json(),
        }));
    }
    let readiness = Dependencies { store: shared.store.clone(), queue: shared.queue.clone() };
    let health = tenon_api::health_router(Arc::new(readiness));
    with_layers(router.merge(health), &parts.settings.layers())
}
