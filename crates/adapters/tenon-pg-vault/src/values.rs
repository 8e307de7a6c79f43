//! The database `vault_values`: heads and envelopes. Each operation is in the file of its kind;
//! this one names what was tried when it fails.

mod changes;
mod refresh;
mod rows;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_contract::vault::{HeadChange, RefreshClaim, SecretHead, SecretOwner, SecretState};
use tenon_domain::{ProjectId, SecretId};
use tenon_vault::envelope::data_key_of;
use tenon_vault::ports::{NewVersion, StateGuard, StoreError, StoredValue, ValueStore, Written};
use uuid::Uuid;

use crate::database::{Database, DatabaseError, Pools, Settings, failed};

/// Sealed values on PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgValueStore {
    database: Database,
}

impl PgValueStore {
    /// A store that connects when it is first used. Call inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Url`].
    pub fn new(settings: &Settings) -> Result<Self, DatabaseError> {
        Ok(Self { database: Database::new("vault_values", settings)? })
    }

    /// Brings the schema up to date. Processes that start together wait for each other.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Migrate`], also where the database is the one of the keys.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        self.database.migrate(&sqlx::migrate!("./migrations/values")).await
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

    /// Closes all connections, after what runs in them.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl ValueStore for PgValueStore {
    async fn insert(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        new: &NewVersion,
    ) -> Result<Written, StoreError> {
        write::insert(&self.database, secret, owner, new).await.map_err(failed("insert a secret"))
    }

    async fn update(
        &self,
        project: ProjectId,
        secret: SecretId,
        new: &NewVersion,
    ) -> Result<Written, StoreError> {
        write::update(&self.database, project, secret, new)
            .await
            .map_err(failed("write a version of a secret"))
    }

    async fn value(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<StoredValue>, StoreError> {
        rows::value(self.database.readers(), project, secret).await.map_err(failed("read a secret"))
    }

    async fn head(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<SecretHead>, StoreError> {
        rows::head(self.database.readers(), project, secret)
            .await
            .map_err(failed("read the head of a secret"))
    }

    async fn claim(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, StoreError> {
        refresh::claim(&self.database, project, secret, refresh::Terms { version, ttl })
            .await
            .map_err(failed("claim a refresh"))
    }

    async fn release(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
    ) -> Result<Option<SecretHead>, StoreError> {
        refresh::release(&self.database, project, secret, fence)
            .await
            .map_err(failed("give a refresh back"))
    }

    async fn set_state(
        &self,
        project: ProjectId,
        secret: SecretId,
        guard: StateGuard,
        state: &SecretState,
        now: Timestamp,
    ) -> Result<Option<SecretHead>, StoreError> {
        let change = write::StateChange { guard, state, now };
        write::set_state(&self.database, project, secret, &change)
            .await
            .map_err(failed("set the state of a secret"))
    }

    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<bool, StoreError> {
        write::delete(&self.database, project, secret).await.map_err(failed("delete a secret"))
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<Vec<HeadChange>, StoreError> {
        changes::behind(self.database.readers(), after, limit)
            .await
            .map_err(failed("read the changes of secrets"))
    }

    async fn is_in_use(&self, data_key: Uuid, secret: SecretId) -> Result<bool, StoreError> {
        let envelope = rows::envelope(self.database.readers(), secret)
            .await
            .map_err(failed("look for the use of a data key"))?;
        Ok(envelope.is_some_and(|envelope| data_key_of(&envelope) == Some(data_key)))
    }
}
