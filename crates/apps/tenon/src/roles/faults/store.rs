//! The store without a guard.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgPool;
use tenon_domain::{ProjectId, RunId};
use tenon_exec::ports::history::Payload;
use tenon_exec::ports::queue::{Generation, Lane};
use tenon_exec::ports::store::{
    Accept, Accepted, Batch, Error, InstallationScope, Job, JobStore, OpenJob, ResultScope,
    StoredResult,
};
use uuid::Uuid;

use super::{Guard, KillPoint};

/// How long after the answer the work is committed without [`Guard::CommitBeforeAccept`].
const LATE_COMMIT: Duration = Duration::from_millis(300);
/// How long after the queue was told results are committed without [`Guard::AckAfterCommit`].
const LATE_FLUSH: Duration = Duration::from_millis(2_500);

/// A store without a guard, or one that kills its process.
pub struct Unguarded {
    pub store: Arc<dyn JobStore>,
    pub removed: Option<Guard>,
    pub kill: Option<KillPoint>,
    /// Past the store's own rules.
    pub pool: PgPool,
}

impl Unguarded {
    fn is_without(&self, guard: Guard) -> bool {
        self.removed == Some(guard)
    }

    fn pass(&self, point: &str) {
        if let Some(kill) = &self.kill {
            kill.pass(point);
        }
    }

    async fn accept_unguarded(&self, mut items: Vec<Accept>) -> Result<Vec<Accepted>, Error> {
        match self.removed {
            Some(Guard::CommitBeforeAccept) => {
                let (store, count) = (self.store.clone(), items.len());
                tokio::spawn(async move {
                    tokio::time::sleep(LATE_COMMIT).await;
                    drop(store.accept(&items).await);
                });
                Ok(vec![Accepted::New; count])
            }
            Some(Guard::OnceKey) => {
                for item in &mut items {
                    item.once = None;
                }
                self.store.accept(&items).await
            }
            _ => self.store.accept(&items).await,
        }
    }

    /// Those of the runs that have ended by now.
    async fn ended(&self, batch: &Batch) -> Vec<Uuid> {
        let runs: Vec<Uuid> = batch.finishes.iter().map(|finish| finish.run.uuid()).collect();
        let ended = sqlx::query_scalar("SELECT run_id FROM run WHERE run_id = ANY($1)").bind(runs);
        ended.fetch_all(&self.pool).await.unwrap_or_default()
    }

    /// The last commit wins: the end of runs that had ended is written over.
    async fn end_again(&self, ended: Vec<Uuid>) {
        let write = sqlx::query("UPDATE run SET finished_at = now() WHERE run_id = ANY($1)");
        drop(write.bind(ended).execute(&self.pool).await);
    }
}

#[async_trait]
impl JobStore for Unguarded {
    async fn accept(&self, items: &[Accept]) -> Result<Vec<Accepted>, Error> {
        let has_blob = items.iter().any(|item| matches!(item.job.input, Payload::Blob(_)));
        if has_blob {
            self.pass("accept.before-commit");
        }
        let accepted = self.accept_unguarded(items.to_vec()).await?;
        self.pass("accept.committed");
        Ok(accepted)
    }

    async fn load(&self, runs: &[RunId]) -> Result<Vec<Job>, Error> {
        self.store.load(runs).await
    }

    async fn results(&self, run: RunId, scope: ResultScope) -> Result<Vec<StoredResult>, Error> {
        if self.is_without(Guard::ReadProgress) {
            return Ok(Vec::new());
        }
        self.store.results(run, scope).await
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<(), Error> {
        self.pass("flush.before-commit");
        match self.removed {
            Some(Guard::Record) => {
                let rest = Batch { steps: Vec::new(), ..Batch::clone(&batch) };
                self.store.commit(Arc::new(rest)).await?;
            }
            Some(Guard::AckAfterCommit) => {
                let store = self.store.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(LATE_FLUSH).await;
                    drop(store.commit(batch).await);
                });
            }
            Some(Guard::TerminalState) => {
                let ended = self.ended(&batch).await;
                self.store.commit(batch).await?;
                self.end_again(ended).await;
            }
            _ => self.store.commit(batch).await?,
        }
        self.pass("flush.committed");
        Ok(())
    }

    async fn open_jobs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<OpenJob>, Error> {
        if self.is_without(Guard::Sweep) {
            return Ok(Vec::new());
        }
        self.store.open_jobs(after, limit).await
    }

    async fn has_earlier(&self, project: ProjectId, lane: Lane, run: RunId) -> Result<bool, Error> {
        self.store.has_earlier(project, lane, run).await
    }

    async fn count_crashes(&self, runs: &[RunId]) -> Result<Vec<(RunId, u32)>, Error> {
        self.store.count_crashes(runs).await
    }

    async fn accept_replay(&self, job: &Job, keep_results: bool) -> Result<(), Error> {
        self.store.accept_replay(job, keep_results).await
    }

    async fn cancel(&self, project: ProjectId, run: RunId) -> Result<bool, Error> {
        self.store.cancel(project, run).await
    }

    async fn cancel_installation(
        &self,
        project: ProjectId,
        scope: InstallationScope,
        until: Timestamp,
    ) -> Result<Vec<RunId>, Error> {
        self.store.cancel_installation(project, scope, until).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.store.now().await
    }

    async fn generation(&self) -> Result<Generation, Error> {
        self.store.generation().await
    }

    async fn raise_generation(&self, from: Generation) -> Result<Generation, Error> {
        self.store.raise_generation(from).await
    }

    async fn maintain_partitions(
        &self,
        now: Timestamp,
        keep_days: Option<u32>,
    ) -> Result<Vec<String>, Error> {
        self.store.maintain_partitions(now, keep_days).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.store.ping().await
    }
}
