//! Queues and workers, as the API shows them to operators.

use serde::{Deserialize, Serialize};

use super::words;

words! {
    /// Who decides whether a queue has workers of its own.
    QueueMode {
        /// The leader, by how much waits.
        Automatic = "automatic",
        /// An operator: it has.
        Dedicated = "dedicated",
        /// An operator: it has not.
        Shared = "shared",
    }
}

/// The queue of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its project.
    pub project: String,
    /// Jobs that could start.
    pub ready: u64,
    /// Jobs that wait for a time.
    pub delayed: u64,
    /// Jobs that wait for another one of their workflow or key.
    pub held: u64,
    /// Jobs that workers have.
    pub running: u64,
    /// How long ago the job was accepted that would start next.
    pub oldest_age_ms: u64,
    /// Who decides whether it has workers of its own.
    pub mode: QueueMode,
    /// Whether it has.
    pub dedicated: bool,
    /// Whether nothing of it is started for now.
    pub paused: bool,
    /// How many workers it has while it is dedicated; the installation's number when `None`.
    pub workers: Option<u16>,
    /// Workers that serve it first, by machine and process.
    pub owners: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct QueueList {
    pub(crate) queues: Vec<Queue>,
}

/// What to change of a queue; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QueueChange {
    /// Who decides whether it has workers of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<QueueMode>,
    /// Whether nothing of it is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// How many workers it has while it is dedicated; `Some(None)` is the installation's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<Option<u16>>,
}

/// The workers of the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// Those that gave a sign of life in the last seconds.
    pub workers: Vec<Worker>,
    /// How many there should be, by the leader.
    pub desired: Option<u32>,
    /// The number of the leader's time in office.
    pub term: Option<u64>,
}

words! {
    /// What a worker is about to do.
    WorkerState {
        /// It works.
        Working = "working",
        /// It has nothing to do and has asked to leave.
        Leaving = "leaving",
        /// It stops.
        Stopping = "stopping",
    }
}

/// A worker process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its id, drawn at its start.
    pub id: String,
    /// Its machine and process.
    pub address: String,
    /// How long it has run.
    pub uptime_ms: u64,
    /// Runs that it can execute at once.
    pub slots: u32,
    /// Runs that it executes.
    pub in_flight: u32,
    /// What it is about to do.
    pub state: WorkerState,
    /// What it serves first.
    pub sources: Vec<String>,
}
