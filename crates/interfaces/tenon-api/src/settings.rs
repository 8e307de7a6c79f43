//! The limits of the API, each with its default and unit.

use std::time::Duration;

use tenon_config::InstallationKey;
use tenon_domain::limits::DocumentLimits;

/// Settings of the management API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The key that makes projects; without it nobody may, over the API.
    pub installation_key: Option<InstallationKey>,
    /// Limits of one workflow document.
    pub documents: DocumentLimits,
    /// Documents in one apply.
    pub apply_documents_max: usize,
    /// The body of an apply or a test run, in bytes.
    pub apply_body_bytes_max: usize,
    /// The manifest of a connector of a project's own, in bytes.
    pub connector_bytes_max: usize,
    /// The largest recorded value that a page of steps shows, in bytes.
    pub inline_bytes_max: usize,
    /// Recorded values in one page of steps, in bytes together; the rest is left out.
    pub page_bytes_max: usize,
    /// Followers of runs at once.
    pub followers_max: usize,
    /// How often a follower looks for news.
    pub follow_interval: Duration,
    /// How long one follower may stay; it may come back.
    pub follow_duration_max: Duration,
    /// Step records that a follower reads at once.
    pub follow_page_max: usize,
    /// When a caller should try again while something is away.
    pub retry_after: Duration,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            installation_key: None,
            documents: DocumentLimits::default(),
            apply_documents_max: 200,
            apply_body_bytes_max: 16 << 20,
            connector_bytes_max: 2 << 20,
            inline_bytes_max: 64 << 10,
            page_bytes_max: 8 << 20,
            followers_max: 200,
            follow_interval: Duration::from_millis(200),
            follow_duration_max: Duration::from_secs(3_600),
            follow_page_max: 100,
            retry_after: Duration::from_secs(2),
        }
    }
}
