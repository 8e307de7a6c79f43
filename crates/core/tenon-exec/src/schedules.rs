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
use tenon_domain::{Clock, EndUserId, ProjectId, RunId};
use tenon_telemetry::trace;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::intake::{push_all, push_of};
use crate::metrics;
use crate::order::{Facts, KEY_BYTES_MAX, UnusableKey, order_of};
use crate::ports::blobs::{self, BlobStore};
use crate::ports::history::{Payload, TriggerKind};
use crate::ports::queue::JobQueue;
use crate::ports::schedule::{ScheduleKey, ScheduleStore};
use crate::ports::store::{self, Installation, Job, RunMode};

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
    /// The longest ordering key of a workflow, in bytes.
    pub ordering_key_bytes_max: usize,
}

impl Default for TickLimits {
    fn default() -> Self {
        Self {
            part_max: 1_000,
            part_bytes_max: 8 << 20,
            reads_max: 64,
            inline_bytes_max: 64 << 10,
            ordering_key_bytes_max: KEY_BYTES_MAX,
        }
    }
}

struct Entry {
    project: ProjectId,
    /// The workflow as it was deployed when the plans were last read.
    workflow: DeployedWorkflow,
    cron: CronSchedule,
    next: Option<Timestamp>,
}

/// Whom a job is for.
struct Target {
    user: EndUserId,
    installation: Installation,
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
    #[error(transparent)]
    Order(#[from] UnusableKey),
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
            let span =
                trace::root(|| tracing::info_span!("schedule.tick", workflow.id = %key.workflow));
            if let Err(error) = self.accept(key, entry, tick).instrument(span).await {
                metrics::TICKS.add_of(&["failed"], 1);
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
        let job = self.job(entry, tick, None)?;
        let is_new = self.store.accept_tick(key, tick, &job).await?;
        self.count_tick(tick, is_new);
        if is_new {
            self.push(&[job]).await;
        }
        Ok(())
    }

    fn count_tick(&self, tick: Timestamp, is_new: bool) {
        metrics::TICKS.add_of(&[if is_new { "accepted" } else { "elsewhere" }], 1);
        if is_new {
            metrics::TICK_DELAY.took(metrics::between(tick, self.clock.now()));
        }
    }

    /// The job of a tick, for an installation or for nobody in particular.
    fn job(
        &self,
        entry: &Entry,
        tick: Timestamp,
        target: Option<Target>,
    ) -> Result<Job, TickError> {
        let input = serde_json::json!({ "schedule": { "tick": tick.to_string() } });
        let (user, installation) = target.map(|it| (it.user, it.installation)).unzip();
        let facts =
            Facts { trigger: &input, user: user.as_ref(), installation: installation.as_ref() };
        let workflow = &entry.workflow;
        let key_bytes_max = self.limits.ordering_key_bytes_max;
        let order = order_of(&workflow.order, workflow.id, facts, key_bytes_max)?;
        Ok(Job {
            run: RunId::accepted_now(&*self.clock),
            project: entry.project,
            workflow: workflow.id,
            version: workflow.version,
            user,
            installation,
            trigger: TriggerKind::Schedule,
            mode: RunMode::Live,
            input: Payload::Inline(Bytes::from(input.to_string())),
            reply_to: None,
            replay_of: None,
            has_progress: false,
            grant: None,
            crashes: 0,
            accepted_at: self.clock.now(),
            trace: trace::current(),
            order,
        })
    }

    async fn push(&self, jobs: &[Job]) {
        let pushes: Vec<_> = jobs.iter().map(push_of).collect();
        push_all(&*self.queue, &pushes).await;
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
