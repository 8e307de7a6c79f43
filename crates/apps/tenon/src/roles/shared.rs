//! The services that the roles of one process share: only those that its roles may open.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tenon_blob::DiskStore;
use tenon_contract::plan::PlanCache;
use tenon_contract::quota::Quotas;
use tenon_domain::{Clock, SystemClock};
use tenon_exec::intake::{self, FreshJobs, Intake, IntakeParts};
use tenon_exec::plans::Plans;
use tenon_exec::ports::blobs::BlobStore;
use tenon_exec::ports::coordination::Coordination;
use tenon_exec::ports::queue::JobQueue;
use tenon_exec::ports::store::JobStore;
use tenon_exec::settings::Settings as ExecSettings;
use tenon_local::{LocalCoordination, LocalPlanCache, LocalQueue, LocalQuotas};
use tenon_redis::{Endpoint, Redis, RedisCoordination, RedisPlanCache, RedisQueue, RedisQuotas};
use tenon_script::ScriptPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accounts::Accounts;
use super::{Parts, Role, Store};

/// Connections of the API to the history.
const HISTORY_CONNECTIONS_MAX: u32 = 4;

/// The services shared by all roles of a process.
pub(super) struct Shared {
    pub(super) queue: Arc<dyn JobQueue>,
    pub(super) coordination: Arc<dyn Coordination>,
    pub(super) plan_cache: Arc<dyn PlanCache>,
    pub(super) quotas: Arc<dyn Quotas>,
    pub(super) plans: Arc<Plans>,
    /// Where the roles may open the execution database.
    pub(super) execution: Option<Execution>,
    pub(super) functions: Option<Arc<ScriptPool>>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Arc<ExecSettings>,
}

/// What stands on the execution database.
pub(super) struct Execution {
    pub(super) store: tenon_pg_execution::Store,
    pub(super) jobs: Arc<dyn JobStore>,
    pub(super) reader: tenon_pg_execution::Reader,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) intake: Intake,
    pub(super) fresh: Arc<FreshJobs>,
}

impl Shared {
    /// The execution database, for a role that may open it.
    ///
    /// # Errors
    /// When the process has no role that may.
    pub(super) fn execution(&self) -> anyhow::Result<&Execution> {
        self.execution.as_ref().context("this process may not open the execution database")
    }
}

/// Queue, messages, plans and quotas: in Redis, or in this process.
struct Cluster {
    queue: Arc<dyn JobQueue>,
    coordination: Arc<dyn Coordination>,
    plan_cache: Arc<dyn PlanCache>,
    quotas: Arc<dyn Quotas>,
}

/// Builds them.
///
/// # Errors
/// When a database cannot be reached or migrated, or a setting is missing.
pub(super) async fn share(
    parts: &Parts,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> anyhow::Result<Shared> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut exec = parts.settings.engine();
    if parts.settings.redis.url.is_none() {
        // Nobody outlives this process who could re-assert a lease.
        exec.reassert_grace = Duration::ZERO;
    }
    let settings = Arc::new(exec);
    let Cluster { queue, coordination, plan_cache, quotas } =
        cluster(parts, &clock, tasks, stopping)?;
    let accounts = Arc::new(Accounts::open(parts, &clock, tasks, stopping).await?);
    let execution = match parts.roles.may_open(Store::ExecutionDatabase) {
        true => Some(open_execution(parts, &queue, &accounts, &settings).await?),
        false => None,
    };
    Ok(Shared {
        queue,
        coordination,
        quotas,
        plans: Arc::new(Plans::new(plan_cache.clone())),
        plan_cache,
        execution,
        functions: start_functions(parts).await?,
        accounts,
        clock,
        settings,
    })
}

fn cluster(
    parts: &Parts,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> anyhow::Result<Cluster> {
    let url = parts.settings.redis.url.as_ref();
    let url = url.filter(|_| parts.roles.may_open(Store::Coordination));
    let Some(url) = url else {
        return Ok(Cluster {
            queue: Arc::new(LocalQueue::new(clock.clone())),
            coordination: Arc::new(LocalCoordination::new()),
            plan_cache: Arc::new(LocalPlanCache::new()),
            quotas: Arc::new(LocalQuotas::new(clock.clone())),
        });
    };
    let redis = Redis::open(&url.expose().parse::<Endpoint>()?)?;
    Ok(Cluster {
        queue: Arc::new(RedisQueue::new(redis.clone(), tasks, stopping.clone())),
        coordination: Arc::new(RedisCoordination::new(redis.clone(), tasks, stopping.clone())),
        plan_cache: Arc::new(RedisPlanCache::new(redis.clone())),
        quotas: Arc::new(RedisQuotas::new(redis)),
    })
}

async fn open_execution(
    parts: &Parts,
    queue: &Arc<dyn JobQueue>,
    accounts: &Accounts,
    settings: &Arc<ExecSettings>,
) -> anyhow::Result<Execution> {
    let url = parts.execution_url.as_deref().context(
        "there is no execution database: set postgres.execution_url \
         (TENON_POSTGRES__EXECUTION_URL), or use `tenon dev`, which brings its own",
    )?;
    let store =
        tenon_pg_execution::Store::connect(url, parts.settings.postgres.execution_connections_max)?;
    store.migrate().await.context("cannot bring the execution database up to date")?;
    let reader = tenon_pg_execution::Reader::connect(url, HISTORY_CONNECTIONS_MAX)?;
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
        grants: accounts.grants.clone(),
        settings: settings.clone(),
    });
    for committer in committers {
        tokio::spawn(committer.run());
    }
    Ok(Execution { store, jobs, reader, blobs, intake, fresh })
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
