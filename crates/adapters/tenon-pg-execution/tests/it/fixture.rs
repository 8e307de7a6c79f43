//! A store on a fresh database, and builders of what it keeps.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tenon_domain::{ProjectId, RunId, StepId, VersionId, WorkflowId};
use tenon_exec::ports::history::{HistoryReader, Payload, RunStatus, StepStatus, TriggerKind};
use tenon_exec::ports::queue::DueMs;
use tenon_exec::ports::store::{
    Accept, Accepted, Batch, Finish, Iteration, Job, JobOrder, JobStore, OnceKey, ResultScope,
    RunMode, StepRow, StoredResult, Suspend,
};
use tenon_pg_execution::{Reader, Store};
use tenon_testkit::postgres_server::{TestDatabase, fresh_database};
use uuid::Uuid;

pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Everything a test needs.
pub struct Fixture {
    pub database: TestDatabase,
    pub store: Store,
    pub reader: Reader,
    pub project: ProjectId,
}

impl Fixture {
    pub async fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let database = fresh_database().await?;
        let store = Store::connect(&database.url, 10)?;
        store.migrate().await?;
        let reader = Reader::connect(&database.url, 2)?;
        Ok(Self { database, store, reader, project: ProjectId::new() })
    }

    /// A job that was accepted now.
    pub fn job(&self) -> Job {
        self.job_of_day(0)
    }

    /// A job that was accepted some days ago: its id says so.
    pub fn job_of_day(&self, days_ago: i64) -> Job {
        let accepted_at = Timestamp::now() - SignedDuration::from_hours(24 * days_ago);
        let millis = u64::try_from(accepted_at.as_millisecond()).expect("after 1970");
        let random = Uuid::new_v4().into_bytes();
        let mut counter = [0; 10];
        counter.copy_from_slice(&random[..10]);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &counter).into_uuid();
        Job {
            run: RunId::from_uuid(id),
            project: self.project,
            workflow: WorkflowId::new(),
            version: VersionId::new(),
            user: None,
            installation: None,
            trigger: TriggerKind::AppEvent,
            mode: RunMode::Live,
            input: Payload::Inline(Bytes::from_static(b"{\"event\":1}")),
            reply_to: None,
            replay_of: None,
            has_progress: false,
            grant: None,
            crashes: 0,
            accepted_at,
            trace: None,
            order: JobOrder::default(),
        }
    }

    /// Accepts jobs without keys.
    pub async fn accept(
        &self,
        jobs: &[&Job],
    ) -> Result<Vec<Accepted>, tenon_exec::ports::store::Error> {
        let items: Vec<Accept> =
            jobs.iter().map(|job| Accept { job: (*job).clone(), once: None }).collect();
        self.store.accept(&items).await
    }

    /// Accepts and answers one job.
    pub async fn open_job(&self) -> Result<Job, Box<dyn std::error::Error>> {
        let job = self.job();
        self.accept(&[&job]).await?;
        Ok(job)
    }

    pub async fn commit(&self, batch: Batch) -> Outcome {
        Ok(self.store.commit(Arc::new(batch)).await?)
    }

    /// Where a run is; `None` when there is none.
    pub async fn status(
        &self,
        run: RunId,
    ) -> Result<Option<RunStatus>, Box<dyn std::error::Error>> {
        Ok(self.reader.run(self.project, run).await?.map(|run| run.status))
    }

    /// The ids of all open jobs.
    pub async fn open(&self) -> Result<BTreeSet<RunId>, Box<dyn std::error::Error>> {
        let jobs = self.store.open_jobs(None, 10_000).await?;
        Ok(jobs.into_iter().map(|job| job.run).collect())
    }

    /// The results of a run outside of fan-outs.
    pub async fn results(
        &self,
        run: RunId,
    ) -> Result<Vec<StoredResult>, Box<dyn std::error::Error>> {
        Ok(self.store.results(run, ResultScope::Root).await?)
    }
}

/// A key with the digest of a content.
pub fn once(key: &str, content: u8) -> Option<OnceKey> {
    Some(OnceKey { key: key.to_owned(), digest: [content; 32] })
}

/// A first attempt that succeeded with an output.
pub fn result(job: &Job, step: &str, output: &str) -> StepRow {
    StepRow {
        run: job.run,
        project: job.project,
        step: StepId::new(step),
        kind: "function",
        iteration: Iteration::new(),
        attempt: 1,
        pauses: 0,
        status: StepStatus::Succeeded,
        started_at: Timestamp::now(),
        duration_us: 5,
        input: None,
        output: Some(Payload::Inline(Bytes::copy_from_slice(output.as_bytes()))),
        error: None,
        retry_at: None,
        logs: None,
        logs_dropped: 0,
    }
}

pub fn finish(job: &Job, status: RunStatus) -> Batch {
    let finish = Finish {
        run: job.run,
        status,
        error: None,
        started_at: None,
        finished_at: Timestamp::now(),
    };
    Batch { finishes: vec![finish], ..Batch::default() }
}

pub fn suspend(job: &Job, due_ms: i64) -> Batch {
    let suspend = Suspend { run: job.run, due: DueMs(due_ms) };
    Batch { suspends: vec![suspend], ..Batch::default() }
}

pub fn steps(rows: &[StepRow]) -> Batch {
    Batch { steps: rows.to_vec(), ..Batch::default() }
}

/// The text of a recorded output.
pub fn output(result: &StoredResult) -> &[u8] {
    match &result.output {
        Some(Payload::Inline(bytes)) => bytes,
        other => panic!("not an inline output: {other:?}"),
    }
}
