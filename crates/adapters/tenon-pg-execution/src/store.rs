//! The writing side: what intake, workers and the controller use.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tenon_domain::{ProjectId, RunId};
use tenon_exec::ports::queue::{Generation, Lane};
use tenon_exec::ports::schedule::{ScheduleKey, ScheduleStore, TickPart, TickProgress};
use tenon_exec::ports::store::{
    Accept, Accepted, Batch, Error, InstallationScope, Job, JobStore, OpenJob, ResultScope,
    StoredResult,
};

use crate::errors::store_error;
use crate::lock::{self, LocalQueueLock};
use crate::{accept, commit, partitions, read, schedule};

/// How long a caller waits for a connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// The execution database, for all projects.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// Connects lazily: the database may be away now.
    ///
    /// # Errors
    /// When the URL does not parse.
    pub fn connect(url: &str, connections_max: u32) -> Result<Self, sqlx::Error> {
        let options =
            PgConnectOptions::from_str(url)?.application_name("tenon-execution").options([
                ("tenon.scope", "system"),
                ("statement_timeout", "30000"),
                // A process that stands still amid a commit holds keys that whoever takes its runs
                // over has to wait for. It is given up before its leases lapse.
                ("idle_in_transaction_session_timeout", "2000"),
                ("client_min_messages", "warning"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Brings the schema up to date and makes the partitions of the coming days.
    ///
    /// # Errors
    /// When the database cannot be reached or a migration fails.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        sqlx::migrate!("./migrations").run(&self.pool).await?;
        partitions::make(&self.pool, Timestamp::now()).await.map_err(MigrateError::Execute)
    }

    /// Takes the lock of a queue that lives in this process; `None` when another process has one
    /// on the same database.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn lock_local_queue(&self) -> Result<Option<LocalQueueLock>, sqlx::Error> {
        lock::lock_local_queue(&self.pool).await
    }

    /// The pool, for tests, benchmarks and figures of its use.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

#[async_trait]
impl JobStore for Store {
    async fn accept(&self, items: &[Accept]) -> Result<Vec<Accepted>, Error> {
        accept::accept(&self.pool, items).await.map_err(store_error("accept jobs"))
    }

    async fn load(&self, runs: &[RunId]) -> Result<Vec<Job>, Error> {
        read::load(&self.pool, runs).await.map_err(store_error("read jobs"))
    }

    async fn results(&self, run: RunId, scope: ResultScope) -> Result<Vec<StoredResult>, Error> {
        read::results(&self.pool, run, scope).await.map_err(store_error("read results"))
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<(), Error> {
        commit::commit(&self.pool, &batch).await.map_err(store_error("commit results"))
    }

    async fn open_jobs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<OpenJob>, Error> {
        read::open_jobs(&self.pool, after, limit).await.map_err(store_error("list open jobs"))
    }

    async fn has_earlier(&self, project: ProjectId, lane: Lane, run: RunId) -> Result<bool, Error> {
        read::has_earlier(&self.pool, project, lane, run)
            .await
            .map_err(store_error("look for an earlier job"))
    }

    async fn count_crashes(&self, runs: &[RunId]) -> Result<Vec<(RunId, u32)>, Error> {
        commit::count_crashes(&self.pool, runs).await.map_err(store_error("count crashes"))
    }

    async fn accept_replay(&self, job: &Job, keep_results: bool) -> Result<(), Error> {
        accept::accept_replay(&self.pool, job, keep_results)
            .await
            .map_err(store_error("accept a replay"))
    }

    async fn cancel(&self, project: ProjectId, run: RunId) -> Result<bool, Error> {
        commit::cancel(&self.pool, project, run).await.map_err(store_error("cancel a run"))
    }

    async fn cancel_installation(
        &self,
        project: ProjectId,
        scope: InstallationScope,
        until: Timestamp,
    ) -> Result<Vec<RunId>, Error> {
        commit::cancel_installation(&self.pool, project, scope, until)
            .await
            .map_err(store_error("cancel the runs of an installation"))
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        read::now(&self.pool).await.map_err(store_error("read the time"))
    }

    async fn generation(&self) -> Result<Generation, Error> {
        read::generation(&self.pool).await.map_err(store_error("read the queue generation"))
    }

    async fn raise_generation(&self, from: Generation) -> Result<Generation, Error> {
        commit::raise_generation(&self.pool, from)
            .await
            .map_err(store_error("raise the queue generation"))
    }

    async fn maintain_partitions(
        &self,
        now: Timestamp,
        keep_days: Option<u32>,
    ) -> Result<Vec<String>, Error> {
        let action = "maintain partitions";
        partitions::make(&self.pool, now).await.map_err(store_error(action))?;
        partitions::drop_old_keys(&self.pool).await.map_err(store_error(action))?;
        let Some(keep_days) = keep_days else { return Ok(Vec::new()) };
        partitions::drop_old(&self.pool, now, keep_days).await.map_err(store_error(action))
    }

    async fn ping(&self) -> Result<(), Error> {
        read::ping(&self.pool).await.map_err(store_error("answer"))
    }
}

#[async_trait]
impl ScheduleStore for Store {
    async fn last_tick(&self, key: &ScheduleKey, now: Timestamp) -> Result<Timestamp, Error> {
        schedule::last_tick(&self.pool, key, now).await.map_err(store_error("read a schedule"))
    }

    async fn accept_tick(
        &self,
        key: &ScheduleKey,
        tick: Timestamp,
        job: &Job,
    ) -> Result<bool, Error> {
        schedule::accept_tick(&self.pool, key, tick, job)
            .await
            .map_err(store_error("accept a tick"))
    }

    async fn tick_progress(
        &self,
        key: &ScheduleKey,
        tick: Timestamp,
    ) -> Result<TickProgress, Error> {
        schedule::tick_progress(&self.pool, key, tick).await.map_err(store_error("read a tick"))
    }

    async fn accept_tick_part(
        &self,
        key: &ScheduleKey,
        part: TickPart,
        jobs: &[Job],
    ) -> Result<bool, Error> {
        schedule::accept_tick_part(&self.pool, key, part, jobs)
            .await
            .map_err(store_error("accept a part of a tick"))
    }
}
