//! Limits of the configuration plane, as named values.

use serde::{Deserialize, Serialize};

/// How much of each thing there may be. The defaults are the documented ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Documents in one apply.
    pub apply_documents_max: usize,
    /// Workflows of one project, archived ones too.
    pub workflows_max: usize,
    /// Valid API keys of one project; each request is compared with all of them.
    pub api_keys_max: usize,
    /// Drafts kept for one workflow; older ones go.
    pub drafts_max: usize,
    /// Connected users on one page of a list.
    pub users_page_max: usize,
    /// Integrations of one project.
    pub integrations_max: usize,
    /// Custom connectors of one project.
    pub custom_connectors_max: usize,
    /// Accounts of one connected user, over all integrations.
    pub credentials_of_user_max: usize,
    /// Configurations of one account.
    pub configurations_max: usize,
    /// Each part of a configuration's settings, in bytes of JSON.
    pub settings_bytes_max: usize,
    /// The metadata of a connected user, in bytes of JSON.
    pub user_meta_bytes_max: usize,
    /// Connect sessions of one project that have not ended.
    pub connect_sessions_max: usize,
    /// Links to the portal's page of one project that can still be used.
    pub portal_links_max: usize,
    /// A logo that is uploaded, in bytes.
    pub logo_bytes_max: usize,
    /// Origins that the portal's page of one project may send users back to.
    pub return_origins_max: usize,
    /// Valid signing keys of one project; each token is checked against the one it names.
    pub signing_keys_max: usize,
    /// Environment secrets of one project.
    pub secrets_max: usize,
    /// The value of an environment secret, in bytes.
    pub secret_bytes_max: usize,
    /// Events on one page of a list.
    pub events_page_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            apply_documents_max: 500,
            workflows_max: 1_000,
            api_keys_max: 50,
            drafts_max: 100,
            users_page_max: 200,
            integrations_max: 500,
            custom_connectors_max: 200,
            credentials_of_user_max: 200,
            configurations_max: 100,
            settings_bytes_max: 256 << 10,
            user_meta_bytes_max: 64 << 10,
            connect_sessions_max: 10_000,
            portal_links_max: 10_000,
            logo_bytes_max: 64 << 10,
            return_origins_max: 20,
            signing_keys_max: 10,
            secrets_max: 1_000,
            secret_bytes_max: 64 << 10,
            events_page_max: 500,
        }
    }
}
