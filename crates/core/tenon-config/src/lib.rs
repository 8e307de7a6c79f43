#![doc = include_str!("../README.md")]

pub mod api_keys;
pub mod error;
pub mod limits;
pub mod plans;
pub mod ports;
pub mod projects;
pub mod users;
pub mod workflows;

use std::sync::Arc;

use tenon_domain::{Clock, ProjectId};

pub use api_keys::{ApiKey, ApiKeyText, NewApiKey};
pub use error::Error;
pub use limits::Limits;
pub use plans::{PlanPublisher, PlanReader};
pub use projects::{DevProject, DisplayName, Organisation, OrganisationId, Project, Team, TeamId};
pub use users::{Choice, ConnectedUser};
pub use workflows::{Applied, Draft, Version, WorkflowEntry, WorkflowState};

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
        Self { store, publisher, clock, limits }
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

    /// Reads a project's state as of one moment.
    async fn read(&self, project: ProjectId) -> Result<Box<dyn UnitOfWork>, Error> {
        let mut work = self.store.snapshot(Scope::Project(project)).await?;
        match work.project(project).await? {
            Some(_) => Ok(work),
            None => Err(Error::NoSuchProject(project)),
        }
    }
}
