//! A root key in a file: for development, and for installs that mount a secret. Who can read the
//! file can open everything, so it must be closed to everybody but its owner.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tenon_vault::ports::{RootKey, RootKeyError};
use zeroize::Zeroizing;

use crate::OpenError;
use crate::binding::{refused, unavailable};

const PREFIX: &str = "tenon-root-1:";
const KEY_BYTES: usize = 32;
/// The largest file that can be a key, with some white space.
const FILE_BYTES_MAX: u64 = 256;
/// Permissions of anybody but the owner.
const OTHERS: u32 = 0o077;
/// The first byte of what this wraps.
const FORMAT: u8 = 1;

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error("it cannot be read or written")]
    Io(#[from] std::io::Error),
    /// Others may read it.
    #[error("others may use it (mode {mode:04o}): run `chmod 600`")]
    Mode {
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("it holds no root key: expected one line `tenon-root-1:<base64 of 32 bytes>`")]
    Content,
}

/// A root key from a file.
pub struct FileRoot {
    id: String,
    key: RandomizedNonceKey,
}

impl FileRoot {
    /// Reads a key file.
    ///
    /// # Errors
    ///
    /// [`OpenError::File`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        read(path).map_err(named(path))
    }

    /// Makes a file with a new random key and opens it. For development: whoever runs this for
    /// real has to keep a copy of the file in a safe place, or loses every secret with it.
    ///
    /// # Errors
    ///
    /// [`OpenError::File`], also where there is a file already.
    pub fn create_for_development(path: &Path) -> Result<Self, OpenError> {
        create(path).map_err(named(path))?;
        Self::open(path)
    }

    fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        // The key in the file is used for nothing itself, so that its id tells nothing of it.
        let derived = |purpose: &str| {
            let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, bytes), purpose.as_bytes());
            let mut key = Zeroizing::new([0; KEY_BYTES]);
            key.copy_from_slice(tag.as_ref());
            key
        };
        let check = digest(&SHA256, &*derived("tenon root key 1: check"));
        let id: String = check.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let wrapping = derived("tenon root key 1: wrap");
        let key =
            RandomizedNonceKey::new(&AES_256_GCM, &*wrapping).expect("an AES-256 key has 32 bytes");
        Self { id: format!("file:{id}"), key }
    }
}

fn named(path: &Path) -> impl FnOnce(FileError) -> OpenError {
    let path = path.display().to_string();
    move |source| OpenError::File { path, source }
}

fn read(path: &Path) -> Result<FileRoot, FileError> {
    let file = File::open(path)?;
    // Asked of the open file: nobody can put another one in its place meanwhile.
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(FileError::Content);
    }
    if about.mode() & OTHERS != 0 {
        return Err(FileError::Mode { mode: about.mode() & 0o7777 });
    }
    let mut text = Zeroizing::new(String::with_capacity(
        usize::try_from(FILE_BYTES_MAX).expect("it is small"),
    ));
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => FileError::Content,
        _ => FileError::Io(error),
    })?;
    let encoded = text.trim_ascii().strip_prefix(PREFIX).ok_or(FileError::Content)?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| FileError::Content)?);
    let bytes: &[u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| FileError::Content)?;
    Ok(FileRoot::from_bytes(bytes))
}

fn create(path: &Path) -> Result<(), FileError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    aws_lc_rs::rand::fill(&mut *bytes)
        .map_err(|_| std::io::Error::other("the system gave no random bytes"))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut line = Zeroizing::new(String::from(PREFIX));
    STANDARD.encode_string(bytes.as_slice(), &mut line);
    line.push('\n');
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

#[async_trait]
impl RootKey for FileRoot {
    fn id(&self) -> &str {
        &self.id
    }

    async fn wrap(&self, key: &[u8; KEY_BYTES], context: &[u8]) -> Result<Vec<u8>, RootKeyError> {
        let mut sealed = Zeroizing::new(key.to_vec());
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(context), &mut *sealed)
            .map_err(|_| unavailable("the system gave no random bytes"))?;
        let mut wrapped = Vec::with_capacity(1 + NONCE_LEN + sealed.len());
        wrapped.push(FORMAT);
        wrapped.extend_from_slice(nonce.as_ref());
        wrapped.extend_from_slice(&sealed);
        Ok(wrapped)
    }

    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, RootKeyError> {
        let damaged = || refused("the wrapped key is damaged, of another root or of another ring");
        let rest = wrapped.strip_prefix(&[FORMAT]).ok_or_else(damaged)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let opened =
            self.key.open_in_place(nonce, Aad::from(context), &mut bytes).map_err(|_| damaged())?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if opened.len() != KEY_BYTES {
            return Err(damaged());
        }
        key.copy_from_slice(opened);
        Ok(key)
    }
}
