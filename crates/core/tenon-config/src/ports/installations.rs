//! Rows of installations: what was switched on before, what waits for execution, and the revisions
//! of who a workflow runs for where nobody names a user.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tenon_contract::plan::InstallationRef;
use tenon_domain::{
    ConfigurationId, CredentialId, EndUserId, IntegrationId, ProjectId, WorkflowId,
};

use super::StoreError;
use crate::configurations::AccountSettings;
use crate::installations::Revisions;

/// Something for execution to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignal {
    /// Whose account it is.
    pub user: EndUserId,
    /// The account.
    pub credential: CredentialId,
    /// What happened.
    pub what: Signalled,
    /// When.
    pub at: Timestamp,
}

/// What happened to an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalled {
    /// A workflow that starts when it is switched on was, for the first time.
    FirstEnabled {
        /// The configuration.
        configuration: ConfigurationId,
        /// The workflow.
        workflow: WorkflowId,
    },
    /// A workflow was switched off.
    WorkflowOff {
        /// The configuration.
        configuration: ConfigurationId,
        /// The workflow.
        workflow: WorkflowId,
    },
    /// A configuration was removed.
    ConfigurationEnded {
        /// The configuration.
        configuration: ConfigurationId,
    },
    /// The account was unlinked, or its user disabled.
    AccountEnded,
}

/// A signal that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Grows with each signal of the installation.
    pub sequence: i64,
    /// Whose.
    pub project: ProjectId,
    /// The user's plan shows what happened from this revision on.
    pub user_revision: i64,
    /// What it says.
    pub signal: NewSignal,
}

/// A configuration that a workflow is on for, with what decides whether its user may use it.
#[derive(Debug, Clone, PartialEq)]
pub struct InstalledRow {
    /// The installation.
    pub installation: InstallationRef,
    /// The user's metadata.
    pub meta: Map<String, Value>,
    /// Those fields of the account that were asked for.
    pub fields: Map<String, Value>,
}

/// Installations.
#[async_trait]
pub trait InstallationRows: Send {
    /// Notes that a workflow was switched on for a configuration; `true` the first time.
    async fn mark_started(
        &mut self,
        project: ProjectId,
        configuration: ConfigurationId,
        workflow: WorkflowId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Keeps a signal. Its revision is the one that the user's plan has after the next
    /// [`super::UserPlanRows::bump_user_revision`], which is in the same unit of work.
    async fn append_signal(
        &mut self,
        project: ProjectId,
        signal: &NewSignal,
    ) -> Result<(), StoreError>;

    /// Signals in scope behind `after`, in order; at most `limit`.
    async fn signals(&mut self, after: i64, limit: usize) -> Result<Vec<Signal>, StoreError>;

    /// Forgets a signal; one that is gone is no failure.
    async fn delete_signal(&mut self, project: ProjectId, sequence: i64) -> Result<(), StoreError>;

    /// The configurations of these users' accounts, by account, oldest first.
    async fn configurations_of_users(
        &mut self,
        project: ProjectId,
        users: &[EndUserId],
    ) -> Result<Vec<AccountSettings>, StoreError>;

    /// Raises the revision of who these workflows run for.
    async fn bump_installations(
        &mut self,
        project: ProjectId,
        workflows: &[WorkflowId],
    ) -> Result<(), StoreError>;

    /// The revision of who a workflow runs for.
    async fn installations_revision(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<i64>, StoreError>;

    /// The configurations of an integration's accounts that a workflow is on for, of users who are
    /// not disabled, by user; at most `limit`. With the named fields of the accounts.
    async fn installed(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
        workflow: WorkflowId,
        fields: &[String],
        limit: usize,
    ) -> Result<Vec<InstalledRow>, StoreError>;

    /// Notes that who a workflow runs for was published at a revision; an older one changes
    /// nothing.
    async fn mark_installations_published(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
        revision: i64,
    ) -> Result<(), StoreError>;

    /// Workflows in scope of which that was not published; at most `limit`.
    async fn unpublished_installations(
        &mut self,
        limit: usize,
    ) -> Result<Vec<(ProjectId, WorkflowId)>, StoreError>;

    /// How often a project and a user in it changed; `None` without the project.
    async fn revisions(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Revisions>, StoreError>;

    /// Raises the revisions of the plans of all users with an account of these integrations.
    async fn bump_users_of_integrations(
        &mut self,
        project: ProjectId,
        integrations: &[IntegrationId],
    ) -> Result<u64, StoreError>;
}
