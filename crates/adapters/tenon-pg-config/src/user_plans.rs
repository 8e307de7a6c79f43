//! Revisions of users' plans.

use async_trait::async_trait;
use tenon_config::ports::{StoreError, UserPlanRows};
use tenon_domain::{EndUserId, ProjectId};

use crate::error::failed;
use crate::unit_of_work::PgUnitOfWork;

#[async_trait]
impl UserPlanRows for PgUnitOfWork {
    async fn bump_user_revision(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<i64, StoreError> {
        sqlx::query_scalar!(
            "INSERT INTO user_revision (project_id, user_id, revision) VALUES ($1, $2, 1)
             ON CONFLICT (project_id, user_id)
             DO UPDATE SET revision = user_revision.revision + 1
             RETURNING revision",
            project.uuid(),
            user.as_str(),
        )
        .fetch_one(self.connection())
        .await
        .map_err(failed("raise the revision of a user's plan"))
    }

    async fn user_revision(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar!(
            "SELECT revision FROM user_revision WHERE project_id = $1 AND user_id = $2",
            project.uuid(),
            user.as_str(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read the revision of a user's plan"))
    }

    async fn mark_users_published(
        &mut self,
        project: ProjectId,
        published: &[(EndUserId, i64)],
    ) -> Result<(), StoreError> {
        let users: Vec<String> =
            published.iter().map(|(user, _)| user.as_str().to_owned()).collect();
        let revisions: Vec<i64> = published.iter().map(|(_, revision)| *revision).collect();
        // Those that are marked already are left alone, so publishing again writes nothing.
        sqlx::query!(
            "UPDATE user_revision AS held SET published_revision = given.revision
             FROM UNNEST($2::text[], $3::bigint[]) AS given (user_id, revision)
             WHERE held.project_id = $1 AND held.user_id = given.user_id
               AND held.published_revision < given.revision",
            project.uuid(),
            &users,
            &revisions,
        )
        .execute(self.connection())
        .await
        .map_err(failed("mark users' plans as published"))?;
        Ok(())
    }

    async fn users_with_plans(
        &mut self,
        project: ProjectId,
        after: Option<&EndUserId>,
        limit: usize,
    ) -> Result<Vec<(EndUserId, i64)>, StoreError> {
        let rows = sqlx::query!(
            "SELECT user_id, revision FROM user_revision
             WHERE project_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
            project.uuid(),
            after.map_or("", EndUserId::as_str),
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the users with accounts"))?;
        Ok(rows.into_iter().map(|row| (EndUserId::new(row.user_id), row.revision)).collect())
    }

    async fn unpublished_users(
        &mut self,
        limit: usize,
    ) -> Result<Vec<(ProjectId, EndUserId)>, StoreError> {
        let rows = sqlx::query!(
            "SELECT project_id, user_id FROM user_revision
             WHERE published_revision < revision ORDER BY project_id, user_id LIMIT $1",
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the unpublished users"))?;
        Ok(rows
            .into_iter()
            .map(|row| (ProjectId::from_uuid(row.project_id), EndUserId::new(row.user_id)))
            .collect())
    }
}
