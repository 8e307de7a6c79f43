//! Rows of configurations of credentials.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use tenon_config::AccountSettings;
use tenon_config::ports::{ConfigurationRows, StoreError};
use tenon_domain::{ConfigurationId, CredentialId, ProjectId};
use uuid::Uuid;

use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

type Object = serde_json::Map<String, Value>;

/// The column `settings`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    shared: Object,
    workflows: Object,
}

pub(crate) struct SettingsRow {
    pub(crate) id: Uuid,
    pub(crate) credential_id: Uuid,
    pub(crate) external_id: Option<String>,
    pub(crate) is_default: bool,
    pub(crate) settings: Json<Settings>,
    pub(crate) meta: Json<Object>,
    pub(crate) created_at: Moment,
}

impl From<SettingsRow> for AccountSettings {
    fn from(row: SettingsRow) -> Self {
        Self {
            id: ConfigurationId::from_uuid(row.id),
            credential: CredentialId::from_uuid(row.credential_id),
            external_id: row.external_id,
            is_default: row.is_default,
            shared: row.settings.0.shared,
            workflows: row.settings.0.workflows,
            meta: row.meta.0,
            created_at: row.created_at.0,
        }
    }
}

impl Settings {
    fn of(settings: &AccountSettings) -> Json<Self> {
        Json(Self { shared: settings.shared.clone(), workflows: settings.workflows.clone() })
    }
}

#[async_trait]
impl ConfigurationRows for PgUnitOfWork {
    async fn insert_configuration(
        &mut self,
        project: ProjectId,
        settings: &AccountSettings,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO configuration
                 (project_id, id, credential_id, external_id, is_default, settings, meta,
                  created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (project_id, credential_id, external_id) WHERE external_id IS NOT NULL
             DO NOTHING",
            project.uuid(),
            settings.id.uuid(),
            settings.credential.uuid(),
            settings.external_id,
            settings.is_default,
            Settings::of(settings) as _,
            Json(&settings.meta) as _,
            Moment(settings.created_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a configuration"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn configurations(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Vec<AccountSettings>, StoreError> {
        let rows = sqlx::query_as!(
            SettingsRow,
            r#"SELECT id, credential_id, external_id, is_default, settings AS "settings: _",
                      meta AS "meta: _", created_at AS "created_at: Moment"
               FROM configuration WHERE project_id = $1 AND credential_id = $2
               ORDER BY created_at"#,
            project.uuid(),
            credential.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the configurations of a credential"))?;
        Ok(rows.into_iter().map(AccountSettings::from).collect())
    }

    async fn update_configuration(
        &mut self,
        project: ProjectId,
        settings: &AccountSettings,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "UPDATE configuration SET settings = $3, meta = $4 WHERE project_id = $1 AND id = $2",
            project.uuid(),
            settings.id.uuid(),
            Settings::of(settings) as _,
            Json(&settings.meta) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("change a configuration"))?;
        expect_one("change a configuration", done.rows_affected())
    }

    async fn delete_configuration(
        &mut self,
        project: ProjectId,
        configuration: ConfigurationId,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM configuration WHERE project_id = $1 AND id = $2",
            project.uuid(),
            configuration.uuid(),
        )
        .execute(self.connection())
        .await
        .map_err(failed("remove a configuration"))?;
        Ok(done.rows_affected() == 1)
    }
}
