//! OAuth 1.0a signatures (RFC 5849), in the `Authorization` header.

use aws_lc_rs::hmac;
use http::Method;
use http::header::{self, HeaderMap};
use url::{Url, form_urlencoded};

use super::{set_header, wanted};
use crate::context::Context;
use crate::encoding;
use crate::inject::{BodyForSigning, Head, InjectError, Injected};
use crate::manifest::auth::{Oauth1Method, Oauth1Signer};
use crate::request::BuildError;
use crate::request::template::eval_text;
use crate::request::url::encode;

/// Who signs.
pub(crate) struct Keys {
    pub(crate) method: Oauth1Method,
    pub(crate) consumer_key: String,
    pub(crate) consumer_secret: String,
    pub(crate) token: Option<String>,
    pub(crate) token_secret: String,
    pub(crate) realm: Option<String>,
}

impl Keys {
    /// The keys of a signer, without a token where there is none yet.
    pub(crate) fn of(signer: &Oauth1Signer, ctx: &Context<'_>) -> Result<Self, InjectError> {
        let account_token = ctx.account().token;
        let token = match &signer.token {
            Some(source) => Some(eval_text(source, ctx, "the token")?),
            None => account_token.map(|token| token.access_token.clone()),
        };
        let token_secret = match &signer.token_secret {
            Some(source) => eval_text(source, ctx, "the token secret")?,
            None => account_token
                .and_then(|token| token.extra.get("token_secret")?.as_str())
                .unwrap_or_default()
                .to_owned(),
        };
        let realm = match &signer.realm {
            Some(source) => Some(eval_text(source, ctx, "the realm")?),
            None => None,
        };
        Ok(Self {
            method: signer.method,
            consumer_key: wanted(&signer.consumer_key, ctx, "consumer key")?,
            consumer_secret: wanted(&signer.consumer_secret, ctx, "consumer secret")?,
            token: token.filter(|it| !it.is_empty()),
            token_secret,
            realm: realm.filter(|it| !it.is_empty()),
        })
    }
}

/// Signs a call of an account.
pub(crate) fn apply(
    signer: &Oauth1Signer,
    ctx: &Context<'_>,
    head: Head<'_>,
    injected: &mut Injected,
) -> Result<(), InjectError> {
    let keys = Keys::of(signer, ctx)?;
    if keys.token.is_none() {
        return Err(InjectError::Missing { what: "token" });
    }
    Ok(sign(&keys, &[], ctx, head, injected)?)
}

/// Signs a request; `extra` are further `oauth_` parameters.
pub(crate) fn sign(
    keys: &Keys,
    extra: &[(&str, &str)],
    ctx: &Context<'_>,
    head: Head<'_>,
    injected: &mut Injected,
) -> Result<(), BuildError> {
    let nonce = encoding::hex(&ctx.random_bits());
    let time = ctx.now().as_second().to_string();
    let mut params: Vec<(&str, &str)> = vec![
        ("oauth_consumer_key", &keys.consumer_key),
        ("oauth_nonce", &nonce),
        ("oauth_signature_method", method_name(keys.method)),
        ("oauth_timestamp", &time),
        ("oauth_version", "1.0"),
    ];
    if let Some(token) = &keys.token {
        params.push(("oauth_token", token));
    }
    params.extend_from_slice(extra);
    let form = form_fields(head.headers, head.body);
    let base = base_string(head.method, head.url, &params, &form);
    let signature = signature(keys, &base)?;
    let value = header_text(&params, &signature, keys.realm.as_deref());
    set_header(head.headers, injected, "authorization", &value)
}

fn method_name(method: Oauth1Method) -> &'static str {
    match method {
        Oauth1Method::HmacSha1 => "HMAC-SHA1",
        Oauth1Method::HmacSha256 => "HMAC-SHA256",
        Oauth1Method::RsaSha1 => "RSA-SHA1",
        Oauth1Method::Plaintext => "PLAINTEXT",
    }
}

fn header_text(params: &[(&str, &str)], signature: &str, realm: Option<&str>) -> String {
    let mut parts = Vec::with_capacity(params.len() + 2);
    if let Some(realm) = realm {
        parts.push(format!("realm=\"{}\"", encode(realm)));
    }
    for (name, value) in params {
        parts.push(format!("{name}=\"{}\"", encode(value)));
    }
    parts.push(format!("oauth_signature=\"{}\"", encode(signature)));
    format!("OAuth {}", parts.join(", "))
}

/// Fields of a form body: they are signed (3.4.1.3.1).
fn form_fields(headers: &HeaderMap, body: BodyForSigning<'_>) -> Vec<(String, String)> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|it| {
        let essence = it.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    match body {
        BodyForSigning::Whole(bytes) if is_form => {
            form_urlencoded::parse(bytes).into_owned().collect()
        }
        _ => Vec::new(),
    }
}

/// The signature base string (3.4.1).
fn base_string(
    method: &Method,
    url: &Url,
    params: &[(&str, &str)],
    form: &[(String, String)],
) -> String {
    let mut pairs: Vec<(String, String)> =
        params.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    pairs.extend(url.query_pairs().map(|(name, value)| (encode(&name), encode(&value))));
    pairs.extend(form.iter().map(|(name, value)| (encode(name), encode(value))));
    pairs.sort_unstable();
    let joined: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut address = url.clone();
    address.set_query(None);
    address.set_fragment(None);
    let method = method.as_str().to_ascii_uppercase();
    format!("{method}&{}&{}", encode(address.as_str()), encode(&joined.join("&")))
}

fn signature(keys: &Keys, base: &str) -> Result<String, BuildError> {
    let secrets = || {
        let (consumer, token) = (encode(&keys.consumer_secret), encode(&keys.token_secret));
        zeroize::Zeroizing::new(format!("{consumer}&{token}"))
    };
    let mac = |algorithm| {
        let key = hmac::Key::new(algorithm, secrets().as_bytes());
        encoding::base64(hmac::sign(&key, base.as_bytes()).as_ref())
    };
    match keys.method {
        Oauth1Method::HmacSha1 => Ok(mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY)),
        Oauth1Method::HmacSha256 => Ok(mac(hmac::HMAC_SHA256)),
        Oauth1Method::Plaintext => Ok(secrets().to_string()),
        Oauth1Method::RsaSha1 => Err(BuildError::new(
            "request_auth",
            "RSA-SHA1 signatures are not made: the cryptography library signs with SHA-256 or better",
        )),
    }
}

#[cfg(test)]
mod tests;
