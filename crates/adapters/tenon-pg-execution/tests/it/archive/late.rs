//! A run that ends while its day is being archived.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use tenon_domain::{ProjectId, RunId};
use tenon_exec::archive::VerifiedDay;
use tenon_exec::ports::archive::{ArchiveSource, EndedRun, EndedStep, StepKey, Totals, Turn};
use tenon_exec::ports::history::RunStatus;
use tenon_exec::ports::store::{Accept, Error, Job, JobStore};
use tenon_pg_execution::Store;

use crate::fixture::finish;

/// A database in which a run ends between the archive and the drop.
pub struct Late {
    store: Store,
    late: Job,
    is_over: AtomicBool,
}

impl Late {
    pub fn new(store: Store, late: Job) -> Self {
        Self { store, late, is_over: AtomicBool::new(false) }
    }

    /// The run that comes late.
    pub fn run(&self) -> RunId {
        self.late.run
    }
}

#[async_trait]
impl ArchiveSource for Late {
    async fn turn(&self) -> Result<Option<Box<dyn Turn>>, Error> {
        self.store.turn().await
    }

    async fn expired_days(&self, now: Timestamp, keep_days: u32) -> Result<Vec<Date>, Error> {
        self.store.expired_days(now, keep_days).await
    }

    async fn totals(&self, day: Date) -> Result<Vec<(ProjectId, Totals)>, Error> {
        self.store.totals(day).await
    }

    async fn runs(
        &self,
        project: ProjectId,
        day: Date,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<EndedRun>, Error> {
        self.store.runs(project, day, after, limit).await
    }

    async fn steps(
        &self,
        run: RunId,
        after: Option<&StepKey>,
        limit: usize,
    ) -> Result<Vec<EndedStep>, Error> {
        ArchiveSource::steps(&self.store, run, after, limit).await
    }

    async fn drop_day(&self, day: &VerifiedDay) -> Result<bool, Error> {
        if !self.is_over.swap(true, Ordering::SeqCst) {
            self.store.accept(&[Accept { job: self.late.clone(), once: None }]).await?;
            self.store.commit(Arc::new(finish(&self.late, RunStatus::Cancelled))).await?;
        }
        self.store.drop_day(day).await
    }
}
