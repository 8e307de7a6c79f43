//! Rows of signing keys.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_domain::ProjectId;

use super::StoreError;
use crate::signing_keys::SigningKey;

/// Keys that sign the tokens of connected users; public halves only.
#[async_trait]
pub trait SigningKeyRows: Send {
    /// Adds a key.
    async fn insert_signing_key(
        &mut self,
        project: ProjectId,
        key: &SigningKey,
    ) -> Result<(), StoreError>;

    /// All keys of the project, revoked ones too, oldest first.
    async fn signing_keys(&mut self, project: ProjectId) -> Result<Vec<SigningKey>, StoreError>;

    /// Revokes a key; `false` where there is none that is valid.
    async fn revoke_signing_key(
        &mut self,
        project: ProjectId,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}
