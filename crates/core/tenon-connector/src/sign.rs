//! Signatures over a whole request. Each signer gets the head as it will go out and adds headers
//! or parameters; nothing may be changed afterwards.

pub(crate) mod hmac;
pub(crate) mod oauth1;
pub(crate) mod sigv4;
pub(crate) mod wsse;

use std::borrow::Cow;

use http::HeaderMap;
use http::header::HeaderName;
use serde_json::Value;
use tenon_expr::{EvalError, Reference, Scope, Segment, Source};

use crate::context::Context;
use crate::inject::{BodyForSigning, Head, InjectError, Injected, secret_value};
use crate::manifest::auth::Signer;
use crate::request::BuildError;
use crate::request::template::eval_text;

/// Signs a request.
pub(crate) fn apply(
    signer: &Signer,
    ctx: &Context<'_>,
    head: Head<'_>,
    injected: &mut Injected,
) -> Result<(), InjectError> {
    match signer {
        Signer::Sigv4 { service, region, access_key, secret_key, session_token } => {
            let session_token = match session_token {
                Some(source) => Some(eval_text(source, ctx, "the session token")?),
                None => None,
            };
            let keys = sigv4::Keys {
                service: wanted(service, ctx, "service to sign for")?,
                region: wanted(region, ctx, "region to sign for")?,
                access_key: wanted(access_key, ctx, "access key")?,
                secret_key: wanted(secret_key, ctx, "secret key")?,
                session_token: session_token.filter(|it| !it.is_empty()),
            };
            Ok(sigv4::apply(&keys, ctx.now(), head, injected)?)
        }
        Signer::Oauth1(signer) => oauth1::apply(signer, ctx, head, injected),
        Signer::Wsse { username, password } => {
            let username = wanted(username, ctx, "user name")?;
            let password = wanted(password, ctx, "password")?;
            Ok(wsse::apply(&username, &password, ctx, head.headers, injected)?)
        }
        Signer::Hmac { .. } => hmac::apply(signer, ctx, head, injected),
    }
}

/// A text that has to be there.
pub(crate) fn wanted(
    source: &Source,
    scope: &(dyn Scope + Sync),
    what: &'static str,
) -> Result<String, InjectError> {
    let text = eval_text(source, scope, what)?;
    if text.is_empty() {
        return Err(InjectError::Missing { what });
    }
    Ok(text)
}

/// Sets a header that is secret and replaces the caller's.
pub(crate) fn set_header(
    headers: &mut HeaderMap,
    injected: &mut Injected,
    name: &'static str,
    value: &str,
) -> Result<(), BuildError> {
    let name = HeaderName::from_static(name);
    headers.insert(name.clone(), secret_value(name.as_str(), value)?);
    injected.headers.push(name);
    Ok(())
}

/// The root `request` of what is signed, computed where it is asked for.
pub(crate) struct RequestView<'r> {
    pub(crate) outer: &'r (dyn Scope + Sync),
    pub(crate) head: &'r Head<'r>,
    /// Stands for a body that is no text, until its bytes are put in.
    pub(crate) stand_in: Option<&'r str>,
    pub(crate) signature: Option<&'r Value>,
}

impl RequestView<'_> {
    fn member(&self, name: &str) -> Result<Option<Value>, EvalError> {
        let url = &*self.head.url;
        Ok(Some(match name {
            "method" => Value::from(self.head.method.as_str()),
            "url" => Value::from(url.as_str()),
            "host" => Value::from(&url[url::Position::BeforeHost..url::Position::AfterPort]),
            "path" => Value::from(url.path()),
            "query" => Value::from(url.query().unwrap_or_default()),
            "body" => match (self.head.body, self.stand_in) {
                (_, Some(stand_in)) => Value::from(stand_in),
                (BodyForSigning::Whole(bytes), None) => match std::str::from_utf8(bytes) {
                    Ok(text) => Value::from(text),
                    Err(_) => return Err(EvalError::new("the body is no text")),
                },
                (BodyForSigning::Unsigned, None) => {
                    return Err(EvalError::new("the body is not known when the call is signed"));
                }
            },
            _ => return Ok(None),
        }))
    }
}

impl Scope for RequestView<'_> {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        match (reference.root.as_str(), reference.path.as_slice()) {
            ("request", [Segment::Key(name)]) => Ok(self.member(name)?.map(Cow::Owned)),
            ("request", _) => Ok(None),
            ("signature", []) => Ok(self.signature.map(Cow::Borrowed)),
            _ => self.outer.get(reference),
        }
    }
}
