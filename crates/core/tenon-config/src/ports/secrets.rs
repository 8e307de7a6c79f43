//! Rows of environment secrets: keys and ids, never values.

use async_trait::async_trait;
use tenon_domain::{ProjectId, SecretId};

use super::StoreError;
use crate::secrets::ProjectSecret;

/// Environment secrets.
#[async_trait]
pub trait SecretRows: Send {
    /// Adds a secret.
    async fn insert_secret(
        &mut self,
        project: ProjectId,
        secret: &ProjectSecret,
    ) -> Result<(), StoreError>;

    /// All secrets of the project, by key.
    async fn secrets(&mut self, project: ProjectId) -> Result<Vec<ProjectSecret>, StoreError>;

    /// Stores when the value was last set.
    async fn update_secret(
        &mut self,
        project: ProjectId,
        secret: &ProjectSecret,
    ) -> Result<(), StoreError>;

    /// Removes a secret; `false` where there is none.
    async fn delete_secret(
        &mut self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<bool, StoreError>;
}
