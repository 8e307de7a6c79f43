//! The key that seals cached values: random, of this process only, replaced every few minutes.
//!
//! Two generations are kept. A value that was sealed under an older one cannot be opened by
//! anybody any more, wherever a copy of it may be.

use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use zeroize::Zeroizing;

/// A value, sealed.
pub(super) struct Sealed {
    generation: u64,
    nonce: [u8; NONCE_LEN],
    bytes: Box<[u8]>,
}

/// The keys of this process.
pub(super) struct Keys {
    generations: RwLock<Generations>,
    life: SignedDuration,
}

struct Generations {
    number: u64,
    since: Timestamp,
    current: RandomizedNonceKey,
    previous: Option<RandomizedNonceKey>,
}

impl Keys {
    pub(super) fn new(life: Duration, now: Timestamp) -> Self {
        let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
        let first = Generations { number: 0, since: now, current: random_key(), previous: None };
        Self { generations: RwLock::new(first), life }
    }

    /// Replaces the key when its time has come. Cheap when it has not.
    pub(super) fn turn(&self, now: Timestamp) {
        let is_due = |since: Timestamp| now.duration_since(since) >= self.life;
        if !is_due(self.generations.read().since) {
            return;
        }
        let mut keys = self.generations.write();
        if !is_due(keys.since) {
            return;
        }
        let is_overdue = now.duration_since(keys.since) >= self.life.saturating_mul(2);
        let old = std::mem::replace(&mut keys.current, random_key());
        // Nobody looked in for two lives: the outgoing key is as old as its predecessor may be.
        keys.previous = (!is_overdue).then_some(old);
        keys.number += if is_overdue { 2 } else { 1 };
        keys.since = now;
    }

    pub(super) fn seal(&self, context: &[u8], plaintext: &[u8]) -> Sealed {
        let mut bytes = Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len());
        bytes.extend_from_slice(plaintext);
        let keys = self.generations.read();
        let nonce = keys
            .current
            .seal_in_place_append_tag(Aad::from(context), &mut bytes)
            .expect("a value is far below the limit of the cipher");
        Sealed { generation: keys.number, nonce: *nonce.as_ref(), bytes: bytes.into_boxed_slice() }
    }

    /// `None`: the key is gone, or the value was sealed for something else.
    pub(super) fn open(&self, context: &[u8], sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        let keys = self.generations.read();
        let key = match keys.number.checked_sub(sealed.generation) {
            Some(0) => &keys.current,
            Some(1) => keys.previous.as_ref()?,
            _ => return None,
        };
        let mut bytes = Zeroizing::new(sealed.bytes.to_vec());
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let length = key.open_in_place(nonce, Aad::from(context), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

fn random_key() -> RandomizedNonceKey {
    let mut bytes = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(&mut *bytes).expect("the operating system gives random bytes");
    RandomizedNonceKey::new(&AES_256_GCM, &*bytes).expect("the key has 32 bytes")
}
