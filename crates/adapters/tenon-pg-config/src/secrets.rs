//! Rows of environment secrets.

use async_trait::async_trait;
use tenon_config::ProjectSecret;
use tenon_config::ports::{SecretRows, StoreError};
use tenon_domain::secrets::InvalidSecretKey;
use tenon_domain::{ProjectId, SecretId};

use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

#[async_trait]
impl SecretRows for PgUnitOfWork {
    async fn insert_secret(
        &mut self,
        project: ProjectId,
        secret: &ProjectSecret,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "INSERT INTO project_secret (project_id, id, key, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5)",
            project.uuid(),
            secret.id.uuid(),
            secret.key.as_str(),
            Moment(secret.created_at) as _,
            Moment(secret.updated_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a secret"))?;
        expect_one("add a secret", done.rows_affected())
    }

    async fn secrets(&mut self, project: ProjectId) -> Result<Vec<ProjectSecret>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id, key, created_at AS "created_at: Moment",
                      updated_at AS "updated_at: Moment"
               FROM project_secret WHERE project_id = $1 ORDER BY key"#,
            project.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the secrets"))?;
        rows.into_iter()
            .map(|row| {
                Ok(ProjectSecret {
                    id: SecretId::from_uuid(row.id),
                    key: row.key.parse().map_err(|error: InvalidSecretKey| StoreError::Failed {
                        action: "read a secret's key",
                        source: Box::new(error),
                    })?,
                    created_at: row.created_at.0,
                    updated_at: row.updated_at.0,
                })
            })
            .collect()
    }

    async fn update_secret(
        &mut self,
        project: ProjectId,
        secret: &ProjectSecret,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "UPDATE project_secret SET updated_at = $3 WHERE project_id = $1 AND id = $2",
            project.uuid(),
            secret.id.uuid(),
            Moment(secret.updated_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("update a secret"))?;
        expect_one("update a secret", done.rows_affected())
    }

    async fn delete_secret(
        &mut self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM project_secret WHERE project_id = $1 AND id = $2",
            project.uuid(),
            secret.uuid(),
        )
        .execute(self.connection())
        .await
        .map_err(failed("delete a secret"))?;
        Ok(done.rows_affected() == 1)
    }
}
