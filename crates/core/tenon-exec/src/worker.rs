//! The worker: claims jobs, runs them, hands their ends to the recorder.
//!
//! It claims from the sources of its duty, a few at the same time, as long as it has room. One
//! queue may fill most of it but not all: a flood of one tenant leaves slots for the others.

mod agenda;
mod room;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use jiff::Timestamp;
use tenon_domain::{QueueName, RunId};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use self::agenda::Agenda;
use self::room::{Room, Slot};
use crate::assignment::Duty;
use crate::cluster::following::Activity;
use crate::engine::{End, Engine, Start, run_span};
use crate::generation::adopt_generation;
use crate::intake::{Fresh, FreshJobs};
use crate::leases::{LeaseGuard, Leases};
use crate::metrics;
use crate::plans::{self, Plans};
use crate::ports::history::{RunStatus, StepError};
use crate::ports::queue::{
    self, Ask, Claimed, ClaimedJob, DueMs, Fence, JobQueue, LaneRule, Lease, Source,
};
use crate::ports::store::{Finish, Job, JobStore};
use crate::recorder::Leave;
use crate::settings::Settings;

/// Sources that are claimed from at the same time.
const CLAIMS_AT_ONCE: usize = 4;
/// Due times further ahead are left to the regular look.
const TIMER_MAX: Duration = Duration::from_secs(2);
/// How long to leave a source alone whose claim failed.
const FAILED_PAUSE: Duration = Duration::from_millis(250);
/// How often others are called for help with what this worker has no room for.
const HELP_INTERVAL: Duration = Duration::from_millis(100);
/// How long a run that came before its turn waits, until the one before it is found.
const TOO_EARLY_MS: i64 = 250;

/// Claims and runs jobs until it is told to stop.
pub struct Worker {
    /// Runs them.
    pub engine: Arc<Engine>,
    /// Where they are claimed.
    pub queue: Arc<dyn JobQueue>,
    /// The truth about them.
    pub store: Arc<dyn JobStore>,
    /// Their programs.
    pub plans: Arc<Plans>,
    /// What is held.
    pub leases: Arc<Leases>,
    /// Jobs that this process accepted itself.
    pub fresh: Arc<FreshJobs>,
    /// Limits.
    pub settings: Arc<Settings>,
    room: Arc<Room>,
    duty: watch::Receiver<Arc<Duty>>,
    /// There is room again.
    look_again: Arc<Notify>,
    quarantine: Semaphore,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// What a worker is built from.
pub struct WorkerParts {
    /// Runs jobs.
    pub engine: Arc<Engine>,
    /// Where they are claimed.
    pub queue: Arc<dyn JobQueue>,
    /// The truth about them.
    pub store: Arc<dyn JobStore>,
    /// Their programs.
    pub plans: Arc<Plans>,
    /// What is held.
    pub leases: Arc<Leases>,
    /// Jobs that this process accepted itself.
    pub fresh: Arc<FreshJobs>,
    /// What it serves; a change is followed at once.
    pub duty: watch::Receiver<Arc<Duty>>,
    /// Limits.
    pub settings: Arc<Settings>,
    /// Fires when the process stops.
    pub stopping: CancellationToken,
}

/// A claimed job with what is known of it.
struct Claim {
    queue: QueueName,
    lease: Lease,
    job: Arc<Job>,
    input: Option<Arc<serde_json::Value>>,
}

/// A claimed job that has a slot and a lease, and is not read yet.
struct Held {
    claimed: ClaimedJob,
    lease: Lease,
    abandon: LeaseGuard,
    slot: Slot,
}

impl Activity for Worker {
    fn slots(&self) -> usize {
        self.settings.runs_in_flight_max
    }

    fn in_flight(&self) -> usize {
        self.in_flight()
    }

    fn claimed(&self) -> u64 {
        self.claimed()
    }
}

impl Worker {
    /// Builds a worker.
    #[must_use]
    pub fn new(parts: WorkerParts) -> Arc<Self> {
        let WorkerParts { engine, queue, store, plans, leases, fresh, duty, settings, stopping } =
            parts;
        let look_again = Arc::new(Notify::new());
        let room = Room::new(
            settings.runs_in_flight_max,
            settings.runs_in_flight_per_queue_max,
            look_again.clone(),
        );
        Arc::new(Self {
            engine,
            queue,
            store,
            plans,
            leases,
            fresh,
            settings,
            room: Arc::new(room),
            duty,
            look_again,
            quarantine: Semaphore::new(1),
            tasks: TaskTracker::new(),
            stopping,
        })
    }

    /// Runs under way, claimed ones that have not begun included.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.room.taken()
    }

    /// Jobs claimed since the start.
    #[must_use]
    pub fn claimed(&self) -> u64 {
        self.room.ever_taken()
    }

    /// Claims until the process stops, then waits for its runs to reach the end of their step.
    pub async fn run(self: Arc<Self>) {
        let mut duty = self.duty.clone();
        let mut agenda = Agenda::new(duty.borrow_and_update().clone(), Instant::now());
        let mut called_at = None::<Instant>;
        while !self.stopping.is_cancelled() {
            let news = self.queue.news(Duration::ZERO).await;
            agenda.hear(news, Instant::now());
            for source in self.room.reopened() {
                agenda.line_up(source);
            }
            if self.has_room() {
                if self.claim_round(&mut agenda).await {
                    continue;
                }
            } else if called_at.is_none_or(|at| at.elapsed() >= HELP_INTERVAL)
                && let Some(source) = agenda.waiting().next()
            {
                called_at = Some(Instant::now());
                self.queue.call_for_help(source).await;
            }
            self.wait(&mut agenda, &mut duty).await;
        }
        self.tasks.close();
        if tokio::time::timeout(self.settings.stop_grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(runs = self.leases.len(), "runs were left to be taken over");
        }
    }

    fn has_room(&self) -> bool {
        self.room.left() > 0 && !self.engine.recorder.is_congested()
    }

    /// Waits until there may be something to claim.
    async fn wait(&self, agenda: &mut Agenda, duty: &mut watch::Receiver<Arc<Duty>>) {
        // Without room, times that have come change nothing: a free slot does, or the recorder,
        // which says nothing when it has caught up.
        let until = match self.has_room() {
            true => agenda.wakes_at(),
            false => Instant::now() + HELP_INTERVAL,
        };
        let patience = until.saturating_duration_since(Instant::now());
        tokio::select! {
            () = self.stopping.cancelled() => {}
            () = self.look_again.notified() => {}
            Ok(()) = duty.changed() => {
                agenda.set_duty(duty.borrow_and_update().clone(), Instant::now());
            }
            news = self.queue.news(patience) => agenda.hear(news, Instant::now()),
        }
    }

    /// One claim from each of the next few sources in line; `false` when there is none.
    async fn claim_round(self: &Arc<Self>, agenda: &mut Agenda) -> bool {
        let now = Instant::now();
        let sources: Vec<Source> =
            std::iter::from_fn(|| agenda.next(now)).take(CLAIMS_AT_ONCE).collect();
        if sources.is_empty() {
            return false;
        }
        let share = (self.room.left() / sources.len()).max(1);
        let max = self.settings.claim_max.min(share);
        let claims = join_all(sources.iter().map(|source| self.claim_from(source, max))).await;
        for (source, claimed) in sources.into_iter().zip(claims) {
            let Some(claimed) = claimed else {
                agenda.at(Instant::now() + FAILED_PAUSE, source);
                continue;
            };
            if let Some(due) = claimed.next_due {
                self.look_at(agenda, &source, due);
            }
            if claimed.has_more {
                agenda.line_up(source.clone());
            }
            if !claimed.jobs.is_empty() {
                self.start_all(&source, claimed.fence, claimed.jobs);
            }
        }
        true
    }

    /// `None` when nothing could be claimed through no fault of the source.
    async fn claim_from(&self, source: &Source, max: usize) -> Option<Claimed> {
        let ask = Ask {
            max,
            max_of_queue: max.div_ceil(2),
            ttl: self.settings.lease_ttl,
            except: self.room.full_queues(),
        };
        match self.queue.claim(source, &ask).await {
            Ok(claimed) => Some(claimed),
            Err(queue::Error::StaleGeneration { .. }) => {
                metrics::CLAIM_FAILURES.add(1);
                adopt_generation(&*self.queue).await;
                None
            }
            Err(error) => {
                metrics::CLAIM_FAILURES.add(1);
                tracing::debug!(error = %error, "no job was claimed");
                None
            }
        }
    }

    /// Looks again when the next delayed job falls due, if that is soon.
    fn look_at(&self, agenda: &mut Agenda, source: &Source, due: DueMs) {
        let left = due.0 - self.engine.clock.now().as_millisecond();
        let left = Duration::from_millis(u64::try_from(left.max(1)).unwrap_or(1));
        if left < TIMER_MAX {
            agenda.at(Instant::now() + left, source.clone());
        }
    }

    fn start_all(self: &Arc<Self>, source: &Source, fence: Fence, jobs: Vec<ClaimedJob>) {
        let mut unknown = Vec::new();
        for claimed in jobs {
            metrics::claimed(claimed.is_recovered, claimed.is_reaped);
            let lease = Lease { run: claimed.run, fence };
            let abandon = self.leases.hold(&claimed.queue, lease, self.settings.lease_ttl);
            let slot = self.room.take(source, &claimed.queue);
            let fresh = self.fresh.take(claimed.run).filter(|_| !claimed.is_recovered);
            match fresh {
                Some(Fresh { job, input }) => {
                    self.leases.learn(lease, job.order);
                    let claim = Claim { queue: claimed.queue, lease, job, input: Some(input) };
                    self.spawn(claim, abandon, slot);
                }
                None => unknown.push(Held { claimed, lease, abandon, slot }),
            }
        }
        if !unknown.is_empty() {
            let worker = self.clone();
            self.tasks.spawn(async move { worker.load_and_start(unknown).await });
        }
    }

    /// Reads jobs back from the store; those that have ended are acknowledged and dropped.
    async fn load_and_start(self: Arc<Self>, held: Vec<Held>) {
        let runs: Vec<RunId> = held.iter().map(|held| held.claimed.run).collect();
        let reaped = held.iter().filter(|held| held.claimed.is_reaped);
        let reaped: Vec<RunId> = reaped.map(|held| held.claimed.run).collect();
        let loaded = match self.load(&runs, &reaped).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(error = %error, "claimed jobs could not be read; they are given back");
                return self.give_back(held).await;
            }
        };
        let mut jobs: std::collections::HashMap<RunId, Job> =
            loaded.into_iter().map(|job| (job.run, job)).collect();
        let mut ended = Vec::new();
        for Held { claimed, lease, abandon, slot } in held {
            let Some(mut job) = jobs.remove(&claimed.run) else {
                ended.push((claimed.queue, lease));
                continue;
            };
            job.has_progress |= claimed.is_recovered || claimed.is_reaped;
            self.leases.learn(lease, job.order);
            let claim = Claim { queue: claimed.queue, lease, job: Arc::new(job), input: None };
            self.spawn(claim, abandon, slot);
        }
        for (queue, lease) in ended {
            let _ = self.queue.ack(self.queue.shard_of(&queue), &[lease]).await;
            self.leases.drop_lease(lease);
        }
    }

    /// Gives jobs back that could not be read, for a second.
    async fn give_back(&self, held: Vec<Held>) {
        let due = DueMs(self.engine.clock.now().as_millisecond() + 1_000);
        for Held { claimed, lease, .. } in held {
            let shard = self.queue.shard_of(&claimed.queue);
            let _ = self.queue.nack(shard, &[(lease, Some(due))]).await;
            self.leases.drop_lease(lease);
        }
    }

    async fn load(
        &self,
        runs: &[RunId],
        reaped: &[RunId],
    ) -> Result<Vec<Job>, crate::ports::store::Error> {
        if !reaped.is_empty() {
            self.store.count_crashes(reaped).await?;
        }
        self.store.load(runs).await
    }

    fn spawn(self: &Arc<Self>, claim: Claim, abandon: LeaseGuard, slot: Slot) {
        let worker = self.clone();
        self.tasks.spawn(async move {
            worker.run_one(claim, abandon).await;
            drop(slot);
        });
    }

    async fn run_one(&self, claim: Claim, abandon: LeaseGuard) {
        let crashes = claim.job.crashes;
        if crashes >= self.settings.crashes_max {
            let error = StepError {
                code: "parked".to_owned(),
                message: format!(
                    "the run killed its worker {crashes} times and was set aside; replay it when the cause is gone"
                ),
                step: None,
            };
            return self.finish(&claim, RunStatus::Parked, Some(error), None).await;
        }
        // A suspect runs apart from the other suspects, so that only the culprit's count grows.
        let _apart = if crashes >= self.settings.crashes_quarantine {
            self.quarantine.acquire().await.ok()
        } else {
            None
        };
        let outcome = std::panic::AssertUnwindSafe(
            self.execute(&claim, abandon).instrument(run_span(&claim.job)),
        )
        .catch_unwind()
        .await;
        if outcome.is_err() {
            tracing::error!(execution.id = %claim.job.run, "run `{}` made the engine panic", claim.job.run);
            let _ = self.store.count_crashes(&[claim.job.run]).await;
            let due = DueMs(self.engine.clock.now().as_millisecond() + 1_000);
            self.leave(&claim, Leave::Suspend(Some(due))).await;
        }
    }

    /// Whether a run was handed out before one that it comes after. The queue keeps the order of a
    /// lane as far as it knows of its jobs; the id of an earlier one may have been lost.
    async fn is_too_early(&self, job: &Job) -> Result<bool, crate::ports::store::Error> {
        match job.order.lane {
            Some(lane) if lane.rule == LaneRule::InOrder => {
                self.store.has_earlier(job.project, lane, job.run).await
            }
            _ => Ok(false),
        }
    }

    async fn execute(&self, claim: &Claim, abandon: LeaseGuard) {
        match self.is_too_early(&claim.job).await {
            Ok(false) => {}
            Ok(true) => {
                let due = DueMs(self.engine.clock.now().as_millisecond() + TOO_EARLY_MS);
                return self.leave(claim, Leave::Suspend(Some(due))).await;
            }
            Err(error) => {
                tracing::warn!(error = %error, "a run waits to know whether it is its turn");
                return self.later(claim).await;
            }
        }
        if !claim.job.has_progress {
            let waited = metrics::between(claim.job.accepted_at, self.engine.clock.now());
            metrics::START_WAIT.took(waited);
        }
        let program = match self.plans.program(claim.job.version).await {
            Ok(Some(program)) => program,
            Ok(None) => {
                let error = StepError {
                    code: "workflow_gone".to_owned(),
                    message: "the workflow version of this run does not exist any more".to_owned(),
                    step: None,
                };
                return self.finish(claim, RunStatus::Failed, Some(error), None).await;
            }
            Err(plans::Error::Broken(error)) => {
                let error = StepError {
                    code: "workflow_broken".to_owned(),
                    message: error.to_string(),
                    step: None,
                };
                return self.finish(claim, RunStatus::Failed, Some(error), None).await;
            }
            Err(plans::Error::Plan(error)) => {
                tracing::warn!(error = %error, "a run waits for its plan");
                return self.later(claim).await;
            }
        };
        let start = Start {
            job: claim.job.clone(),
            program,
            input: claim.input.clone(),
            abandon,
            stopping: self.stopping.clone(),
        };
        let execution = match self.engine.begin(start).await {
            Ok(execution) => execution,
            Err(error) => {
                tracing::warn!(execution.id = %claim.job.run, error = %error, "a run could not begin");
                return self.later(claim).await;
            }
        };
        match self.engine.execute(&execution).await {
            Ok(End::Finished { status, error }) => {
                self.finish(claim, status, error, execution.started_at()).await;
            }
            Ok(End::Suspended(due)) => self.leave(claim, Leave::Suspend(Some(due))).await,
            Ok(End::Yielded) => self.leave(claim, Leave::Suspend(None)).await,
            Ok(End::Abandoned) => self.leases.drop_lease(claim.lease),
            Err(error) => {
                tracing::warn!(execution.id = %claim.job.run, error = %error, "a run was interrupted");
                self.later(claim).await;
            }
        }
    }

    /// Gives a run back after a fault of our own.
    async fn later(&self, claim: &Claim) {
        metrics::SYSTEM_RETRIES.add_of(&["job"], 1);
        let due = DueMs(self.engine.clock.now().as_millisecond() + 2_000);
        self.leave(claim, Leave::Suspend(Some(due))).await;
    }

    async fn finish(
        &self,
        claim: &Claim,
        status: RunStatus,
        error: Option<StepError>,
        started_at: Option<Timestamp>,
    ) {
        let finish = Finish {
            run: claim.job.run,
            status,
            error,
            started_at,
            finished_at: self.engine.clock.now(),
        };
        metrics::run_ended(status, claim.job.accepted_at, finish.finished_at);
        self.leave(claim, Leave::Finish(finish)).await;
    }

    async fn leave(&self, claim: &Claim, leave: Leave) {
        let handed = self.engine.recorder.leave(claim.queue.clone(), claim.lease, leave).await;
        if handed.is_err() {
            self.leases.drop_lease(claim.lease);
        }
    }
}
