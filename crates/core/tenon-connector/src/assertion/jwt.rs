//! JSON Web Tokens.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tenon_expr::Scope;

use super::{invalid, keys};
use crate::encoding;
use crate::manifest::auth::{HashAlgorithm, JwtAlgorithm, JwtAssertion};
use crate::request::BuildError;
use crate::request::template::{eval, eval_text};

/// A signed JWT. `iat` and `exp` come from `now` unless the claims have them.
pub(crate) fn jwt(
    assertion: &JwtAssertion,
    scope: &(dyn Scope + Sync),
    now: Timestamp,
) -> Result<String, BuildError> {
    let algorithm = match assertion.algorithm {
        JwtAlgorithm::Rs256 => "RS256",
        JwtAlgorithm::Es256 => "ES256",
        JwtAlgorithm::Hs256 => "HS256",
        JwtAlgorithm::Hs512 => "HS512",
    };
    let mut header = Map::new();
    header.insert("alg".to_owned(), algorithm.into());
    header.insert("typ".to_owned(), "JWT".into());
    for (name, source) in &assertion.header {
        if name == "alg" {
            continue;
        }
        add(&mut header, name, eval(source, scope, "a header of the JWT")?);
    }
    let mut claims = Map::new();
    claims.insert("iat".to_owned(), now.as_second().into());
    let end = now.as_second().saturating_add(i64::from(assertion.lifetime_seconds));
    claims.insert("exp".to_owned(), end.into());
    for (name, source) in &assertion.claims {
        add(&mut claims, name, eval(source, scope, &format!("the claim `{name}`"))?);
    }
    let key = zeroize::Zeroizing::new(eval_text(&assertion.key, scope, "the signing key")?);
    let part =
        |members: Map<String, Value>| encoding::base64url(json!(members).to_string().as_bytes());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = signature(assertion, &key, text.as_bytes())?;
    Ok(format!("{text}.{}", encoding::base64url(&signature)))
}

/// Null takes a member out.
fn add(members: &mut Map<String, Value>, name: &str, value: Value) {
    if value.is_null() {
        members.shift_remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
}

fn signature(assertion: &JwtAssertion, key: &str, text: &[u8]) -> Result<Vec<u8>, BuildError> {
    let failed = |_| invalid("the JWT cannot be signed with this key");
    match assertion.algorithm {
        JwtAlgorithm::Rs256 => {
            let key = keys::rsa(key)?;
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
                .map_err(failed)?;
            Ok(signature)
        }
        JwtAlgorithm::Es256 => {
            let key = keys::ecdsa(key)?;
            let signature = key.sign(&SystemRandom::new(), text).map_err(failed)?;
            Ok(signature.as_ref().to_vec())
        }
        JwtAlgorithm::Hs256 => Ok(mac(HashAlgorithm::Sha256, assertion, key, text)?),
        JwtAlgorithm::Hs512 => Ok(mac(HashAlgorithm::Sha512, assertion, key, text)?),
    }
}

fn mac(
    algorithm: HashAlgorithm,
    assertion: &JwtAssertion,
    key: &str,
    text: &[u8],
) -> Result<Vec<u8>, BuildError> {
    let bytes = if assertion.is_key_base64 {
        encoding::unbase64(key).ok_or_else(|| invalid("the signing key is no Base64 text"))?
    } else {
        key.as_bytes().to_vec()
    };
    if bytes.is_empty() {
        return Err(invalid("the signing key is empty"));
    }
    let bytes = zeroize::Zeroizing::new(bytes);
    Ok(algorithm.sign(&bytes, text).as_ref().to_vec())
}

#[cfg(test)]
mod tests;
