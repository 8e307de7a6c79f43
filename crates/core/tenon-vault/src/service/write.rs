//! Writing values: the first version, one that a person brings, one that a refresh brings.

use tenon_contract::vault::{NewValue, SecretHead, SecretOwner, VaultError};
use tenon_domain::{ProjectId, SecretId};
use uuid::Uuid;

use super::{VaultService, no_ring, to_microseconds, unavailable};
use crate::cipher::{HASH_BYTES, random_nonce};
use crate::envelope::{self, Binding, FreshKey};
use crate::ports::{NewVersion, StoreError, StoredValue, WrappedKey, Written};

/// A write whose outcome nobody knows.
struct Unknown {
    envelope: Vec<u8>,
    replaced: Option<Uuid>,
}

/// How one attempt at a next version ended.
enum Attempt {
    Done(SecretHead),
    Superseded,
    Stale,
    /// The store failed on the way; it may have been done.
    Failed {
        error: VaultError,
        unknown: Option<Unknown>,
    },
}

impl VaultService {
    pub(super) async fn create(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: &NewValue,
    ) -> Result<SecretHead, VaultError> {
        self.check_value(value)?;
        let (new, data_key) = self.seal(secret, owner, 1, value, None).await?;
        // After a failure the key stays: the value may be there. The sweep takes it otherwise.
        match self.values.insert(secret, owner, &new).await.map_err(unavailable)? {
            Written::Committed(head) => Ok(head),
            Written::Stale(_) | Written::Superseded | Written::Missing => {
                self.drop_key(owner.project, data_key).await;
                Err(VaultError::Refused { reason: "the id of the secret is taken".to_owned() })
            }
        }
    }

    pub(super) async fn replace(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: &NewValue,
    ) -> Result<SecretHead, VaultError> {
        let written = self.write_next(owner.project, secret, Some(owner), None, value).await?;
        // Only a fence can be behind.
        written.ok_or(VaultError::NotFound)
    }

    /// `None`: a higher fence has written.
    pub(super) async fn write_refreshed(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
        value: &NewValue,
    ) -> Result<Option<SecretHead>, VaultError> {
        self.write_next(project, secret, None, Some(fence), value).await
    }

    /// Writes the next version, whichever that is by now. A store that fails is asked again a few
    /// times: the provider may have given this token once and for all.
    async fn write_next(
        &self,
        project: ProjectId,
        secret: SecretId,
        owner: Option<&SecretOwner>,
        fence: Option<u64>,
        value: &NewValue,
    ) -> Result<Option<SecretHead>, VaultError> {
        self.check_value(value)?;
        let mut unknown = Vec::new();
        let (mut stale, mut failures) = (0, 0);
        loop {
            match self.attempt(project, secret, owner, fence, value, &unknown).await? {
                Attempt::Done(head) => return Ok(Some(head)),
                Attempt::Superseded => return Ok(None),
                Attempt::Stale if stale < self.settings.stale_retries_max => stale += 1,
                Attempt::Stale => {
                    let source = "other writers of this secret were always faster".into();
                    return Err(VaultError::Unavailable { source });
                }
                Attempt::Failed { error, unknown: outcome } => {
                    unknown.extend(outcome);
                    if failures >= self.settings.write_retries_max {
                        return Err(error);
                    }
                    failures += 1;
                    tokio::time::sleep(self.settings.write_retry_pause * failures).await;
                }
            }
        }
    }

    async fn attempt(
        &self,
        project: ProjectId,
        secret: SecretId,
        owner: Option<&SecretOwner>,
        fence: Option<u64>,
        value: &NewValue,
        unknown: &[Unknown],
    ) -> Result<Attempt, VaultError> {
        let stored = match self.values.value(project, secret).await {
            Ok(stored) => stored.ok_or(VaultError::NotFound)?,
            Err(error) => return Ok(failed(error)),
        };
        if let Some(done) = unknown.iter().find(|tried| tried.envelope == stored.envelope) {
            self.drop_replaced(project, done.replaced).await;
            return Ok(Attempt::Done(stored.head));
        }
        if owner.is_some_and(|owner| *owner != stored.head.owner) {
            let reason = "the secret belongs to something else".to_owned();
            return Err(VaultError::Refused { reason });
        }
        let StoredValue { head, envelope: old } = stored;
        let version = head.version.checked_add(1).ok_or_else(|| VaultError::Invalid {
            reason: "the secret has had too many versions".to_owned(),
        })?;
        let (new, data_key) = match self.seal(secret, &head.owner, version, value, fence).await {
            Ok(sealed) => sealed,
            Err(error) => return Ok(Attempt::Failed { error, unknown: None }),
        };
        let replaced = envelope::data_key_of(&old);
        let attempt = match self.values.update(project, secret, &new).await {
            Ok(Written::Committed(head)) => {
                self.drop_replaced(project, replaced).await;
                return Ok(Attempt::Done(head));
            }
            Ok(Written::Stale(_)) => Ok(Attempt::Stale),
            Ok(Written::Superseded) => Ok(Attempt::Superseded),
            Ok(Written::Missing) => Err(VaultError::NotFound),
            Err(error) => {
                let unknown = Some(Unknown { envelope: new.envelope, replaced });
                return Ok(Attempt::Failed { error: unavailable(error), unknown });
            }
        };
        self.drop_key(project, data_key).await;
        attempt
    }

    /// Seals a value under a fresh data key whose wrapping is stored already.
    async fn seal(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        version: u32,
        value: &NewValue,
        fence: Option<u64>,
    ) -> Result<(NewVersion, Uuid), VaultError> {
        let key = FreshKey::generate();
        let id = key.key().id();
        let binding = Binding { install: self.rings.install(), owner, secret, version };
        let bound = binding.bound(id);
        let row = WrappedKey {
            id,
            project: owner.project,
            secret,
            version,
            ring_key: Uuid::nil(),
            wrapped: Vec::new(),
        };
        self.store_key(row, &key, &bound.digest).await?;
        let new = NewVersion {
            envelope: envelope::seal_bound(key, &bound, value.value.expose()),
            version,
            expires_at: value.expires_at.map(to_microseconds),
            written_at: self.now(),
            fence,
        };
        Ok((new, id))
    }

    /// Wraps a data key and stores it. The ring key that this process takes for the current one
    /// may be gone after a rotation elsewhere; then the ring is read anew.
    async fn store_key(
        &self,
        mut row: WrappedKey,
        key: &FreshKey,
        digest: &[u8; HASH_BYTES],
    ) -> Result<(), VaultError> {
        let (install, project) = (self.rings.install(), row.project);
        let ring = self.rings.current(project).await.map_err(no_ring)?;
        ring.wrap(install, &mut row, key.key(), digest, key.wrap_nonce());
        let Err(error) = self.keys.insert_data_key(&row).await else { return Ok(()) };
        self.rings.forget_current(project);
        let newer = self.rings.current(project).await.map_err(no_ring)?;
        if newer.id() == ring.id() {
            return Err(unavailable(error));
        }
        newer.wrap(install, &mut row, key.key(), digest, random_nonce());
        self.keys.insert_data_key(&row).await.map_err(unavailable)
    }

    /// Shreds the key of the version that was replaced.
    async fn drop_replaced(&self, project: ProjectId, replaced: Option<Uuid>) {
        if let Some(data_key) = replaced {
            self.drop_key(project, data_key).await;
        }
    }

    /// Removes a key that nothing needs. If that fails, the sweep of orphans does it.
    async fn drop_key(&self, project: ProjectId, data_key: Uuid) {
        if let Err(error) = self.keys.remove_data_key(project, data_key).await {
            tracing::warn!(error = %error, %data_key, "an unused data key is left to the sweep");
        }
    }

    fn check_value(&self, value: &NewValue) -> Result<(), VaultError> {
        let max = self.settings.value_bytes_max.min(tenon_contract::vault::VALUE_BYTES_MAX);
        let reason = match value.value.len() {
            0 => "it is empty".to_owned(),
            length if length > max => format!("it has {length} bytes, more than {max}"),
            _ => return Ok(()),
        };
        Err(VaultError::Invalid { reason })
    }
}

fn failed(error: StoreError) -> Attempt {
    Attempt::Failed { error: unavailable(error), unknown: None }
}
