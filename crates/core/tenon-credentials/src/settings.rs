//! The limits of credentials in use, each with its default and unit.

use std::time::Duration;

/// Settings of [`crate::access::CredentialAccess`] and [`crate::linking::Linking`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cache of opened values.
    pub cache: CacheSettings,
    /// How tokens are renewed.
    pub renewal: RenewalSettings,
    /// Calls to token endpoints, and around linking.
    pub exchange: ExchangeSettings,
}

/// The cache of opened values.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// How long a value is used without a look at its head in the vault; at most a minute.
    pub ttl: Duration,
    /// How long it is remembered that a credential is dead, so that its users do not hammer the
    /// vault.
    pub dead_ttl: Duration,
    /// Values that are kept.
    pub entries_max: usize,
    /// How often the key that seals the values is replaced. A value is gone, at the latest, when
    /// its key has been replaced twice.
    pub key_life: Duration,
    /// How long an opened value is left for other processes, where there is a cache for that; at
    /// most five minutes.
    pub shared_ttl: Duration,
    /// How long that cache may take to answer; longer is a miss.
    pub shared_patience: Duration,
}

/// How tokens are renewed.
#[derive(Debug, Clone)]
pub struct RenewalSettings {
    /// A token is renewed at least this long before its end...
    pub early_min: Duration,
    /// ...or this share of its life, in per cent, whichever is longer; never more than a third.
    pub early_percent: u32,
    /// A token with less left than this is taken for ended; never more than a tenth of its life.
    pub margin: Duration,
    /// A token that is younger than this is not renewed because of a 401: endpoints that answer so
    /// for other reasons must not wear out the refresh token.
    pub pause_min: Duration,
    /// How long one process may keep the others waiting. Longer than `exchange.timeout`.
    pub claim_ttl: Duration,
    /// The longest wait of a caller for a renewal.
    pub wait_max: Duration,
    /// The first pause between two looks at a renewal that another process makes.
    pub poll_min: Duration,
    /// The longest such pause.
    pub poll_max: Duration,
    /// The wait before the one more try after the provider called the refresh token dead.
    pub dead_retry_after: Duration,
    /// The first wait after a renewal failed for a reason that may go away; it doubles.
    pub backoff_min: Duration,
    /// The longest such wait.
    pub backoff_max: Duration,
    /// For how long a new token that cannot be recorded is held and tried again.
    pub record_for: Duration,
}

/// Calls to token endpoints, and around linking.
#[derive(Debug, Clone)]
pub struct ExchangeSettings {
    /// All requests of one exchange together.
    pub timeout: Duration,
    /// The largest answer, in bytes.
    pub response_bytes_max: usize,
    /// Requests of one exchange.
    pub requests_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache: CacheSettings {
                ttl: Duration::from_secs(60),
                dead_ttl: Duration::from_secs(2),
                entries_max: 10_000,
                key_life: Duration::from_secs(300),
                shared_ttl: Duration::from_secs(300),
                shared_patience: Duration::from_millis(50),
            },
            renewal: RenewalSettings {
                early_min: Duration::from_secs(60),
                early_percent: 10,
                margin: Duration::from_secs(2),
                pause_min: Duration::from_secs(5),
                claim_ttl: Duration::from_secs(30),
                wait_max: Duration::from_secs(35),
                poll_min: Duration::from_millis(20),
                poll_max: Duration::from_millis(500),
                dead_retry_after: Duration::from_secs(2),
                backoff_min: Duration::from_secs(1),
                backoff_max: Duration::from_secs(300),
                record_for: Duration::from_secs(60),
            },
            exchange: ExchangeSettings {
                timeout: Duration::from_secs(20),
                response_bytes_max: 256 << 10,
                requests_max: 16,
            },
        }
    }
}
