//! Rows of API keys.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_contract::plan::ApiKeyDigest;
use tenon_domain::{ApiKeyId, ProjectId};

use super::StoreError;
use crate::api_keys::ApiKey;

/// A key as it is stored: what may be shown, and the digest.
#[derive(Debug, Clone)]
pub struct ApiKeyRow {
    /// What may be shown.
    pub key: ApiKey,
    /// The digest of its text.
    pub digest: ApiKeyDigest,
}

/// API keys.
#[async_trait]
pub trait ApiKeyRows: Send {
    /// Adds a key.
    async fn insert_api_key(
        &mut self,
        project: ProjectId,
        row: &ApiKeyRow,
    ) -> Result<(), StoreError>;

    /// All keys of the project, revoked ones too, oldest first.
    async fn api_keys(&mut self, project: ProjectId) -> Result<Vec<ApiKey>, StoreError>;

    /// The digests of the keys that are not revoked, oldest first.
    async fn valid_api_key_digests(
        &mut self,
        project: ProjectId,
    ) -> Result<Vec<ApiKeyDigest>, StoreError>;

    /// Revokes a key; `false` where there is none that is valid.
    async fn revoke_api_key(
        &mut self,
        project: ProjectId,
        key: ApiKeyId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}
