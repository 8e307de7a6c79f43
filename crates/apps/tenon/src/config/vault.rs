//! The sections of accounts: `vault` and `connect`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::ConnectionUrl;
use super::limits::{Renewal, VaultServiceLimits};

/// `[vault]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vault {
    /// The database of sealed values; only the role `vault` opens it.
    pub values_url: Option<ConnectionUrl>,
    /// The database of wrapped keys and of the audit; under another database role.
    pub keys_url: Option<ConnectionUrl>,
    /// Connections to each of them that write, and as many that only read.
    pub connections_max: u32,
    /// The root of all keys: `file:/path`, `aws-kms:arn`, `gcp-kms:projects/...`,
    /// `azure-kv:https://...`, `transit:https://...`. There is no default.
    pub root_key: Option<String>,
    /// Earlier roots, whose wrapped keys can still be read.
    pub old_root_keys: Vec<String>,
    /// The file of the key that signs grants. All roles but `worker` need it.
    pub grant_key_file: Option<PathBuf>,
    /// Where the role `vault` listens for the other roles.
    pub listen: Option<SocketAddr>,
    /// Where the other roles find it: an https URL.
    pub url: Option<Url>,
    /// The authority that signs the certificates of all roles, PEM.
    pub authority_file: Option<PathBuf>,
    /// The certificate of this process, PEM. `{role}` in its name stands for the role: a process
    /// with several roles has one for each.
    pub certificate_file: Option<PathBuf>,
    /// Its key, PEM; named in the same way.
    pub key_file: Option<PathBuf>,
    /// How long an opened value may be used again without asking the vault.
    pub cache_ttl_ms: u64,
    /// Opened values that one process keeps, sealed under a key of its own.
    pub cache_entries_max: usize,
    /// How often that key is replaced.
    pub cache_key_interval_ms: u64,
    /// How long it is remembered that an account does not work, without asking the vault.
    pub cache_dead_ttl_ms: u64,
    /// Whether processes leave opened values, sealed under keys of the vault, for each other in
    /// Redis.
    pub share_values: bool,
    /// How long such a value is left there.
    pub share_ttl_ms: u64,
    /// How long Redis may take to answer for one; longer, and the vault opens the value.
    pub share_patience_ms: u64,
    /// The service itself, in the role `vault`.
    pub service: VaultServiceLimits,
    /// How tokens are renewed.
    pub renewal: Renewal,
}

impl Default for Vault {
    fn default() -> Self {
        Self {
            values_url: None,
            keys_url: None,
            connections_max: 6,
            root_key: None,
            old_root_keys: Vec::new(),
            grant_key_file: None,
            listen: None,
            url: None,
            authority_file: None,
            certificate_file: None,
            key_file: None,
            cache_ttl_ms: 60_000,
            cache_entries_max: 10_000,
            cache_key_interval_ms: 300_000,
            cache_dead_ttl_ms: 2_000,
            share_values: true,
            share_ttl_ms: 300_000,
            share_patience_ms: 50,
            service: VaultServiceLimits::default(),
            renewal: Renewal::default(),
        }
    }
}

/// `[connect]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Connect {
    /// The URL under which browsers reach the role `api`; OAuth callbacks come to
    /// `<public_url>/oauth/callback`. The address it listens on when left out.
    pub public_url: Option<Url>,
    /// User tokens that are remembered as valid, so that not every call costs a signature check.
    pub user_tokens_max: usize,
    /// Users who are remembered as known.
    pub known_users_max: usize,
    /// Projects whose portal is kept ready.
    pub projects_max: usize,
    /// Answers to `GET sdk/me` that are kept, in bytes together.
    pub rendered_bytes_max: usize,
    /// Connectors whose token a page may have, because the provider's file picker needs it there.
    pub account_auth_connectors: Vec<String>,
    /// When a caller may come again while something is away.
    pub retry_after_ms: u64,
    /// How long a link to the portal's page can be used where nothing is said.
    pub portal_link_ttl_ms: u64,
    /// The longest that may be asked for.
    pub portal_link_ttl_max_ms: u64,
    /// How long the page can be used after its link was opened.
    pub portal_session_ttl_ms: u64,
    /// Links of one project that can still be used.
    pub portal_links_max: usize,
    /// A logo that is uploaded, in bytes.
    pub logo_bytes_max: usize,
    /// Origins that the portal's page of one project may send users back to.
    pub return_origins_max: usize,
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            public_url: None,
            user_tokens_max: 50_000,
            known_users_max: 100_000,
            projects_max: 1_000,
            rendered_bytes_max: 64 << 20,
            account_auth_connectors: ["box", "googledrive", "onedrive", "sharepoint"]
                .map(str::to_owned)
                .to_vec(),
            retry_after_ms: 2_000,
            portal_link_ttl_ms: 600_000,
            portal_link_ttl_max_ms: 86_400_000,
            portal_session_ttl_ms: 3_600_000,
            portal_links_max: 10_000,
            logo_bytes_max: 64 << 10,
            return_origins_max: 20,
        }
    }
}
