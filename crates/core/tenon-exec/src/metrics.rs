//! What execution says of itself. Labels have few values, all of them listed here: never a
//! project, a run, a workflow or a host.

mod storage;

use std::time::Duration;

use jiff::Timestamp;
use tenon_telemetry::{Counter, Declared, Gauge, Histogram, LABEL_OTHER, Label};

use crate::intake::Refused;
use crate::ports::history::{RunStatus, StepStatus};
use crate::ports::store::{Accepted, StepRow};

pub use storage::{
    ARCHIVED_BYTES, ARCHIVED_DAYS, ARCHIVED_RUNS, SEGMENT_BYTES_SWEPT, SEGMENTS_SWEPT,
};

const INTAKE: &[&str] = &["api", "gateway"];
const PUSHES: &[&str] = &["api", "gateway", "controller"];
const WORKER: &[&str] = &["worker"];
const CONTROLLER: &[&str] = &["controller"];
const EXECUTION: &[&str] = &["api", "gateway", "worker", "controller", "proxy"];
const PLANS: &[&str] = &["api", "gateway", "worker", "controller", "proxy"];

const OUTCOME: &str = "outcome";

/// The types of steps, as documents name them.
const STEP_KINDS: Label = Label {
    name: "kind",
    values: &[
        "request",
        "function",
        "conditional",
        "fan_out",
        "delay",
        "response",
        "action",
        "integration_request",
        LABEL_OTHER,
    ],
};

/// Every metric of this crate.
pub static ALL: &[&dyn Declared] = &[
    &ACCEPTS,
    &ACCEPT_BATCH,
    &ACCEPT_TIME,
    &PUSHED,
    &CLAIMED,
    &CLAIM_FAILURES,
    &ACKED,
    &NACKED,
    &QUEUE_CALL_FAILURES,
    &START_WAIT,
    &RUNS_IN_FLIGHT,
    &RUNS_ENDED,
    &RUN_TIME,
    &STEPS,
    &STEP_TIME,
    &SYSTEM_RETRIES,
    &CONNECTOR_SLOTS,
    &CONNECTOR_SLOT_CALLS,
    &LEASES_LOST,
    &BEATS_FAILED,
    &BEAT_TIME,
    &RECORD_BATCH,
    &RECORD_TIME,
    &RECORD_WAITING,
    &RECORD_REFUSED,
    &QUEUE_JOBS,
    &QUEUES,
    &OLDEST_READY,
    &GENERATION,
    &CLOCK_AHEAD,
    &LEADER,
    &MEMBERS,
    &WORKERS_DESIRED,
    &ASSIGNMENT_MOVES,
    &REAPED,
    &REPAIRED,
    &REBUILDS,
    &SWEEP_TIME,
    &TICKS,
    &TICK_DELAY,
    &PLAN_READS,
    &CALLS_DROPPED,
    &SEGMENTS_SWEPT,
    &SEGMENT_BYTES_SWEPT,
    &ARCHIVED_DAYS,
    &ARCHIVED_RUNS,
    &ARCHIVED_BYTES,
];

/// Jobs by what became of them at intake.
pub static ACCEPTS: Counter = Counter::new(
    "tenon_accepts_total",
    "Jobs by what became of them when they were to be accepted: new is committed, repeat and conflict had a known key, the others were refused before anything was committed.",
)
.roles(INTAKE)
.by(&[Label {
    name: OUTCOME,
    values: &["new", "repeat", "conflict", "overloaded", "unavailable", "rejected"],
}]);

/// Jobs in one accept transaction.
pub static ACCEPT_BATCH: Histogram =
    Histogram::of_counts("tenon_accept_batch_jobs", "Jobs that were accepted in one transaction.")
        .roles(INTAKE);

/// How long an accept transaction took.
pub static ACCEPT_TIME: Histogram = Histogram::of_seconds(
    "tenon_accept_duration_seconds",
    "How long one transaction that accepts jobs took.",
)
.roles(INTAKE);

/// Jobs pushed after they were accepted.
pub static PUSHED: Counter = Counter::new(
    "tenon_queue_pushes_total",
    "Accepted jobs by whether their push to the queue came through; what did not is pushed by the sweep.",
)
.roles(PUSHES)
.by(&[Label { name: OUTCOME, values: &["pushed", "left"] }]);

/// Jobs claimed.
pub static CLAIMED: Counter = Counter::new(
    "tenon_queue_claims_total",
    "Jobs that were claimed: new, recovered (pushed by the sweep) or reaped (taken over from a silent worker).",
)
.roles(WORKER)
.by(&[Label { name: "kind", values: &["new", "recovered", "reaped"] }]);

/// Claims that failed.
pub static CLAIM_FAILURES: Counter = Counter::new(
    "tenon_queue_claim_failures_total",
    "Claims that failed: the queue could not be reached, or is of another generation.",
)
.roles(WORKER);

/// Jobs acknowledged.
pub static ACKED: Counter = Counter::new(
    "tenon_queue_acks_total",
    "Jobs that were acknowledged after their end was committed.",
)
.roles(WORKER);

/// Jobs given back.
pub static NACKED: Counter = Counter::new(
    "tenon_queue_nacks_total",
    "Jobs that were given back to the queue, to go on later or elsewhere.",
)
.roles(WORKER);

/// Acknowledgements and returns that the queue was not told.
pub static QUEUE_CALL_FAILURES: Counter = Counter::new(
    "tenon_queue_release_failures_total",
    "Jobs whose end or return could not be told to the queue; their lease lapses instead.",
)
.roles(WORKER);

/// From acceptance to the first start.
pub static START_WAIT: Histogram = Histogram::of_seconds(
    "tenon_run_start_wait_seconds",
    "From the acceptance of a run to its first start in a worker.",
)
.roles(WORKER);

/// Runs in this process.
pub static RUNS_IN_FLIGHT: Gauge = Gauge::new(
    "tenon_runs_in_flight",
    "Runs that this worker holds, those that wait for an answer included.",
)
.roles(WORKER);

/// Runs that ended.
pub static RUNS_ENDED: Counter =
    Counter::new("tenon_runs_ended_total", "Runs that ended in this worker, by how.")
        .roles(WORKER)
        .by(&[Label {
            name: OUTCOME,
            values: &["succeeded", "failed", "cancelled", "parked", LABEL_OTHER],
        }]);

/// From acceptance to end.
pub static RUN_TIME: Histogram = Histogram::of_seconds(
    "tenon_run_duration_seconds",
    "From the acceptance of a run to its end, waiting included.",
)
.roles(WORKER);

/// Attempts of steps.
pub static STEPS: Counter = Counter::new(
    "tenon_steps_total",
    "Attempts of steps by type and outcome: retrying will be tried again, waiting is a delay or a pause for a provider's limit.",
)
.roles(WORKER)
.by(&[
    STEP_KINDS,
    Label { name: OUTCOME, values: &["succeeded", "failed", "retrying", "waiting"] },
]);

/// How long attempts took.
pub static STEP_TIME: Histogram = Histogram::of_seconds(
    "tenon_step_duration_seconds",
    "How long attempts of steps took, by type.",
)
.roles(WORKER)
.by(&[STEP_KINDS]);

/// Tries again after faults of our own.
pub static SYSTEM_RETRIES: Counter = Counter::new(
    "tenon_system_retries_total",
    "Steps that were tried again after a fault of the infrastructure, which uses up no attempt: here after a moment, or later as a job.",
)
.roles(WORKER)
.by(&[Label { name: "place", values: &["step", "job"] }]);

/// Slots for calls of providers.
pub static CONNECTOR_SLOTS: Counter = Counter::new(
    "tenon_connector_slots_total",
    "Calls of providers by whether the limit of a project and connector had room: ready was there, waited got room after a question or a wait, refused got none, so its run pauses.",
)
.roles(WORKER)
.by(&[Label { name: OUTCOME, values: &["ready", "waited", "refused"] }]);

/// Questions for such slots.
pub static CONNECTOR_SLOT_CALLS: Counter = Counter::new(
    "tenon_connector_slot_questions_total",
    "Questions to the service that counts calls of providers over all workers; while they fail each worker keeps to its share.",
)
.roles(WORKER)
.by(&[Label { name: OUTCOME, values: &["answered", "failed"] }]);

/// Leases that were lost.
pub static LEASES_LOST: Counter = Counter::new(
    "tenon_leases_lost_total",
    "Leases that this worker lost while it held the run: another has it, or the queue could not be reached in time.",
)
.roles(WORKER)
.by(&[Label { name: "reason", values: &["taken", "overdue"] }]);

/// Beats that failed.
pub static BEATS_FAILED: Counter =
    Counter::new("tenon_beat_failures_total", "Calls to extend leases that failed.").roles(WORKER);

/// How long a beat took.
pub static BEAT_TIME: Histogram = Histogram::of_seconds(
    "tenon_beat_duration_seconds",
    "How long it took to extend all leases of this worker once.",
)
.roles(WORKER);

/// Entries in one transaction of the recorder.
pub static RECORD_BATCH: Histogram = Histogram::of_counts(
    "tenon_record_batch_entries",
    "Results, suspensions and ends that were committed in one transaction.",
)
.roles(WORKER);

/// How long a transaction of the recorder took.
pub static RECORD_TIME: Histogram = Histogram::of_seconds(
    "tenon_record_duration_seconds",
    "How long it took to commit one batch of results, tries again included.",
)
.roles(WORKER);

/// Entries that are not committed yet.
pub static RECORD_WAITING: Gauge = Gauge::new(
    "tenon_record_waiting_entries",
    "Results, suspensions and ends that are not committed yet.",
)
.roles(WORKER);

/// Rows that the database refused.
pub static RECORD_REFUSED: Counter = Counter::new(
    "tenon_record_refused_total",
    "Results that the database refused for good; they are in the log. More than 0 is a bug.",
)
.roles(WORKER);

/// Jobs by place.
pub static QUEUE_JOBS: Gauge = Gauge::new(
    "tenon_queue_jobs",
    "Jobs in all queues together, by where they are; looked up every few seconds.",
)
.roles(CONTROLLER)
.by(&[Label { name: "place", values: &["ready", "delayed", "held", "running"] }]);

/// Queues that hold anything.
pub static QUEUES: Gauge = Gauge::new(
    "tenon_queues",
    "Queues that hold anything, by whether workers of their own serve them.",
)
.roles(CONTROLLER)
.by(&[Label { name: "class", values: &["shared", "dedicated"] }]);

/// How long the oldest ready job waits.
pub static OLDEST_READY: Gauge = Gauge::new(
    "tenon_queue_oldest_ready_age_seconds",
    "How long ago the oldest of the jobs was accepted that are next in their queue; 0 when none is ready.",
)
.roles(CONTROLLER);

/// The generation of the queues.
pub static GENERATION: Gauge = Gauge::new(
    "tenon_queue_generation",
    "How often the queues have been found empty-handed since the installation was made.",
)
.roles(CONTROLLER);

/// The database's clock against the machine's.
pub static CLOCK_AHEAD: Gauge = Gauge::new(
    "tenon_database_clock_ahead_seconds",
    "How far the clock of the execution database, which all processes go by, is ahead of this machine's.",
)
.roles(EXECUTION);

/// Whether this process leads.
pub static LEADER: Gauge =
    Gauge::new("tenon_leader", "1 in the controller that leads, 0 in the others.")
        .roles(CONTROLLER);

/// Workers that are there.
pub static MEMBERS: Gauge = Gauge::new(
    "tenon_members",
    "Workers that gave a sign of life in the last seconds, as the leader sees it.",
)
.roles(CONTROLLER);

/// Workers that there should be.
pub static WORKERS_DESIRED: Gauge = Gauge::new(
    "tenon_workers_desired",
    "Workers that there should be, by what waits, how long, and how busy workers are; only the leader says it.",
)
.roles(CONTROLLER);

/// Sources that changed their owners.
pub static ASSIGNMENT_MOVES: Counter = Counter::new(
    "tenon_assignment_moves_total",
    "Shards and dedicated queues that got other workers as their owners.",
)
.roles(CONTROLLER);

/// Jobs taken over.
pub static REAPED: Counter = Counter::new(
    "tenon_queue_takeovers_total",
    "Jobs whose worker was silent and that were put back to be taken over.",
)
.roles(CONTROLLER);

/// Jobs pushed by the sweep.
pub static REPAIRED: Counter = Counter::new(
    "tenon_queue_repairs_total",
    "Open jobs that were missing from their queue and were pushed by the sweep; rebuilds are not counted here.",
)
.roles(CONTROLLER);

/// Rebuilds of the queues.
pub static REBUILDS: Counter = Counter::new(
    "tenon_queue_rebuilds_total",
    "How often the queues were rebuilt from the database because they had forgotten.",
)
.roles(CONTROLLER);

/// How long a sweep took.
pub static SWEEP_TIME: Histogram = Histogram::of_seconds(
    "tenon_sweep_duration_seconds",
    "How long one comparison of all open jobs with the queues took.",
)
.roles(CONTROLLER);

/// Ticks of schedules.
pub static TICKS: Counter = Counter::new(
    "tenon_schedule_ticks_total",
    "Ticks of schedules that fell due: accepted, accepted by another controller before, or failed and tried again.",
)
.roles(CONTROLLER)
.by(&[Label { name: OUTCOME, values: &["accepted", "elsewhere", "failed"] }]);

/// How late ticks were.
pub static TICK_DELAY: Histogram = Histogram::of_seconds(
    "tenon_schedule_tick_delay_seconds",
    "From the moment that a tick names to the moment it was accepted; never before it.",
)
.roles(CONTROLLER);

/// Reads of plans.
pub static PLAN_READS: Counter = Counter::new(
    "tenon_plan_reads_total",
    "Reads of plans by kind and by where they were found: in the memory of the process, in the cache that all share, or nowhere.",
)
.roles(PLANS)
.by(&[
    Label { name: "kind", values: &["project", "workflow", "user"] },
    Label { name: "found", values: &["memory", "cache", "missing", "failed"] },
]);

/// Records of proxy calls that were dropped.
pub static CALLS_DROPPED: Counter = Counter::new(
    "tenon_proxy_log_dropped_total",
    "Records of proxy calls that were dropped because too many waited to be written.",
)
.roles(&["proxy"]);

/// Counts what became of a job at intake.
pub fn accepted(outcome: Result<Accepted, Refused>) {
    let outcome = match outcome {
        Ok(Accepted::New) => "new",
        Ok(Accepted::Repeat(_)) => "repeat",
        Ok(Accepted::Conflict) => "conflict",
        Err(Refused::Overloaded) => "overloaded",
        Err(Refused::Unavailable) => "unavailable",
        Err(Refused::Rejected) => "rejected",
    };
    ACCEPTS.add_of(&[outcome], 1);
}

/// Counts a claimed job.
pub fn claimed(is_recovered: bool, is_reaped: bool) {
    let kind = match (is_reaped, is_recovered) {
        (true, _) => "reaped",
        (false, true) => "recovered",
        (false, false) => "new",
    };
    CLAIMED.add_of(&[kind], 1);
}

/// Counts an attempt of a step.
pub fn step(row: &StepRow) {
    let outcome = match row.status {
        StepStatus::Succeeded => "succeeded",
        StepStatus::Failed => "failed",
        StepStatus::Retrying => "retrying",
        StepStatus::Waiting => "waiting",
    };
    STEPS.add_of(&[row.kind, outcome], 1);
    STEP_TIME.took_of(&[row.kind], Duration::from_micros(row.duration_us));
}

/// Counts a run that ended.
pub fn run_ended(status: RunStatus, accepted_at: Timestamp, ended_at: Timestamp) {
    let outcome = match status {
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Parked => "parked",
        RunStatus::Queued | RunStatus::Running | RunStatus::Waiting => LABEL_OTHER,
    };
    RUNS_ENDED.add_of(&[outcome], 1);
    RUN_TIME.took(between(accepted_at, ended_at));
}

/// From one moment to another; nothing when a clock went back.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}
