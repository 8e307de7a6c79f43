//! `[controller]` and `[worker]`: who leads, who serves what, how many workers there should be. The
//! defaults are those of the parts.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// `[controller]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Controller {
    /// How long a silent leader is the leader still.
    pub lease_ttl_ms: u64,
    /// How often its lease is renewed, and asked for by the others.
    pub lease_renew_interval_ms: u64,
    /// How long before its lease lapses a leader stops on its own.
    pub lease_margin_ms: u64,
    /// How often the leader looks at the workers and publishes its view.
    pub round_interval_ms: u64,
    /// How often it looks at the queues.
    pub sample_interval_ms: u64,
    /// How often it reads how queues are routed, where no change was announced.
    pub refresh_interval_ms: u64,
    /// Where KEDA asks how many workers there should be; nowhere when left out.
    pub keda_listen: Option<SocketAddr>,
    /// Followers of KEDA at once.
    pub keda_followers_max: usize,
    /// Queues with workers of their own.
    pub dedication: DedicationRules,
    /// How many workers there should be.
    pub autoscale: AutoscaleRules,
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            lease_ttl_ms: 3_000,
            lease_renew_interval_ms: 700,
            lease_margin_ms: 1_000,
            round_interval_ms: 1_000,
            sample_interval_ms: 2_000,
            refresh_interval_ms: 5_000,
            keda_listen: None,
            keda_followers_max: 16,
            dedication: DedicationRules::default(),
            autoscale: AutoscaleRules::default(),
        }
    }
}

/// `[controller.dedication]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DedicationRules {
    /// Whether a queue that floods gets workers of its own by itself.
    pub automatic: bool,
    /// It does when so many of its jobs are ready,
    pub ready_min: u64,
    /// which are at least this part of all ready jobs, in per cent,
    pub share_percent_min: u32,
    /// for so long.
    pub hold_ms: u64,
    /// It gives them back when it has had less than half of `ready_min` for so long.
    pub cooldown_ms: u64,
    /// Queues that have workers of their own by themselves, at most.
    pub queues_max: usize,
    /// Workers of one such queue.
    pub workers: u16,
    /// Of all workers, at most so many belong to such queues, in per cent.
    pub reserved_percent_max: u32,
}

impl Default for DedicationRules {
    fn default() -> Self {
        Self {
            automatic: true,
            ready_min: 20_000,
            share_percent_min: 50,
            hold_ms: 5_000,
            cooldown_ms: 60_000,
            queues_max: 4,
            workers: 1,
            reserved_percent_max: 50,
        }
    }
}

/// `[controller.autoscale]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoscaleRules {
    /// Worker processes at least.
    pub workers_min: u32,
    /// Worker processes at most.
    pub workers_max: u32,
    /// Ready jobs for which one worker is wanted.
    pub jobs_per_worker: u64,
    /// One more is wanted while the oldest ready job is older.
    pub age_max_ms: u64,
    /// More are wanted while a larger part of their slots is in use, in per cent.
    pub utilisation_percent: u32,
    /// How long more must be wanted.
    pub up_window_ms: u64,
    /// How long less must be wanted.
    pub down_window_ms: u64,
    /// The wait after a change before there are more.
    pub up_cooldown_ms: u64,
    /// The wait after a change before there are less.
    pub down_cooldown_ms: u64,
    /// Workers that one change adds, at most.
    pub up_step_max: u32,
    /// Workers that one change takes away, at most.
    pub down_step_max: u32,
}

impl Default for AutoscaleRules {
    fn default() -> Self {
        Self {
            workers_min: 1,
            workers_max: 16,
            jobs_per_worker: 5_000,
            age_max_ms: 10_000,
            utilisation_percent: 70,
            up_window_ms: 4_000,
            down_window_ms: 120_000,
            up_cooldown_ms: 10_000,
            down_cooldown_ms: 60_000,
            up_step_max: 4,
            down_step_max: 1,
        }
    }
}

/// `[worker]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// How often a worker says that it is there, and reads the leader's view.
    pub beat_interval_ms: u64,
    /// How long a silent worker is there still.
    pub member_ttl_ms: u64,
    /// After how long without a new view it also serves what was left to others.
    pub view_stale_ms: u64,
    /// After how long without work it stops, where others are left; never when left out.
    pub idle_exit_ms: Option<u64>,
    /// How long it waits to be let go before it works on.
    pub leave_patience_ms: u64,
    /// How long its last look at the queues may take to bring something.
    pub last_look_ms: u64,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            beat_interval_ms: 1_000,
            member_ttl_ms: 3_000,
            view_stale_ms: 8_000,
            idle_exit_ms: None,
            leave_patience_ms: 10_000,
            last_look_ms: 500,
        }
    }
}
