//! Tokens of connected users: JWTs that the builder's backend signs (RFC 7519, RS256 only).
//!
//! The key is one of the project's own, chosen by `kid` or, without one, tried in turn. What a
//! token says of keys (`jku`, `x5u`, `jwk`, `x5c`) is not looked at, and an algorithm other than
//! RS256 is refused before any key is touched.

mod cache;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_domain::EndUserId;

pub use self::cache::UserTokens;

use crate::permissions::Permissions;
use crate::plan::SigningKeyPlan;

/// How far the clocks of the builder and of Tenon may differ, in seconds.
pub const LEEWAY_SECONDS: i64 = 60;
/// The longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;
/// The longest user id, in bytes.
const USER_BYTES_MAX: usize = 255;

/// Who a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedUser {
    /// The connected user.
    pub user: EndUserId,
    /// The token's `exp`.
    pub expires_at: Timestamp,
    /// What the token may do for the user.
    pub permissions: Permissions,
}

/// A token does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserTokenError {
    /// It is not written like one, or is too long.
    #[error("the token cannot be read")]
    Malformed,
    /// It is not signed with RS256, or asks for an extension.
    #[error("the token is not signed with RS256")]
    Algorithm,
    /// No key of the project has its `kid`, or the project has no keys.
    #[error("the token's signing key is not known")]
    UnknownKey,
    /// None of the keys signed it.
    #[error("the token's signature does not hold")]
    Signature,
    /// Its `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// Its `nbf` or `iat` is still to come.
    #[error("the token is not valid yet")]
    NotYet,
    /// Its permissions are not written as they should be.
    #[error("the token's permissions cannot be read")]
    Permissions,
    /// `sub` (or `id`) or `exp` is missing or not of the expected form.
    #[error("the token lacks a claim: `sub` and `exp` are needed")]
    Claims,
}

/// Whether a bearer token is written like a JWT: three parts, which an API key never has.
#[must_use]
pub fn is_user_token(bearer: &str) -> bool {
    bearer.bytes().filter(|byte| *byte == b'.').count() == 2
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: Option<Value>,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default, rename = "urn:useparagon:connect:permissions")]
    permissions: Option<Map<String, Value>>,
}

/// Checks a token against the project's keys.
///
/// # Errors
/// When it does not hold, and why.
pub fn verify(
    token: &str,
    keys: &[SigningKeyPlan],
    now: Timestamp,
) -> Result<VerifiedUser, UserTokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(UserTokenError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(UserTokenError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(UserTokenError::Malformed)?;
    let header: Header = part(header)?;
    if header.alg != "RS256" || header.crit.is_some() {
        return Err(UserTokenError::Algorithm);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| UserTokenError::Malformed)?;
    check_signature(signed, &signature, header.kid.as_deref(), keys)?;
    // Nothing of the claims is believed, or read, before the signature holds.
    read_claims(&part(claims)?, now)
}

/// Decodes one part.
fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, UserTokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| UserTokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| UserTokenError::Malformed)
}

fn check_signature(
    signed: &str,
    signature: &[u8],
    kid: Option<&str>,
    keys: &[SigningKeyPlan],
) -> Result<(), UserTokenError> {
    let mut is_known = false;
    for key in keys.iter().filter(|key| kid.is_none_or(|kid| kid == key.id)) {
        is_known = true;
        let Some(der) = public_der(&key.public_pem) else { continue };
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der);
        if public.verify(signed.as_bytes(), signature).is_ok() {
            return Ok(());
        }
    }
    Err(if is_known { UserTokenError::Signature } else { UserTokenError::UnknownKey })
}

fn read_claims(claims: &Claims, now: Timestamp) -> Result<VerifiedUser, UserTokenError> {
    let now = now.as_second();
    let seconds = |claim: f64| -> Result<i64, UserTokenError> {
        // Up to the year 9999; a fraction is allowed and cut off.
        if claim.is_finite() && (0.0..253_402_300_800.0).contains(&claim) {
            return Ok(claim as i64);
        }
        Err(UserTokenError::Claims)
    };
    let expires = seconds(claims.exp.ok_or(UserTokenError::Claims)?)?;
    if expires.saturating_add(LEEWAY_SECONDS) <= now {
        return Err(UserTokenError::Expired);
    }
    for from in [claims.nbf, claims.iat].into_iter().flatten() {
        if seconds(from)? > now.saturating_add(LEEWAY_SECONDS) {
            return Err(UserTokenError::NotYet);
        }
    }
    let user = match claims.sub.as_ref().or(claims.id.as_ref()) {
        Some(Value::String(text)) => text.clone(),
        // Backends with numeric user ids often sign them as numbers.
        Some(Value::Number(number)) if number.is_u64() => number.to_string(),
        _ => return Err(UserTokenError::Claims),
    };
    let is_valid =
        !user.is_empty() && user.len() <= USER_BYTES_MAX && !user.chars().any(char::is_control);
    if !is_valid {
        return Err(UserTokenError::Claims);
    }
    let expires_at = Timestamp::from_second(expires).map_err(|_| UserTokenError::Claims)?;
    let permissions = match &claims.permissions {
        Some(claim) => Permissions::from_claim(claim).map_err(|_| UserTokenError::Permissions)?,
        None => Permissions::default(),
    };
    Ok(VerifiedUser { user: EndUserId::new(user), expires_at, permissions })
}

/// The DER of a PEM public key; `None` when it is none.
fn public_der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
    let body: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests;
