//! Where the ticks of schedules are accepted, each once.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_domain::WorkflowId;

use super::store::{Error, Job};

/// A schedule: a workflow and what its trigger says. A changed cron is a new schedule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScheduleKey {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Cron and time zone, as written.
    pub rule: String,
}

impl ScheduleKey {
    /// The key of a schedule trigger.
    #[must_use]
    pub fn of(workflow: WorkflowId, cron: &str, time_zone: &str) -> Self {
        Self { workflow, rule: format!("{cron} {time_zone}") }
    }
}

/// Accepts ticks.
#[async_trait]
pub trait ScheduleStore: Send + Sync + 'static {
    /// The last tick that was accepted; a schedule that was never seen starts at `now`.
    async fn last_tick(&self, key: &ScheduleKey, now: Timestamp) -> Result<Timestamp, Error>;

    /// Accepts the job of a tick, unless that tick or a later one was accepted before; one
    /// transaction. `true` when this call accepted it.
    async fn accept_tick(
        &self,
        key: &ScheduleKey,
        tick: Timestamp,
        job: &Job,
    ) -> Result<bool, Error>;
}
