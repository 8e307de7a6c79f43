//! Opened values that several processes share through a cache which nobody has to trust.
//!
//! The cache holds ciphertext. The key of an entry is the vault's: it is given out with the value
//! itself, and later to whoever asks for it with the same proof that opening takes, after the same
//! audit record. So whoever can read the cache, and a process with a stolen identity, gets nothing
//! out of it that the vault would not have opened. See ADR 0013.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tenon_domain::SecretId;

use super::{Opened, SecretOwner};
use crate::secret::SecretBytes;

/// Bytes of a [`SharingKey`].
pub const SHARING_KEY_BYTES: usize = 32;

/// Which of the vault's short-lived keys an entry's key comes from. Random, and no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Generation(pub [u8; 16]);

/// The key of one version of one value in shared caches, of one generation.
pub struct SharingKey {
    /// Which generation.
    pub generation: Generation,
    /// [`SHARING_KEY_BYTES`] bytes, for AES-256-GCM with random nonces.
    pub key: SecretBytes,
}

/// A value, opened, with the key under which it may be left for other processes.
pub struct OpenedToShare {
    /// The value.
    pub opened: Opened,
    /// The key; `None`: it may not be shared.
    pub key: Option<SharingKey>,
}

/// What a process found in a shared cache, as the entry says it. The vault does not believe it:
/// all of it goes into the key, so whoever says something else gets a key that opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedValue {
    /// Which secret.
    pub secret: SecretId,
    /// Which version of it.
    pub version: u32,
    /// What it belongs to.
    pub owner: SecretOwner,
    /// Which generation its key is of.
    pub generation: Generation,
}

/// A cache that processes share. It may forget at any time and may be read by others; it is given
/// ciphertext only. Whatever goes wrong with it is a miss, so nothing here fails.
#[async_trait]
pub trait SharedValues: Send + Sync + 'static {
    /// The entry of a secret.
    async fn get(&self, secret: SecretId) -> Option<Vec<u8>>;

    /// Keeps an entry for `ttl`, unless one of a later version is there.
    async fn put(&self, secret: SecretId, version: u32, entry: &[u8], ttl: std::time::Duration);

    /// Drops the entry of a secret whose value changed or ended.
    async fn remove(&self, secret: SecretId);
}
