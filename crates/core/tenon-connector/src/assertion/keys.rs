//! Private keys out of PEM texts, as people paste them.

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

use super::invalid;
use crate::encoding;
use crate::request::BuildError;

/// The label and bytes of the first PEM block. Line breaks may have become spaces or `\n`, as
/// happens in forms and environment files.
pub(super) fn pem(text: &str) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let text = Zeroizing::new(text.replace("\\n", "\n"));
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let digits: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|c| !c.is_whitespace()).collect());
    Some((label.to_owned(), Zeroizing::new(encoding::unbase64(&digits)?)))
}

/// An RSA key: PKCS#8 or PKCS#1.
pub(super) fn rsa(text: &str) -> Result<RsaKeyPair, BuildError> {
    let (label, der) = pem(text).ok_or_else(|| invalid("the signing key is no PEM text"))?;
    let key = match label.as_str() {
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
        _ => RsaKeyPair::from_pkcs8(&der),
    };
    key.map_err(|_| invalid("the signing key is no RSA private key of 2048 to 8192 bits"))
}

/// A key on P-256: PKCS#8 or SEC1.
pub(super) fn ecdsa(text: &str) -> Result<EcdsaKeyPair, BuildError> {
    let (label, der) = pem(text).ok_or_else(|| invalid("the signing key is no PEM text"))?;
    let key = match label.as_str() {
        "EC PRIVATE KEY" => {
            EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
        }
        _ => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der),
    };
    key.map_err(|_| invalid("the signing key is no private key on P-256"))
}
