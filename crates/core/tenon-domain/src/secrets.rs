//! Environment secrets: what a project keeps for its workflows under a key, such as an API token.
//! The value is the vault's; here is only what is known of it without opening it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// The longest key, in bytes.
pub const SECRET_KEY_BYTES_MAX: usize = 128;

/// The shortest value, in bytes. A shorter one cannot be told from ordinary text, so it could not
/// be kept out of what is recorded.
pub const SECRET_BYTES_MIN: usize = 8;

/// What templates call an environment secret: `{{secrets.STRIPE_KEY}}`. A capital letter, then up
/// to 127 capital letters, digits and `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SecretKey(String);

/// A text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a capital letter and up to 127 capital letters, digits and _")]
pub struct InvalidSecretKey;

impl SecretKey {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = InvalidSecretKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_key = text.len() <= SECRET_KEY_BYTES_MAX
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if is_key { Ok(Self(text.to_owned())) } else { Err(InvalidSecretKey) }
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_in_capitals() {
        for key in ["A", "STRIPE_KEY", "A1_", &"K".repeat(SECRET_KEY_BYTES_MAX)] {
            assert!(key.parse::<SecretKey>().is_ok(), "{key}");
        }
        for text in ["", "a", "1A", "_A", "A-B", "A.B", "Ä", &"K".repeat(SECRET_KEY_BYTES_MAX + 1)]
        {
            assert_eq!(text.parse::<SecretKey>(), Err(InvalidSecretKey), "{text}");
        }
    }

    #[test]
    fn a_stored_key_is_checked_when_it_is_read() {
        let read = |text: &str| serde_json::from_str::<SecretKey>(text);
        assert_eq!(read("\"A\"").expect("a key").as_str(), "A");
        assert!(read("\"a\"").is_err());
    }
}
