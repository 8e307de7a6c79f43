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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            apply_documents_max: 500,
            workflows_max: 1_000,
            api_keys_max: 50,
            drafts_max: 100,
            users_page_max: 200,
        }
    }
}
