//! What the API asks about environment secrets.

use async_trait::async_trait;
use tenon_config::{Configuration, Error, ProjectSecret};
use tenon_contract::secret::SecretBytes;
use tenon_domain::{ProjectId, SecretKey};

/// Environment secrets of a project. No value ever comes back.
#[async_trait]
pub trait SecretPort: Send + Sync + 'static {
    /// The secrets, by key.
    async fn secrets(&self, project: ProjectId) -> Result<Vec<ProjectSecret>, Error>;

    /// Keeps a secret under a key that is not taken.
    async fn create_secret(
        &self,
        project: ProjectId,
        key: SecretKey,
        value: SecretBytes,
    ) -> Result<ProjectSecret, Error>;

    /// Sets another value.
    async fn replace_secret(
        &self,
        project: ProjectId,
        key: &SecretKey,
        value: SecretBytes,
    ) -> Result<ProjectSecret, Error>;

    /// Deletes a secret that no deployed workflow names.
    async fn delete_secret(&self, project: ProjectId, key: &SecretKey) -> Result<(), Error>;
}

#[async_trait]
impl SecretPort for Configuration {
    async fn secrets(&self, project: ProjectId) -> Result<Vec<ProjectSecret>, Error> {
        self.secrets(project).await
    }

    async fn create_secret(
        &self,
        project: ProjectId,
        key: SecretKey,
        value: SecretBytes,
    ) -> Result<ProjectSecret, Error> {
        self.create_secret(project, key, value).await
    }

    async fn replace_secret(
        &self,
        project: ProjectId,
        key: &SecretKey,
        value: SecretBytes,
    ) -> Result<ProjectSecret, Error> {
        self.replace_secret(project, key, value).await
    }

    async fn delete_secret(&self, project: ProjectId, key: &SecretKey) -> Result<(), Error> {
        self.delete_secret(project, key).await
    }
}
