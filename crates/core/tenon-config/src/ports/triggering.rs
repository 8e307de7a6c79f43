//! What installations ask of execution.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_contract::installation::FirstEnabled;
use tenon_domain::{ConfigurationId, CredentialId, ProjectId, WorkflowId};

/// What ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedInstallation {
    /// A workflow for one configuration.
    Workflow {
        /// The configuration.
        configuration: ConfigurationId,
        /// The workflow.
        workflow: WorkflowId,
    },
    /// Everything of a configuration.
    Configuration {
        /// The configuration.
        configuration: ConfigurationId,
    },
    /// Everything of an account.
    Account {
        /// The account.
        credential: CredentialId,
    },
}

/// Execution did not take it, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum TriggeringError {
    /// Come again.
    #[error("execution cannot take it now")]
    Unavailable {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It means nothing any more, such as a run of a workflow that is not deployed.
    #[error("execution has no use for it: {reason}")]
    Refused {
        /// Why, for people.
        reason: String,
    },
}

/// Takes what installations ask of execution. Each call may come again with the same content, and
/// then changes nothing.
#[async_trait]
pub trait Triggering: Send + Sync + 'static {
    /// Starts the run of trigger `integration_enabled`. `Ok` means that it is durable. Until the
    /// user's plan of [`FirstEnabled::user_revision`] is there, it is
    /// [`TriggeringError::Unavailable`].
    async fn integration_enabled(&self, fired: &FirstEnabled) -> Result<(), TriggeringError>;

    /// Cancels the open runs of what ended that were accepted up to `until`.
    async fn cancel_runs(
        &self,
        project: ProjectId,
        ended: &EndedInstallation,
        until: Timestamp,
    ) -> Result<(), TriggeringError>;
}
