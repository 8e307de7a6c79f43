//! Rows of connected users and their choices.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use tenon_config::ports::{StoreError, UserPage, UserRows};
use tenon_config::{Choice, ConnectedUser};
use tenon_domain::{EndUserId, ProjectId, WorkflowId};

use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

type Object = serde_json::Map<String, Value>;

struct UserRow {
    id: String,
    created_at: Moment,
    disabled_at: Option<Moment>,
    meta: Json<Object>,
}

impl From<UserRow> for ConnectedUser {
    fn from(row: UserRow) -> Self {
        Self {
            id: EndUserId::new(row.id),
            created_at: row.created_at.0,
            disabled_at: row.disabled_at.map(|moment| moment.0),
            meta: row.meta.0,
        }
    }
}

#[async_trait]
impl UserRows for PgUnitOfWork {
    async fn insert_user(
        &mut self,
        project: ProjectId,
        user: &ConnectedUser,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO connected_user (project_id, id, created_at, disabled_at, meta)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (project_id, id) DO NOTHING",
            project.uuid(),
            user.id.as_str(),
            Moment(user.created_at) as _,
            user.disabled_at.map(Moment) as _,
            Json(&user.meta) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a connected user"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn user(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<ConnectedUser>, StoreError> {
        let row = sqlx::query_as!(
            UserRow,
            r#"SELECT id, created_at AS "created_at: Moment", disabled_at AS "disabled_at: Moment",
                      meta AS "meta: _"
               FROM connected_user WHERE project_id = $1 AND id = $2"#,
            project.uuid(),
            user.as_str(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a connected user"))?;
        Ok(row.map(ConnectedUser::from))
    }

    async fn users(
        &mut self,
        project: ProjectId,
        page: &UserPage,
    ) -> Result<Vec<ConnectedUser>, StoreError> {
        // No id is empty, so every id is behind the empty text.
        let after = page.after.as_ref().map_or("", EndUserId::as_str);
        let rows = sqlx::query_as!(
            UserRow,
            r#"SELECT id, created_at AS "created_at: Moment", disabled_at AS "disabled_at: Moment",
                      meta AS "meta: _"
               FROM connected_user WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
            project.uuid(),
            after,
            i64::try_from(page.limit).unwrap_or(i64::MAX),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the connected users"))?;
        Ok(rows.into_iter().map(ConnectedUser::from).collect())
    }

    async fn set_user_disabled(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
        disabled_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "UPDATE connected_user SET disabled_at = $3 WHERE project_id = $1 AND id = $2",
            project.uuid(),
            user.as_str(),
            disabled_at.map(Moment) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("disable or enable a user"))?;
        expect_one("disable or enable a user", done.rows_affected())
    }

    async fn set_user_meta(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
        meta: &Object,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "UPDATE connected_user SET meta = $3 WHERE project_id = $1 AND id = $2",
            project.uuid(),
            user.as_str(),
            Json(meta) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("store a user's metadata"))?;
        expect_one("store a user's metadata", done.rows_affected())
    }

    async fn metas(
        &mut self,
        project: ProjectId,
        users: &[EndUserId],
    ) -> Result<Vec<(EndUserId, Object)>, StoreError> {
        let ids: Vec<String> = users.iter().map(|user| user.as_str().to_owned()).collect();
        let rows = sqlx::query!(
            r#"SELECT id, meta AS "meta: Json<Object>" FROM connected_user
               WHERE project_id = $1 AND id = ANY($2::text[]) AND meta <> '{}'"#,
            project.uuid(),
            &ids,
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("read users' metadata"))?;
        Ok(rows.into_iter().map(|row| (EndUserId::new(row.id), row.meta.0)).collect())
    }

    async fn disabled_users(&mut self, project: ProjectId) -> Result<Vec<EndUserId>, StoreError> {
        let ids = sqlx::query_scalar!(
            "SELECT id FROM connected_user
             WHERE project_id = $1 AND disabled_at IS NOT NULL ORDER BY id",
            project.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the disabled users"))?;
        Ok(ids.into_iter().map(EndUserId::new).collect())
    }

    async fn put_choice(
        &mut self,
        project: ProjectId,
        choice: &Choice,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO workflow_choice (project_id, user_id, workflow_id, is_enabled)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (project_id, user_id, workflow_id)
             DO UPDATE SET is_enabled = EXCLUDED.is_enabled
             WHERE workflow_choice.is_enabled <> EXCLUDED.is_enabled",
            project.uuid(),
            choice.user.as_str(),
            choice.workflow.uuid(),
            choice.is_enabled,
        )
        .execute(self.connection())
        .await
        .map_err(failed("store a choice"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn choices(
        &mut self,
        project: ProjectId,
        user: Option<&EndUserId>,
    ) -> Result<Vec<Choice>, StoreError> {
        let rows = sqlx::query!(
            "SELECT user_id, workflow_id, is_enabled FROM workflow_choice
             WHERE project_id = $1 AND ($2::text IS NULL OR user_id = $2)
             ORDER BY user_id, workflow_id",
            project.uuid(),
            user.map(EndUserId::as_str),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("read the choices"))?;
        Ok(rows
            .into_iter()
            .map(|row| Choice {
                user: EndUserId::new(row.user_id),
                workflow: WorkflowId::from_uuid(row.workflow_id),
                is_enabled: row.is_enabled,
            })
            .collect())
    }
}
