//! The worker: claims jobs, runs them, hands their ends to the recorder.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use tenon_domain::{QueueName, RunId};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::{End, Engine, Start};
use crate::generation::adopt_generation;
use crate::intake::{Fresh, FreshJobs};
use crate::leases::Leases;
use crate::plans::{self, Plans};
use crate::ports::history::{RunStatus, StepError};
use crate::ports::queue::{self, ClaimedJob, DueMs, Fence, JobQueue, Lease};
use crate::ports::store::{Finish, Job, JobStore};
use crate::recorder::Leave;
use crate::settings::Settings;

/// The longest sleep between two looks at the queues.
const IDLE_WAIT: Duration = Duration::from_secs(1);

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
    in_flight: AtomicUsize,
    /// A slot is free again, or a delayed job falls due.
    look_again: Notify,
    /// The earliest due time that a look is set for, in Unix ms.
    looks_at_ms: AtomicI64,
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

impl Worker {
    /// Builds a worker.
    #[must_use]
    pub fn new(parts: WorkerParts) -> Arc<Self> {
        let WorkerParts { engine, queue, store, plans, leases, fresh, settings, stopping } = parts;
        Arc::new(Self {
            engine,
            queue,
            store,
            plans,
            leases,
            fresh,
            settings,
            in_flight: AtomicUsize::new(0),
            look_again: Notify::new(),
            looks_at_ms: AtomicI64::new(0),
            quarantine: Semaphore::new(1),
            tasks: TaskTracker::new(),
            stopping,
        })
    }

    /// Claims until the process stops, then waits for its runs to reach the end of their step.
    pub async fn run(self: Arc<Self>) {
        while !self.stopping.is_cancelled() {
            let claimed = if self.has_room() { self.claim_round().await } else { 0 };
            if claimed == 0 {
                tokio::select! {
                    () = self.stopping.cancelled() => {}
                    () = self.look_again.notified() => {}
                    () = self.queue.wait(IDLE_WAIT), if self.has_room() => {}
                    () = tokio::time::sleep(IDLE_WAIT) => {}
                }
            }
        }
        self.tasks.close();
        if tokio::time::timeout(self.settings.stop_grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(runs = self.leases.len(), "runs were left to be taken over");
        }
    }

    fn has_room(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) < self.settings.runs_in_flight_max
            && !self.engine.recorder.is_congested()
    }

    /// One claim from each queue that may hold work; answers how many jobs were taken.
    async fn claim_round(self: &Arc<Self>) -> usize {
        let queues = match self.queue.active().await {
            Ok(queues) => queues,
            Err(error) => {
                tracing::debug!(error = %error, "the queues could not be listed");
                return 0;
            }
        };
        let mut taken = 0;
        for name in queues {
            if self.stopping.is_cancelled() || !self.has_room() {
                break;
            }
            taken += self.claim_from(&name).await;
        }
        taken
    }

    async fn claim_from(self: &Arc<Self>, name: &QueueName) -> usize {
        let room = self.settings.runs_in_flight_max
            - self.in_flight.load(Ordering::Relaxed).min(self.settings.runs_in_flight_max);
        let max = self.settings.claim_max.min(room);
        match self.queue.claim(name, max, self.settings.lease_ttl).await {
            Ok(claimed) => {
                let taken = claimed.jobs.len();
                if let Some(due) = claimed.next_due {
                    self.wake_at(due);
                }
                if taken > 0 {
                    self.start_all(name, claimed.fence, claimed.jobs).await;
                }
                taken
            }
            Err(queue::Error::StaleGeneration { .. }) => {
                adopt_generation(&*self.queue).await;
                0
            }
            Err(error) => {
                tracing::debug!(error = %error, "no job was claimed");
                0
            }
        }
    }

    /// Looks again when the next delayed job falls due, if that is before the next look anyway.
    fn wake_at(self: &Arc<Self>, due: DueMs) {
        let now = self.engine.clock.now().as_millisecond();
        let pending = self.looks_at_ms.load(Ordering::Relaxed);
        if pending > now && pending <= due.0 {
            return;
        }
        let left = due.0 - now;
        let Ok(left) = u64::try_from(left.max(1)) else { return };
        let left = Duration::from_millis(left);
        if left < IDLE_WAIT {
            self.looks_at_ms.store(due.0, Ordering::Relaxed);
            let worker = self.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    () = worker.stopping.cancelled() => {}
                    () = tokio::time::sleep(left) => worker.look_again.notify_one(),
                }
            });
        }
    }

    async fn start_all(self: &Arc<Self>, name: &QueueName, fence: Fence, jobs: Vec<ClaimedJob>) {
        let mut unknown = Vec::new();
        for claimed in jobs {
            let lease = Lease { run: claimed.run, fence };
            let abandon = self.leases.hold(name, lease, self.settings.lease_ttl);
            let fresh = self.fresh.take(claimed.run).filter(|_| !claimed.is_recovered);
            match fresh {
                Some(Fresh { job, input }) => {
                    let claim = Claim { queue: name.clone(), lease, job, input: Some(input) };
                    self.spawn(claim, abandon);
                }
                None => unknown.push((claimed, lease, abandon)),
            }
        }
        if !unknown.is_empty() {
            let worker = self.clone();
            let name = name.clone();
            self.tasks.spawn(async move { worker.load_and_start(name, unknown).await });
        }
    }

    /// Reads jobs back from the store; those that have ended are acknowledged and dropped.
    async fn load_and_start(
        self: Arc<Self>,
        name: QueueName,
        claimed: Vec<(ClaimedJob, Lease, CancellationToken)>,
    ) {
        let runs: Vec<RunId> = claimed.iter().map(|(job, ..)| job.run).collect();
        let reaped: Vec<RunId> =
            claimed.iter().filter(|(job, ..)| job.is_reaped).map(|(job, ..)| job.run).collect();
        let loaded = match self.load(&runs, &reaped).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(error = %error, "claimed jobs could not be read; they are given back");
                for (_, lease, _) in claimed {
                    let due = DueMs(self.engine.clock.now().as_millisecond() + 1_000);
                    let _ = self.queue.nack(&name, lease, Some(due)).await;
                    self.leases.drop_lease(lease);
                }
                return;
            }
        };
        let mut jobs: std::collections::HashMap<RunId, Job> =
            loaded.into_iter().map(|job| (job.run, job)).collect();
        let mut ended = Vec::new();
        for (claim, lease, abandon) in claimed {
            let Some(mut job) = jobs.remove(&claim.run) else {
                ended.push(lease);
                continue;
            };
            job.has_progress |= claim.is_recovered || claim.is_reaped;
            let claim = Claim { queue: name.clone(), lease, job: Arc::new(job), input: None };
            self.spawn(claim, abandon);
        }
        if !ended.is_empty() {
            let _ = self.queue.ack(&name, &ended).await;
            for lease in ended {
                self.leases.drop_lease(lease);
            }
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

    fn spawn(self: &Arc<Self>, claim: Claim, abandon: CancellationToken) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let worker = self.clone();
        self.tasks.spawn(async move {
            worker.run_one(claim, abandon).await;
            let before = worker.in_flight.fetch_sub(1, Ordering::Relaxed);
            if before >= worker.settings.runs_in_flight_max {
                worker.look_again.notify_one();
            }
        });
    }

    async fn run_one(&self, claim: Claim, abandon: CancellationToken) {
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
        let outcome =
            std::panic::AssertUnwindSafe(self.execute(&claim, abandon)).catch_unwind().await;
        if outcome.is_err() {
            tracing::error!(execution.id = %claim.job.run, "run `{}` made the engine panic", claim.job.run);
            let _ = self.store.count_crashes(&[claim.job.run]).await;
            let due = DueMs(self.engine.clock.now().as_millisecond() + 1_000);
            self.leave(&claim, Leave::Suspend(Some(due))).await;
        }
    }

    async fn execute(&self, claim: &Claim, abandon: CancellationToken) {
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
        self.leave(claim, Leave::Finish(finish)).await;
    }

    async fn leave(&self, claim: &Claim, leave: Leave) {
        let handed = self.engine.recorder.leave(claim.queue.clone(), claim.lease, leave).await;
        if handed.is_err() {
            self.leases.drop_lease(claim.lease);
        }
    }
}
