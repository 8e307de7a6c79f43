//! What is kept in Redis is sealed: AES-256-GCM under keys that Redis never sees.
//!
//! ```text
//! version 1 | root 4 | epoch 4 | nonce 12 | ciphertext, tag
//! ```
//!
//! The processes of an installation share a root key from a file. From it come a key for each
//! kind of entry and each epoch (a day, usually). An entry opens under the Redis key that it was
//! written to and nowhere else, and only in its epoch and the next: what somebody put away and
//! brings back later does not open any more. Workflow versions never change, so there is nothing
//! to bring back: they open as long as they may lie unused. It does not hide keys' names, sizes or
//! times.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use parking_lot::RwLock;
use tenon_contract::secret::SecretBytes;
use tenon_domain::Clock;
use zeroize::Zeroizing;

use crate::keys::VERSION_TTL_SECONDS;

/// The shortest root key, in bytes.
pub const SEAL_KEY_BYTES_MIN: usize = 32;

/// The form that is written.
const VERSION: u8 = 1;
const ROOT_AT: usize = 1;
const EPOCH_AT: usize = ROOT_AT + 4;
const NONCE_AT: usize = EPOCH_AT + 4;
const SEALED_AT: usize = NONCE_AT + NONCE_LEN;

/// The key is too short, or an epoch has no length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSealKey {
    /// See [`SEAL_KEY_BYTES_MIN`].
    #[error("the key for Redis is shorter than {SEAL_KEY_BYTES_MIN} bytes")]
    Short,
    /// An epoch must last a second or longer.
    #[error("the keys for Redis must live a second or longer")]
    Epoch,
}

/// What entries are kept apart by: a key of one kind opens nothing of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// What configuration tells execution.
    Plan,
    /// A workflow version.
    Version,
    /// What is around a shared value; the value itself is sealed by its owner before.
    Value,
}

impl Kind {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Plan => b"tenon redis plan 1",
            Self::Version => b"tenon redis version 1",
            Self::Value => b"tenon redis value 1",
        }
    }

    /// For how many epochs after its own an entry opens.
    const fn epochs_after(self, epoch_seconds: u64) -> u64 {
        match self {
            Self::Plan | Self::Value => 1,
            Self::Version => VERSION_TTL_SECONDS / epoch_seconds + 2,
        }
    }
}

/// Seals and opens. Clones share it.
#[derive(Clone)]
pub struct Sealer(Arc<Inner>);

struct Inner {
    /// The one that seals comes first.
    roots: Vec<Root>,
    epoch_seconds: u64,
    clock: Arc<dyn Clock>,
    keys: RwLock<HashMap<KeyName, Arc<RandomizedNonceKey>>>,
}

struct Root {
    id: [u8; 4],
    prk: hkdf::Prk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct KeyName {
    kind: Kind,
    root: [u8; 4],
    epoch: u32,
}

/// An entry, opened.
pub(crate) struct Opened {
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
    /// It was sealed under the root that seals now, in this epoch: it need not be sealed anew.
    pub(crate) is_current: bool,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("roots", &self.0.roots.len()).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Seals under `key` and opens what was sealed under it or one of `others`: while a key is
    /// changed, processes with the old and the new one read each other's entries.
    ///
    /// # Errors
    /// [`InvalidSealKey`].
    pub fn new(
        key: &SecretBytes,
        others: &[SecretBytes],
        epoch: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidSealKey> {
        let keys = std::iter::once(key).chain(others);
        let roots = keys.map(|key| Root::of(key.expose())).collect::<Result<_, _>>()?;
        let epoch_seconds = epoch.as_secs();
        if epoch_seconds == 0 {
            return Err(InvalidSealKey::Epoch);
        }
        Ok(Self(Arc::new(Inner { roots, epoch_seconds, clock, keys: RwLock::default() })))
    }

    /// Seals for one place.
    pub(crate) fn seal(&self, kind: Kind, place: &str, plaintext: &[u8]) -> Vec<u8> {
        let name = KeyName { kind, root: self.0.roots[0].id, epoch: self.epoch() };
        let key = self.key(name).expect("the first root is there");
        let mut entry = Vec::with_capacity(SEALED_AT + plaintext.len() + AES_256_GCM.tag_len());
        entry.push(VERSION);
        entry.extend_from_slice(&name.root);
        entry.extend_from_slice(&name.epoch.to_be_bytes());
        let bound = bound(&entry, place);
        let mut sealed = Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(plaintext);
        let nonce = key
            .seal_in_place_append_tag(Aad::from(&bound[..]), &mut sealed)
            .expect("an entry is far below the limit of the cipher");
        entry.extend_from_slice(nonce.as_ref());
        entry.extend_from_slice(&sealed);
        entry
    }

    /// Opens what was sealed for one place. `None`: cut, changed, moved, too old, under a key that
    /// is not known, or never sealed.
    pub(crate) fn open(&self, kind: Kind, place: &str, entry: &[u8]) -> Option<Opened> {
        let (head, rest) = entry.split_at_checked(NONCE_AT)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let (version, names) = head.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (root, epoch) = names.split_at(EPOCH_AT - ROOT_AT);
        let name = KeyName {
            kind,
            root: root.try_into().expect("it has four bytes"),
            epoch: u32::from_be_bytes(epoch.try_into().expect("it has four bytes")),
        };
        if !self.is_alive(name) {
            return None;
        }
        let key = self.key(name)?;
        let mut plaintext = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce.try_into().expect("it has its length"));
        let bound = bound(head, place);
        let length = key.open_in_place(nonce, Aad::from(&bound[..]), &mut plaintext).ok()?.len();
        plaintext.truncate(length);
        let is_current = name.root == self.0.roots[0].id && name.epoch >= self.epoch();
        Some(Opened { plaintext, is_current })
    }

    /// Counted from 1970.
    fn epoch(&self) -> u32 {
        let seconds = u64::try_from(self.0.clock.now().as_second()).unwrap_or(0);
        u32::try_from(seconds / self.0.epoch_seconds).unwrap_or(u32::MAX)
    }

    /// Whether entries of a key are read. Clocks differ: somebody may be in the next epoch already.
    fn is_alive(&self, name: KeyName) -> bool {
        let (now, epoch) = (u64::from(self.epoch()), u64::from(name.epoch));
        epoch <= now + 1 && now <= epoch + name.kind.epochs_after(self.0.epoch_seconds)
    }

    /// The key of a name, from memory. `None`: there is no such root.
    fn key(&self, name: KeyName) -> Option<Arc<RandomizedNonceKey>> {
        if let Some(key) = self.0.keys.read().get(&name) {
            return Some(Arc::clone(key));
        }
        let root = self.0.roots.iter().find(|root| root.id == name.root)?;
        let key = Arc::new(root.derive(name.kind, name.epoch));
        let mut keys = self.0.keys.write();
        keys.retain(|kept, _| self.is_alive(*kept));
        keys.insert(name, Arc::clone(&key));
        Some(key)
    }
}

impl Root {
    fn of(key: &[u8]) -> Result<Self, InvalidSealKey> {
        if key.len() < SEAL_KEY_BYTES_MIN {
            return Err(InvalidSealKey::Short);
        }
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tenon redis 1").extract(key);
        let mut id = [0; 4];
        let name = [b"id".as_slice()];
        prk.expand(&name, Length(id.len()))
            .and_then(|okm| okm.fill(&mut id))
            .expect("four bytes are within the limit");
        Ok(Self { id, prk })
    }

    fn derive(&self, kind: Kind, epoch: u32) -> RandomizedNonceKey {
        let mut key = Zeroizing::new([0; 32]);
        let info = [kind.label(), &epoch.to_be_bytes()];
        self.prk
            .expand(&info, Length(key.len()))
            .and_then(|okm| okm.fill(&mut key[..]))
            .expect("32 bytes are within the limit");
        RandomizedNonceKey::new(&AES_256_GCM, &key[..]).expect("the key has 32 bytes")
    }
}

/// How many bytes are derived.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// What an entry is bound to: its head and its place.
fn bound(head: &[u8], place: &str) -> Vec<u8> {
    [head, place.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
