//! What configuration says to execution about installations: configurations of an account that a
//! workflow is on for.

use jiff::Timestamp;
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, ProjectId, WorkflowId};

/// A workflow was switched on for a configuration for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstEnabled {
    /// The project.
    pub project: ProjectId,
    /// Whose account it is.
    pub user: EndUserId,
    /// The account.
    pub credential: CredentialId,
    /// Its configuration.
    pub configuration: ConfigurationId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// When it was switched on.
    pub at: Timestamp,
    /// The user's plan shows the switch from this revision on.
    pub user_revision: i64,
    /// The same for each time that it is handed over, and for nothing else in the project: a run
    /// under this key is started once. At most 512 bytes.
    pub key: String,
}
