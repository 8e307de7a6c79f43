//! Schedules: each tick is accepted exactly once, by however many processes look.
//!
//! The last tick of a schedule is a row in the store; moving it on and accepting the job are one
//! transaction. Ticks that were missed while nothing ran are made up for as long as
//! [`CATCH_UP`]; older ones are skipped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tenon_contract::plan::{DeployedWorkflow, PlanSource};
use tenon_domain::workflow::Trigger;
use tenon_domain::workflow::schedule::CronSchedule;
use tenon_domain::{Clock, ProjectId, QueueName, RunId, VersionId};
use tokio_util::sync::CancellationToken;

use crate::intake::push_all;
use crate::ports::history::{Payload, TriggerKind};
use crate::ports::queue::{JobQueue, Push};
use crate::ports::schedule::{ScheduleKey, ScheduleStore};
use crate::ports::store::{Job, RunMode};

/// Ticks missed for longer than this are skipped.
pub const CATCH_UP: SignedDuration = SignedDuration::from_mins(5);
/// How often schedules are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How often the list of schedules is read from the plans.
const PLANS_INTERVAL: Duration = Duration::from_secs(1);

/// Fires schedules.
pub struct Schedules {
    /// Which schedules there are.
    pub plans: Arc<dyn PlanSource>,
    /// Where ticks are accepted.
    pub store: Arc<dyn ScheduleStore>,
    /// Where accepted jobs are pushed.
    pub queue: Arc<dyn JobQueue>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

struct Entry {
    project: ProjectId,
    version: VersionId,
    cron: CronSchedule,
    next: Option<Timestamp>,
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
                if !plan.is_enabled(workflow, None) {
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
            entry.version = workflow.version;
            return Ok(());
        }
        let Ok(cron) = CronSchedule::parse(cron, zone) else {
            tracing::error!(workflow.id = %workflow.id, "a deployed schedule does not parse");
            return Ok(());
        };
        let last = self.store.last_tick(&key, self.clock.now()).await?;
        let next = cron.next_after(last);
        entries.insert(key, Entry { project, version: workflow.version, cron, next });
        Ok(())
    }

    async fn fire(&self, entries: &mut HashMap<ScheduleKey, Entry>) {
        let now = self.clock.now();
        let oldest = now.checked_sub(CATCH_UP).unwrap_or(Timestamp::MIN);
        for (key, entry) in entries {
            // Missed while nothing ran, or while the database was away.
            if entry.next.is_some_and(|tick| tick <= oldest) {
                entry.next = entry.cron.next_after(oldest);
            }
            while let Some(tick) = entry.next.filter(|tick| *tick <= now) {
                if let Err(error) = self.accept(key, entry, tick).await {
                    tracing::warn!(error = %error, workflow.id = %key.workflow, "a tick waits for the database");
                    break;
                }
                entry.next = entry.cron.next_after(tick);
            }
        }
    }

    async fn accept(
        &self,
        key: &ScheduleKey,
        entry: &Entry,
        tick: Timestamp,
    ) -> Result<(), crate::ports::store::Error> {
        let input = serde_json::json!({ "schedule": { "tick": tick.to_string() } });
        let job = Job {
            run: RunId::new(),
            project: entry.project,
            workflow: key.workflow,
            version: entry.version,
            user: None,
            trigger: TriggerKind::Schedule,
            mode: RunMode::Live,
            input: Payload::Inline(Bytes::from(input.to_string())),
            reply_to: None,
            replay_of: None,
            has_progress: false,
            grant: None,
            crashes: 0,
            accepted_at: self.clock.now(),
        };
        if self.store.accept_tick(key, tick, &job).await? {
            let push = Push { run: job.run, due: None, is_recovered: false };
            push_all(self.queue.clone(), vec![(QueueName::of_project(job.project), push)]).await;
        }
        Ok(())
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
