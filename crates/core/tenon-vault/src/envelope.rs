//! The envelope: one value, sealed once under a data key of its own.
//!
//! ```text
//! version 1 | algorithm 1 | data key id 16 | nonce length 1 | nonce | length 4 | ciphertext, tag | commitment 32
//! ```
//!
//! The cipher authenticates the ciphertext together with everything that says where it belongs
//! ([`Binding`]), so it opens nowhere else. AES-GCM alone does not bind a ciphertext to one key;
//! the commitment does, and is checked first. Reading is total: any bytes give an error or the
//! value that was sealed.
//!
//! It knows nothing of rings, roots and stores.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{SecretOwner, Subject};
use tenon_domain::SecretId;
use uuid::{Builder, Uuid};
use zeroize::Zeroizing;

use crate::cipher::{Cipher, HASH_BYTES, KEY_BYTES, NONCE_BYTES, Scratch, TAG_BYTES};
use crate::cipher::{fill_random, hmac_sha256, sha256};
use crate::tlv::Tlv;

/// The version of the envelope that is written.
const VERSION: u8 = 1;
/// AES-256-GCM; another algorithm gets another number and both stay readable.
const AES_256_GCM: u8 = 1;

const ID_AT: usize = 2;
const NONCE_LENGTH_AT: usize = ID_AT + 16;
const NONCE_AT: usize = NONCE_LENGTH_AT + 1;
const LENGTH_AT: usize = NONCE_AT + NONCE_BYTES;
const SEALED_AT: usize = LENGTH_AT + 4;

/// Bytes that an envelope has beyond its plaintext.
pub const OVERHEAD_BYTES: usize = SEALED_AT + TAG_BYTES + HASH_BYTES;

/// Which installation of Tenon; a value of one opens in no other, whatever the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstallId(Uuid);

impl InstallId {
    /// Wraps the id that the installation was given when it was set up.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID inside.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

/// Where a value belongs.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// The installation.
    pub install: InstallId,
    /// The tenant and what of it.
    pub owner: &'a SecretOwner,
    /// The secret.
    pub secret: SecretId,
    /// Its version.
    pub version: u32,
}

/// What a value under a certain data key is bound to.
pub(crate) struct Bound {
    tlv: Tlv,
    /// Its hash. The layer that wraps the data key is bound to this: that layer is renewed by
    /// processes that do not see whose value it is.
    pub(crate) digest: [u8; HASH_BYTES],
}

/// A key that opens one envelope: 32 bytes and the id they are stored under.
pub struct DataKey {
    id: Uuid,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// A data key that has not sealed anything yet. Sealing uses it up, so a key encrypts once.
#[derive(Debug)]
pub struct FreshKey {
    key: DataKey,
    nonce: [u8; NONCE_BYTES],
    wrap_nonce: [u8; NONCE_BYTES],
}

/// The envelope does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not the bytes of an envelope: cut, extended, or no envelope at all.
    #[error("the envelope cannot be read")]
    Malformed,
    /// Written by a later version of Tenon, or changed.
    #[error("the envelope has an unknown version or algorithm")]
    Unknown,
    /// Changed, moved from elsewhere, or sealed under another key.
    #[error("the envelope was changed or belongs elsewhere")]
    Forged,
}

impl FreshKey {
    /// Draws a key, the nonces for sealing with it and for wrapping it, and its id: one draw is
    /// much faster than four. Ids sort by the time they were drawn at.
    #[must_use]
    pub fn generate() -> Self {
        const ID_BYTES: usize = 10;
        const DRAWN: usize = KEY_BYTES + 2 * NONCE_BYTES + ID_BYTES;
        let mut drawn = Scratch::<{ DRAWN.div_ceil(8) }>::filled(0);
        let drawn = &mut drawn.bytes_mut()[..DRAWN];
        fill_random(drawn);
        let (key, rest) = drawn.split_at(KEY_BYTES);
        let (nonce, rest) = rest.split_at(NONCE_BYTES);
        let (wrap_nonce, id) = rest.split_at(NONCE_BYTES);
        let mut fresh = Self {
            key: DataKey { id: id_of_now(id), bytes: Zeroizing::new([0; KEY_BYTES]) },
            nonce: [0; NONCE_BYTES],
            wrap_nonce: [0; NONCE_BYTES],
        };
        fresh.key.bytes.copy_from_slice(key);
        fresh.nonce.copy_from_slice(nonce);
        fresh.wrap_nonce.copy_from_slice(wrap_nonce);
        fresh
    }

    /// The key, to be wrapped.
    pub(crate) const fn key(&self) -> &DataKey {
        &self.key
    }

    /// A nonce for the first wrapping, and only that.
    pub(crate) const fn wrap_nonce(&self) -> [u8; NONCE_BYTES] {
        self.wrap_nonce
    }

    /// A copy that can only open what this one will have sealed.
    #[must_use]
    pub fn reader(&self) -> DataKey {
        DataKey { id: self.key.id, bytes: self.key.bytes.clone() }
    }
}

impl DataKey {
    /// A key that was unwrapped.
    pub(crate) fn from_parts(id: Uuid, bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self { id, bytes }
    }

    /// The id that envelopes and the key store name it by.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The key itself, to be wrapped.
    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Binding<'_> {
    /// What a value under `data_key` is bound to, in the form that is authenticated.
    pub(crate) fn bound(&self, data_key: Uuid) -> Bound {
        let mut tlv = Tlv::new("tenon value 1");
        tlv.bytes(1, self.install.uuid().as_bytes());
        tlv.bytes(2, self.owner.project.uuid().as_bytes());
        match &self.owner.subject {
            Subject::Credential { credential, user } => {
                tlv.bytes(3, b"credential");
                tlv.bytes(4, credential.uuid().as_bytes());
                tlv.bytes(5, user.as_str().as_bytes());
            }
            Subject::App => tlv.bytes(3, b"app"),
            Subject::Session => tlv.bytes(3, b"session"),
            Subject::Project => tlv.bytes(3, b"project"),
            Subject::Webhook => tlv.bytes(3, b"webhook"),
        }
        tlv.bytes(6, self.secret.uuid().as_bytes());
        tlv.bytes(7, &self.version.to_be_bytes());
        tlv.bytes(8, &[AES_256_GCM]);
        tlv.bytes(9, data_key.as_bytes());
        let digest = sha256(tlv.as_slice());
        Bound { tlv, digest }
    }
}

/// Seals a value. The key is used up: it encrypts once.
#[must_use]
pub fn seal(key: FreshKey, binding: &Binding<'_>, plaintext: &[u8]) -> Vec<u8> {
    let bound = binding.bound(key.key.id);
    seal_bound(key, &bound, plaintext)
}

/// As [`seal`], where what it is bound to was worked out already: for this very key.
#[expect(clippy::needless_pass_by_value, reason = "a data key encrypts once")]
pub(crate) fn seal_bound(fresh: FreshKey, bound: &Bound, plaintext: &[u8]) -> Vec<u8> {
    let FreshKey { ref key, nonce, .. } = fresh;
    let length = u32::try_from(plaintext.len() + TAG_BYTES).expect("values are far below 4 GB");
    let mut envelope = Vec::with_capacity(plaintext.len() + OVERHEAD_BYTES);
    envelope.extend_from_slice(&[VERSION, AES_256_GCM]);
    envelope.extend_from_slice(key.id.as_bytes());
    envelope.push(u8::try_from(NONCE_BYTES).expect("12 fits"));
    envelope.extend_from_slice(&nonce);
    envelope.extend_from_slice(&length.to_be_bytes());
    Cipher::new(&key.bytes).seal(nonce, bound.tlv.as_slice(), plaintext, &mut envelope);
    envelope.extend_from_slice(&commitment(key, bound));
    envelope
}

/// Opens an envelope that was sealed for `binding` under `key`.
///
/// # Errors
/// [`EnvelopeError`]; nothing of the value is given out.
pub fn open(
    key: &DataKey,
    binding: &Binding<'_>,
    envelope: &[u8],
) -> Result<SecretBytes, EnvelopeError> {
    open_bound(key, &binding.bound(key.id), envelope)
}

/// As [`open`], where what it is bound to was worked out already: for this very key.
pub(crate) fn open_bound(
    key: &DataKey,
    bound: &Bound,
    envelope: &[u8],
) -> Result<SecretBytes, EnvelopeError> {
    let parts = Parts::read(envelope)?;
    if parts.data_key != key.id {
        return Err(EnvelopeError::Forged);
    }
    verify_slices_are_equal(parts.commitment, &commitment(key, bound))
        .map_err(|_| EnvelopeError::Forged)?;
    let mut plaintext = Zeroizing::new(vec![0; parts.sealed.len() - TAG_BYTES]);
    Cipher::new(&key.bytes)
        .open(parts.nonce, bound.tlv.as_slice(), parts.sealed, &mut plaintext)
        .map_err(|_| EnvelopeError::Forged)?;
    Ok(SecretBytes::from(plaintext))
}

/// The data key that an envelope names; `None` where it is no envelope. Nothing is verified.
#[must_use]
pub fn data_key_of(envelope: &[u8]) -> Option<Uuid> {
    Parts::read(envelope).ok().map(|parts| parts.data_key)
}

/// A UUID of version 7 of these ten random bytes.
fn id_of_now(random: &[u8]) -> Uuid {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let random = random.try_into().expect("ten bytes were drawn for it");
    Builder::from_unix_timestamp_millis(millis, random).into_uuid()
}

/// Fixes the key: finding a second one under which an envelope opens means breaking SHA-256.
fn commitment(key: &DataKey, bound: &Bound) -> [u8; HASH_BYTES] {
    const LABEL: &[u8; 6] = b"commit";
    let mut message = [0; LABEL.len() + HASH_BYTES];
    message[..LABEL.len()].copy_from_slice(LABEL);
    message[LABEL.len()..].copy_from_slice(&bound.digest);
    hmac_sha256(&key.bytes[..], &message)
}

/// An envelope, taken apart.
struct Parts<'a> {
    data_key: Uuid,
    nonce: [u8; NONCE_BYTES],
    sealed: &'a [u8],
    commitment: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(envelope: &'a [u8]) -> Result<Self, EnvelopeError> {
        let (&version, rest) = envelope.split_first().ok_or(EnvelopeError::Malformed)?;
        let (&algorithm, rest) = rest.split_first().ok_or(EnvelopeError::Malformed)?;
        if version != VERSION || algorithm != AES_256_GCM {
            return Err(EnvelopeError::Unknown);
        }
        let (id, rest) = rest.split_first_chunk::<16>().ok_or(EnvelopeError::Malformed)?;
        let (&nonce_bytes, rest) = rest.split_first().ok_or(EnvelopeError::Malformed)?;
        if usize::from(nonce_bytes) != NONCE_BYTES {
            return Err(EnvelopeError::Malformed);
        }
        let (nonce, rest) = rest.split_first_chunk().ok_or(EnvelopeError::Malformed)?;
        let (length, rest) = rest.split_first_chunk().ok_or(EnvelopeError::Malformed)?;
        let length =
            usize::try_from(u32::from_be_bytes(*length)).map_err(|_| EnvelopeError::Malformed)?;
        let (sealed, commitment) = rest.split_at_checked(length).ok_or(EnvelopeError::Malformed)?;
        if length < TAG_BYTES || commitment.len() != HASH_BYTES {
            return Err(EnvelopeError::Malformed);
        }
        let data_key = Uuid::from_bytes(*id);
        Ok(Self { data_key, nonce: *nonce, sealed, commitment })
    }
}

#[cfg(test)]
mod tests;
