//! An HMAC over a text that a template builds.

use serde_json::Value;
use tenon_expr::Source;

use super::RequestView;
use crate::context::Context;
use crate::encoding;
use crate::inject::{BodyForSigning, Head, InjectError, Injected, secret_value, set_query};
use crate::manifest::auth::Signer;
use crate::request::BuildError;
use crate::request::headers::parse_name;
use crate::request::template::{eval, eval_text, failed, texts_of};

pub(crate) fn apply(
    signer: &Signer,
    ctx: &Context<'_>,
    head: Head<'_>,
    injected: &mut Injected,
) -> Result<(), InjectError> {
    let Signer::Hmac { algorithm, key, key_encoding, message, encoding, set, in_query } = signer
    else {
        return Ok(());
    };
    let key = super::wanted(key, ctx, "key to sign with")?;
    let key = zeroize::Zeroizing::new(key_encoding.read_key(&key).ok_or_else(|| {
        BuildError::new("request_auth", "the signing key is not written as the connector says")
    })?);
    let message = message_bytes(message, ctx, &head)?;
    let signature = Value::from(encoding.write(algorithm.sign(&key, &message).as_ref()));
    let mut pairs = Vec::with_capacity(set.len());
    for (name, source) in set {
        let view =
            RequestView { outer: ctx, head: &head, stand_in: None, signature: Some(&signature) };
        let value = eval(source, &view, &format!("the value of `{name}`"))?;
        pairs.extend(texts_of(value).into_iter().map(|text| (name.clone(), text)));
    }
    if *in_query {
        injected.query.extend(set.keys().cloned());
        let names: Vec<String> = set.keys().cloned().collect();
        set_query(head.url, &names, &pairs);
        return Ok(());
    }
    for (name, text) in pairs {
        let parsed = parse_name(&name)?;
        head.headers.insert(parsed.clone(), secret_value(&name, &text)?);
        injected.headers.push(parsed);
    }
    Ok(())
}

/// The signed text with the body's own bytes in it, also where they are no text.
fn message_bytes(
    message: &Source,
    ctx: &Context<'_>,
    head: &Head<'_>,
) -> Result<Vec<u8>, InjectError> {
    let body = match head.body {
        BodyForSigning::Whole(bytes) => bytes,
        BodyForSigning::Unsigned => &[],
    };
    if std::str::from_utf8(body).is_ok() {
        let view = RequestView { outer: ctx, head, stand_in: None, signature: None };
        let text = message
            .eval_text(&view, &mut |_, value| value.into())
            .map_err(|error| InjectError::Build(failed(&error, "the signed text")))?;
        return Ok(text.into_bytes());
    }
    let stand_in = stand_in(body);
    let view = RequestView { outer: ctx, head, stand_in: Some(&stand_in), signature: None };
    let text = eval_text(message, &view, "the signed text")?;
    Ok(put_in(&text, &stand_in, body))
}

/// A text that stands for bytes while a template is evaluated: nobody can foresee it in other
/// values without knowing the bytes' hash, and then it changes with what they put in.
pub(crate) fn stand_in(bytes: &[u8]) -> String {
    encoding::hex(encoding::sha256(bytes).as_ref())
}

/// Replaces the stand-in by the bytes.
pub(crate) fn put_in(text: &str, stand_in: &str, bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(text.len() + bytes.len());
    for (index, part) in text.split(stand_in).enumerate() {
        if index > 0 {
            message.extend_from_slice(bytes);
        }
        message.extend_from_slice(part.as_bytes());
    }
    message
}
