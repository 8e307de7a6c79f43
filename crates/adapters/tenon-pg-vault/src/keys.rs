//! The database `vault_keys`: wrapped keys, rings and the audit. Each operation is in the file of
//! its kind; this one names what was tried when it fails.

mod audit;
mod data_keys;
mod rings;
mod tails;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::{ProjectId, SecretId};
use tenon_vault::audit::{AuditLink, AuditRecord};
use tenon_vault::ports::{KeyStore, RingKey, StoreError, WrappedKey};
use uuid::Uuid;

use self::tails::Tails;
use crate::database::{Database, DatabaseError, Pools, Settings, failed};

/// Wrapped keys and the audit on PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgKeyStore {
    database: Database,
    tails: Arc<Tails>,
}

impl PgKeyStore {
    /// A store that connects when it is first used. Call inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Url`].
    pub fn new(settings: &Settings) -> Result<Self, DatabaseError> {
        Ok(Self { database: Database::new("vault_keys", settings)?, tails: Arc::default() })
    }

    /// Brings the schema up to date. Processes that start together wait for each other.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Migrate`], also where the database is the one of the values.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        self.database.migrate(&sqlx::migrate!("./migrations/keys")).await
    }

    /// Its pools, for figures of their use.
    #[must_use]
    pub fn pools(&self) -> Pools<'_> {
        self.database.pools()
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it is away.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.database.ping().await
    }

    /// The id of this installation: made with the database, it never changes. It is bound into
    /// every encryption.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database is away.
    pub async fn install_id(&self) -> Result<Uuid, StoreError> {
        sqlx::query_scalar!("SELECT id FROM installation")
            .fetch_one(self.database.readers())
            .await
            .map_err(failed("read the id of the installation"))
    }

    /// Closes all connections, after what runs in them.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl KeyStore for PgKeyStore {
    async fn insert_data_key(&self, key: &WrappedKey) -> Result<(), StoreError> {
        data_keys::insert(&self.database, key).await.map_err(failed("insert a data key"))
    }

    async fn data_key(
        &self,
        project: ProjectId,
        id: Uuid,
    ) -> Result<Option<WrappedKey>, StoreError> {
        data_keys::read(self.database.readers(), project, id)
            .await
            .map_err(failed("read a data key"))
    }

    async fn shred_data_keys(
        &self,
        project: ProjectId,
        secret: SecretId,
        keep: Option<Uuid>,
    ) -> Result<u64, StoreError> {
        data_keys::shred(&self.database, project, secret, keep)
            .await
            .map_err(failed("shred the data keys of a secret"))
    }

    async fn data_keys_to_rewrap(
        &self,
        project: ProjectId,
        current: Uuid,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        let page = data_keys::Page { after, limit };
        data_keys::to_rewrap(&self.database, project, current, page)
            .await
            .map_err(failed("list data keys to re-wrap"))
    }

    async fn rewrap_data_keys(
        &self,
        project: ProjectId,
        from: &[Uuid],
        keys: &[WrappedKey],
    ) -> Result<u64, StoreError> {
        data_keys::rewrap(&self.database, project, from, keys)
            .await
            .map_err(failed("re-wrap data keys"))
    }

    async fn ring(&self, project: ProjectId) -> Result<Vec<RingKey>, StoreError> {
        rings::ring(&self.database, project).await.map_err(failed("read the ring of a tenant"))
    }

    async fn insert_ring_key(&self, key: &RingKey) -> Result<bool, StoreError> {
        rings::insert(&self.database, key).await.map_err(failed("insert a ring key"))
    }

    async fn ring_keys_to_rewrap(
        &self,
        current: &str,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<RingKey>, StoreError> {
        rings::to_rewrap(self.database.readers(), current, after, limit)
            .await
            .map_err(failed("list ring keys to re-wrap"))
    }

    async fn rewrap_ring_key(&self, from: &str, key: &RingKey) -> Result<bool, StoreError> {
        rings::rewrap(&self.database, from, key).await.map_err(failed("re-wrap a ring key"))
    }

    async fn remove_ring_key(&self, project: ProjectId, id: Uuid) -> Result<bool, StoreError> {
        rings::remove(&self.database, project, id).await.map_err(failed("remove a ring key"))
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, StoreError> {
        rings::projects(self.database.readers())
            .await
            .map_err(failed("list tenants that have a ring"))
    }

    async fn old_data_keys(
        &self,
        age: Duration,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        let page = data_keys::Page { after, limit };
        data_keys::old(self.database.readers(), age, page)
            .await
            .map_err(failed("list old data keys"))
    }

    async fn remove_data_key(&self, project: ProjectId, id: Uuid) -> Result<(), StoreError> {
        data_keys::remove(&self.database, project, id).await.map_err(failed("remove a data key"))
    }

    async fn append_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        audit::append(&self.database, &self.tails, records)
            .await
            .map_err(failed("append to the audit"))
    }

    async fn audit(
        &self,
        project: ProjectId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(AuditRecord, AuditLink)>, StoreError> {
        audit::read(&self.database, project, after, limit)
            .await
            .map_err(failed("read the audit of a tenant"))
    }
}
