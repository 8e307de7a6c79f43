//! The limits of the Connect API, each with its default and unit.

use std::time::Duration;

use url::Url;

/// Settings of the Connect API.
#[derive(Debug, Clone)]
pub struct ConnectSettings {
    /// Where browsers reach this installation; addresses of icons are below it.
    pub public_url: Url,
    /// User tokens that are remembered as valid, so that not every call costs a signature check.
    /// Default 50,000.
    pub tokens_max: usize,
    /// Users who are remembered as known. Default 100,000.
    pub users_max: usize,
    /// Projects whose portal is kept ready. Default 1,000.
    pub projects_max: usize,
    /// Rendered answers to `GET sdk/me` that are kept, in bytes together. Default 64 MB.
    pub rendered_bytes_max: usize,
    /// Connectors whose token a page may have, because the provider's own file picker needs it
    /// there. Of any other connector no token leaves.
    pub account_auth_connectors: Vec<String>,
    /// When a caller should try again while something is away. Default 2 seconds.
    pub retry_after: Duration,
}

impl ConnectSettings {
    /// The defaults for an address.
    #[must_use]
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            tokens_max: 50_000,
            users_max: 100_000,
            projects_max: 1_000,
            rendered_bytes_max: 64 << 20,
            account_auth_connectors: ["box", "googledrive", "onedrive", "sharepoint"]
                .map(str::to_owned)
                .to_vec(),
            retry_after: Duration::from_secs(2),
        }
    }

    /// An address of this installation.
    pub(crate) fn below(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}
