#![doc = include_str!("../README.md")]

pub mod api_keys;
pub mod branding;
pub mod configurations;
pub mod connectors;
pub mod credentials;
pub mod error;
pub mod events;
mod heads;
pub mod installations;
pub mod integrations;
pub mod limits;
pub mod linking;
pub mod plans;
pub mod portal;
pub mod portal_links;
pub mod ports;
pub mod project_queue;
mod projects;
pub mod secrets;
pub mod signing_keys;
pub mod users;
pub mod webhooks;
pub mod workflows;

use std::sync::Arc;

use tenon_domain::{Clock, ProjectId};

pub use api_keys::{ApiKey, ApiKeyText, InstallationKey, NewApiKey};
pub use branding::{DesignChange, Logo, LogoFile, LogoType, NewLogo, PortalDesign};
pub use configurations::{AccountSettings, SettingsChange, SettingsName};
pub use connectors::{CustomConnector, ListedConnector, Slug};
pub use credentials::{Credential, CredentialState, CredentialStatus, Probed, setup_fields};
pub use error::{ConnectFault, Error, FieldFault};
pub use events::{Event, EventType, NewEvent};
pub use installations::{
    AccountName, AccountView, InstallationFault, InstallationName, Revisions, SettingProblem,
    SettingsWrite, UserAccounts, WorkflowSettings, WorkflowWrite,
};
pub use integrations::{AppChange, Integration};
pub use limits::Limits;
pub use linking::{
    Callback, ConnectEnd, ConnectOptions, ConnectOutcome, ConnectSession, FieldLink, LinkProof,
    LinkSettings, LinkingParts, NewConnect, OpenedConnect, SessionLink, StartedConnect,
};
pub use plans::{PlanPublisher, PlanReader};
pub use portal::{PortalIntegration, PortalWorkflow, ProjectPortal};
pub use portal_links::{
    NewPortalLink, OpenedPortalLink, PortalLinkFault, PortalSession, PortalUser,
};
pub use projects::{
    DevProject, DisplayName, NewProject, Organisation, OrganisationId, Project, Team, TeamId,
};
pub use secrets::ProjectSecret;
pub use signing_keys::{NewSigningKey, SigningKey};
pub use users::{Choice, ConnectedUser};
pub use webhooks::{AccountWebhook, WebhookEndpoint, WebhookScope};
pub use workflows::{
    Applied, AppliedBatch, AppliedIntegration, Batch, Draft, Version, WorkflowEntry, WorkflowState,
};

use portal::Portals;
use ports::triggering::Triggering;
use ports::{Scope, Store, UnitOfWork};

/// The use cases of the configuration plane, one `impl` block in the file of each noun.
///
/// Each change is one unit of work: all of it is committed or nothing. After the commit the
/// project's plan is published; should that fail, the change stands and
/// [`PlanPublisher::repair`] publishes it later.
#[derive(Clone)]
pub struct Configuration {
    store: Arc<dyn Store>,
    publisher: PlanPublisher,
    clock: Arc<dyn Clock>,
    limits: Limits,
    linking: Option<Arc<LinkingParts>>,
    triggering: Option<Arc<dyn Triggering>>,
}

impl Configuration {
    /// Use cases on a store, publishing through `publisher`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        publisher: PlanPublisher,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        Self { store, publisher, clock, limits, linking: None, triggering: None }
    }

    /// The same with what linking accounts needs. Without it, whatever needs the vault or the
    /// connectors is refused with [`Error::NoVault`].
    #[must_use]
    pub fn with_linking(mut self, parts: LinkingParts) -> Self {
        self.linking = Some(Arc::new(parts));
        self
    }

    /// The same with execution to hand the signals of installations to. Without it they wait.
    #[must_use]
    pub fn with_triggering(mut self, triggering: Arc<dyn Triggering>) -> Self {
        self.triggering = Some(triggering);
        self
    }

    pub(crate) fn portals(&self) -> &Portals {
        self.publisher.portals()
    }

    /// Begins a change of a project: no other change of the same project runs beside it.
    async fn begin_change(&self, project: ProjectId) -> Result<Box<dyn UnitOfWork>, Error> {
        let mut work = self.store.begin(Scope::Project(project)).await?;
        match work.lock_project(project).await? {
            Some(_) => Ok(work),
            None => Err(Error::NoSuchProject(project)),
        }
    }

    /// Commits a change that the project's plan shows, and publishes the plan.
    async fn commit_and_publish(
        &self,
        mut work: Box<dyn UnitOfWork>,
        project: ProjectId,
        versions: &[tenon_domain::VersionId],
    ) -> Result<(), Error> {
        work.bump_revision(project).await?;
        work.commit().await?;
        self.publisher.publish_change(project, versions).await;
        Ok(())
    }

    /// The same for a change that plans of users show, too: of all who have an account of these
    /// integrations.
    async fn commit_and_publish_users(
        &self,
        mut work: Box<dyn UnitOfWork>,
        project: ProjectId,
        versions: &[tenon_domain::VersionId],
        integrations: &[tenon_domain::IntegrationId],
    ) -> Result<(), Error> {
        if !integrations.is_empty() {
            work.bump_users_of_integrations(project, integrations).await?;
        }
        self.commit_and_publish(work, project, versions).await?;
        if !integrations.is_empty() {
            self.publisher.publish_users_of(project).await;
        }
        Ok(())
    }

    /// Reads a project's state as of one moment.
    async fn read(&self, project: ProjectId) -> Result<Box<dyn UnitOfWork>, Error> {
        let mut work = self.store.snapshot(Scope::Project(project)).await?;
        match work.project(project).await? {
            Some(_) => Ok(work),
            None => Err(Error::NoSuchProject(project)),
        }
    }
}
