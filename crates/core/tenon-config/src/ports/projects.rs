//! Rows of organisations, teams and projects.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_contract::plan::QueuePlan;
use tenon_domain::ProjectId;

use super::StoreError;
use crate::projects::{DisplayName, Organisation, OrganisationId, Project, Team, TeamId};

/// Organisations, teams and projects. Inserting returns `false` where the name is taken; teams
/// and organisations are seen by [`super::Scope::System`] only.
#[async_trait]
pub trait ProjectRows: Send {
    /// Adds an organisation; names are unique in the installation.
    async fn insert_organisation(
        &mut self,
        organisation: &Organisation,
    ) -> Result<bool, StoreError>;

    /// The organisation of this name.
    async fn organisation_by_name(
        &mut self,
        name: &DisplayName,
    ) -> Result<Option<Organisation>, StoreError>;

    /// Adds a team; names are unique in the organisation.
    async fn insert_team(&mut self, team: &Team) -> Result<bool, StoreError>;

    /// The team of this name.
    async fn team_by_name(
        &mut self,
        organisation: OrganisationId,
        name: &DisplayName,
    ) -> Result<Option<Team>, StoreError>;

    /// Adds a project; names are unique in the team.
    async fn insert_project(&mut self, project: &Project) -> Result<bool, StoreError>;

    /// The project of this name.
    async fn project_by_name(
        &mut self,
        team: TeamId,
        name: &DisplayName,
    ) -> Result<Option<Project>, StoreError>;

    /// The project.
    async fn project(&mut self, project: ProjectId) -> Result<Option<Project>, StoreError>;

    /// The project, and no other unit of work may lock it until this one ends.
    async fn lock_project(&mut self, project: ProjectId) -> Result<Option<Project>, StoreError>;

    /// Raises the revision of the project's plan by one and returns it.
    async fn bump_revision(&mut self, project: ProjectId) -> Result<i64, StoreError>;

    /// Notes that the plan of this revision was published; an older one changes nothing.
    async fn mark_published(&mut self, project: ProjectId, revision: i64)
    -> Result<(), StoreError>;

    /// The projects in scope behind this id, in the order of their ids; at most `limit`.
    async fn list_projects(
        &mut self,
        after: Option<ProjectId>,
        limit: u32,
    ) -> Result<Vec<Project>, StoreError>;

    /// How the queue of a project is served; `None` where nothing was set.
    async fn project_queue(&mut self, project: ProjectId) -> Result<Option<QueuePlan>, StoreError>;

    /// Sets how the queue of a project is served.
    async fn put_project_queue(
        &mut self,
        project: ProjectId,
        queue: &QueuePlan,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The ids of all projects in scope.
    async fn projects(&mut self) -> Result<Vec<ProjectId>, StoreError>;

    /// The projects in scope whose latest plan was not published.
    async fn unpublished_projects(&mut self) -> Result<Vec<ProjectId>, StoreError>;
}
