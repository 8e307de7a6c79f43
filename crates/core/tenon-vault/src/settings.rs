//! The limits and intervals of the vault, each with its default and unit.

use std::time::Duration;

use tenon_contract::vault::VALUE_BYTES_MAX;

/// Settings of the vault's service, its rings, its audit and its rotations.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The largest value, in bytes; never more than [`VALUE_BYTES_MAX`].
    pub value_bytes_max: usize,
    /// Ring keys kept unwrapped in memory.
    pub ring_cache_max: usize,
    /// How long a ring key stays unwrapped in memory, and how long after a rotation this process
    /// may still wrap under the old one.
    pub ring_cache_ttl: Duration,
    /// The longest wait for the root key's service.
    pub root_timeout: Duration,
    /// Calls to the root key's service at once during a rotation of the root.
    pub root_calls_max: usize,
    /// Audit records in one append.
    pub audit_batch_max: usize,
    /// Audit records that may wait; beyond, nothing is opened.
    pub audit_waiting_max: usize,
    /// Appends at once.
    pub audit_appends_max: usize,
    /// The longest wait for an audit record to be written before an open fails.
    pub audit_timeout: Duration,
    /// How often a value is read again when its key has gone in between.
    pub rereads_max: u32,
    /// The pause before it is read again.
    pub reread_pause: Duration,
    /// How often a value is sealed again because another version came first.
    pub stale_retries_max: u32,
    /// How often a write is tried again when a store fails. A renewed token that is not written
    /// may be lost for good.
    pub write_retries_max: u32,
    /// The pause before the first of these; it grows by itself each time.
    pub write_retry_pause: Duration,
    /// How often the key is replaced from which the keys of shared values come. What was shared
    /// cannot be opened any more, at the latest, when it has been replaced twice.
    pub sharing_key_life: Duration,
    /// Changed secrets of which it is remembered that earlier versions are not shared any more;
    /// beyond, that key is replaced at once.
    pub sharing_barred_max: usize,
    /// The longest claim on a refresh.
    pub claim_ttl_max: Duration,
    /// Data keys re-wrapped in one statement, or looked at in one page.
    pub rotation_batch_max: u32,
    /// Passes over a ring before a rotation leaves what is left to the next one.
    pub rotation_passes_max: u32,
    /// The age from which a data key that no value names is an orphan. Far above the longest write.
    pub orphan_age: Duration,
    /// Questions to the value store at once during the sweep of orphans.
    pub orphan_checks_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            value_bytes_max: VALUE_BYTES_MAX,
            ring_cache_max: 10_000,
            ring_cache_ttl: Duration::from_secs(300),
            root_timeout: Duration::from_secs(10),
            root_calls_max: 8,
            audit_batch_max: 500,
            audit_waiting_max: 10_000,
            audit_appends_max: 2,
            audit_timeout: Duration::from_secs(5),
            rereads_max: 5,
            reread_pause: Duration::from_millis(10),
            stale_retries_max: 16,
            write_retries_max: 3,
            write_retry_pause: Duration::from_millis(100),
            sharing_key_life: Duration::from_secs(300),
            sharing_barred_max: 100_000,
            claim_ttl_max: Duration::from_secs(300),
            rotation_batch_max: 1_000,
            rotation_passes_max: 3,
            orphan_age: Duration::from_secs(3_600),
            orphan_checks_max: 16,
        }
    }
}
