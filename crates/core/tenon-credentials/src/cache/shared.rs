//! Opened values that processes leave for each other in a cache outside, sealed under keys of the
//! vault.
//!
//! Before a value that another process left is used, the vault is asked for its key: the same
//! checks and the same audit record as for opening it. What is saved is the reading and opening in
//! the vault, not the record. An entry that does not fit, does not open or has no key any more is
//! a miss. See ADR 0013.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use jiff::{SignedDuration, Timestamp};
use tenon_contract::vault::{
    Access, Generation, Opened, SecretHead, SecretState, SharedValue, SharedValues, SharingKey,
    Vault, VaultError,
};
use tenon_domain::{Clock, ProjectId, SecretId};
use zeroize::Zeroizing;

use super::signed;
use crate::settings::CacheSettings;

/// The form of an entry:
/// `version 1 | generation 16 | head seen at 8 | head length 4 | head | nonce 12 | sealed`.
/// All before the nonce is bound into the encryption.
const VERSION: u8 = 1;
const GENERATION_AT: usize = 1;
const SEEN_AT: usize = GENERATION_AT + 16;
const LENGTH_AT: usize = SEEN_AT + 8;
const HEAD_AT: usize = LENGTH_AT + 4;

/// The cache outside, and how it is used.
pub(crate) struct Shared {
    values: Arc<dyn SharedValues>,
    /// How long an entry is left there.
    ttl: SignedDuration,
    /// How long a head counts as seen.
    seen_ttl: SignedDuration,
    /// How long the cache may take; longer is a miss.
    patience: Duration,
}

/// A value that another process left.
pub(crate) struct Found {
    pub(crate) head: Arc<SecretHead>,
    pub(crate) value: Zeroizing<Vec<u8>>,
    /// When its head was last seen in the vault.
    pub(crate) seen_at: Timestamp,
}

impl Shared {
    pub(crate) fn new(values: Arc<dyn SharedValues>, settings: &CacheSettings) -> Self {
        Self {
            values,
            ttl: signed(settings.shared_ttl),
            seen_ttl: signed(settings.ttl),
            patience: settings.shared_patience,
        }
    }

    /// Looks for a value. `None`: open it.
    ///
    /// # Errors
    /// The vault's, when there is an entry and the vault refuses its key or is away.
    pub(crate) async fn find(
        &self,
        vault: &dyn Vault,
        clock: &dyn Clock,
        secret: SecretId,
        access: &Access,
    ) -> Result<Option<Found>, VaultError> {
        let looking = tokio::time::timeout(self.patience, self.values.get(secret)).await;
        let Some(bytes) = looking.ok().flatten() else { return Ok(None) };
        let Some(mut entry) = Entry::read(&bytes, access.project, secret) else { return Ok(None) };
        let now = clock.now();
        entry.seen_at = entry.seen_at.min(now);
        if entry.head.expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        if now.duration_since(entry.seen_at) >= self.seen_ttl {
            let head = vault.head(access.project, secret).await?;
            if head.is_none_or(|head| !is_same(&head, &entry.head)) {
                return Ok(None);
            }
            entry.seen_at = now;
        }
        let Some(key) = vault.sharing_key(&entry.named(), access).await? else { return Ok(None) };
        let Some(value) = entry.open(&key) else {
            tracing::warn!(%secret, "a shared value does not open and is passed over");
            return Ok(None);
        };
        Ok(Some(Found { head: Arc::new(entry.head), value, seen_at: entry.seen_at }))
    }

    /// Leaves a value that the vault has just opened.
    pub(crate) async fn leave(&self, opened: &Opened, key: &SharingKey, now: Timestamp) {
        let head = &opened.head;
        let life = head.expires_at.map_or(self.ttl, |end| self.ttl.min(end.duration_since(now)));
        let Ok(ttl) = Duration::try_from(life) else { return };
        let Some(entry) = seal(head, now, key, opened.value.expose()) else { return };
        let put = self.values.put(head.secret, head.version, &entry, ttl);
        if tokio::time::timeout(self.patience, put).await.is_err() {
            tracing::debug!(secret = %head.secret, "a value is not shared: the cache is slow");
        }
    }
}

fn is_same(now: &SecretHead, then: &SecretHead) -> bool {
    now.version == then.version && now.owner == then.owner && now.state == SecretState::Valid
}

/// `None`: the key is none, which the vault does not give out.
fn seal(head: &SecretHead, seen: Timestamp, key: &SharingKey, value: &[u8]) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(head).expect("a head can be written as JSON");
    let length = u32::try_from(json.len()).expect("a head is far below 4 GB");
    let mut entry = Vec::with_capacity(HEAD_AT + json.len() + NONCE_LEN + value.len() + 16);
    entry.push(VERSION);
    entry.extend_from_slice(&key.generation.0);
    entry.extend_from_slice(&seen.as_microsecond().to_be_bytes());
    entry.extend_from_slice(&length.to_be_bytes());
    entry.extend_from_slice(&json);
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.key.expose()).ok()?;
    let mut sealed = Vec::with_capacity(value.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(value);
    let nonce = cipher
        .seal_in_place_append_tag(Aad::from(&entry[..]), &mut sealed)
        .expect("a value is far below the limit of the cipher");
    entry.extend_from_slice(nonce.as_ref());
    entry.extend_from_slice(&sealed);
    Some(entry)
}

/// An entry as it was found. Nothing in it is believed until it has opened.
struct Entry<'a> {
    head: SecretHead,
    seen_at: Timestamp,
    generation: Generation,
    bound: &'a [u8],
    nonce: [u8; NONCE_LEN],
    sealed: &'a [u8],
}

impl<'a> Entry<'a> {
    /// `None`: no entry of this secret of this project.
    fn read(bytes: &'a [u8], project: ProjectId, secret: SecretId) -> Option<Self> {
        let (start, rest) = bytes.split_at_checked(HEAD_AT)?;
        if start[0] != VERSION {
            return None;
        }
        let generation = start[GENERATION_AT..SEEN_AT].try_into().expect("it has 16 bytes");
        let seen = start[SEEN_AT..LENGTH_AT].try_into().expect("it has 8 bytes");
        let length = start[LENGTH_AT..].try_into().expect("it has 4 bytes");
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        let (json, rest) = rest.split_at_checked(length)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let head: SecretHead = serde_json::from_slice(json).ok()?;
        let is_asked_for = head.secret == secret && head.owner.project == project;
        (is_asked_for && head.state == SecretState::Valid).then_some(())?;
        Some(Self {
            head,
            seen_at: Timestamp::from_microsecond(i64::from_be_bytes(seen)).ok()?,
            generation: Generation(generation),
            bound: &bytes[..HEAD_AT + length],
            nonce: nonce.try_into().expect("it has its length"),
            sealed,
        })
    }

    fn named(&self) -> SharedValue {
        SharedValue {
            secret: self.head.secret,
            version: self.head.version,
            owner: self.head.owner.clone(),
            generation: self.generation,
        }
    }

    /// `None`: changed, moved, or sealed under another key.
    fn open(&self, key: &SharingKey) -> Option<Zeroizing<Vec<u8>>> {
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.key.expose()).ok()?;
        let mut bytes = Zeroizing::new(self.sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let length = cipher.open_in_place(nonce, Aad::from(self.bound), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests;
