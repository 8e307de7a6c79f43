//! The vault service: the rules of [`Vault`], over two stores, rings and an audit.
//!
//! Orders of writes are what keeps every secret readable: the wrapped key before the value that
//! needs it, the audit before the plaintext, the new version before the old one's key goes. What a
//! crash leaves behind is a key without a value, never a value without a key.

mod open;
mod sharing;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_contract::vault::{
    Access, HeadChange, NewValue, Opened, OpenedToShare, RefreshClaim, RefreshFinish,
    RefreshOutcome, SecretHead, SecretOwner, SecretState, SharedValue, SharingKey, Vault,
    VaultError,
};
use tenon_domain::{Clock, ProjectId, SecretId};

use self::sharing::Sharing;
use crate::envelope::InstallId;
use crate::journal::{Background, Journal};
use crate::keyring::{self, KeyRings, Roots};
use crate::policy::{Caller, Change, Policy};
use crate::ports::{KeyStore, StateGuard, StoreError, ValueStore};
use crate::rotation::Rotation;
use crate::settings::Settings;

/// What the service works with.
pub struct Parts {
    /// Which installation; bound into every value.
    pub install: InstallId,
    /// The value database.
    pub values: Arc<dyn ValueStore>,
    /// The key database.
    pub keys: Arc<dyn KeyStore>,
    /// The root keys.
    pub roots: Roots,
    /// Who may open what.
    pub policy: Policy,
    /// Time, for grants, the audit and what is written beside values.
    pub clock: Arc<dyn Clock>,
    /// Limits.
    pub settings: Settings,
}

/// The vault. It is used through [`VaultService::for_caller`].
pub struct VaultService {
    values: Arc<dyn ValueStore>,
    keys: Arc<dyn KeyStore>,
    rings: Arc<KeyRings>,
    journal: Journal,
    sharing: Sharing,
    policy: Policy,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl VaultService {
    /// Builds the service and what has to run beside it.
    #[must_use]
    pub fn new(parts: Parts) -> (Arc<Self>, Background) {
        let Parts { install, values, keys, roots, policy, clock, settings } = parts;
        let rings = KeyRings::new(install, roots, keys.clone(), clock.clone(), &settings);
        let rings = Arc::new(rings);
        let (journal, background) = Journal::new(&keys, &rings, &settings);
        let sharing = Sharing::new(install, &settings, clock.now());
        let service = Self { values, keys, rings, journal, sharing, policy, clock, settings };
        (Arc::new(service), background)
    }

    /// The vault as one role sees it. The role is who the caller is known to be: by its
    /// certificate, or because it is a part of this process.
    #[must_use]
    pub fn for_caller(self: &Arc<Self>, caller: Caller) -> Arc<dyn Vault> {
        Arc::new(CallerVault { service: self.clone(), caller })
    }

    /// Rotations and the sweep of orphans, over the same stores.
    #[must_use]
    pub fn rotation(&self) -> Rotation {
        Rotation::new(
            self.values.clone(),
            self.keys.clone(),
            self.rings.clone(),
            self.settings.clone(),
        )
    }

    /// Now, in what databases can keep.
    fn now(&self) -> Timestamp {
        to_microseconds(self.clock.now())
    }

    async fn claim(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, VaultError> {
        let ttl = ttl.min(self.settings.claim_ttl_max);
        self.values.claim(project, secret, version, ttl).await.map_err(unavailable)
    }

    async fn finish(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
        outcome: RefreshOutcome,
    ) -> Result<RefreshFinish, VaultError> {
        let head = match outcome {
            RefreshOutcome::Renewed(value) => {
                self.write_refreshed(project, secret, fence, &value).await?
            }
            RefreshOutcome::Failed { reason } => {
                tracing::info!(%secret, reason, "a token could not be renewed and will be tried again");
                self.values.release(project, secret, fence).await.map_err(unavailable)?
            }
            RefreshOutcome::Ended(SecretState::Valid) => {
                let reason = "a refresh that ended cannot leave the value valid".to_owned();
                return Err(VaultError::Invalid { reason });
            }
            RefreshOutcome::Ended(state) => {
                let guard = StateGuard::Fence(fence);
                self.values
                    .set_state(project, secret, guard, &state, self.now())
                    .await
                    .map_err(unavailable)?
            }
        };
        match head {
            Some(head) => {
                self.stop_sharing_before(&head);
                Ok(RefreshFinish::Recorded { head })
            }
            None => match self.values.head(project, secret).await.map_err(unavailable)? {
                Some(_) => Ok(RefreshFinish::Superseded),
                None => Err(VaultError::NotFound),
            },
        }
    }

    async fn set_state(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        state: &SecretState,
    ) -> Result<(), VaultError> {
        let guard = StateGuard::Version(version);
        let set = self.values.set_state(project, secret, guard, state, self.now()).await;
        let head = set.map_err(unavailable)?;
        head.iter().for_each(|head| self.stop_sharing_before(head));
        Ok(())
    }

    /// The keys go first: from then on nobody can open it, whatever happens to the rest. Keys that
    /// a writer put there meanwhile go after the value, when no further one can become current.
    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<(), VaultError> {
        self.sharing.bar(secret, u32::MAX, self.now());
        self.keys.shred_data_keys(project, secret, None).await.map_err(unavailable)?;
        self.values.delete(project, secret).await.map_err(unavailable)?;
        self.keys.shred_data_keys(project, secret, None).await.map_err(unavailable)?;
        Ok(())
    }
}

/// The vault as one role sees it.
struct CallerVault {
    service: Arc<VaultService>,
    caller: Caller,
}

impl CallerVault {
    fn check(&self, change: Change) -> Result<(), VaultError> {
        self.caller
            .check_change(change)
            .map_err(|refusal| VaultError::Refused { reason: refusal.to_string() })
    }
}

#[async_trait]
impl Vault for CallerVault {
    async fn create(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        self.check(Change::Write)?;
        self.service.create(secret, owner, &value).await
    }

    async fn replace(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        self.check(Change::Write)?;
        let head = self.service.replace(secret, owner, &value).await?;
        self.service.stop_sharing_before(&head);
        Ok(head)
    }

    async fn open(&self, secret: SecretId, access: &Access) -> Result<Opened, VaultError> {
        self.service.open(self.caller, secret, access).await
    }

    async fn open_to_share(
        &self,
        secret: SecretId,
        access: &Access,
    ) -> Result<OpenedToShare, VaultError> {
        self.service.open_to_share(self.caller, secret, access).await
    }

    async fn sharing_key(
        &self,
        value: &SharedValue,
        access: &Access,
    ) -> Result<Option<SharingKey>, VaultError> {
        self.service.sharing_key(self.caller, value, access).await
    }

    async fn head(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<SecretHead>, VaultError> {
        self.service.values.head(project, secret).await.map_err(unavailable)
    }

    async fn claim_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, VaultError> {
        self.check(Change::Refresh)?;
        self.service.claim(project, secret, version, ttl).await
    }

    async fn finish_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
        outcome: RefreshOutcome,
    ) -> Result<RefreshFinish, VaultError> {
        self.check(Change::Refresh)?;
        self.service.finish(project, secret, fence, outcome).await
    }

    async fn set_state(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        state: SecretState,
    ) -> Result<(), VaultError> {
        self.check(Change::Refresh)?;
        self.service.set_state(project, secret, version, &state).await
    }

    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<(), VaultError> {
        self.check(Change::Delete)?;
        self.service.delete(project, secret).await
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<Vec<HeadChange>, VaultError> {
        self.service.values.changes(after, limit).await.map_err(unavailable)
    }
}

fn to_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

fn unavailable(source: StoreError) -> VaultError {
    VaultError::Unavailable { source: Box::new(source) }
}

/// A ring key that cannot be had. The root may say no for good, but only an operator can tell why,
/// and nothing of the value is known to be damaged.
fn no_ring(error: keyring::Error) -> VaultError {
    if !matches!(error, keyring::Error::Store(_)) {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(error = %error, cause, "a ring key cannot be unwrapped or wrapped");
    }
    VaultError::Unavailable { source: Box::new(error) }
}
