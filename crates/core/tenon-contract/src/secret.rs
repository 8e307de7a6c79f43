//! Plaintext of secrets, as a type that cannot be printed, cloned, compared or serialised.
//!
//! The bytes are zeroed when it is dropped. Whoever needs them borrows them for one scope. What
//! TLS and HTTP libraries copy of them is outside of our reach.

use zeroize::Zeroizing;

/// Secret bytes. There is no `Debug`, `Clone`, `PartialEq` or `Serialize` on purpose.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes bytes over; do not keep a copy of them.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Takes text over.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self::new(text.into_bytes())
    }

    /// The plaintext. Keep the borrow short and never store what it gives.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Zeroizing<Vec<u8>>> for SecretBytes {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}
