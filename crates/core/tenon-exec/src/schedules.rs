//! Schedules: each tick is accepted exactly once, by however many processes look.
//!
//! The last tick of a schedule is a row in the store; moving it on and accepting the job are one
//! transaction. Ticks that were missed while nothing ran are made up for as long as
//! [`CATCH_UP`]; older ones are skipped. A workflow of an integration runs once a tick for each
//! installation: see [`installed`].

mod installed;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tenon_contract::grant::GrantKey;
use tenon_contract::plan::{DeployedWorkflow, PlanError, PlanSource};
use tenon_domain::workflow::Trigger;
use tenon_domain::workflow::schedule::CronSchedule;
use tenon_domain::{Clock, ProjectId, QueueName, RunId};
use tokio_util::sync::CancellationToken;

use crate::intake::push_all;
use crate::ports::blobs::{self, BlobStore};
use crate::ports::history::{Payload, TriggerKind};
use crate::ports::queue::{JobQueue, Push};
use crate::ports::schedule::{ScheduleKey, ScheduleStore};
use crate::ports::store::{self, Job, RunMode};

/// Ticks missed for longer than this are skipped.
pub const CATCH_UP: SignedDuration = SignedDuration::from_mins(5);
/// How often schedules are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How often the list of schedules is read from the plans.
const PLANS_INTERVAL: Duration = Duration::from_secs(1);
/// Schedules whose ticks are accepted at once, so that one with many installations does not hold
/// up the others.
const FIRING_MAX: usize = 8;

/// Fires schedules.
pub struct Schedules {
    /// Which schedules there are.
    pub plans: Arc<dyn PlanSource>,
    /// Where ticks are accepted.
    pub store: Arc<dyn ScheduleStore>,
    /// Where accepted jobs are pushed.
    pub queue: Arc<dyn JobQueue>,
    /// Where large settings go.
    pub blobs: Arc<dyn BlobStore>,
    /// Signs that a run may use the accounts of its user; without it runs get no grant.
    pub grants: Option<Arc<GrantKey>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: TickLimits,
}

/// Bounds of ticks with many installations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickLimits {
    /// Installations that are accepted in one transaction.
    pub part_max: usize,
    /// Bytes of settings in one such transaction; it ends with the installation that passes them.
    pub part_bytes_max: usize,
    /// Users whose plans are read at once.
    pub reads_max: usize,
    /// Settings larger than this go to the blob store, in bytes.
    pub inline_bytes_max: usize,
}

impl Default for TickLimits {
    fn default() -> Self {
        Self { part_max: 1_000, part_bytes_max: 8 << 20, reads_max: 64, inline_bytes_max: 64 << 10 }
    }
}

struct Entry {
    project: ProjectId,
    /// The workflow as it was deployed when the plans were last read.
    workflow: DeployedWorkflow,
    cron: CronSchedule,
    next: Option<Timestamp>,
}

/// A tick could not be accepted now.
#[derive(Debug, thiserror::Error)]
enum TickError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    #[error("it is not known for whom workflow `{0}` runs")]
    UnknownInstallations(tenon_domain::WorkflowId),
}

impl Schedules {
    /// Fires ticks until the token fires.
    pub async fn run(&self, stop: CancellationToken) {
        let mut entries: HashMap<ScheduleKey, Entry> = HashMap::new();
        let mut read_at: Option<tokio::time::Instant> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            if read_at.is_none_or(|at| at.elapsed() >= PLANS_INTERVAL) {
                read_at = Some(tokio::time::Instant::now());
                if let Err(error) = self.read(&mut entries).await {
                    tracing::debug!(error = %error, "schedules go on from what is known");
                }
            }
            self.fire(&mut entries).await;
        }
    }

    /// Brings the list up to date; a new schedule starts after its last recorded tick.
    async fn read(&self, entries: &mut HashMap<ScheduleKey, Entry>) -> anyerror::Result {
        let mut seen = Vec::new();
        for project in self.plans.projects().await? {
            let Some(plan) = self.plans.project(project).await? else { continue };
            for workflow in &plan.workflows {
                // What is on for whom is of no account for a workflow of an integration.
                if workflow.integration.is_none() && !plan.is_enabled(workflow, None) {
                    continue;
                }
                for (key, cron, zone) in schedules_of(workflow) {
                    seen.push(key.clone());
                    self.note(entries, project, workflow, key, cron, zone).await?;
                }
            }
        }
        entries.retain(|key, _| seen.contains(key));
        Ok(())
    }

    async fn note(
        &self,
        entries: &mut HashMap<ScheduleKey, Entry>,
        project: ProjectId,
        workflow: &DeployedWorkflow,
        key: ScheduleKey,
        cron: &str,
        zone: &str,
    ) -> anyerror::Result {
        if let Some(entry) = entries.get_mut(&key) {
            entry.workflow = workflow.clone();
            return Ok(());
        }
        let Ok(cron) = CronSchedule::parse(cron, zone) else {
            tracing::error!(workflow.id = %workflow.id, "a deployed schedule does not parse");
            return Ok(());
        };
        let last = self.store.last_tick(&key, self.clock.now()).await?;
        let next = cron.next_after(last);
        entries.insert(key, Entry { project, workflow: workflow.clone(), cron, next });
        Ok(())
    }

    async fn fire(&self, entries: &mut HashMap<ScheduleKey, Entry>) {
        let now = self.clock.now();
        let oldest = now.checked_sub(CATCH_UP).unwrap_or(Timestamp::MIN);
        let firing: Vec<BoxFuture<'_, ()>> = entries
            .iter_mut()
            .map(|(key, entry)| self.fire_one(key, entry, now, oldest).boxed())
            .collect();
        stream::iter(firing).buffer_unordered(FIRING_MAX).collect::<()>().await;
    }

    async fn fire_one(
        &self,
        key: &ScheduleKey,
        entry: &mut Entry,
        now: Timestamp,
        oldest: Timestamp,
    ) {
        // Missed while nothing ran, or while the database was away.
        if entry.next.is_some_and(|tick| tick <= oldest) {
            entry.next = entry.cron.next_after(oldest);
        }
        while let Some(tick) = entry.next.filter(|tick| *tick <= now) {
            if let Err(error) = self.accept(key, entry, tick).await {
                tracing::warn!(error = %error, workflow.id = %key.workflow, "a tick waits");
                return;
            }
            entry.next = entry.cron.next_after(tick);
        }
    }

    async fn accept(
        &self,
        key: &ScheduleKey,
        entry: &Entry,
        tick: Timestamp,
    ) -> Result<(), TickError> {
        if entry.workflow.integration.is_some() {
            return self.accept_for_installations(key, entry, tick).await;
        }
        let job = self.job(entry, tick);
        if self.store.accept_tick(key, tick, &job).await? {
            self.push(&[job]).await;
        }
        Ok(())
    }

    /// The job of a tick, for nobody in particular.
    fn job(&self, entry: &Entry, tick: Timestamp) -> Job {
        let input = serde_json::json!({ "schedule": { "tick": tick.to_string() } });
        Job {
            run: RunId::new(),
            project: entry.project,
            workflow: entry.workflow.id,
            version: entry.workflow.version,
            user: None,
            installation: None,
            trigger: TriggerKind::Schedule,
            mode: RunMode::Live,
            input: Payload::Inline(Bytes::from(input.to_string())),
            reply_to: None,
            replay_of: None,
            has_progress: false,
            grant: None,
            crashes: 0,
            accepted_at: self.clock.now(),
        }
    }

    async fn push(&self, jobs: &[Job]) {
        let push = |job: &Job| {
            let push = Push { run: job.run, due: None, is_recovered: false };
            (QueueName::of_project(job.project), push)
        };
        push_all(self.queue.clone(), jobs.iter().map(push).collect()).await;
    }
}

fn schedules_of(workflow: &DeployedWorkflow) -> Vec<(ScheduleKey, &str, &str)> {
    let mut found = Vec::new();
    for trigger in &workflow.triggers {
        if let Trigger::Schedule { cron, time_zone } = trigger {
            found.push((ScheduleKey::of(workflow.id, cron, time_zone), &**cron, &**time_zone));
        }
    }
    found
}

mod anyerror {
    //! Reading schedules fails in two ways that are handled alike: logged, and tried again.

    pub type Result = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;
}
