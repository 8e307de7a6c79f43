//! Puts a credential into a call: headers, query parameters, members of the body, a signature.
//! What it sets replaces what the caller set under the same name. It renews nothing.

mod members;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tenon_contract::egress::ClientIdentity;
use tenon_contract::secret::SecretBytes;
use tenon_expr::{Scope, Source};
use url::Url;

use crate::call::Call;
use crate::connector::Connector;
use crate::context::Context;
use crate::encoding;
use crate::manifest::auth::{AuthKind, AuthMethod, Injection, Signer};
use crate::request::BuildError;
use crate::request::headers::{parse_name, parse_value};
use crate::request::template::{eval, eval_text, texts_of};
use crate::sign;

pub(crate) use members::{set_members, set_values};

/// The credential cannot go into the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InjectError {
    /// The account has nothing to inject: no token yet, or an empty field.
    #[error("the account has no {what}")]
    Missing {
        /// What is missing, for people.
        what: &'static str,
    },
    /// The auth method knows no token of this type.
    #[error("this account has no token of the type `{token_type}`")]
    TokenType {
        /// As the caller wrote it.
        token_type: String,
    },
    /// The body has to be there whole: see [`needs_body`].
    #[error("the body has to be known before the call is signed")]
    NeedsBody,
    /// A template, a key or a value does not fit.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What was set.
#[derive(Clone, Default)]
pub struct Injected {
    /// Headers that the caller cannot override.
    pub headers: Vec<HeaderName>,
    /// Query parameters that the caller cannot override.
    pub query: Vec<String>,
    /// What TLS has to show.
    pub client_certificate: Option<ClientIdentity>,
}

/// What a signature may look at.
#[derive(Clone, Copy)]
pub enum BodyForSigning<'b> {
    /// All of it.
    Whole(&'b [u8]),
    /// It streams: signed as unknown where the scheme allows that.
    Unsigned,
}

/// The head of a call whose body is elsewhere.
pub struct Head<'h> {
    /// The method.
    pub method: &'h Method,
    /// Where to.
    pub url: &'h mut Url,
    /// Headers.
    pub headers: &'h mut HeaderMap,
    /// The body.
    pub body: BodyForSigning<'h>,
}

/// Whether the body has to be whole before the credential can go in.
#[must_use]
pub fn needs_body(method: &AuthMethod, token_type: Option<&str>) -> bool {
    let Ok(injection) = injection_of(method, token_type) else { return false };
    if !injection.body.is_empty() {
        return true;
    }
    match &injection.sign {
        Some(Signer::Hmac { message, set, .. }) => {
            set.values().chain([message]).flat_map(Source::references).any(|it| {
                let first = it.path.first();
                it.root == "request"
                    && first.is_none_or(|it| *it == tenon_expr::Segment::Key("body".to_owned()))
            })
        }
        // A form's fields are signed.
        Some(Signer::Oauth1(_)) => true,
        Some(Signer::Sigv4 { .. } | Signer::Wsse { .. }) => false,
        None => matches!(method.kind, AuthKind::Oauth1(_)),
    }
}

/// Puts the credential into a call.
///
/// # Errors
/// When the account lacks what is needed, or it does not fit. The call is then half done: do not
/// send it.
pub fn apply(
    connector: &Connector,
    method: &AuthMethod,
    ctx: &Context<'_>,
    token_type: Option<&str>,
    call: &mut Call,
) -> Result<Injected, InjectError> {
    let injection = injection_of(method, token_type)?;
    if !injection.body.is_empty() {
        let members = evaluated(&injection.body, ctx)?;
        set_members(&mut call.body, &mut call.headers, members)?;
    }
    let body: Bytes = call.body.clone();
    let head = Head {
        method: &call.method,
        url: &mut call.url,
        headers: &mut call.headers,
        body: BodyForSigning::Whole(&body),
    };
    into_head(connector, method, &injection, ctx, head)
}

/// As [`apply`], for a call whose body streams.
///
/// # Errors
/// As [`apply`]; and [`InjectError::NeedsBody`].
pub fn apply_head(
    connector: &Connector,
    method: &AuthMethod,
    ctx: &Context<'_>,
    token_type: Option<&str>,
    head: Head<'_>,
) -> Result<Injected, InjectError> {
    let injection = injection_of(method, token_type)?;
    if !injection.body.is_empty() {
        return Err(InjectError::NeedsBody);
    }
    into_head(connector, method, &injection, ctx, head)
}

/// Names of headers and query parameters that the credential sets, whatever their values.
pub fn protected_names(method: &AuthMethod, token_type: Option<&str>) -> Vec<String> {
    let Ok(injection) = injection_of(method, token_type) else { return Vec::new() };
    let mut names: Vec<String> = injection.headers.keys().cloned().collect();
    names.extend(injection.query.keys().cloned());
    if is_default(method, &injection) {
        names.push(header::AUTHORIZATION.as_str().to_owned());
    }
    names
}

/// How the method goes into calls.
fn injection_of<'m>(
    method: &'m AuthMethod,
    token_type: Option<&str>,
) -> Result<Cow<'m, Injection>, InjectError> {
    let own =
        || method.inject.as_ref().map_or_else(|| Cow::Owned(Injection::default()), Cow::Borrowed);
    match token_type {
        None => Ok(own()),
        Some(name) => match method.token_types.get(name) {
            Some(injection) => Ok(Cow::Borrowed(injection)),
            None => Err(InjectError::TokenType { token_type: name.chars().take(64).collect() }),
        },
    }
}

/// Whether the way in is that of the method's type.
fn is_default(method: &AuthMethod, injection: &Injection) -> bool {
    method.inject.is_none() && *injection == Injection::default()
}

fn into_head(
    connector: &Connector,
    method: &AuthMethod,
    injection: &Injection,
    ctx: &Context<'_>,
    head: Head<'_>,
) -> Result<Injected, InjectError> {
    let mut injected = Injected::default();
    let Head { method: verb, url, headers, body } = head;
    add_defaults(connector, ctx, url, headers)?;
    if is_default(method, injection) {
        by_type(method, ctx, headers, &mut injected)?;
    }
    for (name, source) in &injection.headers {
        let parsed = parse_name(name)?;
        headers.remove(&parsed);
        for text in texts_of(eval(source, ctx, &format!("the header `{name}`"))?) {
            headers.append(parsed.clone(), secret_value(name, &text)?);
        }
        injected.headers.push(parsed);
    }
    if !injection.query.is_empty() {
        let pairs = evaluated(&injection.query, ctx)?;
        injected.query.extend(injection.query.keys().cloned());
        set_query(url, &injected.query, &pairs);
    }
    if let Some(certificate) = &injection.client_certificate {
        let chain = eval_text(&certificate.certificate, ctx, "the client certificate")?;
        let key = eval_text(&certificate.key, ctx, "the client certificate's key")?;
        for (text, what) in [(&chain, "client certificate"), (&key, "client certificate's key")] {
            if text.trim().is_empty() {
                return Err(InjectError::Missing { what });
            }
        }
        injected.client_certificate = Some(ClientIdentity::new(chain, SecretBytes::from_text(key)));
    }
    let head = Head { method: verb, url, headers, body };
    match (&injection.sign, &method.kind) {
        (Some(signer), _) => sign::apply(signer, ctx, head, &mut injected)?,
        (None, AuthKind::Oauth1(oauth1)) if is_default(method, injection) => {
            sign::oauth1::apply(&oauth1.signer, ctx, head, &mut injected)?;
        }
        (None, _) => {}
    }
    Ok(injected)
}

/// What the connector sends with every call, unless the caller says otherwise.
fn add_defaults(
    connector: &Connector,
    ctx: &Context<'_>,
    url: &mut Url,
    headers: &mut HeaderMap,
) -> Result<(), InjectError> {
    let rules = &connector.manifest().proxy;
    for (name, source) in &rules.headers {
        let parsed = parse_name(name)?;
        if headers.contains_key(&parsed) {
            continue;
        }
        for text in texts_of(eval(source, ctx, &format!("the header `{name}`"))?) {
            headers.append(parsed.clone(), parse_value(name, &text)?);
        }
    }
    for (name, source) in &rules.query {
        if url.query_pairs().any(|(given, _)| given == name.as_str()) {
            continue;
        }
        for text in texts_of(eval(source, ctx, &format!("the query parameter `{name}`"))?) {
            url.query_pairs_mut().append_pair(name, &text);
        }
    }
    Ok(())
}

/// `Authorization: Bearer` with the token, or HTTP Basic.
fn by_type(
    method: &AuthMethod,
    ctx: &Context<'_>,
    headers: &mut HeaderMap,
    injected: &mut Injected,
) -> Result<(), InjectError> {
    let value = match &method.kind {
        AuthKind::Basic => {
            let field = |name: &str| ctx.account().fields.get(name).and_then(|it| it.as_str());
            let username = field("username").ok_or(InjectError::Missing { what: "user name" })?;
            let password = field("password").unwrap_or_default();
            let pair = zeroize::Zeroizing::new(format!("{username}:{password}"));
            format!("Basic {}", encoding::base64(pair.as_bytes()))
        }
        AuthKind::Oauth2(_)
        | AuthKind::ClientCredentials(_)
        | AuthKind::TokenExchange(_)
        | AuthKind::Assertion(_)
        | AuthKind::AppInstallation(_)
        | AuthKind::McpOauth(_) => {
            let token = ctx.account().token.ok_or(InjectError::Missing { what: "token" })?;
            format!("Bearer {}", token.access_token)
        }
        AuthKind::None | AuthKind::ApiKey | AuthKind::Fields | AuthKind::Oauth1(_) => return Ok(()),
    };
    let value = secret_value("authorization", &zeroize::Zeroizing::new(value))?;
    headers.insert(header::AUTHORIZATION, value);
    injected.headers.push(header::AUTHORIZATION);
    Ok(())
}

/// A header's value that no log shows.
pub(crate) fn secret_value(name: &str, text: &str) -> Result<HeaderValue, BuildError> {
    let mut value = parse_value(name, text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Names with their values; a list gives a name more than once, null not at all.
pub(crate) fn evaluated(
    sources: &BTreeMap<String, Source>,
    scope: &(dyn Scope + Sync),
) -> Result<Vec<(String, String)>, BuildError> {
    let mut pairs = Vec::with_capacity(sources.len());
    for (name, source) in sources {
        let value = eval(source, scope, &format!("the value of `{name}`"))?;
        pairs.extend(texts_of(value).into_iter().map(|text| (name.clone(), text)));
    }
    Ok(pairs)
}

/// Replaces query parameters: whatever has one of the names goes, the pairs come last.
pub(crate) fn set_query(url: &mut Url, names: &[String], pairs: &[(String, String)]) {
    let is_there = url.query_pairs().any(|(name, _)| names.iter().any(|it| *it == name));
    if is_there {
        let kept: Vec<String> = url
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| {
                let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
                !decoded.is_some_and(|(name, _)| names.iter().any(|it| *it == name))
            })
            .map(str::to_owned)
            .collect();
        let query = (!kept.is_empty()).then(|| kept.join("&"));
        url.set_query(query.as_deref());
    }
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
}
