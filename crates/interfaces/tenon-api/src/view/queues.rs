//! Queues and workers as the API shows them.

use serde::{Deserialize, Serialize};
use tenon_exec::ports::membership::{Member, Wish};
use tenon_exec::ports::operations::{QueueReport, WorkersReport};
use tenon_exec::ports::routing::RouteMode;
use utoipa::ToSchema;

/// Who decides whether a queue has workers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueMode {
    /// The leader, by how much waits.
    Automatic,
    /// An operator: it has.
    Dedicated,
    /// An operator: it has not.
    Shared,
}

impl From<QueueMode> for RouteMode {
    fn from(mode: QueueMode) -> Self {
        match mode {
            QueueMode::Automatic => Self::Automatic,
            QueueMode::Dedicated => Self::Dedicated,
            QueueMode::Shared => Self::Shared,
        }
    }
}

impl From<RouteMode> for QueueMode {
    fn from(mode: RouteMode) -> Self {
        match mode {
            RouteMode::Automatic => Self::Automatic,
            RouteMode::Dedicated => Self::Dedicated,
            RouteMode::Shared => Self::Shared,
        }
    }
}

/// Queues, the deepest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueList {
    pub(crate) queues: Vec<QueueView>,
}

/// The queue of a project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
pub(crate) struct QueueView {
    /// Its project.
    #[schema(format = Uuid)]
    project: String,
    /// Jobs that could start.
    ready: u64,
    /// Jobs that wait for a time.
    delayed: u64,
    /// Jobs that wait for another one of their workflow or key.
    held: u64,
    /// Jobs that workers have.
    running: u64,
    /// How long ago the job was accepted that would start next.
    oldest_age_ms: u64,
    mode: QueueMode,
    /// Whether it has workers of its own now.
    dedicated: bool,
    /// Whether nothing of it is started for now.
    paused: bool,
    /// How many workers it has while it is dedicated; null is the installation's number.
    workers: Option<u16>,
    /// Workers that serve it first, by machine and process. Others help where they have room.
    owners: Vec<String>,
}

impl From<QueueReport> for QueueView {
    fn from(report: QueueReport) -> Self {
        Self {
            project: report.queue.as_str().to_owned(),
            ready: report.depth.ready,
            delayed: report.depth.delayed,
            held: report.depth.held,
            running: report.depth.running,
            oldest_age_ms: u64::try_from(report.oldest.as_millis()).unwrap_or(u64::MAX),
            mode: report.route.mode.into(),
            dedicated: report.route.is_dedicated,
            paused: report.route.is_paused,
            workers: report.route.workers,
            owners: report.owners,
        }
    }
}

/// The workers of the installation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerList {
    workers: Vec<WorkerView>,
    /// How many there should be, by the leader; null while there has been none.
    desired: Option<u32>,
    /// The number of the leader's time in office; null while there has been none.
    term: Option<u64>,
}

/// A worker process.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Worker)]
pub(crate) struct WorkerView {
    #[schema(format = Uuid)]
    id: String,
    /// Its machine and process.
    address: String,
    uptime_ms: u64,
    /// Runs that it can execute at once.
    slots: u32,
    /// Runs that it executes.
    in_flight: u32,
    state: WorkerState,
    /// What it serves first: `shared:<shard>` or `dedicated:<project>`; at most 64.
    sources: Vec<String>,
}

/// What a worker is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkerState {
    /// It works.
    Working,
    /// It has nothing to do and has asked to leave.
    Leaving,
    /// It stops.
    Stopping,
}

impl From<Member> for WorkerView {
    fn from(member: Member) -> Self {
        Self {
            id: member.id.to_string(),
            address: member.address,
            uptime_ms: member.uptime_ms,
            slots: member.slots,
            in_flight: member.in_flight,
            state: match member.wish {
                Wish::Stay => WorkerState::Working,
                Wish::Leave => WorkerState::Leaving,
                Wish::Stopping => WorkerState::Stopping,
            },
            sources: member.sources,
        }
    }
}

impl From<WorkersReport> for WorkerList {
    fn from(report: WorkersReport) -> Self {
        Self {
            workers: report.members.into_iter().map(WorkerView::from).collect(),
            desired: report.view.as_ref().map(|view| view.workers_desired),
            term: report.view.as_ref().map(|view| view.term.0),
        }
    }
}
