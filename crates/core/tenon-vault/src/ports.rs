//! What the vault needs from outside: two stores that never meet, an audit, and a root key.
//!
//! Values and wrapped keys are in two databases under two database roles. The order of writes is
//! the same everywhere: the wrapped key first, then the value that needs it; for deletion the key
//! first, too. So a crash between the two leaves a key without a value (swept later) and never a
//! value without a key.

use std::error::Error as StdError;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_contract::vault::{HeadChange, RefreshClaim, SecretHead, SecretOwner, SecretState};
use tenon_domain::{ProjectId, SecretId};
use uuid::Uuid;

use crate::audit::{AuditLink, AuditRecord};

/// A store failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}")]
pub struct StoreError {
    /// What was tried.
    pub action: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn StdError + Send + Sync>,
}

/// A sealed value as the value database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValue {
    /// The head.
    pub head: SecretHead,
    /// The envelope; names the data key inside.
    pub envelope: Vec<u8>,
}

/// What a new version of a value brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// The envelope, sealed for `version`.
    pub envelope: Vec<u8>,
    /// The version that it was sealed as: the stored one must be one less (0: none yet).
    pub version: u32,
    /// When the value ends.
    pub expires_at: Option<Timestamp>,
    /// Now.
    pub written_at: Timestamp,
    /// The claim that fetched it; `None`: written by a person's doing.
    pub fence: Option<u64>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Committed; the head now.
    Committed(SecretHead),
    /// Another version is current: seal again for the version behind this head, or give up.
    Stale(SecretHead),
    /// A higher fence has written; the value is to be dropped.
    Superseded,
    /// There is no such secret, it was deleted, or its owner is another.
    Missing,
}

/// The value database: heads and envelopes. It never sees a key.
#[async_trait]
pub trait ValueStore: Send + Sync + 'static {
    /// Inserts version 1. `Stale` where the id is taken.
    async fn insert(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        new: &NewVersion,
    ) -> Result<Written, StoreError>;

    /// Writes the next version and makes the state valid. With a fence: only where no higher fence
    /// has written, and the claim, if it is this one, ends. Without: always, and claims end.
    async fn update(
        &self,
        project: ProjectId,
        secret: SecretId,
        new: &NewVersion,
    ) -> Result<Written, StoreError>;

    /// The current version with its envelope.
    async fn value(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<StoredValue>, StoreError>;

    /// The head.
    async fn head(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<SecretHead>, StoreError>;

    /// See [`tenon_contract::vault::Vault::claim_refresh`]; one conditional update, by the
    /// database's clock. Taking over a claim that lapsed counts a failure: whoever held it died.
    async fn claim(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, StoreError>;

    /// Gives a claim back after a failure that may go away: counts it. `None`: the claim is gone.
    async fn release(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
    ) -> Result<Option<SecretHead>, StoreError>;

    /// Sets the state, where `version` is current (and, with a fence, no higher fence has
    /// written). Ends the claim. `None`: nothing was changed.
    async fn set_state(
        &self,
        project: ProjectId,
        secret: SecretId,
        guard: StateGuard,
        state: &SecretState,
        now: Timestamp,
    ) -> Result<Option<SecretHead>, StoreError>;

    /// Forgets every version and leaves a tombstone. `false`: there was nothing.
    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<bool, StoreError>;

    /// Changes behind `after`, in order.
    async fn changes(&self, after: i64, limit: u32) -> Result<Vec<HeadChange>, StoreError>;

    /// Ids of the given secrets' current data keys that are in use; for the sweep of orphans.
    async fn is_in_use(&self, data_key: Uuid, secret: SecretId) -> Result<bool, StoreError>;
}

/// Under which condition a state is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateGuard {
    /// This version is current.
    Version(u32),
    /// No higher fence has written.
    Fence(u64),
}

/// A wrapped data key: one for each version of each value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Named by the envelope.
    pub id: Uuid,
    /// The tenant.
    pub project: ProjectId,
    /// The secret it was made for.
    pub secret: SecretId,
    /// The version of the secret.
    pub version: u32,
    /// The key of the tenant's ring that wraps it.
    pub ring_key: Uuid,
    /// The data key, wrapped.
    pub wrapped: Vec<u8>,
}

/// A key of a tenant's ring, wrapped by the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingKey {
    /// Its id; part of what it wraps.
    pub id: Uuid,
    /// The tenant.
    pub project: ProjectId,
    /// Counted from 1 in the ring; the highest is the one that wraps new data keys.
    pub number: u32,
    /// The root that wraps it: [`RootKey::id`].
    pub root: String,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
    /// Since when it is there.
    pub created_at: Timestamp,
}

/// The key database: wrapped keys, rings and the audit. It never sees a value.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// Inserts a wrapped data key.
    async fn insert_data_key(&self, key: &WrappedKey) -> Result<(), StoreError>;

    /// A data key.
    async fn data_key(
        &self,
        project: ProjectId,
        id: Uuid,
    ) -> Result<Option<WrappedKey>, StoreError>;

    /// Shreds the data keys of a secret, all or but one. Returns how many.
    async fn shred_data_keys(
        &self,
        project: ProjectId,
        secret: SecretId,
        keep: Option<Uuid>,
    ) -> Result<u64, StoreError>;

    /// Data keys under another ring key than `current`, for rotation; by id, behind `after`.
    async fn data_keys_to_rewrap(
        &self,
        project: ProjectId,
        current: Uuid,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<WrappedKey>, StoreError>;

    /// Puts re-wrapped keys in the place of the old ones, each only where it still is under the
    /// ring key in `from`. One statement. Returns how many.
    async fn rewrap_data_keys(
        &self,
        project: ProjectId,
        from: &[Uuid],
        keys: &[WrappedKey],
    ) -> Result<u64, StoreError>;

    /// The keys of a tenant's ring, highest number first.
    async fn ring(&self, project: ProjectId) -> Result<Vec<RingKey>, StoreError>;

    /// Inserts a ring key; `false` where the number is taken: read the ring again.
    async fn insert_ring_key(&self, key: &RingKey) -> Result<bool, StoreError>;

    /// Ring keys that another root than `current` wraps, by id, behind `after`.
    async fn ring_keys_to_rewrap(
        &self,
        current: &str,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<RingKey>, StoreError>;

    /// Puts a ring key that was wrapped by a new root in the place of the old one, where that is
    /// still wrapped by `from`.
    async fn rewrap_ring_key(&self, from: &str, key: &RingKey) -> Result<bool, StoreError>;

    /// Removes a ring key that wraps nothing any more. `false`: it still wraps something.
    async fn remove_ring_key(&self, project: ProjectId, id: Uuid) -> Result<bool, StoreError>;

    /// Tenants that have a ring.
    async fn projects(&self) -> Result<Vec<ProjectId>, StoreError>;

    /// Data keys older than `age`, for the sweep of orphans; by id, behind `after`.
    async fn old_data_keys(
        &self,
        age: Duration,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<WrappedKey>, StoreError>;

    /// Removes one data key.
    async fn remove_data_key(&self, project: ProjectId, id: Uuid) -> Result<(), StoreError>;

    /// Appends audit records, in order, each chained to the one before it in its tenant
    /// ([`AuditRecord::link`]). One transaction; when it fails nothing was released.
    async fn append_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError>;

    /// The audit of a tenant, in order, behind `after`.
    async fn audit(
        &self,
        project: ProjectId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(AuditRecord, AuditLink)>, StoreError>;
}

/// Why a root key did not wrap or unwrap.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// It may work later: the network, a limit, a server's fault.
    #[error("the root key service is away: {reason}")]
    Unavailable {
        /// For operators, without secrets.
        reason: String,
    },
    /// It will not: no such key, no right, a wrapped key that was changed.
    #[error("the root key refuses: {reason}")]
    Refused {
        /// For operators, without secrets.
        reason: String,
    },
}

/// The root of all keys: a file, a KMS. It wraps ring keys only, so it is asked rarely.
#[async_trait]
pub trait RootKey: Send + Sync + 'static {
    /// Which root: provider and key, such as `file:3f2a91c0` or `aws:arn:aws:kms:...`. Stored
    /// beside what it wrapped; holds no secret.
    fn id(&self) -> &str;

    /// Wraps 32 bytes. `context` is bound to them: unwrapping with another one fails.
    async fn wrap(&self, key: &[u8; 32], context: &[u8]) -> Result<Vec<u8>, RootKeyError>;

    /// Unwraps.
    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<zeroize::Zeroizing<[u8; 32]>, RootKeyError>;
}
