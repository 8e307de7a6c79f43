//! Rows of API keys.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_config::ApiKey;
use tenon_config::ports::{ApiKeyRow, ApiKeyRows, StoreError};
use tenon_contract::plan::ApiKeyDigest;
use tenon_domain::{ApiKeyId, ProjectId};

use crate::error::{expect_one, failed};
use crate::projects::display_name;
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

/// The column is checked to have 32 bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|error| StoreError::Failed {
        action: "read a stored digest",
        source: Box::new(error),
    })
}

#[async_trait]
impl ApiKeyRows for PgUnitOfWork {
    async fn insert_api_key(
        &mut self,
        project: ProjectId,
        row: &ApiKeyRow,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "INSERT INTO api_key (project_id, id, name, hint, sha256, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            project.uuid(),
            row.key.id.uuid(),
            row.key.name.as_str(),
            row.key.hint,
            &row.digest.sha256[..],
            Moment(row.key.created_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add an API key"))?;
        expect_one("add an API key", done.rows_affected())
    }

    async fn api_keys(&mut self, project: ProjectId) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id, name, hint, created_at AS "created_at: Moment",
                      revoked_at AS "revoked_at: Moment"
               FROM api_key WHERE project_id = $1 ORDER BY created_at, id"#,
            project.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the API keys"))?;
        rows.into_iter()
            .map(|row| {
                Ok(ApiKey {
                    id: ApiKeyId::from_uuid(row.id),
                    name: display_name(&row.name)?,
                    hint: row.hint,
                    created_at: row.created_at.0,
                    revoked_at: row.revoked_at.map(|moment| moment.0),
                })
            })
            .collect()
    }

    async fn valid_api_key_digests(
        &mut self,
        project: ProjectId,
    ) -> Result<Vec<ApiKeyDigest>, StoreError> {
        let rows = sqlx::query!(
            "SELECT id, sha256 FROM api_key
             WHERE project_id = $1 AND revoked_at IS NULL ORDER BY created_at, id",
            project.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("read the digests of API keys"))?;
        rows.into_iter()
            .map(|row| {
                let id = ApiKeyId::from_uuid(row.id);
                Ok(ApiKeyDigest { id, sha256: sha256(&row.sha256)? })
            })
            .collect()
    }

    async fn revoke_api_key(
        &mut self,
        project: ProjectId,
        key: ApiKeyId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "UPDATE api_key SET revoked_at = $3
             WHERE project_id = $1 AND id = $2 AND revoked_at IS NULL",
            project.uuid(),
            key.uuid(),
            Moment(now) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("revoke an API key"))?;
        Ok(done.rows_affected() == 1)
    }
}
