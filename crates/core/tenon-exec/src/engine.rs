//! The step engine: walks one run's program from where its results end.
//!
//! A run is replayed, not restored: the engine walks from the start, takes the recorded result
//! of every step that has one, and executes the first that has none. So a finished step is never
//! run again, and no cursor can disagree with the results. What is not recorded yet when a
//! process dies (see `record_linger`) is executed again, under the same `Idempotency-Key`.
//!
//! The engine deliberately knows nothing of queues and leases; `worker` does.

mod attempt;
mod fan_out;
mod frame;
mod frozen;
mod progress;
mod secrets;
mod standing;
mod view;
mod walk;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tenon_domain::Clock;
use tenon_telemetry::trace;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::answer::Answer;
use crate::leases::LeaseGuard;
use crate::plans::Plans;
use crate::ports::blobs::{self, BlobStore};
use crate::ports::coordination::Coordination;
use crate::ports::history::{Payload, RunStatus, StepError};
use crate::ports::queue::DueMs;
use crate::ports::script::FunctionRunner;
use crate::ports::store::{self, Iteration, Job, JobStore};
use crate::program::Program;
use crate::recorder::{self, RecorderHandle};
use crate::settings::Settings;
use crate::steps::integration::Integrations;
use crate::steps::request::{RequestLimits, TokenCache};
use tenon_contract::egress::Egress;
use tenon_contract::plan::PlanError;

use self::frame::Frame;
use self::progress::Progress;
use self::secrets::Passwords;

/// Executes runs. One for a process; cheap to share behind an `Arc`.
pub struct Engine {
    /// Reads results back.
    pub store: Arc<dyn JobStore>,
    /// Takes results away to be committed.
    pub recorder: RecorderHandle,
    /// Large values.
    pub blobs: Arc<dyn BlobStore>,
    /// The way out.
    pub egress: Arc<dyn Egress>,
    /// JavaScript.
    pub runner: Arc<dyn FunctionRunner>,
    /// The way back to a waiting caller.
    pub coordination: Arc<dyn Coordination>,
    /// OAuth 2 tokens of request steps.
    pub tokens: TokenCache,
    /// Limits of request steps.
    pub request_limits: RequestLimits,
    /// Accounts of connected users; `None` where this process has none.
    pub integrations: Option<Integrations>,
    /// What stands of the project: its workflows, users and integrations. Without it every run goes
    /// on as far as it gets.
    pub plans: Option<Arc<Plans>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Limits.
    pub settings: Arc<Settings>,
}

/// How the execution of a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// For good.
    Finished {
        /// Succeeded or failed.
        status: RunStatus,
        /// Why it failed.
        error: Option<StepError>,
    },
    /// Until a time.
    Suspended(DueMs),
    /// This process stops: to be taken up at once by another.
    Yielded,
    /// The lease was lost or the run cancelled: nothing more to do here.
    Abandoned,
}

/// Why the engine could not go on, through no fault of the workflow.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading results failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Reading a large value failed.
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    /// The recorder has stopped.
    #[error(transparent)]
    Recorder(#[from] recorder::Stopped),
    /// The metadata of the run's user cannot be read now.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A recorded value is not JSON.
    #[error("a recorded value is not JSON")]
    Corrupt(#[source] serde_json::Error),
}

/// The span of a run's stay in this process, within the trace of its trigger.
#[must_use]
pub fn run_span(job: &Job) -> Span {
    trace::span_after(job.trace, || {
        tracing::info_span!(
            "exec.run",
            execution.id = %job.run,
            workflow.id = %job.workflow,
            run.status = tracing::field::Empty,
        )
    })
}

/// One execution of a run, from claim to end.
pub struct Execution {
    job: Arc<Job>,
    program: Arc<Program>,
    input: Arc<Value>,
    progress: Progress,
    /// The lease was lost, or the run was cancelled.
    abandon: LeaseGuard,
    /// The process stops.
    stopping: CancellationToken,
    has_replied: AtomicBool,
    started_at: OnceLock<Timestamp>,
    about_run: Arc<Value>,
    /// `{{settings.x}}`: the document's values, and over them those of the installation.
    settings: Arc<Value>,
    /// `{{shared.x}}`.
    shared: Arc<Value>,
    /// `{{user.x}}`.
    about_user: Arc<Value>,
    /// Passwords among the settings.
    passwords: Passwords,
}

impl Execution {
    /// When its first step began in this process.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        self.started_at.get().copied()
    }
}

/// What an execution starts from.
pub struct Start {
    /// The job.
    pub job: Arc<Job>,
    /// Its program.
    pub program: Arc<Program>,
    /// Its input, where it is at hand already.
    pub input: Option<Arc<Value>>,
    /// Tells when the lease is lost or the run cancelled.
    pub abandon: LeaseGuard,
    /// Fires when the process stops.
    pub stopping: CancellationToken,
}

impl Engine {
    /// Reads what a run needs before its first step.
    ///
    /// # Errors
    /// When the store or the blob store cannot be read now.
    pub async fn begin(&self, start: Start) -> Result<Execution, Error> {
        let Start { job, program, input, abandon, stopping } = start;
        let input = match input {
            Some(input) => input,
            None => Arc::new(parse(&self.payload(&job.input).await?)?),
        };
        let progress =
            if job.has_progress { Progress::read(self, job.run).await? } else { Progress::none() };
        let plan = &program.plan;
        let installation = job.installation.as_ref();
        let about_run = Arc::new(serde_json::json!({
            "id": job.run, "workflow": plan.document.name, "version": plan.number,
            "accepted_at": job.accepted_at.to_string(),
            "account": installation.map(|it| it.credential),
            "configuration": installation.map(|it| it.configuration),
        }));
        let frozen = self.frozen(&job, &program).await?;
        Ok(Execution {
            job,
            program,
            input,
            progress,
            abandon,
            stopping,
            has_replied: AtomicBool::new(false),
            started_at: OnceLock::new(),
            about_run,
            settings: frozen.settings,
            shared: frozen.shared,
            about_user: frozen.about_user,
            passwords: frozen.passwords,
        })
    }

    /// Walks the run until it ends, suspends, or must be given up.
    ///
    /// # Errors
    /// When infrastructure failed for longer than the step's infrastructure retries; nothing is
    /// lost, the run is to be taken up again.
    pub async fn execute(&self, execution: &Execution) -> Result<End, Error> {
        let end = tokio::select! {
            biased;
            () = execution.abandon.cancelled() => return Ok(End::Abandoned),
            end = self.walk_from_start(execution) => end?,
        };
        if let End::Finished { status, error } = &end {
            Span::current().record("run.status", tracing::field::debug(status));
            self.answer_if_silent(execution, *status, error.as_ref()).await;
        }
        Ok(end)
    }

    async fn walk_from_start(&self, execution: &Execution) -> Result<End, Error> {
        let Some(start) = execution.program.start else {
            return Ok(End::Finished { status: RunStatus::Succeeded, error: None });
        };
        if let Some(error) = self.why_not_begin(execution).await {
            return Ok(End::Finished { status: RunStatus::Failed, error: Some(error) });
        }
        let job = &execution.job;
        let recorded = execution.progress.of_scope(self, job.run, &Iteration::new()).await?;
        let root = Arc::new(Frame::root(recorded));
        let flow = self.walk(execution, &root, start).await?;
        Ok(match flow {
            walk::Flow::Done => End::Finished { status: RunStatus::Succeeded, error: None },
            walk::Flow::Failed(error) => {
                End::Finished { status: RunStatus::Failed, error: Some(error) }
            }
            walk::Flow::Suspended(due) | walk::Flow::Paused(due) => End::Suspended(due),
            walk::Flow::Yielded => End::Yielded,
        })
    }

    /// A caller that waits is told when the run ended without a Response step.
    async fn answer_if_silent(
        &self,
        execution: &Execution,
        status: RunStatus,
        error: Option<&StepError>,
    ) {
        let answer = Answer::without_response(execution.job.run, status, error);
        self.reply(execution, &answer).await;
    }

    /// Sends the answer to the caller, once.
    async fn reply(&self, execution: &Execution, answer: &Answer) {
        let Some(address) = &execution.job.reply_to else { return };
        if execution.has_replied.swap(true, Ordering::AcqRel) {
            return;
        }
        let run = execution.job.run;
        if let Err(error) = self.coordination.reply(address, run, answer.to_bytes()).await {
            tracing::warn!(execution.id = %run, error = %error, "the answer of a run was not delivered");
        }
    }

    /// The bytes of a recorded value.
    async fn payload(&self, payload: &Payload) -> Result<Bytes, Error> {
        match payload {
            Payload::Inline(bytes) => Ok(bytes.clone()),
            Payload::Blob(blob) => Ok(self.blobs.get(*blob).await?),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes).map_err(Error::Corrupt)
}
