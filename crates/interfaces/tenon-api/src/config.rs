//! What the API asks of configuration, as a port: [`tenon_config::Configuration`] is its one real
//! implementation, tests have a small one of their own. Nothing is decided here.

mod connect;
mod portal;
mod projects;
mod secrets;

pub use connect::{AccountPort, BrowserPort, IntegrationPort, LogPort};
pub use portal::PortalPort;
pub use projects::ProjectPort;
pub use secrets::SecretPort;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tenon_config::ports::UserPage;
use tenon_config::workflows::Listed;
use tenon_config::{
    ApiKey, AppliedBatch, Batch, Choice, Configuration, ConnectedUser, DisplayName, Draft, Error,
    InstallationName, NewApiKey, Version, WorkflowEntry,
};
use tenon_domain::workflow::Workflow;
use tenon_domain::{ApiKeyId, EndUserId, ProjectId, VersionId, WorkflowId};

/// Whether an apply takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyMode {
    /// Deploys.
    Commit,
    /// Only tells what it would do. The ids in the answer mean nothing.
    DryRun,
}

/// Configuration, as the API sees it. Every call names the project; nothing of another project is
/// ever seen or changed. `Ok` on a write means that it is committed.
#[async_trait]
pub trait ConfigPort:
    ProjectPort + IntegrationPort + AccountPort + BrowserPort + LogPort + PortalPort + SecretPort
{
    /// Applies checked documents, all or none, and answers in their order. Applying the same
    /// again changes nothing.
    async fn apply(
        &self,
        project: ProjectId,
        batch: &Batch,
        mode: ApplyMode,
    ) -> Result<AppliedBatch, Error>;

    /// Stores a document as a version that is not deployed, for a test run.
    async fn store_draft(&self, project: ProjectId, document: &Workflow) -> Result<Draft, Error>;

    /// The workflows that are not archived, by name.
    async fn workflows(&self, project: ProjectId) -> Result<Vec<WorkflowEntry>, Error>;

    /// One workflow.
    async fn workflow(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<WorkflowEntry, Error>;

    /// The versions of a workflow, newest first.
    async fn versions(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Vec<Version>, Error>;

    /// The document of a version, as JSON text.
    async fn document(&self, project: ProjectId, version: VersionId) -> Result<String, Error>;

    /// Stops new runs of a workflow; runs under way go on. Doing it again changes nothing.
    async fn undeploy(&self, project: ProjectId, workflow: WorkflowId) -> Result<(), Error>;

    /// One page of users, in the order of their ids.
    async fn users(&self, project: ProjectId, page: UserPage) -> Result<Vec<ConnectedUser>, Error>;

    /// One user.
    async fn user(&self, project: ProjectId, user: &EndUserId) -> Result<ConnectedUser, Error>;

    /// Merges metadata of a user, who is made known where it was not.
    async fn set_user_meta(
        &self,
        project: ProjectId,
        user: &EndUserId,
        change: Map<String, Value>,
    ) -> Result<ConnectedUser, Error>;

    /// Adds a user, or changes whether anything runs for the user; `None` leaves that as it is.
    async fn put_user(
        &self,
        project: ProjectId,
        user: &EndUserId,
        is_disabled: Option<bool>,
    ) -> Result<ConnectedUser, Error>;

    /// Switches a workflow on or off for a user, who is made known where it was not; one of an
    /// integration for the default configuration of the user's oldest account.
    async fn choose(&self, project: ProjectId, choice: &Choice) -> Result<(), Error>;

    /// All keys of a project, revoked ones too, oldest first.
    async fn api_keys(&self, project: ProjectId) -> Result<Vec<ApiKey>, Error>;

    /// Makes a key.
    async fn create_api_key(
        &self,
        project: ProjectId,
        name: &DisplayName,
    ) -> Result<NewApiKey, Error>;

    /// Takes a key away.
    async fn revoke_api_key(&self, project: ProjectId, key: ApiKeyId) -> Result<(), Error>;
}

#[async_trait]
impl ConfigPort for Configuration {
    async fn apply(
        &self,
        project: ProjectId,
        batch: &Batch,
        mode: ApplyMode,
    ) -> Result<AppliedBatch, Error> {
        match mode {
            ApplyMode::Commit => self.apply_batch(project, batch).await,
            ApplyMode::DryRun => self.apply_dry(project, batch).await,
        }
    }

    async fn store_draft(&self, project: ProjectId, document: &Workflow) -> Result<Draft, Error> {
        self.store_draft(project, document).await
    }

    async fn workflows(&self, project: ProjectId) -> Result<Vec<WorkflowEntry>, Error> {
        self.workflows(project, Listed::Current).await
    }

    async fn workflow(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<WorkflowEntry, Error> {
        self.workflow(project, workflow).await
    }

    async fn versions(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Vec<Version>, Error> {
        self.versions(project, workflow).await
    }

    async fn document(&self, project: ProjectId, version: VersionId) -> Result<String, Error> {
        self.document(project, version).await
    }

    async fn undeploy(&self, project: ProjectId, workflow: WorkflowId) -> Result<(), Error> {
        self.undeploy(project, workflow).await.map(|_entry| ())
    }

    async fn users(&self, project: ProjectId, page: UserPage) -> Result<Vec<ConnectedUser>, Error> {
        self.users(project, page).await
    }

    async fn user(&self, project: ProjectId, user: &EndUserId) -> Result<ConnectedUser, Error> {
        self.user(project, user).await
    }

    async fn set_user_meta(
        &self,
        project: ProjectId,
        user: &EndUserId,
        change: Map<String, Value>,
    ) -> Result<ConnectedUser, Error> {
        self.set_user_meta(project, user, change).await
    }

    async fn put_user(
        &self,
        project: ProjectId,
        user: &EndUserId,
        is_disabled: Option<bool>,
    ) -> Result<ConnectedUser, Error> {
        let known = self.ensure_user(project, user).await?;
        match (known.disabled_at.is_some(), is_disabled) {
            (false, Some(true)) => self.disable_user(project, user).await,
            (true, Some(false)) => self.enable_user(project, user).await,
            _ => Ok(known),
        }
    }

    async fn choose(&self, project: ProjectId, choice: &Choice) -> Result<(), Error> {
        self.ensure_user(project, &choice.user).await?;
        // A workflow of an integration is switched for the user's oldest account.
        let (user, workflow, place) = (&choice.user, choice.workflow, InstallationName::default());
        match choice.is_enabled {
            true => self.enable_workflow(project, user, workflow, &place).await,
            false => self.disable_workflow(project, user, workflow, &place).await,
        }
    }

    async fn api_keys(&self, project: ProjectId) -> Result<Vec<ApiKey>, Error> {
        self.api_keys(project).await
    }

    async fn create_api_key(
        &self,
        project: ProjectId,
        name: &DisplayName,
    ) -> Result<NewApiKey, Error> {
        self.create_api_key(project, name).await
    }

    async fn revoke_api_key(&self, project: ProjectId, key: ApiKeyId) -> Result<(), Error> {
        self.revoke_api_key(project, key).await
    }
}
