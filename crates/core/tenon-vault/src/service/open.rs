//! Opening a value: policy, audit, key, plaintext, in this order.

use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, Opened, VaultError};
use tenon_domain::SecretId;

use super::{VaultService, no_ring, unavailable};
use crate::audit::AuditRecord;
use crate::envelope::{self, Binding};
use crate::layers;
use crate::policy::{Caller, Refusal, check_texts};
use crate::ports::{StoredValue, WrappedKey};

/// A value and the key that its envelope names, where that is there.
enum Found {
    /// Both.
    Both(StoredValue, WrappedKey),
    /// The key has gone: another version may have come, or the key be wrapped anew.
    KeyIsGone,
}

impl VaultService {
    /// A key may go between two reads, when a new version comes or a ring is rotated; then the
    /// value is read again. If it stays without its key, it is damaged.
    pub(super) async fn open(
        &self,
        caller: Caller,
        secret: SecretId,
        access: &Access,
    ) -> Result<Opened, VaultError> {
        if let Err(refusal) = check_texts(access) {
            return Err(refused(refusal));
        }
        let mut recorded = None;
        for _ in 0..=self.settings.rereads_max {
            let found = self.find(caller, secret, access, &mut recorded).await?;
            if let Found::Both(stored, row) = found
                && let Some(value) = self.decrypt(&stored, &row).await?
            {
                return Ok(Opened { head: stored.head, value });
            }
            tokio::time::sleep(self.settings.reread_pause).await;
        }
        tracing::error!(%secret, project = %access.project, "a stored secret has lost its key");
        Err(VaultError::Damaged)
    }

    /// Reads the value, checks that the caller may have it, and records that it gets it. The
    /// record and the key are waited for together: without both there is nothing to decrypt.
    async fn find(
        &self,
        caller: Caller,
        secret: SecretId,
        access: &Access,
        recorded: &mut Option<u32>,
    ) -> Result<Found, VaultError> {
        let project = access.project;
        let stored = self.values.value(project, secret).await.map_err(unavailable)?;
        let stored = stored.ok_or(VaultError::NotFound)?;
        let version = stored.head.version;
        let checked = self.policy.check_open(caller, access, &stored.head.owner, self.now());
        if let Err(refusal) = checked {
            self.note_refusal(self.record(caller, secret, version, access), refusal);
            return Err(refused(refusal));
        }
        let Some(data_key) = envelope::data_key_of(&stored.envelope) else {
            return Err(damaged(secret, &envelope::EnvelopeError::Malformed));
        };
        let reading = self.keys.data_key(project, data_key);
        let row = if *recorded == Some(version) {
            reading.await
        } else {
            let record = self.record(caller, secret, version, access);
            let (written, row) = tokio::join!(self.journal.record(record), reading);
            written.map_err(|error| VaultError::Unavailable { source: Box::new(error) })?;
            *recorded = Some(version);
            row
        };
        Ok(match row.map_err(unavailable)? {
            Some(row) => Found::Both(stored, row),
            None => Found::KeyIsGone,
        })
    }

    /// `None`: the ring key has gone.
    async fn decrypt(
        &self,
        stored: &StoredValue,
        row: &WrappedKey,
    ) -> Result<Option<SecretBytes>, VaultError> {
        let head = &stored.head;
        let Some(ring) =
            self.rings.by_id(head.owner.project, row.ring_key).await.map_err(no_ring)?
        else {
            return Ok(None);
        };
        let install = self.rings.install();
        let binding =
            Binding { install, owner: &head.owner, secret: head.secret, version: head.version };
        layers::open(&ring, &binding, row, &stored.envelope)
            .map(Some)
            .map_err(|error| damaged(head.secret, &error))
    }

    pub(super) fn record(
        &self,
        caller: Caller,
        secret: SecretId,
        version: u32,
        access: &Access,
    ) -> AuditRecord {
        AuditRecord {
            project: access.project,
            at: self.now(),
            caller: caller.name().to_owned(),
            secret,
            version,
            purpose: access.purpose,
            run: access.run,
            step: access.step.clone(),
            reference: access.reference.clone(),
            is_granted: true,
        }
    }
}

pub(super) fn refused(refusal: Refusal) -> VaultError {
    VaultError::Refused { reason: refusal.to_string() }
}

fn damaged(secret: SecretId, error: &dyn std::error::Error) -> VaultError {
    tracing::error!(%secret, error = %error, "a stored secret does not open");
    VaultError::Damaged
}
