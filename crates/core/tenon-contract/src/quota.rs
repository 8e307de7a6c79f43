//! Rate limits of providers, shared by everyone who calls with the same credential or app.
//!
//! A bucket counts calls in windows; a provider's own answer (429, `Retry-After`) blocks it until
//! a moment. Counters are best effort: a service that forgot them allows one more window.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// A bucket that a call draws from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Names project, connector, scope and owner; made by [`bucket_key`] only.
    pub key: String,
    /// Calls in a window; `None`: only blocks count, no limit is known beforehand.
    pub limit: Option<u32>,
    /// The window.
    pub window: Duration,
    /// What this call costs.
    pub cost: u32,
}

/// The key of a bucket. `scope` is `app`, `credential` or an endpoint class; `owner` the
/// integration or credential it belongs to.
#[must_use]
pub fn bucket_key(
    project: tenon_domain::ProjectId,
    connector: &str,
    scope: &str,
    owner: &str,
) -> String {
    format!("{project}:{connector}:{scope}:{owner}")
}

/// What became of [`Quotas::take`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Every bucket had room; it was taken from all.
    Granted,
    /// One had not; nothing was taken. There will be room then, or later.
    Wait {
        /// When to try again.
        until: Timestamp,
    },
}

/// The service cannot be reached. Callers go on without limits: a limit guards the provider, and
/// its own answer still does.
#[derive(Debug, thiserror::Error)]
#[error("the quota service cannot be reached")]
pub struct QuotaError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Counters shared by all processes.
#[async_trait]
pub trait Quotas: Send + Sync + 'static {
    /// Takes from all buckets, or from none.
    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, QuotaError>;

    /// The provider wants nothing from this bucket before `until`. A later moment wins.
    async fn block(&self, key: &str, until: Timestamp) -> Result<(), QuotaError>;
}
