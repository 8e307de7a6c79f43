//! Projects, for who runs the installation, and how their queues are served.

use async_trait::async_trait;
use tenon_config::{Configuration, DisplayName, Error, NewProject, Project};
use tenon_contract::plan::QueuePlan;
use tenon_domain::ProjectId;

/// The projects of the installation. Only its operator may list and make them, and set how their
/// queues are served.
#[async_trait]
pub trait ProjectPort: Send + Sync + 'static {
    /// Projects behind an id, in the order of ids.
    async fn list_projects(
        &self,
        after: Option<ProjectId>,
        limit: usize,
    ) -> Result<Vec<Project>, Error>;

    /// Makes a project and its first key.
    async fn create_project(&self, name: &DisplayName) -> Result<NewProject, Error>;

    /// How the queue of a project is served.
    async fn project_queue(&self, project: ProjectId) -> Result<QueuePlan, Error>;

    /// Sets it as a whole.
    async fn set_project_queue(
        &self,
        project: ProjectId,
        queue: &QueuePlan,
    ) -> Result<QueuePlan, Error>;
}

#[async_trait]
impl ProjectPort for Configuration {
    async fn list_projects(
        &self,
        after: Option<ProjectId>,
        limit: usize,
    ) -> Result<Vec<Project>, Error> {
        self.list_projects(after, u32::try_from(limit).unwrap_or(u32::MAX)).await
    }

    async fn create_project(&self, name: &DisplayName) -> Result<NewProject, Error> {
        self.create_project(name).await
    }

    async fn project_queue(&self, project: ProjectId) -> Result<QueuePlan, Error> {
        self.project_queue(project).await
    }

    async fn set_project_queue(
        &self,
        project: ProjectId,
        queue: &QueuePlan,
    ) -> Result<QueuePlan, Error> {
        self.set_project_queue(project, queue).await
    }
}
