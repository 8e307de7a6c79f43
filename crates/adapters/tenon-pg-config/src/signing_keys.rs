//! Rows of signing keys.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_config::SigningKey;
use tenon_config::ports::{SigningKeyRows, StoreError};
use tenon_domain::ProjectId;

use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

#[async_trait]
impl SigningKeyRows for PgUnitOfWork {
    async fn insert_signing_key(
        &mut self,
        project: ProjectId,
        key: &SigningKey,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "INSERT INTO signing_key (project_id, id, public_pem, created_at)
             VALUES ($1, $2, $3, $4)",
            project.uuid(),
            key.id,
            key.public_pem,
            Moment(key.created_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a signing key"))?;
        expect_one("add a signing key", done.rows_affected())
    }

    async fn signing_keys(&mut self, project: ProjectId) -> Result<Vec<SigningKey>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id, public_pem, created_at AS "created_at: Moment",
                      revoked_at AS "revoked_at: Moment"
               FROM signing_key WHERE project_id = $1 ORDER BY created_at, id"#,
            project.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the signing keys"))?;
        Ok(rows
            .into_iter()
            .map(|row| SigningKey {
                id: row.id,
                public_pem: row.public_pem,
                created_at: row.created_at.0,
                revoked_at: row.revoked_at.map(|moment| moment.0),
            })
            .collect())
    }

    async fn revoke_signing_key(
        &mut self,
        project: ProjectId,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "UPDATE signing_key SET revoked_at = $3
             WHERE project_id = $1 AND id = $2 AND revoked_at IS NULL",
            project.uuid(),
            id,
            Moment(now) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("revoke a signing key"))?;
        Ok(done.rows_affected() == 1)
    }
}
