//! Limits of what uses accounts: `vault.service`, `vault.renewal`, `proxy` and `integrations`. The
//! defaults are those of the parts.

use serde::{Deserialize, Serialize};

/// `[vault.service]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaultServiceLimits {
    /// The largest value, in bytes; at most 262144.
    pub value_bytes_max: usize,
    /// Ring keys kept unwrapped in memory.
    pub ring_cache_max: usize,
    /// How long a ring key stays unwrapped.
    pub ring_cache_ttl_ms: u64,
    /// The longest wait for the root key's service.
    pub root_timeout_ms: u64,
    /// Calls to the root key's service at once during a rotation of the root.
    pub root_calls_max: usize,
    /// Audit records in one append.
    pub audit_batch_max: usize,
    /// Audit records that may wait; beyond, nothing is opened.
    pub audit_waiting_max: usize,
    /// Appends at once.
    pub audit_appends_max: usize,
    /// The longest wait for an audit record to be written before an open fails.
    pub audit_timeout_ms: u64,
    /// How often the key is replaced from which the keys of shared values come.
    pub sharing_key_interval_ms: u64,
    /// Data keys that a rotation wraps anew in one statement.
    pub rotation_batch_max: u32,
    /// The age from which a data key that no value names is removed by `tenon vault sweep`.
    pub orphan_age_ms: u64,
}

impl Default for VaultServiceLimits {
    fn default() -> Self {
        Self {
            value_bytes_max: 256 << 10,
            ring_cache_max: 10_000,
            ring_cache_ttl_ms: 300_000,
            root_timeout_ms: 10_000,
            root_calls_max: 8,
            audit_batch_max: 500,
            audit_waiting_max: 10_000,
            audit_appends_max: 2,
            audit_timeout_ms: 5_000,
            sharing_key_interval_ms: 300_000,
            rotation_batch_max: 1_000,
            orphan_age_ms: 3_600_000,
        }
    }
}

/// `[vault.renewal]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Renewal {
    /// A token is renewed at least this long before its end...
    pub early_min_ms: u64,
    /// ...or this share of its life, in per cent, whichever is longer; never more than a third.
    pub early_percent: u32,
    /// A token with less left than this is taken for ended.
    pub margin_ms: u64,
    /// A token that is younger than this is not renewed because of a 401.
    pub pause_min_ms: u64,
    /// How long one process may keep the others waiting; longer than `timeout_ms`.
    pub claim_ttl_ms: u64,
    /// The longest wait of a caller for a renewal.
    pub wait_max_ms: u64,
    /// The first wait after a renewal failed for a reason that may go away; it doubles.
    pub backoff_min_ms: u64,
    /// The longest such wait.
    pub backoff_max_ms: u64,
    /// For how long a new token that cannot be recorded is held and tried again.
    pub record_for_ms: u64,
    /// All requests of one exchange with a token endpoint together.
    pub timeout_ms: u64,
    /// The largest answer of a token endpoint, in bytes.
    pub response_bytes_max: usize,
}

impl Default for Renewal {
    fn default() -> Self {
        Self {
            early_min_ms: 60_000,
            early_percent: 10,
            margin_ms: 2_000,
            pause_min_ms: 5_000,
            claim_ttl_ms: 30_000,
            wait_max_ms: 35_000,
            backoff_min_ms: 1_000,
            backoff_max_ms: 300_000,
            record_for_ms: 60_000,
            timeout_ms: 20_000,
            response_bytes_max: 256 << 10,
        }
    }
}

/// `[proxy]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// A request body up to this size is read whole before it is sent, so that the call can be
    /// made again; a larger one streams. In bytes.
    pub replay_bytes_max: usize,
    /// How long such a small body may take to arrive.
    pub body_timeout_ms: u64,
    /// The largest request body, in bytes.
    pub request_bytes_max: u64,
    /// The longest wait for the head of the provider's answer.
    pub head_timeout_ms: u64,
    /// The longest time without a byte in either direction.
    pub idle_timeout_ms: u64,
    /// Calls at once with one account; more are turned away.
    pub calls_per_credential_max: u32,
    /// Calls at once in one project; more are turned away.
    pub calls_per_project_max: u32,
    /// When a call that was turned away may come again.
    pub busy_retry_after_ms: u64,
    /// Failures in a row after which calls to a host are not tried for a while.
    pub breaker_failures: u32,
    /// The failures must fall into this time.
    pub breaker_window_ms: u64,
    /// How long calls to a host are not tried; then one call probes.
    pub breaker_pause_ms: u64,
    /// Hosts of one integration that are watched at once.
    pub breaker_hosts_max: usize,
    /// Repetitions of one call after a failure; 0 for none.
    pub retries_max: u32,
    /// The wait before the first repetition; it doubles.
    pub retry_wait_ms: u64,
    /// Repetitions for each 100 calls of an integration, on average.
    pub retry_budget_percent: u32,
    /// Repetitions that may be saved up.
    pub retry_budget_max: u32,
    /// Redirects that are followed, where the connector allows it; 0 for none.
    pub redirects_max: u32,
    /// A text answer up to this size is wrapped as a JSON string; in bytes.
    pub wrapped_text_bytes_max: usize,
    /// Verified user tokens that are remembered.
    pub user_tokens_max: usize,
    /// The log of calls.
    pub log: ProxyLog,
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            replay_bytes_max: 64 << 10,
            body_timeout_ms: 20_000,
            request_bytes_max: 5 << 30,
            head_timeout_ms: 30_000,
            idle_timeout_ms: 30_000,
            calls_per_credential_max: 100,
            calls_per_project_max: 2_000,
            busy_retry_after_ms: 1_000,
            breaker_failures: 10,
            breaker_window_ms: 30_000,
            breaker_pause_ms: 10_000,
            breaker_hosts_max: 256,
            retries_max: 2,
            retry_wait_ms: 100,
            retry_budget_percent: 10,
            retry_budget_max: 10,
            redirects_max: 3,
            wrapped_text_bytes_max: 256 << 10,
            user_tokens_max: 100_000,
            log: ProxyLog::default(),
        }
    }
}

/// `[proxy.log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyLog {
    /// Whether calls are kept in the execution database.
    pub enabled: bool,
    /// Calls that may wait to be written; more are dropped and counted.
    pub waiting_max: usize,
    /// Calls in one transaction.
    pub batch_max: usize,
    /// How long a call may wait for others to be written with.
    pub linger_ms: u64,
    /// The pause before a batch is tried again.
    pub retry_pause_ms: u64,
    /// How long a stop may take to write what is left.
    pub stop_grace_ms: u64,
}

impl Default for ProxyLog {
    fn default() -> Self {
        Self {
            enabled: true,
            waiting_max: 20_000,
            batch_max: 1_000,
            linger_ms: 500,
            retry_pause_ms: 1_000,
            stop_grace_ms: 3_000,
        }
    }
}

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// The most runs that one call of a provider starts.
    pub runs_max: usize,
    /// Of one call, runs that are accepted at the same time.
    pub together_max: usize,
    /// How long an opened signing secret is used before the vault is asked whether it changed.
    pub secret_ttl_ms: u64,
    /// Installations of workflows that listen to providers, kept in memory; beyond, all are dropped
    /// and read again as needed.
    pub installations_max: usize,
    /// How long they are used before they are read again, where no change was announced.
    pub installations_ttl_ms: u64,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            runs_max: 1_000,
            together_max: 100,
            secret_ttl_ms: 300_000,
            installations_max: 1_000_000,
            installations_ttl_ms: 60_000,
        }
    }
}

/// `[integrations]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Integrations {
    /// The longest wait for a provider's rate limit without pausing the run, before a step has
    /// done anything.
    pub wait_max_ms: u64,
    /// The same once a step has read something.
    pub wait_amid_pages_max_ms: u64,
    /// Calls of steps of one project to one connector that are under way at a time, over all
    /// workers; a project may have a limit of its own.
    pub calls_per_connector_max: u32,
    /// How long such calls of a worker count that has died.
    pub call_lease_ms: u64,
    /// Room for so many more calls is kept by a worker beside those under way, where there is plenty.
    pub calls_spare: u32,
    /// How long a run pauses that found no room among them.
    pub busy_pause_ms: u64,
    /// Options that a provider has.
    pub sources: IntegrationSources,
}

impl Default for Integrations {
    fn default() -> Self {
        Self {
            wait_max_ms: 2_000,
            wait_amid_pages_max_ms: 120_000,
            calls_per_connector_max: 100,
            call_lease_ms: 5_000,
            calls_spare: 4,
            busy_pause_ms: 1_000,
            sources: IntegrationSources::default(),
        }
    }
}

/// `[integrations.sources]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntegrationSources {
    /// How long one call may take.
    pub timeout_ms: u64,
    /// The largest answer that is read, in bytes.
    pub response_bytes_max: usize,
    /// The longest wait for a provider's rate limit.
    pub wait_max_ms: u64,
    /// Options that are shown at once.
    pub options_max: usize,
    /// Pages that are looked through in one request, where the provider does not search.
    pub find_pages_max: u32,
    /// Options with which such a search is content.
    pub find_enough: usize,
    /// The longest time that a page is kept.
    pub cache_ttl_max_ms: u64,
    /// Pages that are kept; 0 for none.
    pub cache_entries_max: usize,
    /// About how much memory they take, in bytes.
    pub cache_bytes_max: usize,
}

impl Default for IntegrationSources {
    fn default() -> Self {
        Self {
            timeout_ms: 20_000,
            response_bytes_max: 8 << 20,
            wait_max_ms: 2_000,
            options_max: 2_000,
            find_pages_max: 10,
            find_enough: 20,
            cache_ttl_max_ms: 300_000,
            cache_entries_max: 10_000,
            cache_bytes_max: 64 << 20,
        }
    }
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// Verified user tokens that are remembered.
    pub user_tokens_max: usize,
    /// Runs of one project that a gateway process accepts in a second, with as many saved up; no
    /// limit when left out.
    pub accepts_per_second: Option<f64>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { user_tokens_max: 100_000, accepts_per_second: None }
    }
}
