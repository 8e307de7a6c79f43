//! A data key, wrapped under a key of its tenant's ring.
//!
//! ```text
//! version 1 | algorithm 1 | digest 32 | nonce 12 | key 32, tag 16
//! ```
//!
//! The digest says where the value belongs, user and all, without telling the key database. It is
//! authenticated, so re-wrapping carries it over unseen, and opening compares it.

use tenon_domain::ProjectId;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::cipher::{Cipher, HASH_BYTES, KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use crate::envelope::{DataKey, InstallId};
use crate::ports::WrappedKey;
use crate::tlv::Tlv;

const VERSION: u8 = 1;
const AES_256_GCM: u8 = 1;
const WRAPPED_BYTES: usize = 2 + HASH_BYTES + NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// The wrapped key was changed, or is of another row, tenant or ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the wrapped data key was changed or belongs elsewhere")]
pub struct WrapError;

/// A key of a ring, ready to wrap and unwrap.
pub(crate) struct OpenRingKey {
    project: ProjectId,
    id: Uuid,
    cipher: Cipher,
}

/// A data key, out of its wrapping.
pub(crate) struct Unwrapped {
    pub(crate) key: DataKey,
    /// Where its value belongs; to be compared with where it was found.
    pub(crate) digest: [u8; HASH_BYTES],
}

impl OpenRingKey {
    pub(crate) fn new(project: ProjectId, id: Uuid, key: &[u8; KEY_BYTES]) -> Self {
        Self { project, id, cipher: Cipher::new(key) }
    }

    pub(crate) const fn project(&self) -> ProjectId {
        self.project
    }

    pub(crate) const fn id(&self) -> Uuid {
        self.id
    }

    /// Puts a data key, wrapped, into its row, which otherwise is filled in. The nonce is random
    /// and was not used before.
    pub(crate) fn wrap(
        &self,
        install: InstallId,
        row: &mut WrappedKey,
        key: &DataKey,
        digest: &[u8; HASH_BYTES],
        nonce: [u8; NONCE_BYTES],
    ) {
        row.ring_key = self.id;
        let mut wrapped = Vec::with_capacity(WRAPPED_BYTES);
        wrapped.extend_from_slice(&[VERSION, AES_256_GCM]);
        wrapped.extend_from_slice(digest);
        wrapped.extend_from_slice(&nonce);
        let bound = self.bound(install, row, digest);
        self.cipher.seal(nonce, bound.as_slice(), key.expose(), &mut wrapped);
        row.wrapped = wrapped;
    }

    /// Takes the data key of a row out.
    pub(crate) fn unwrap(
        &self,
        install: InstallId,
        row: &WrappedKey,
    ) -> Result<Unwrapped, WrapError> {
        let wrapped: &[u8; WRAPPED_BYTES] = row.wrapped[..].try_into().map_err(|_| WrapError)?;
        if row.project != self.project || wrapped[0] != VERSION || wrapped[1] != AES_256_GCM {
            return Err(WrapError);
        }
        let (digest, rest) = wrapped[2..].split_first_chunk().ok_or(WrapError)?;
        let (nonce, sealed) = rest.split_first_chunk().ok_or(WrapError)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        self.cipher
            .open(*nonce, self.bound(install, row, digest).as_slice(), sealed, &mut key[..])
            .map_err(|_| WrapError)?;
        Ok(Unwrapped { key: DataKey::from_parts(row.id, key), digest: *digest })
    }

    fn bound(&self, install: InstallId, row: &WrappedKey, digest: &[u8; HASH_BYTES]) -> Tlv {
        let mut tlv = Tlv::new("tenon data key 1");
        tlv.bytes(1, install.uuid().as_bytes());
        tlv.bytes(2, row.project.uuid().as_bytes());
        tlv.bytes(3, row.secret.uuid().as_bytes());
        tlv.bytes(4, &row.version.to_be_bytes());
        tlv.bytes(5, row.id.as_bytes());
        tlv.bytes(6, self.id.as_bytes());
        tlv.bytes(7, &[AES_256_GCM]);
        tlv.bytes(8, digest);
        tlv
    }
}

#[cfg(test)]
mod tests;
