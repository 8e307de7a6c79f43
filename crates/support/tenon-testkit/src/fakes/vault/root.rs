//! A root key in memory.

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use tenon_vault::ports::{RootKey, RootKeyError};
use zeroize::Zeroizing;

use super::VaultFaults;

/// A root that really encrypts, under a key that is gone with it.
pub struct MemoryRoot {
    id: String,
    key: RandomizedNonceKey,
    faults: VaultFaults,
}

impl MemoryRoot {
    /// Draws a root; `name` is its id.
    ///
    /// # Panics
    /// When there are no random numbers.
    #[must_use]
    pub fn new(name: &str, faults: VaultFaults) -> Self {
        let key: [u8; 32] = rand::random();
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key).expect("the key has 32 bytes");
        Self { id: name.to_owned(), key, faults }
    }

    fn check(&self, method: &'static str) -> Result<(), RootKeyError> {
        let outcome = self.faults.call(method, || Ok(()));
        outcome.map_err(|error| RootKeyError::Unavailable { reason: error.to_string() })
    }
}

fn refused() -> RootKeyError {
    RootKeyError::Refused { reason: "the wrapped key or its context was changed".to_owned() }
}

#[async_trait]
impl RootKey for MemoryRoot {
    fn id(&self) -> &str {
        &self.id
    }

    async fn wrap(&self, key: &[u8; 32], context: &[u8]) -> Result<Vec<u8>, RootKeyError> {
        tokio::task::yield_now().await;
        self.check("wrap")?;
        let mut sealed = key.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(context), &mut sealed)
            .map_err(|_| refused())?;
        Ok([&nonce.as_ref()[..], &sealed].concat())
    }

    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, RootKeyError> {
        tokio::task::yield_now().await;
        self.check("unwrap")?;
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or_else(refused)?;
        let mut sealed = sealed.to_vec();
        let opened = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut sealed)
            .map_err(|_| refused())?;
        let opened: &[u8] = opened;
        Ok(Zeroizing::new(opened.try_into().map_err(|_| refused())?))
    }
}
