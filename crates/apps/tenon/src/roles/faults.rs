//! Takes one guard out of the product, so that the kill test can be seen to fail without it.
//!
//! Only in debug builds, and only where `TENON_REMOVE_GUARD` names a guard; a release build does
//! not hold this code. Nothing here repairs or checks anything.

use std::sync::Arc;

use tenon_exec::ports::store::JobStore;

/// The store as all roles of a process see it.
///
/// # Errors
/// When `TENON_REMOVE_GUARD` names no guard.
#[cfg(debug_assertions)]
pub fn guarded(store: tenon_pg_execution::Store) -> anyhow::Result<Arc<dyn JobStore>> {
    let store: Arc<dyn JobStore> = Arc::new(store);
    match std::env::var("TENON_REMOVE_GUARD") {
        Err(_) => Ok(store),
        Ok(name) => {
            let removed = name.parse()?;
            tracing::warn!("the guard `{name}` is removed: this process loses or repeats work");
            Ok(Arc::new(removal::Unguarded { store, removed }))
        }
    }
}

/// The store as all roles of a process see it.
///
/// # Errors
/// Never in a release build.
#[cfg(not(debug_assertions))]
pub fn guarded(store: tenon_pg_execution::Store) -> anyhow::Result<Arc<dyn JobStore>> {
    Ok(Arc::new(store))
}

#[cfg(debug_assertions)]
mod removal {
    use std::str::FromStr;
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;
    use jiff::Timestamp;
    use tenon_domain::{ProjectId, RunId};
    use tenon_exec::ports::queue::Generation;
    use tenon_exec::ports::store::{
        Accept, Accepted, Batch, Error, InstallationScope, Job, JobStore, OpenJob, ResultScope,
        StoredResult,
    };

    /// How long after the answer the work is committed without [`Guard::CommitBeforeAccept`].
    const LATE_COMMIT: Duration = Duration::from_millis(300);

    /// What may be removed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Guard {
        /// A run that is taken up reads what it did already.
        ReadProgress,
        /// Work is committed before it is called accepted.
        CommitBeforeAccept,
        /// Open jobs that their queue does not know are pushed again.
        Sweep,
        /// Results of steps are committed.
        Record,
        /// A request with a key that was seen is the same run.
        OnceKey,
    }

    impl FromStr for Guard {
        type Err = anyhow::Error;

        fn from_str(name: &str) -> Result<Self, Self::Err> {
            Ok(match name {
                "read-progress" => Self::ReadProgress,
                "commit-before-accept" => Self::CommitBeforeAccept,
                "sweep" => Self::Sweep,
                "record" => Self::Record,
                "once-key" => Self::OnceKey,
                _ => anyhow::bail!("TENON_REMOVE_GUARD: there is no guard `{name}`"),
            })
        }
    }

    /// A store without one guard.
    pub struct Unguarded {
        pub store: Arc<dyn JobStore>,
        pub removed: Guard,
    }

    #[async_trait]
    impl JobStore for Unguarded {
        async fn accept(&self, items: &[Accept]) -> Result<Vec<Accepted>, Error> {
            let mut items = items.to_vec();
            match self.removed {
                Guard::CommitBeforeAccept => {
                    let (store, count) = (self.store.clone(), items.len());
                    tokio::spawn(async move {
                        tokio::time::sleep(LATE_COMMIT).await;
                        drop(store.accept(&items).await);
                    });
                    Ok(vec![Accepted::New; count])
                }
                Guard::OnceKey => {
                    for item in &mut items {
                        item.once = None;
                    }
                    self.store.accept(&items).await
                }
                _ => self.store.accept(&items).await,
            }
        }

        async fn load(&self, runs: &[RunId]) -> Result<Vec<Job>, Error> {
            self.store.load(runs).await
        }

        async fn results(
            &self,
            run: RunId,
            scope: ResultScope,
        ) -> Result<Vec<StoredResult>, Error> {
            if self.removed == Guard::ReadProgress {
                return Ok(Vec::new());
            }
            self.store.results(run, scope).await
        }

        async fn commit(&self, batch: Arc<Batch>) -> Result<(), Error> {
            if self.removed == Guard::Record {
                let rest = Batch { steps: Vec::new(), ..Batch::clone(&batch) };
                return self.store.commit(Arc::new(rest)).await;
            }
            self.store.commit(batch).await
        }

        async fn open_jobs(
            &self,
            after: Option<RunId>,
            limit: usize,
        ) -> Result<Vec<OpenJob>, Error> {
            if self.removed == Guard::Sweep {
                return Ok(Vec::new());
            }
            self.store.open_jobs(after, limit).await
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

        async fn generation(&self) -> Result<Generation, Error> {
            self.store.generation().await
        }

        async fn raise_generation(&self, from: Generation) -> Result<Generation, Error> {
            self.store.raise_generation(from).await
        }

        async fn maintain_partitions(
            &self,
            now: Timestamp,
            keep_days: u32,
        ) -> Result<Vec<String>, Error> {
            self.store.maintain_partitions(now, keep_days).await
        }

        async fn ping(&self) -> Result<(), Error> {
            self.store.ping().await
        }
    }
}
