//! The limits and intervals of execution, each with its default and unit.

use std::time::Duration;

use crate::order::KEY_BYTES_MAX;

/// Settings of intake, workers and the recorder.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Jobs in one accept transaction.
    pub accept_batch_max: usize,
    /// Jobs that may wait for an accept transaction; beyond, callers are turned away.
    pub accept_waiting_max: usize,
    /// Accept transactions at once.
    pub accept_connections: usize,
    /// How long a database that hangs may keep callers waiting. They hear that it is away; the
    /// outcome is unknown, as after a connection that broke.
    pub accept_timeout: Duration,
    /// The longest ordering key of a workflow, in bytes.
    pub ordering_key_bytes_max: usize,
    /// Runs one worker process executes at once, waiting on HTTP included.
    pub runs_in_flight_max: usize,
    /// Of them, runs of one queue, so that a flood leaves slots for others. Workers of a dedicated
    /// queue are not bound by it.
    pub runs_in_flight_per_queue_max: usize,
    /// Jobs taken in one claim.
    pub claim_max: usize,
    /// How long a claimed job stays claimed without a sign of life.
    pub lease_ttl: Duration,
    /// How often leases are extended.
    pub beat_interval: Duration,
    /// Age before a lapsed lease is looked for.
    pub reap_interval: Duration,
    /// Rows in one result transaction.
    pub record_batch_max: usize,
    /// How long a result waits for company before it is committed.
    pub record_linger: Duration,
    /// Results that may wait for the database; beyond, no more work is claimed.
    pub record_waiting_max: usize,
    /// Values larger than this go to the blob store, in bytes.
    pub inline_bytes_max: usize,
    /// A job that killed its worker this often is parked.
    pub crashes_max: u32,
    /// A job that killed its worker this often runs apart, one at a time.
    pub crashes_quarantine: u32,
    /// Tries after infrastructure faults inside one execution of a step.
    pub infrastructure_retries: u32,
    /// How often open jobs are compared with the queues.
    pub sweep_interval: Duration,
    /// Open jobs that one such comparison looks at, besides those accepted in the last minute.
    pub sweep_jobs_max: usize,
    /// Younger jobs are not looked at by the sweep.
    pub sweep_min_age: Duration,
    /// How long after a queue forgot live workers may re-assert their leases.
    pub reassert_grace: Duration,
    /// How long a stopping worker lets runs reach the end of their step.
    pub stop_grace: Duration,
    /// The longest wait for one function call.
    pub function_timeout: Duration,
    /// The longest wait for one outgoing call.
    pub request_timeout: Duration,
    /// The largest answer of one outgoing call, in bytes.
    pub response_bytes_max: usize,
    /// Items of one fan-out.
    pub fan_out_items_max: usize,
    /// Fan-out arrays larger than this are kept in the blob store while they run, in bytes.
    pub fan_out_memory_max: usize,
    /// Items of a fan-out in a test run.
    pub test_items_max: usize,
    /// Days that ended runs are kept.
    pub retention_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            accept_batch_max: 500,
            accept_waiting_max: 10_000,
            accept_connections: 1,
            accept_timeout: Duration::from_secs(5),
            ordering_key_bytes_max: KEY_BYTES_MAX,
            runs_in_flight_max: 20_000,
            runs_in_flight_per_queue_max: 15_000,
            claim_max: 64,
            lease_ttl: Duration::from_secs(3),
            beat_interval: Duration::from_millis(800),
            reap_interval: Duration::from_millis(300),
            record_batch_max: 2_000,
            record_linger: Duration::from_millis(15),
            record_waiting_max: 10_000,
            inline_bytes_max: 64 << 10,
            crashes_max: 5,
            crashes_quarantine: 2,
            infrastructure_retries: 10,
            sweep_interval: Duration::from_secs(2),
            sweep_jobs_max: 50_000,
            sweep_min_age: Duration::from_secs(3),
            reassert_grace: Duration::from_millis(1_500),
            stop_grace: Duration::from_secs(25),
            function_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            response_bytes_max: 32 << 20,
            fan_out_items_max: 1_000_000,
            fan_out_memory_max: 1 << 20,
            test_items_max: 10,
            retention_days: 90,
        }
    }
}
