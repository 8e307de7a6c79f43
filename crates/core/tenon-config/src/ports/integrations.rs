//! Rows of integrations and custom connectors.

use async_trait::async_trait;
use tenon_domain::{IntegrationId, ProjectId};

use super::StoreError;
use crate::connectors::{CustomConnector, Slug};
use crate::integrations::Integration;

/// Integrations.
#[async_trait]
pub trait IntegrationRows: Send {
    /// Adds an integration; `false` where the project has one of this connector.
    async fn insert_integration(
        &mut self,
        project: ProjectId,
        integration: &Integration,
    ) -> Result<bool, StoreError>;

    /// The integration.
    async fn integration(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<Option<Integration>, StoreError>;

    /// All integrations of the project, by connector.
    async fn integrations(&mut self, project: ProjectId) -> Result<Vec<Integration>, StoreError>;

    /// Stores everything of an integration that may change.
    async fn update_integration(
        &mut self,
        project: ProjectId,
        integration: &Integration,
    ) -> Result<(), StoreError>;

    /// Removes an integration with all that hangs on it; `false` where there is none.
    async fn delete_integration(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<bool, StoreError>;
}

/// Custom connectors.
#[async_trait]
pub trait ConnectorRows: Send {
    /// Adds a connector or takes the place of the one with the same slug; the time of its making
    /// stays. `true` where it is new.
    async fn put_connector(
        &mut self,
        project: ProjectId,
        connector: &CustomConnector,
    ) -> Result<bool, StoreError>;

    /// The connector.
    async fn connector(
        &mut self,
        project: ProjectId,
        slug: &Slug,
    ) -> Result<Option<CustomConnector>, StoreError>;

    /// All custom connectors of the project, by slug.
    async fn connectors(&mut self, project: ProjectId) -> Result<Vec<CustomConnector>, StoreError>;

    /// Removes a connector; `false` where there is none.
    async fn delete_connector(
        &mut self,
        project: ProjectId,
        slug: &Slug,
    ) -> Result<bool, StoreError>;
}
