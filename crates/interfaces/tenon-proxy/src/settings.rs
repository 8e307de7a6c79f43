//! The limits of proxy calls, each with its default and unit.

use std::time::Duration;

/// Settings of [`crate::Proxy`].
#[derive(Debug, Clone)]
pub struct ProxySettings {
    /// A request body up to this size is read whole before it is sent, so that the call can be
    /// made again; a larger one streams. In bytes.
    pub replay_bytes_max: usize,
    /// How long such a small body may take to arrive.
    pub body_timeout: Duration,
    /// The largest request body, in bytes.
    pub request_bytes_max: u64,
    /// The longest wait for the head of the provider's answer.
    pub head_timeout: Duration,
    /// The longest time without a byte in either direction.
    pub idle_timeout: Duration,
    /// Calls at once with one credential; more are turned away.
    pub calls_per_credential_max: u32,
    /// Calls at once in one project; more are turned away.
    pub calls_per_project_max: u32,
    /// When a call that was turned away may come again.
    pub busy_retry_after: Duration,
    /// Failures in a row after which calls to a host are not tried for a while.
    pub breaker_failures: u32,
    /// The failures must fall into this time.
    pub breaker_window: Duration,
    /// How long calls to a host are not tried; then one call probes.
    pub breaker_pause: Duration,
    /// Hosts of one integration that are watched at once.
    pub breaker_hosts_max: usize,
    /// Repetitions of one call after a failure.
    pub retries_max: u32,
    /// The wait before the first repetition; doubles, and is drawn between a half and the whole.
    pub retry_wait: Duration,
    /// Repetitions for each 100 calls of an integration, on average.
    pub retry_budget_percent: u32,
    /// Repetitions that may be saved up.
    pub retry_budget_max: u32,
    /// Redirects that are followed, where the connector allows it.
    pub redirects_max: u32,
    /// A text answer up to this size is wrapped as a JSON string; in bytes.
    pub wrapped_text_bytes_max: usize,
    /// Verified user tokens that are remembered.
    pub user_tokens_max: usize,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            replay_bytes_max: 64 << 10,
            body_timeout: Duration::from_secs(20),
            request_bytes_max: 5 << 30,
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            calls_per_credential_max: 100,
            calls_per_project_max: 2_000,
            busy_retry_after: Duration::from_secs(1),
            breaker_failures: 10,
            breaker_window: Duration::from_secs(30),
            breaker_pause: Duration::from_secs(10),
            breaker_hosts_max: 256,
            retries_max: 2,
            retry_wait: Duration::from_millis(100),
            retry_budget_percent: 10,
            retry_budget_max: 10,
            redirects_max: 3,
            wrapped_text_bytes_max: 256 << 10,
            user_tokens_max: 100_000,
        }
    }
}
