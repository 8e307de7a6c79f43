//! Opened values, kept sealed: under a key of this process that is replaced every few minutes.
//!
//! Each call opens the value that it needs and wipes it afterwards, so that idle memory holds no
//! plaintext. The cache never asks the vault; [`crate::access`] does, and tells it what it heard.

mod keys;
pub(crate) mod shared;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, RwLock};
use tenon_contract::vault::{SecretHead, SecretState};
use tenon_domain::{ProjectId, SecretId};
use zeroize::Zeroizing;

use self::keys::{Keys, Sealed};
use crate::settings::CacheSettings;

const SHARDS: usize = 16;

/// Opened values, sealed under an ephemeral key.
pub struct SecretCache {
    shards: [RwLock<HashMap<SecretId, Entry>>; SHARDS],
    keys: Keys,
    forgets: AtomicU64,
    ttl: SignedDuration,
    dead_ttl: SignedDuration,
    shard_entries_max: usize,
    /// Secrets of which this process knows that they changed: until the vault has opened them
    /// anew, what other processes left of them is not looked at.
    distrusted: Mutex<HashSet<SecretId>>,
}

struct Entry {
    head: Arc<SecretHead>,
    checked_at: Timestamp,
    /// None for a credential that does not work any more.
    sealed: Option<Sealed>,
}

/// What the cache knows.
pub enum Lookup {
    /// The value, opened, and the head it belongs to.
    Fresh(Arc<SecretHead>, Zeroizing<Vec<u8>>),
    /// It does not work any more.
    Dead(Arc<SecretHead>),
    /// The value is there, but nobody has looked at its head for too long: see
    /// [`SecretCache::confirm`].
    Stale,
    /// Nothing.
    Missing,
}

/// A moment between two announcements, taken before the vault is asked: what it answers is not
/// kept when something was announced meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(u64);

impl SecretCache {
    /// An empty one, with a new key.
    #[must_use]
    pub fn new(settings: &CacheSettings, now: Timestamp) -> Self {
        Self {
            shards: Default::default(),
            keys: Keys::new(settings.key_life, now),
            forgets: AtomicU64::new(0),
            ttl: signed(settings.ttl),
            dead_ttl: signed(settings.dead_ttl),
            shard_entries_max: settings.entries_max.div_ceil(SHARDS).max(1),
            distrusted: Mutex::default(),
        }
    }

    /// The moment, to be taken before the vault is asked.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment(self.forgets.load(Ordering::Acquire))
    }

    /// What is known of a secret.
    #[must_use]
    pub fn get(&self, project: ProjectId, secret: SecretId, now: Timestamp) -> Lookup {
        self.keys.turn(now);
        let shard = self.shard(secret).read();
        let Some(entry) = shard.get(&secret).filter(|e| e.head.owner.project == project) else {
            return Lookup::Missing;
        };
        let is_fresh = |ttl| now.duration_since(entry.checked_at) < ttl;
        let Some(sealed) = &entry.sealed else {
            return if is_fresh(self.dead_ttl) {
                Lookup::Dead(Arc::clone(&entry.head))
            } else {
                Lookup::Missing
            };
        };
        if !is_fresh(self.ttl) {
            return Lookup::Stale;
        }
        match self.keys.open(&context(&entry.head), sealed) {
            Some(value) => Lookup::Fresh(Arc::clone(&entry.head), value),
            None => Lookup::Missing,
        }
    }

    /// Keeps what the vault gave; of a dead credential only its head.
    pub fn put(&self, head: Arc<SecretHead>, value: &[u8], asked: Moment, now: Timestamp) {
        self.keys.turn(now);
        let is_valid = head.state == SecretState::Valid;
        let sealed = is_valid.then(|| self.keys.seal(&context(&head), value));
        if asked == self.moment() {
            self.distrusted.lock().remove(&head.secret);
        }
        self.insert(Entry { head, checked_at: now, sealed }, asked);
    }

    /// Keeps what another process left, whose head it saw at `seen_at`.
    pub(crate) fn put_found(&self, found: &shared::Found, asked: Moment, now: Timestamp) {
        self.keys.turn(now);
        let head = Arc::clone(&found.head);
        let sealed = Some(self.keys.seal(&context(&head), &found.value));
        self.insert(Entry { head, checked_at: found.seen_at, sealed }, asked);
    }

    /// Whether what other processes left of a secret may be looked at.
    pub(crate) fn trusts_shared(&self, secret: SecretId) -> bool {
        !self.distrusted.lock().contains(&secret)
    }

    fn distrust(&self, secret: SecretId) {
        let mut distrusted = self.distrusted.lock();
        if distrusted.len() >= self.shard_entries_max.saturating_mul(SHARDS) {
            // The vault gives no key for what changed; this is for several vaults.
            distrusted.clear();
        }
        distrusted.insert(secret);
    }

    /// Keeps that a credential is dead.
    pub fn put_dead(&self, head: Arc<SecretHead>, asked: Moment, now: Timestamp) {
        self.insert(Entry { head, checked_at: now, sealed: None }, asked);
    }

    /// Says what the vault answered about the head. `true`: the kept value is good for another
    /// while. `false`: it was dropped, open it again.
    pub fn confirm(&self, head: SecretHead, asked: Moment, now: Timestamp) -> bool {
        let mut shard = self.shard(head.secret).write();
        let is_same = |entry: &Entry| {
            entry.sealed.is_some()
                && entry.head.version == head.version
                && entry.head.owner == head.owner
                && head.state == SecretState::Valid
        };
        match shard.get_mut(&head.secret) {
            Some(entry) if is_same(entry) && asked == self.moment() => {
                entry.checked_at = now;
                entry.head = Arc::new(head);
                true
            }
            Some(_) => {
                shard.remove(&head.secret);
                self.distrust(head.secret);
                false
            }
            None => false,
        }
    }

    /// Drops a secret whose head changed, and whatever is being asked of the vault meanwhile.
    pub fn forget(&self, secret: SecretId) {
        self.forgets.fetch_add(1, Ordering::AcqRel);
        self.distrust(secret);
        self.shard(secret).write().remove(&secret);
    }

    /// Replaces the key when its time has come and drops what is too old. To be called every
    /// minute or so: without it an idle process would keep an old key.
    pub fn tidy(&self, now: Timestamp) {
        self.keys.turn(now);
        for shard in &self.shards {
            shard.write().retain(|_, entry| self.is_kept(entry, now));
        }
    }

    /// How many values are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert(&self, entry: Entry, asked: Moment) {
        let secret = entry.head.secret;
        let mut shard = self.shard(secret).write();
        // Compared under the lock: a forget that comes later waits for it and then removes.
        if asked != self.moment() {
            return;
        }
        let is_older = |old: &Entry| {
            old.head.version > entry.head.version && old.head.owner == entry.head.owner
        };
        if shard.get(&secret).is_some_and(is_older) {
            return;
        }
        if shard.len() >= self.shard_entries_max && !shard.contains_key(&secret) {
            self.make_room(&mut shard, entry.checked_at);
        }
        shard.insert(secret, entry);
    }

    /// Drops what is too old, else the entry that was checked longest ago.
    fn make_room(&self, shard: &mut HashMap<SecretId, Entry>, now: Timestamp) {
        shard.retain(|_, entry| self.is_kept(entry, now));
        if shard.len() < self.shard_entries_max {
            return;
        }
        let oldest = shard.iter().min_by_key(|(_, entry)| entry.checked_at).map(|(id, _)| *id);
        if let Some(oldest) = oldest {
            shard.remove(&oldest);
        }
    }

    /// A stale value is kept for one more while: its head may be confirmed.
    fn is_kept(&self, entry: &Entry, now: Timestamp) -> bool {
        let ttl = if entry.sealed.is_some() { self.ttl.saturating_mul(2) } else { self.dead_ttl };
        now.duration_since(entry.checked_at) < ttl
    }

    fn shard(&self, secret: SecretId) -> &RwLock<HashMap<SecretId, Entry>> {
        // The last byte of a UUID is random in version 4 and in version 7.
        &self.shards[usize::from(secret.uuid().as_bytes()[15]) % SHARDS]
    }
}

/// What a sealed value is bound to: it opens for this version of this secret only.
fn context(head: &SecretHead) -> [u8; 36] {
    let mut context = [0; 36];
    context[..16].copy_from_slice(head.owner.project.uuid().as_bytes());
    context[16..32].copy_from_slice(head.secret.uuid().as_bytes());
    context[32..].copy_from_slice(&head.version.to_be_bytes());
    context
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
