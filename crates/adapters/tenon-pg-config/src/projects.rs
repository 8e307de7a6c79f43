//! Rows of organisations, teams and projects.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_config::ports::{ProjectRows, StoreError};
use tenon_config::{DisplayName, Organisation, OrganisationId, Project, Team, TeamId};
use tenon_contract::plan::QueuePlan;
use tenon_domain::ProjectId;
use uuid::Uuid;

use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

/// A stored name was checked when it was written; one that fails now is a defect.
pub(crate) fn display_name(text: &str) -> Result<DisplayName, StoreError> {
    DisplayName::parse(text).map_err(|error| StoreError::Failed {
        action: "read a stored name",
        source: Box::new(error),
    })
}

struct ProjectRow {
    id: Uuid,
    team_id: Uuid,
    name: String,
    revision: i64,
    created_at: Moment,
}

impl ProjectRow {
    fn project(self) -> Result<Project, StoreError> {
        Ok(Project {
            id: ProjectId::from_uuid(self.id),
            team: TeamId(self.team_id),
            name: display_name(&self.name)?,
            revision: self.revision,
            created_at: self.created_at.0,
        })
    }
}

#[async_trait]
impl ProjectRows for PgUnitOfWork {
    async fn insert_organisation(
        &mut self,
        organisation: &Organisation,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO organisation (id, name, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO NOTHING",
            organisation.id.0,
            organisation.name.as_str(),
            Moment(organisation.created_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add an organisation"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn organisation_by_name(
        &mut self,
        name: &DisplayName,
    ) -> Result<Option<Organisation>, StoreError> {
        let row = sqlx::query!(
            r#"SELECT id, created_at AS "created_at: Moment" FROM organisation WHERE name = $1"#,
            name.as_str(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read an organisation"))?;
        Ok(row.map(|row| Organisation {
            id: OrganisationId(row.id),
            name: name.clone(),
            created_at: row.created_at.0,
        }))
    }

    async fn insert_team(&mut self, team: &Team) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO team (id, organisation_id, name, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (organisation_id, name) DO NOTHING",
            team.id.0,
            team.organisation.0,
            team.name.as_str(),
            Moment(team.created_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a team"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn team_by_name(
        &mut self,
        organisation: OrganisationId,
        name: &DisplayName,
    ) -> Result<Option<Team>, StoreError> {
        let row = sqlx::query!(
            r#"SELECT id, created_at AS "created_at: Moment" FROM team
               WHERE organisation_id = $1 AND name = $2"#,
            organisation.0,
            name.as_str(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a team"))?;
        Ok(row.map(|row| Team {
            id: TeamId(row.id),
            organisation,
            name: name.clone(),
            created_at: row.created_at.0,
        }))
    }

    async fn insert_project(&mut self, project: &Project) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO project (id, team_id, name, revision, created_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (team_id, name) DO NOTHING",
            project.id.uuid(),
            project.team.0,
            project.name.as_str(),
            project.revision,
            Moment(project.created_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a project"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn project_by_name(
        &mut self,
        team: TeamId,
        name: &DisplayName,
    ) -> Result<Option<Project>, StoreError> {
        let row = sqlx::query_as!(
            ProjectRow,
            r#"SELECT id, team_id, name, revision, created_at AS "created_at: Moment"
               FROM project WHERE team_id = $1 AND name = $2"#,
            team.0,
            name.as_str(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a project"))?;
        row.map(ProjectRow::project).transpose()
    }

    async fn project(&mut self, project: ProjectId) -> Result<Option<Project>, StoreError> {
        let row = sqlx::query_as!(
            ProjectRow,
            r#"SELECT id, team_id, name, revision, created_at AS "created_at: Moment"
               FROM project WHERE id = $1"#,
            project.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a project"))?;
        row.map(ProjectRow::project).transpose()
    }

    async fn lock_project(&mut self, project: ProjectId) -> Result<Option<Project>, StoreError> {
        let row = sqlx::query_as!(
            ProjectRow,
            r#"SELECT id, team_id, name, revision, created_at AS "created_at: Moment"
               FROM project WHERE id = $1 FOR NO KEY UPDATE"#,
            project.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("lock a project"))?;
        row.map(ProjectRow::project).transpose()
    }

    async fn bump_revision(&mut self, project: ProjectId) -> Result<i64, StoreError> {
        sqlx::query_scalar!(
            "UPDATE project SET revision = revision + 1 WHERE id = $1 RETURNING revision",
            project.uuid(),
        )
        .fetch_one(self.connection())
        .await
        .map_err(failed("raise a project's revision"))
    }

    async fn mark_published(
        &mut self,
        project: ProjectId,
        revision: i64,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "UPDATE project SET published_revision = GREATEST(published_revision, $2)
             WHERE id = $1",
            project.uuid(),
            revision,
        )
        .execute(self.connection())
        .await
        .map_err(failed("mark a plan as published"))?;
        expect_one("mark a plan as published", done.rows_affected())
    }

    async fn list_projects(
        &mut self,
        after: Option<ProjectId>,
        limit: u32,
    ) -> Result<Vec<Project>, StoreError> {
        let rows = sqlx::query_as!(
            ProjectRow,
            r#"SELECT id, team_id, name, revision, created_at AS "created_at: Moment"
               FROM project WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2"#,
            after.map(|after| after.uuid()),
            i64::from(limit),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the projects"))?;
        rows.into_iter().map(ProjectRow::project).collect()
    }

    async fn project_queue(&mut self, project: ProjectId) -> Result<Option<QueuePlan>, StoreError> {
        let row = sqlx::query!(
            "SELECT weight, running_max, starts_per_second, calls_per_connector_max
             FROM project_queue WHERE project_id = $1",
            project.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read how a queue is served"))?;
        let unsigned = |number: i32| u32::try_from(number).unwrap_or(1);
        Ok(row.map(|row| QueuePlan {
            weight: u16::try_from(row.weight).unwrap_or(1),
            running_max: row.running_max.map(unsigned),
            starts_per_second: row.starts_per_second,
            calls_per_connector_max: row.calls_per_connector_max.map(unsigned),
        }))
    }

    async fn put_project_queue(
        &mut self,
        project: ProjectId,
        queue: &QueuePlan,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let signed = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let done = sqlx::query!(
            "INSERT INTO project_queue (project_id, weight, running_max, starts_per_second,
                                        calls_per_connector_max, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (project_id)
             DO UPDATE SET weight = EXCLUDED.weight, running_max = EXCLUDED.running_max,
                           starts_per_second = EXCLUDED.starts_per_second,
                           calls_per_connector_max = EXCLUDED.calls_per_connector_max,
                           updated_at = EXCLUDED.updated_at",
            project.uuid(),
            i16::try_from(queue.weight).unwrap_or(i16::MAX),
            queue.running_max.map(signed),
            queue.starts_per_second,
            queue.calls_per_connector_max.map(signed),
            Moment(at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("set how a queue is served"))?;
        expect_one("set how a queue is served", done.rows_affected())
    }

    async fn projects(&mut self) -> Result<Vec<ProjectId>, StoreError> {
        let ids = sqlx::query_scalar!("SELECT id FROM project ORDER BY id")
            .fetch_all(self.connection())
            .await
            .map_err(failed("list the projects"))?;
        Ok(ids.into_iter().map(ProjectId::from_uuid).collect())
    }

    async fn unpublished_projects(&mut self) -> Result<Vec<ProjectId>, StoreError> {
        let ids = sqlx::query_scalar!(
            "SELECT id FROM project WHERE published_revision < revision ORDER BY id"
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the unpublished projects"))?;
        Ok(ids.into_iter().map(ProjectId::from_uuid).collect())
    }
}
