//! Where the ticks of schedules are accepted, each once.
//!
//! A workflow of an integration runs once a tick for each installation. There may be many, so its
//! tick is accepted in parts, in the order of their configurations' ids. How far the tick has come
//! is kept beside the last tick and moved on in the transaction that accepts a part: whoever
//! crashes between two parts, and whoever looks at the same time, neither loses nor doubles a run.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_domain::{ConfigurationId, WorkflowId};

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

/// How far the tick of a workflow of an integration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TickProgress {
    /// Nothing of it was accepted.
    Untouched,
    /// It was accepted for the installations up to this configuration.
    Through(ConfigurationId),
    /// It is behind: accepted for all, or passed over.
    Done,
}

/// A part of a tick: the installations after one configuration, up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickPart {
    /// The tick.
    pub tick: Timestamp,
    /// The last configuration of the part before; `None` in the first part.
    pub after: Option<ConfigurationId>,
    /// The last configuration of this part; `None` in the last part, which ends the tick.
    pub through: Option<ConfigurationId>,
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

    /// How far a tick has come.
    async fn tick_progress(
        &self,
        key: &ScheduleKey,
        tick: Timestamp,
    ) -> Result<TickProgress, Error>;

    /// Accepts the jobs of a part and moves the tick on, unless it is not where the part begins;
    /// one transaction. `false` when somebody else was first: ask how far it has come.
    async fn accept_tick_part(
        &self,
        key: &ScheduleKey,
        part: TickPart,
        jobs: &[Job],
    ) -> Result<bool, Error>;
}
