//! Rows of credentials.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use tenon_config::ports::{CredentialRows, StoreError};
use tenon_config::{Credential, CredentialState, CredentialStatus};
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId, SecretId};
use uuid::Uuid;

use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

type Object = serde_json::Map<String, Value>;

struct CredentialRow {
    id: Uuid,
    integration_id: Uuid,
    user_id: String,
    external_id: Option<String>,
    auth_method: String,
    secret_id: Uuid,
    provider_id: Option<String>,
    provider_name: Option<String>,
    fields: Json<Object>,
    scopes: Option<String>,
    status: String,
    status_code: Option<String>,
    status_reason: Option<String>,
    status_at: Moment,
    created_at: Moment,
    updated_at: Moment,
}

impl CredentialRow {
    fn credential(self) -> Result<Credential, StoreError> {
        let state = CredentialState::of_name(&self.status);
        Ok(Credential {
            id: CredentialId::from_uuid(self.id),
            integration: IntegrationId::from_uuid(self.integration_id),
            user: EndUserId::new(self.user_id),
            external_id: self.external_id,
            auth_method: self.auth_method,
            secret: SecretId::from_uuid(self.secret_id),
            provider_id: self.provider_id,
            provider_name: self.provider_name,
            fields: self.fields.0,
            scopes: self.scopes,
            status: CredentialStatus {
                state: state.ok_or_else(|| StoreError::Failed {
                    action: "read a stored credential",
                    source: format!("`{}` is no state", self.status).into(),
                })?,
                code: self.status_code,
                reason: self.status_reason,
                at: self.status_at.0,
            },
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

fn credentials(rows: Vec<CredentialRow>) -> Result<Vec<Credential>, StoreError> {
    rows.into_iter().map(CredentialRow::credential).collect()
}

#[async_trait]
impl CredentialRows for PgUnitOfWork {
    async fn insert_credential(
        &mut self,
        project: ProjectId,
        credential: &Credential,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO credential
                 (project_id, id, integration_id, user_id, external_id, auth_method, secret_id,
                  provider_id, provider_name, fields, scopes, status, status_code, status_reason,
                  status_at, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
             ON CONFLICT (project_id, integration_id, user_id, external_id)
                 WHERE external_id IS NOT NULL AND deleted_at IS NULL DO NOTHING",
            project.uuid(),
            credential.id.uuid(),
            credential.integration.uuid(),
            credential.user.as_str(),
            credential.external_id,
            credential.auth_method,
            credential.secret.uuid(),
            credential.provider_id,
            credential.provider_name,
            Json(&credential.fields) as _,
            credential.scopes,
            credential.status.state.name(),
            credential.status.code,
            credential.status.reason,
            Moment(credential.status.at) as _,
            Moment(credential.created_at) as _,
            Moment(credential.updated_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a credential"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn credential(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Option<Credential>, StoreError> {
        let row = sqlx::query_as!(
            CredentialRow,
            r#"SELECT id, integration_id, user_id, external_id, auth_method, secret_id, provider_id,
                      provider_name, fields AS "fields: Json<Object>", scopes, status, status_code,
                      status_reason, status_at AS "status_at: Moment",
                      created_at AS "created_at: Moment", updated_at AS "updated_at: Moment"
               FROM credential WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL"#,
            project.uuid(),
            credential.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a credential"))?;
        row.map(CredentialRow::credential).transpose()
    }

    async fn credentials_of_user(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
        limit: usize,
    ) -> Result<Vec<Credential>, StoreError> {
        let rows = sqlx::query_as!(
            CredentialRow,
            r#"SELECT id, integration_id, user_id, external_id, auth_method, secret_id, provider_id,
                      provider_name, fields AS "fields: Json<Object>", scopes, status, status_code,
                      status_reason, status_at AS "status_at: Moment",
                      created_at AS "created_at: Moment", updated_at AS "updated_at: Moment"
               FROM credential WHERE project_id = $1 AND user_id = $2 AND deleted_at IS NULL
               ORDER BY created_at, id LIMIT $3"#,
            project.uuid(),
            user.as_str(),
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list a user's credentials"))?;
        credentials(rows)
    }

    async fn credentials_of_users(
        &mut self,
        project: ProjectId,
        users: &[EndUserId],
    ) -> Result<Vec<Credential>, StoreError> {
        let users: Vec<String> = users.iter().map(|user| user.as_str().to_owned()).collect();
        let rows = sqlx::query_as!(
            CredentialRow,
            r#"SELECT id, integration_id, user_id, external_id, auth_method, secret_id, provider_id,
                      provider_name, fields AS "fields: Json<Object>", scopes, status, status_code,
                      status_reason, status_at AS "status_at: Moment",
                      created_at AS "created_at: Moment", updated_at AS "updated_at: Moment"
               FROM credential
               WHERE project_id = $1 AND user_id = ANY ($2) AND deleted_at IS NULL
               ORDER BY created_at, id"#,
            project.uuid(),
            &users,
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list users' credentials"))?;
        credentials(rows)
    }

    async fn credential_of_secret(
        &mut self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<Credential>, StoreError> {
        let row = sqlx::query_as!(
            CredentialRow,
            r#"SELECT id, integration_id, user_id, external_id, auth_method, secret_id, provider_id,
                      provider_name, fields AS "fields: Json<Object>", scopes, status, status_code,
                      status_reason, status_at AS "status_at: Moment",
                      created_at AS "created_at: Moment", updated_at AS "updated_at: Moment"
               FROM credential WHERE project_id = $1 AND secret_id = $2 AND deleted_at IS NULL"#,
            project.uuid(),
            secret.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("find the credential of a secret"))?;
        row.map(CredentialRow::credential).transpose()
    }

    async fn update_credential(
        &mut self,
        project: ProjectId,
        credential: &Credential,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "UPDATE credential
             SET auth_method = $3, provider_id = $4, provider_name = $5, fields = $6, scopes = $7,
                 status = $8, status_code = $9, status_reason = $10, status_at = $11,
                 updated_at = $12
             WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL",
            project.uuid(),
            credential.id.uuid(),
            credential.auth_method,
            credential.provider_id,
            credential.provider_name,
            Json(&credential.fields) as _,
            credential.scopes,
            credential.status.state.name(),
            credential.status.code,
            credential.status.reason,
            Moment(credential.status.at) as _,
            Moment(credential.updated_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("change a credential"))?;
        expect_one("change a credential", done.rows_affected())
    }

    async fn merge_credential_fields(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
        fields: &Object,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "UPDATE credential
             SET fields = fields || $3, updated_at = GREATEST(updated_at, $4)
             WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL",
            project.uuid(),
            credential.uuid(),
            Json(fields) as _,
            Moment(now) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add fields to a credential"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn set_credential_status(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
        status: &CredentialStatus,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "UPDATE credential
             SET status = $3, status_code = $4, status_reason = $5, status_at = $6,
                 updated_at = GREATEST(updated_at, $6)
             WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL AND status_at <= $6",
            project.uuid(),
            credential.uuid(),
            status.state.name(),
            status.code,
            status.reason,
            Moment(status.at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("set the status of a credential"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn delete_credential(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "UPDATE credential SET deleted_at = $3
             WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL",
            project.uuid(),
            credential.uuid(),
            Moment(now) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("unlink a credential"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn count_credentials(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<usize, StoreError> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM credential
               WHERE project_id = $1 AND integration_id = $2 AND deleted_at IS NULL"#,
            project.uuid(),
            integration.uuid(),
        )
        .fetch_one(self.connection())
        .await
        .map_err(failed("count an integration's credentials"))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    async fn auth_methods_in_use(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar!(
            "SELECT DISTINCT auth_method FROM credential
             WHERE project_id = $1 AND integration_id = $2 AND deleted_at IS NULL
             ORDER BY auth_method",
            project.uuid(),
            integration.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the auth methods in use"))
    }
}
