//! Projects, for who runs the installation.

use async_trait::async_trait;
use tenon_config::{Configuration, DisplayName, Error, NewProject, Project};
use tenon_domain::ProjectId;

/// The projects of the installation. These calls name none, so only its operator may make them.
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
}
