//! Intake: accepted means committed.
//!
//! Callers hand in jobs; a few tasks take what has gathered and commit it in one transaction
//! (group commit), then answer the callers, then push the ids to the queue. The push is best
//! effort: what it misses, the sweep finds. Callers are turned away before anything is accepted
//! when too many wait or the database is away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use serde_json::Value;
use tenon_contract::grant::GrantKey;
use tenon_contract::plan::DeployedWorkflow;
use tenon_domain::{QueueName, RunId};
use tenon_telemetry::trace;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;

use crate::metrics;
use crate::order::{Facts, UnusableKey, order_of};
use crate::ports::blobs::{self, BlobStore};
use crate::ports::history::Payload;
use crate::ports::queue::{JobQueue, Push};
use crate::ports::store::{self, Accept, Accepted, Job, JobOrder, JobStore};
use crate::settings::Settings;

/// Jobs kept in memory between acceptance and claim.
const CACHED_JOBS_MAX: usize = 50_000;
/// How long they are good for: less than the age at which a job is pushed again
/// (`Settings::sweep_min_age`, and `Settings::reassert_grace` where processes share a queue).
const FRESH_AGE_MAX: Duration = Duration::from_secs(1);
/// How long a push may take before it is left to the sweep.
const PUSH_DEADLINE: Duration = Duration::from_millis(500);

/// Why a job was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many wait: try again after a second.
    #[error("too much work is waiting to be accepted")]
    Overloaded,
    /// The database is away: try again after a few seconds.
    #[error("the execution database cannot be reached")]
    Unavailable,
    /// The database refuses the job's content.
    #[error("the execution database refuses this job")]
    Rejected,
}

/// A job that was accepted in this process, kept so that it need not be read back.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// The job.
    pub job: Arc<Job>,
    /// Its input, parsed.
    pub input: Arc<Value>,
}

/// Jobs accepted in this process a moment ago and not yet claimed by it.
///
/// Only for a moment: once the sweep may have pushed a job again, somebody else may have run it to
/// its end, and a push of ours that was under way all the time would bring it back. Who claims it
/// then has to read its row.
#[derive(Debug, Default)]
pub struct FreshJobs {
    jobs: DashMap<RunId, (Instant, Fresh)>,
    purged_at: parking_lot::Mutex<Option<Instant>>,
}

impl FreshJobs {
    /// Takes a job out.
    #[must_use]
    pub fn take(&self, run: RunId) -> Option<Fresh> {
        let (_, (accepted_at, fresh)) = self.jobs.remove(&run)?;
        (accepted_at.elapsed() < FRESH_AGE_MAX).then_some(fresh)
    }

    fn put(&self, fresh: Fresh) {
        if self.jobs.len() >= CACHED_JOBS_MAX {
            self.purge();
        }
        if self.jobs.len() < CACHED_JOBS_MAX {
            self.jobs.insert(fresh.job.run, (Instant::now(), fresh));
        }
    }

    /// Drops what is too old, at most once in that time.
    fn purge(&self) {
        let mut purged_at = self.purged_at.lock();
        if purged_at.is_none_or(|at| at.elapsed() >= FRESH_AGE_MAX) {
            *purged_at = Some(Instant::now());
            self.jobs.retain(|_, (accepted_at, _)| accepted_at.elapsed() < FRESH_AGE_MAX);
        }
    }
}

struct Waiting {
    accept: Accept,
    input: Option<Arc<Value>>,
    answer: oneshot::Sender<Result<Accepted, Refused>>,
}

/// Takes jobs in. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    waiting: mpsc::Sender<Waiting>,
    grants: Option<Arc<GrantKey>>,
    ordering_key_bytes_max: usize,
}

impl Intake {
    /// Accepts a job. `Ok(Accepted::New)` means that it is committed. A job for a connected user
    /// is given its grant here, where a key signs them.
    /// `input` is the parsed form of the job's input, to spare the worker the reading.
    ///
    /// # Errors
    /// [`Refused`]; nothing was accepted, except that after `Unavailable` the outcome of a commit
    /// may be unknown: the job then may run, and a repeat under the same key is recognised.
    pub async fn accept(
        &self,
        mut accept: Accept,
        input: Option<Arc<Value>>,
    ) -> Result<Accepted, Refused> {
        sign(&mut accept.job, self.grants.as_deref());
        accept.job.trace = trace::current();
        let (answer, answered) = oneshot::channel();
        let outcome = match self.waiting.try_send(Waiting { accept, input, answer }) {
            Ok(()) => answered.await.unwrap_or(Err(Refused::Unavailable)),
            Err(_) => Err(Refused::Overloaded),
        };
        metrics::accepted(outcome);
        outcome
    }

    /// The longest ordering key of a workflow, in bytes.
    #[must_use]
    pub const fn ordering_key_bytes_max(&self) -> usize {
        self.ordering_key_bytes_max
    }

    /// The order of a run of this workflow, to be accepted with it.
    ///
    /// # Errors
    /// [`UnusableKey`]: the run is to be turned away.
    pub fn order_of(
        &self,
        workflow: &DeployedWorkflow,
        facts: Facts<'_>,
    ) -> Result<JobOrder, UnusableKey> {
        order_of(&workflow.order, workflow.id, facts, self.ordering_key_bytes_max)
    }
}

/// What intake works with.
#[derive(Clone)]
pub struct IntakeParts {
    /// Where jobs are committed.
    pub store: Arc<dyn JobStore>,
    /// Where large inputs go.
    pub blobs: Arc<dyn BlobStore>,
    /// Where ids are pushed.
    pub queue: Arc<dyn JobQueue>,
    /// Jobs for workers of this very process; `None` where there are none.
    pub fresh: Option<Arc<FreshJobs>>,
    /// Signs that a run may use the accounts of its user; without it runs get no grant.
    pub grants: Option<Arc<GrantKey>>,
    /// Limits.
    pub settings: Arc<Settings>,
}

/// Builds an intake and the tasks that serve it; run each of them until the intake is dropped.
#[must_use]
pub fn build(parts: IntakeParts) -> (Intake, Vec<Committer>) {
    let (sender, receiver) = mpsc::channel(parts.settings.accept_waiting_max);
    let receiver = Arc::new(Mutex::new(receiver));
    let committers = (0..parts.settings.accept_connections.max(1))
        .map(|_| Committer { waiting: receiver.clone(), parts: parts.clone() })
        .collect();
    let ordering_key_bytes_max = parts.settings.ordering_key_bytes_max;
    (Intake { waiting: sender, grants: parts.grants, ordering_key_bytes_max }, committers)
}

/// Commits what has gathered, again and again.
pub struct Committer {
    waiting: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    parts: IntakeParts,
}

impl Committer {
    /// Runs until every [`Intake`] is dropped.
    pub async fn run(self) {
        let max = self.parts.settings.accept_batch_max;
        loop {
            let mut batch = Vec::new();
            if self.waiting.lock().await.recv_many(&mut batch, max).await == 0 {
                return;
            }
            self.serve(batch).await;
        }
    }

    async fn serve(&self, batch: Vec<Waiting>) {
        let mut accepts = Vec::with_capacity(batch.len());
        let mut callers = Vec::with_capacity(batch.len());
        for waiting in batch {
            accepts.push(waiting.accept);
            callers.push((waiting.input, waiting.answer));
        }
        let outcomes = match self.pack(&mut accepts).await {
            Ok(()) => self.commit(&accepts).await,
            Err(refused) => vec![Err(refused); accepts.len()],
        };
        let mut pushes: Vec<(QueueName, Push)> = Vec::with_capacity(accepts.len());
        for ((accept, (input, answer)), outcome) in accepts.into_iter().zip(callers).zip(outcomes) {
            if outcome == Ok(Accepted::New) {
                let job = Arc::new(accept.job);
                pushes.push(push_of(&job));
                if let (Some(fresh), Some(input)) = (&self.parts.fresh, input) {
                    fresh.put(Fresh { job, input });
                }
            }
            let _ = answer.send(outcome);
        }
        push_all(&*self.parts.queue, &pushes).await;
    }

    async fn pack(&self, accepts: &mut [Accept]) -> Result<(), Refused> {
        let jobs = accepts.iter_mut().map(|accept| &mut accept.job);
        let limit = self.parts.settings.inline_bytes_max;
        pack(&*self.parts.blobs, limit, jobs).await.map_err(|error| {
            tracing::error!(error = %error, "large inputs could not be stored");
            Refused::Unavailable
        })
    }

    async fn commit(&self, accepts: &[Accept]) -> Vec<Result<Accepted, Refused>> {
        match self.accept_in_time(accepts).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(store::Error::Unavailable { source, .. }) => {
                tracing::warn!(error = %source, "jobs were turned away: the database is away");
                vec![Err(Refused::Unavailable); accepts.len()]
            }
            Err(store::Error::Rejected { source, .. }) => {
                tracing::error!(error = %source, "the database refused a batch of jobs; trying them singly");
                self.commit_singly(accepts).await
            }
        }
    }

    async fn commit_singly(&self, accepts: &[Accept]) -> Vec<Result<Accepted, Refused>> {
        let mut outcomes = Vec::with_capacity(accepts.len());
        for accept in accepts {
            let outcome = self.accept_in_time(std::slice::from_ref(accept)).await;
            outcomes.push(match outcome {
                Ok(outcomes) => outcomes.first().copied().ok_or(Refused::Rejected),
                Err(store::Error::Unavailable { .. }) => Err(Refused::Unavailable),
                Err(store::Error::Rejected { .. }) => Err(Refused::Rejected),
            });
        }
        outcomes
    }

    async fn accept_in_time(&self, accepts: &[Accept]) -> Result<Vec<Accepted>, store::Error> {
        let started = Instant::now();
        let accepting = self.parts.store.accept(accepts);
        let outcome = tokio::time::timeout(self.parts.settings.accept_timeout, accepting).await;
        metrics::ACCEPT_TIME.took(started.elapsed());
        metrics::ACCEPT_BATCH.count(accepts.len());
        outcome.unwrap_or_else(|elapsed| {
            Err(store::Error::Unavailable {
                action: "accept jobs in time",
                source: Box::new(elapsed),
            })
        })
    }
}

/// Inputs and settings of more than `limit` bytes into the blob store, before the rows that name
/// them.
pub(crate) async fn pack<'a>(
    blobs: &dyn BlobStore,
    limit: usize,
    jobs: impl Iterator<Item = &'a mut Job>,
) -> Result<(), blobs::Error> {
    let payloads = jobs.flat_map(|job| {
        let values = job.installation.as_mut().map(|installation| &mut installation.values);
        std::iter::once(&mut job.input).chain(values)
    });
    let mut large: Vec<&mut Payload> = payloads
        .filter(|payload| matches!(payload, Payload::Inline(bytes) if bytes.len() > limit))
        .collect();
    if large.is_empty() {
        return Ok(());
    }
    let values: Vec<Bytes> = large
        .iter()
        .filter_map(|payload| match payload {
            Payload::Inline(bytes) => Some(bytes.clone()),
            Payload::Blob(_) => None,
        })
        .collect();
    let places = blobs.put_packed(&values).await?;
    for (payload, place) in large.iter_mut().zip(places) {
        **payload = Payload::Blob(place);
    }
    Ok(())
}

/// Gives a job its grant: this run, this user if any, as long as the run lasts.
pub(crate) fn sign(job: &mut Job, key: Option<&GrantKey>) {
    if let Some(key) = key {
        job.grant = Some(key.sign_run(job.project, job.user.as_ref(), job.run));
    }
}

/// What the queue is told of a job that was just accepted.
#[must_use]
pub fn push_of(job: &Job) -> (QueueName, Push) {
    let (priority, lane) = (job.order.priority, job.order.lane);
    let push = Push { run: job.run, due: None, is_recovered: job.has_progress, priority, lane };
    (QueueName::of_project(job.project), push)
}

/// Pushes ids to their queues; a failure is left to the sweep.
pub async fn push_all(queue: &dyn JobQueue, pushes: &[(QueueName, Push)]) {
    if pushes.is_empty() {
        return;
    }
    let pushed = tokio::time::timeout(PUSH_DEADLINE, queue.push(pushes)).await;
    let outcome = if matches!(pushed, Ok(Ok(()))) { "pushed" } else { "left" };
    metrics::PUSHED.add_of(&[outcome], pushes.len() as u64);
    match pushed {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(error = %error, jobs = pushes.len(), "accepted jobs wait for the sweep");
        }
        Err(_) => tracing::debug!(jobs = pushes.len(), "accepted jobs wait for the sweep"),
    }
}
