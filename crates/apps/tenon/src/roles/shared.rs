//! The services that the roles of one process share: only those that its roles may open.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tenon_contract::plan::PlanCache;
use tenon_contract::quota::Quotas;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::SharedValues;
use tenon_domain::{Clock, SharedClock};
use tenon_exec::clock_sync::ClockSync;
use tenon_exec::control::Control;
use tenon_exec::intake::{self, FreshJobs, Intake, IntakeParts};
use tenon_exec::plans::Plans;
use tenon_exec::ports::archive::ArchiveStore;
use tenon_exec::ports::blobs::BlobStore;
use tenon_exec::ports::call_pools::CallPools;
use tenon_exec::ports::coordination::Coordination;
use tenon_exec::ports::incarnation::Incarnation;
use tenon_exec::ports::membership::{MemberId, Membership};
use tenon_exec::ports::queue::JobQueue;
use tenon_exec::ports::store::JobStore;
use tenon_exec::settings::Settings as ExecSettings;
use tenon_local::{
    LocalCallPools, LocalCoordination, LocalMembership, LocalPlanCache, LocalQueue, LocalQuotas,
};
use tenon_redis::{
    Endpoint, Redis, RedisCallPools, RedisCoordination, RedisIncarnation, RedisMembership,
    RedisPlanCache, RedisQueue, RedisQuotas, RedisSharedValues, Sealer,
};
use tenon_script::ScriptPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accounts::Accounts;
use super::monitoring::Pools;
use super::plan_requests::AskApi;
use super::{Parts, Role, Store};
use crate::config::Settings;

/// Connections of the API to the history.
const HISTORY_CONNECTIONS_MAX: u32 = 4;

/// The services shared by all roles of a process.
pub(super) struct Shared {
    pub(super) queue: Arc<dyn JobQueue>,
    pub(super) coordination: Arc<dyn Coordination>,
    pub(super) membership: Arc<dyn Membership>,
    /// This process among the members.
    pub(super) me: MemberId,
    /// Whether there can be no other process.
    pub(super) is_alone: bool,
    pub(super) plan_cache: Arc<dyn PlanCache>,
    pub(super) quotas: Arc<dyn Quotas>,
    pub(super) call_pools: Arc<dyn CallPools>,
    /// What processes leave for each other, where they share it.
    pub(super) shared_values: Option<Arc<dyn SharedValues>>,
    pub(super) plans: Arc<Plans>,
    /// What this very process asks of the role `api`.
    pub(super) plan_requests: Arc<AskApi>,
    /// Which servers hold the queues, where they are not in this process.
    pub(super) incarnation: Option<Arc<dyn Incarnation>>,
    /// Where the roles may open the execution database.
    pub(super) execution: Option<Execution>,
    pub(super) functions: Option<Arc<ScriptPool>>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Arc<ExecSettings>,
    /// Connections to databases, for figures of their use.
    pub(super) pools: Pools,
}

/// What stands on the execution database.
pub(super) struct Execution {
    pub(super) store: tenon_pg_execution::Store,
    pub(super) jobs: Arc<dyn JobStore>,
    pub(super) reader: tenon_pg_execution::Reader,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) archive: Arc<dyn ArchiveStore>,
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

    /// Tests, replays and cancels.
    ///
    /// # Errors
    /// When the process has no role that may open the execution database.
    pub(super) fn control(&self) -> anyhow::Result<Control> {
        let execution = self.execution()?;
        Ok(Control {
            intake: execution.intake.clone(),
            store: execution.jobs.clone(),
            history: Arc::new(execution.reader.clone()),
            queue: self.queue.clone(),
            membership: self.membership.clone(),
            coordination: self.coordination.clone(),
            grants: self.accounts.grants.clone(),
            clock: self.clock.clone(),
        })
    }
}

/// Queue, messages, plans and quotas: in Redis, or in this process.
struct Cluster {
    queue: Arc<dyn JobQueue>,
    coordination: Arc<dyn Coordination>,
    membership: Arc<dyn Membership>,
    plan_cache: Arc<dyn PlanCache>,
    quotas: Arc<dyn Quotas>,
    call_pools: Arc<dyn CallPools>,
    shared_values: Option<Arc<dyn SharedValues>>,
    incarnation: Option<Arc<dyn Incarnation>>,
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
    let shared_clock = Arc::new(SharedClock::default());
    let clock = super::faults::guarded_clock(shared_clock.clone())?;
    let mut exec = parts.settings.engine();
    if parts.settings.redis.url.is_none() {
        // Nobody outlives this process who could re-assert a lease.
        exec.reassert_grace = Duration::ZERO;
    }
    let settings = Arc::new(exec);
    let me = MemberId::draw();
    let Cluster {
        queue,
        coordination,
        membership,
        plan_cache,
        quotas,
        call_pools,
        shared_values,
        incarnation,
    } = cluster(parts, &clock, me, tasks, stopping)?;
    let requests = Arc::new(AskApi::new(coordination.clone()));
    let plans = Plans::new(plan_cache.clone())
        .with_directory(parts.settings.directory())
        .with_requests(requests.clone(), plan_cache.clone());
    let accounts = Accounts::open(parts, &clock, tasks, stopping, shared_values.as_ref()).await?;
    let accounts = Arc::new(accounts);
    let execution = match parts.roles.may_open(Store::ExecutionDatabase) {
        true => Some(open_execution(parts, &queue, &accounts, &settings).await?),
        false => None,
    };
    let pools = Pools::default();
    if let Some(execution) = &execution {
        let sync = ClockSync::begin(execution.jobs.clone(), shared_clock).await;
        let sync = sync.context("the clock of the execution database cannot be read")?;
        tasks.spawn(sync.run(stopping.clone()));
        pools.add("execution", execution.store.pool());
        pools.add("history", execution.reader.pool());
    }
    if let Some(vault) = &accounts.vault_service {
        vault.add_pools(&pools);
    }
    Ok(Shared {
        queue,
        coordination,
        membership,
        me,
        is_alone: parts.settings.redis.url.is_none(),
        quotas,
        call_pools,
        shared_values,
        plans: Arc::new(plans),
        plan_requests: requests,
        plan_cache,
        incarnation,
        execution,
        functions: start_functions(parts).await?,
        accounts,
        clock,
        settings,
        pools,
    })
}

fn cluster(
    parts: &Parts,
    clock: &Arc<dyn Clock>,
    me: MemberId,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> anyhow::Result<Cluster> {
    let settings = &parts.settings;
    let url = settings.redis.url.as_ref();
    let url = url.filter(|_| parts.roles.may_open(Store::Coordination));
    let Some(url) = url else {
        return Ok(Cluster {
            queue: Arc::new(LocalQueue::new(clock.clone()).for_member(me)),
            coordination: Arc::new(LocalCoordination::new()),
            membership: Arc::new(LocalMembership::new()),
            plan_cache: Arc::new(LocalPlanCache::new()),
            quotas: Arc::new(LocalQuotas::new(clock.clone())),
            call_pools: Arc::new(LocalCallPools::new()),
            shared_values: None,
            incarnation: None,
        });
    };
    let authority = match &settings.redis.authority_file {
        Some(path) => Some(
            std::fs::read(path)
                .with_context(|| format!("redis.authority_file: cannot read {}", path.display()))?,
        ),
        None => None,
    };
    let redis = Redis::open_with(&url.expose().parse::<Endpoint>()?, authority)?;
    let sealer = sealer(settings, clock)?;
    let shares = settings.vault.share_values && parts.roles.may_open(Store::VaultClient);
    let shared_values = shares.then(|| -> Arc<dyn SharedValues> {
        Arc::new(RedisSharedValues::new(redis.clone(), sealer.clone()))
    });
    let shards = settings.redis.queue_shards;
    let queue = RedisQueue::new(redis.clone(), shards, me, tasks, stopping.clone());
    Ok(Cluster {
        queue: super::faults::guarded_queue(Arc::new(queue))?,
        coordination: Arc::new(RedisCoordination::new(redis.clone(), tasks, stopping.clone())),
        membership: Arc::new(RedisMembership::new(redis.clone())),
        plan_cache: Arc::new(RedisPlanCache::new(redis.clone(), sealer)),
        quotas: Arc::new(RedisQuotas::new(redis.clone())),
        call_pools: super::faults::guarded_pools(Arc::new(RedisCallPools::new(redis.clone())))?,
        shared_values,
        incarnation: Some(Arc::new(RedisIncarnation::new(redis))),
    })
}

/// What seals all that this installation keeps in Redis. There is no default: whoever can read
/// Redis would know it, too.
fn sealer(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Sealer> {
    let redis = &settings.redis;
    let file = redis.key_file.as_deref().context(
        "what is kept in Redis is sealed, and there is no key for it: set redis.key_file \
         (TENON_REDIS__KEY_FILE) to the same file for every process; `tenon vault new-redis-key \
         FILE` makes one",
    )?;
    let read = |file: &Path| -> anyhow::Result<SecretBytes> {
        let bytes = std::fs::read(file)
            .with_context(|| format!("cannot read the key for Redis {}", file.display()))?;
        Ok(SecretBytes::new(bytes))
    };
    let mut others = Vec::new();
    for file in &redis.other_key_files {
        others.push(read(file)?);
    }
    let epoch = Duration::from_millis(redis.key_interval_ms);
    let sealer = Sealer::new(&read(file)?, &others, epoch, clock.clone());
    sealer.context("redis.key_file or redis.other_key_files cannot be used")
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
    let jobs = super::faults::guarded(store.clone(), url)?;
    let opened = Arc::new(open_blobs(&parts.settings).await?);
    let (blobs, archive): (Arc<dyn BlobStore>, Arc<dyn ArchiveStore>) = (opened.clone(), opened);
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
    Ok(Execution { store, jobs, reader, blobs, archive, intake, fresh })
}

/// Large values, in the folder or bucket of the settings. A bucket is not asked here: it may be away
/// now.
///
/// # Errors
/// When the folder, the credentials or the endpoint cannot be used.
pub async fn open_blobs(settings: &Settings) -> anyhow::Result<tenon_blob::Store> {
    let place = settings.blobs.place(&settings.server.data_dir)?;
    let opened = tenon_blob::Store::open(&place, &settings.blobs.store()).await;
    opened.with_context(|| format!("cannot keep large values in {place}"))
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

#[cfg(test)]
mod tests {
    use tenon_domain::SystemClock;

    use super::*;

    fn refusal(settings: &Settings) -> String {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        format!("{:#}", sealer(settings, &clock).expect_err("it is no key"))
    }

    #[test]
    fn without_a_good_key_nothing_goes_to_redis() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut settings = Settings::default();
        let text = refusal(&settings);
        assert!(text.contains("redis.key_file") && text.contains("new-redis-key"), "{text}");
        let file = folder.path().join("redis.key");
        settings.redis.key_file = Some(file.clone());
        assert!(refusal(&settings).contains("cannot read the key for Redis"));
        std::fs::write(&file, [7; 31]).expect("a file");
        assert!(refusal(&settings).contains("shorter than 32 bytes"));
        std::fs::write(&file, [7; 32]).expect("a file");
        settings.redis.other_key_files = vec![folder.path().join("missing.key")];
        assert!(refusal(&settings).contains("missing.key"));
    }
}
