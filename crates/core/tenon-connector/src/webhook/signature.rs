//! Signatures by a provider's public key.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};

use crate::encoding;
use crate::manifest::webhooks::AsymmetricAlgorithm;

/// The bytes before the key in the SubjectPublicKeyInfo of an Ed25519 key (RFC 8410).
const ED25519_PREFIX: &[u8] =
    &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Whether a signature holds. A key that cannot be read proves nothing.
pub(super) fn holds(
    algorithm: AsymmetricAlgorithm,
    key: &str,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Some(bytes) = key_bytes(key) else { return false };
    match algorithm {
        AsymmetricAlgorithm::Ed25519 => {
            let raw = bytes.strip_prefix(ED25519_PREFIX).unwrap_or(&bytes);
            UnparsedPublicKey::new(&ED25519, raw).verify(message, signature).is_ok()
        }
        AsymmetricAlgorithm::EcdsaP256 => {
            parsed(&ECDSA_P256_SHA256_ASN1, &bytes, message, signature)
        }
        AsymmetricAlgorithm::RsaSha256 => {
            parsed(&RSA_PKCS1_2048_8192_SHA256, &bytes, message, signature)
        }
    }
}

fn parsed(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let key = ParsedPublicKey::new(algorithm, key);
    key.is_ok_and(|key| key.verify_sig(message, signature).is_ok())
}

/// PEM, or Base64 or hexadecimal digits of the raw key.
fn key_bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if let Some((_, rest)) = text.split_once("-----BEGIN ") {
        let (_, rest) = rest.split_once("-----")?;
        let (body, _) = rest.split_once("-----END ")?;
        let digits: String =
            body.replace("\\n", "").chars().filter(|c| !c.is_whitespace()).collect();
        return encoding::unbase64(&digits);
    }
    if text.len() == 64
        && let Some(bytes) = encoding::unhex(text)
    {
        return Some(bytes);
    }
    encoding::unbase64(text)
}
