//! `[execution]`: accepting, running and recording work. The defaults are those of the engine.

use serde::{Deserialize, Serialize};

/// `[execution]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Execution {
    /// Jobs in one accept transaction.
    pub accept_batch_max: usize,
    /// Jobs that may wait to be accepted; more get 503.
    pub accept_waiting_max: usize,
    /// Accept transactions at once.
    pub accept_connections: usize,
    /// How long a database that hangs may keep callers waiting, in milliseconds.
    pub accept_timeout_ms: u64,
    /// Open runs of one project, about; more work of it gets 429.
    pub open_jobs_per_project_max: u64,
    /// The longest ordering key of a workflow, in bytes.
    pub ordering_key_bytes_max: usize,
    /// Runs that one process executes at once, waiting for HTTP included.
    pub runs_in_flight_max: usize,
    /// Of them, runs of one queue that is not dedicated.
    pub runs_in_flight_per_queue_max: usize,
    /// Jobs taken in one claim.
    pub claim_max: usize,
    /// How long a job stays claimed without a sign of life from its worker.
    pub lease_ttl_ms: u64,
    /// How often a worker gives that sign.
    pub beat_interval_ms: u64,
    /// How often lapsed leases are looked for.
    pub reap_interval_ms: u64,
    /// Results in one transaction.
    pub record_batch_max: usize,
    /// How long a result waits for others to be committed with; 0 commits at once.
    pub record_linger_ms: u64,
    /// Results that may wait for the database; more, and no work is claimed.
    pub record_waiting_max: usize,
    /// Larger values go to the blob store, in bytes.
    pub inline_bytes_max: usize,
    /// Installations whose jobs of one tick are accepted in one transaction.
    pub tick_part_max: usize,
    /// Bytes of settings in one such transaction.
    pub tick_part_bytes_max: usize,
    /// Users whose plans are read at once for a tick.
    pub tick_reads_max: usize,
    /// A job that killed its worker this often is parked.
    pub crashes_max: u32,
    /// A job that killed its worker this often runs apart.
    pub crashes_quarantine: u32,
    /// Tries after faults of the infrastructure in one execution of a step.
    pub infrastructure_retries: u32,
    /// How often open jobs are compared with the queues.
    pub sweep_interval_ms: u64,
    /// Open jobs that one comparison looks at, beside those of the last minute.
    pub sweep_jobs_max: usize,
    /// The comparison leaves younger jobs alone.
    pub sweep_min_age_ms: u64,
    /// How long workers may re-assert their leases after a queue forgot them.
    pub reassert_grace_ms: u64,
    /// Items of one fan-out.
    pub fan_out_items_max: usize,
    /// Larger fan-out arrays are kept in the blob store while they run, in bytes.
    pub fan_out_memory_max: usize,
    /// Items of a fan-out in a test run.
    pub test_items_max: usize,
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            accept_batch_max: 500,
            accept_waiting_max: 10_000,
            accept_connections: 1,
            accept_timeout_ms: 5_000,
            open_jobs_per_project_max: 1_000_000,
            ordering_key_bytes_max: 512,
            runs_in_flight_max: 20_000,
            runs_in_flight_per_queue_max: 15_000,
            claim_max: 64,
            lease_ttl_ms: 3_000,
            beat_interval_ms: 800,
            reap_interval_ms: 300,
            record_batch_max: 2_000,
            record_linger_ms: 15,
            record_waiting_max: 10_000,
            inline_bytes_max: 64 << 10,
            tick_part_max: 1_000,
            tick_part_bytes_max: 8 << 20,
            tick_reads_max: 64,
            crashes_max: 5,
            crashes_quarantine: 2,
            infrastructure_retries: 10,
            sweep_interval_ms: 2_000,
            sweep_jobs_max: 50_000,
            sweep_min_age_ms: 3_000,
            reassert_grace_ms: 1_500,
            fan_out_items_max: 1_000_000,
            fan_out_memory_max: 1 << 20,
            test_items_max: 10,
        }
    }
}
