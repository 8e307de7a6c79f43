//! Tests, replays and cancels on behalf of the API.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use jiff::Timestamp;
use tenon_contract::grant::GrantKey;
use tenon_domain::{Clock, ProjectId, QueueName, RunId};
use tenon_telemetry::trace;

use crate::intake::{Intake, Refused, push_all, push_of, sign};
use crate::ports::control::{Error, ReplayFrom, RunControl, TestRun};
use crate::ports::coordination::Coordination;
use crate::ports::history::{HistoryReader, Payload, RunStatus, TriggerKind};
use crate::ports::membership::{MemberId, Membership};
use crate::ports::queue::{self, JobQueue, Whereabouts};
use crate::ports::store::{Accept, InstallationScope, Job, JobOrder, JobStore, RunMode};
use crate::why::{self, Facts, QueueFacts, Why};

/// When to try again while the database is away.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Records that are looked at to say why a run waits.
const LATEST_STEPS: usize = 100;

/// How long the queue may take to say where a run is.
const QUEUE_PATIENCE: Duration = Duration::from_secs(2);

/// Cancels that are announced at once.
const CANCELS_MAX: usize = 100;

/// The use cases behind [`RunControl`].
pub struct Control {
    /// Takes new runs in.
    pub intake: Intake,
    /// The truth.
    pub store: Arc<dyn JobStore>,
    /// What ran.
    pub history: Arc<dyn HistoryReader>,
    /// Where runs wait.
    pub queue: Arc<dyn JobQueue>,
    /// Who works on them.
    pub membership: Arc<dyn Membership>,
    /// How workers hear of a cancel.
    pub coordination: Arc<dyn Coordination>,
    /// Signs that a replay may use the accounts of its user; without it replays get no grant.
    pub grants: Option<Arc<GrantKey>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl RunControl for Control {
    async fn test(&self, test: TestRun) -> Result<RunId, Error> {
        let run = RunId::accepted_now(&*self.clock);
        let job = Job {
            run,
            project: test.project,
            workflow: test.workflow,
            version: test.version,
            user: test.user,
            installation: test.installation,
            trigger: TriggerKind::Test,
            mode: RunMode::Test,
            input: Payload::Inline(test.input),
            reply_to: None,
            replay_of: None,
            has_progress: false,
            grant: None,
            crashes: 0,
            accepted_at: self.clock.now(),
            trace: None,
            // A test of a draft waits for nothing and holds nothing up.
            order: JobOrder::default(),
        };
        match self.intake.accept(Accept { job, once: None }, None).await {
            Ok(_) => Ok(run),
            Err(Refused::Overloaded) => {
                Err(Error::Overloaded { retry_after: Duration::from_secs(1) })
            }
            Err(refused) => Err(unavailable(refused)),
        }
    }

    async fn replay(
        &self,
        project: ProjectId,
        run: RunId,
        from: ReplayFrom,
    ) -> Result<RunId, Error> {
        let old = self.history.run(project, run).await.map_err(unavailable)?;
        let old = old.ok_or(Error::NoSuchRun(run))?;
        if !old.status.is_terminal() {
            return Err(Error::WrongState {
                run,
                status: status_name(old.status),
                reason: "it has not ended; cancel it first, or wait",
            });
        }
        let input = self.history.input(project, run).await.map_err(unavailable)?;
        let input = input.ok_or(Error::NoSuchRun(run))?;
        // The settings that the old run saw, not those of today.
        let installation = self.history.installation(project, run).await.map_err(unavailable)?;
        // Behind whatever was accepted in its lane since.
        let order = self.history.order(project, run).await.map_err(unavailable)?;
        let mut job = Job {
            run: RunId::accepted_now(&*self.clock),
            project,
            workflow: old.workflow,
            version: old.version,
            user: old.user,
            installation,
            trigger: TriggerKind::Replay,
            mode: RunMode::Live,
            input,
            reply_to: None,
            replay_of: Some(run),
            has_progress: from == ReplayFrom::FailedStep,
            grant: None,
            crashes: 0,
            accepted_at: self.clock.now(),
            trace: trace::current(),
            order: order.unwrap_or_default(),
        };
        // The grant of the old run names the old run.
        sign(&mut job, self.grants.as_deref());
        let keeps = from == ReplayFrom::FailedStep;
        self.store.accept_replay(&job, keeps).await.map_err(unavailable)?;
        push_all(&*self.queue, &[push_of(&job)]).await;
        Ok(job.run)
    }

    async fn why(
        &self,
        project: ProjectId,
        run: RunId,
        running_max: Option<u32>,
    ) -> Result<Why, Error> {
        let summary = self.history.run(project, run).await.map_err(unavailable)?;
        let summary = summary.ok_or(Error::NoSuchRun(run))?;
        let steps = self.history.latest_steps(project, run, LATEST_STEPS).await;
        let steps = steps.map_err(unavailable)?;
        let queue = match tokio::time::timeout(QUEUE_PATIENCE, self.queue_facts(project, run)).await
        {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "the queue could not be asked for a run");
                None
            }
            Err(_) => None,
        };
        let now = self.clock.now();
        Ok(why::explain(&Facts { run: &summary, steps: &steps, queue, running_max, now }))
    }

    async fn cancel(&self, project: ProjectId, run: RunId) -> Result<(), Error> {
        if self.store.cancel(project, run).await.map_err(unavailable)? {
            let _ = self.coordination.announce(&format!("cancel:{run}")).await;
            let _ = self.queue.remove(&QueueName::of_project(project), &[run]).await;
            return Ok(());
        }
        let old = self.history.run(project, run).await.map_err(unavailable)?;
        let old = old.ok_or(Error::NoSuchRun(run))?;
        Err(Error::WrongState { run, status: status_name(old.status), reason: "it has ended" })
    }
}

impl Control {
    async fn queue_facts(
        &self,
        project: ProjectId,
        run: RunId,
    ) -> Result<QueueFacts, queue::Error> {
        let name = QueueName::of_project(project);
        let place = self.queue.locate(&name, run).await?;
        let depth = self.queue.depth(&name).await?;
        let worker = match &place {
            Whereabouts::Running { member: Some(member), .. } => self.address_of(*member).await,
            _ => None,
        };
        Ok(QueueFacts { place, worker, depth })
    }

    /// Where a worker is; `None` where that cannot be known.
    async fn address_of(&self, id: MemberId) -> Option<String> {
        let members = self.membership.members().await.ok()?;
        members.into_iter().find(|member| member.id == id).map(|member| member.address)
    }

    /// Ends the open runs of an installation that were accepted up to `until`, because its account
    /// or its settings are no longer to be used; answers how many there were. Switch off first;
    /// with the time of that, what was switched on again since is left alone.
    ///
    /// # Errors
    /// When the database cannot be reached: nothing was ended, or it is not known. Repeating is
    /// harmless.
    pub async fn cancel_installation(
        &self,
        project: ProjectId,
        scope: InstallationScope,
        until: Timestamp,
    ) -> Result<usize, Error> {
        let ended = self.store.cancel_installation(project, scope, until).await;
        let ended = ended.map_err(unavailable)?;
        let queue = QueueName::of_project(project);
        for runs in ended.chunks(CANCELS_MAX) {
            let announcing = runs.iter().map(|run| {
                let topic = format!("cancel:{run}");
                async move { self.coordination.announce(&topic).await }
            });
            // A worker that does not hear of it finds out when it commits.
            join_all(announcing).await;
            let _ = self.queue.remove(&queue, runs).await;
        }
        Ok(ended.len())
    }
}

fn unavailable(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Unavailable { retry_after: RETRY_AFTER, source: Box::new(source) }
}

/// The word for a status in messages.
const fn status_name(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Queued => "queued",
        RunStatus::Running => "running",
        RunStatus::Waiting => "waiting",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Parked => "parked",
    }
}
