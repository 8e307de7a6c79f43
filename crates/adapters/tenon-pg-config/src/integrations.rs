//! Rows of integrations and custom connectors.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use sqlx::types::Json;
use tenon_config::ports::{ConnectorRows, IntegrationRows, StoreError};
use tenon_config::{CustomConnector, Integration, Slug};
use tenon_contract::plan::AppPlan;
use tenon_domain::{IntegrationId, ProjectId};
use uuid::Uuid;

use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

type Object = serde_json::Map<String, Value>;

struct IntegrationRow {
    id: Uuid,
    connector: String,
    is_active: bool,
    apps: Json<BTreeMap<String, AppPlan>>,
    portal: Json<Object>,
    document: Option<String>,
    created_at: Moment,
    updated_at: Moment,
}

impl IntegrationRow {
    fn integration(self) -> Result<Integration, StoreError> {
        let document = self.document.as_deref().map(serde_json::from_str).transpose();
        Ok(Integration {
            id: IntegrationId::from_uuid(self.id),
            connector: self.connector,
            is_active: self.is_active,
            apps: self.apps.0,
            portal: self.portal.0,
            document: document.map_err(|error| StoreError::Failed {
                action: "read a stored document",
                source: Box::new(error),
            })?,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

/// The column `document`.
fn document_text(integration: &Integration) -> Result<Option<String>, StoreError> {
    let text = integration.document.as_ref().map(serde_json::to_string).transpose();
    text.map_err(|error| StoreError::Failed {
        action: "write a document as JSON",
        source: Box::new(error),
    })
}

struct ConnectorRow {
    slug: String,
    version: String,
    manifest: String,
    created_at: Moment,
    updated_at: Moment,
}

impl ConnectorRow {
    fn connector(self) -> Result<CustomConnector, StoreError> {
        let action = "read a stored connector";
        let slug = Slug::parse(&self.slug);
        let manifest = serde_json::from_str(&self.manifest);
        Ok(CustomConnector {
            slug: slug.map_err(|error| StoreError::Failed { action, source: Box::new(error) })?,
            version: self.version,
            manifest: Arc::new(
                manifest.map_err(|error| StoreError::Failed { action, source: Box::new(error) })?,
            ),
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

#[async_trait]
impl IntegrationRows for PgUnitOfWork {
    async fn insert_integration(
        &mut self,
        project: ProjectId,
        integration: &Integration,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO integration
                 (project_id, id, connector, is_active, apps, portal, document, created_at,
                  updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7::text::json, $8, $9)
             ON CONFLICT (project_id, connector) DO NOTHING",
            project.uuid(),
            integration.id.uuid(),
            integration.connector,
            integration.is_active,
            Json(&integration.apps) as _,
            Json(&integration.portal) as _,
            document_text(integration)?,
            Moment(integration.created_at) as _,
            Moment(integration.updated_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add an integration"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn integration(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<Option<Integration>, StoreError> {
        let row = sqlx::query_as!(
            IntegrationRow,
            r#"SELECT id, connector, is_active, apps AS "apps: Json<BTreeMap<String, AppPlan>>",
                      portal AS "portal: Json<Object>", document::text AS document,
                      created_at AS "created_at: Moment", updated_at AS "updated_at: Moment"
               FROM integration WHERE project_id = $1 AND id = $2"#,
            project.uuid(),
            integration.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read an integration"))?;
        row.map(IntegrationRow::integration).transpose()
    }

    async fn integrations(&mut self, project: ProjectId) -> Result<Vec<Integration>, StoreError> {
        let rows = sqlx::query_as!(
            IntegrationRow,
            r#"SELECT id, connector, is_active, apps AS "apps: Json<BTreeMap<String, AppPlan>>",
                      portal AS "portal: Json<Object>", document::text AS document,
                      created_at AS "created_at: Moment", updated_at AS "updated_at: Moment"
               FROM integration WHERE project_id = $1 ORDER BY connector"#,
            project.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the integrations"))?;
        rows.into_iter().map(IntegrationRow::integration).collect()
    }

    async fn update_integration(
        &mut self,
        project: ProjectId,
        integration: &Integration,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "UPDATE integration SET is_active = $3, apps = $4, portal = $5,
                                    document = $6::text::json, updated_at = $7
             WHERE project_id = $1 AND id = $2",
            project.uuid(),
            integration.id.uuid(),
            integration.is_active,
            Json(&integration.apps) as _,
            Json(&integration.portal) as _,
            document_text(integration)?,
            Moment(integration.updated_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("change an integration"))?;
        expect_one("change an integration", done.rows_affected())
    }

    async fn delete_integration(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM integration WHERE project_id = $1 AND id = $2",
            project.uuid(),
            integration.uuid(),
        )
        .execute(self.connection())
        .await
        .map_err(failed("remove an integration"))?;
        Ok(done.rows_affected() == 1)
    }
}

#[async_trait]
impl ConnectorRows for PgUnitOfWork {
    async fn put_connector(
        &mut self,
        project: ProjectId,
        connector: &CustomConnector,
    ) -> Result<bool, StoreError> {
        sqlx::query_scalar!(
            r#"INSERT INTO connector (project_id, slug, version, manifest, created_at, updated_at)
             VALUES ($1, $2, $3, $4::text::json, $5, $6)
             ON CONFLICT (project_id, slug) DO UPDATE
             SET version = EXCLUDED.version, manifest = EXCLUDED.manifest,
                 updated_at = EXCLUDED.updated_at
             RETURNING (xmax = 0) AS "is_new!""#,
            project.uuid(),
            connector.slug.as_str(),
            connector.version,
            connector.manifest.to_string(),
            Moment(connector.created_at) as _,
            Moment(connector.updated_at) as _,
        )
        .fetch_one(self.connection())
        .await
        .map_err(failed("put a connector"))
    }

    async fn connector(
        &mut self,
        project: ProjectId,
        slug: &Slug,
    ) -> Result<Option<CustomConnector>, StoreError> {
        let row = sqlx::query_as!(
            ConnectorRow,
            r#"SELECT slug, version, manifest::text AS "manifest!",
                      created_at AS "created_at: Moment", updated_at AS "updated_at: Moment"
               FROM connector WHERE project_id = $1 AND slug = $2"#,
            project.uuid(),
            slug.as_str(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a connector"))?;
        row.map(ConnectorRow::connector).transpose()
    }

    async fn connectors(&mut self, project: ProjectId) -> Result<Vec<CustomConnector>, StoreError> {
        let rows = sqlx::query_as!(
            ConnectorRow,
            r#"SELECT slug, version, manifest::text AS "manifest!",
                      created_at AS "created_at: Moment", updated_at AS "updated_at: Moment"
               FROM connector WHERE project_id = $1 ORDER BY slug"#,
            project.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the connectors"))?;
        rows.into_iter().map(ConnectorRow::connector).collect()
    }

    async fn delete_connector(
        &mut self,
        project: ProjectId,
        slug: &Slug,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM connector WHERE project_id = $1 AND slug = $2",
            project.uuid(),
            slug.as_str(),
        )
        .execute(self.connection())
        .await
        .map_err(failed("remove a connector"))?;
        Ok(done.rows_affected() == 1)
    }
}
