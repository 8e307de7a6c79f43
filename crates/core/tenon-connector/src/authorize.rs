//! The way to the user's consent: the URL that the user is sent to, or the requests that lead to
//! one. The state and the PKCE verifier are made and kept by the caller.

use serde_json::{Value, json};
use url::Url;

use crate::connector::Connector;
use crate::context::{Context, Layers, Root};
use crate::encoding;
use crate::exchange::{Exchange, ExchangeError};
use crate::manifest::auth::{AppInstallation, AuthKind, AuthMethod, Oauth2, Scopes};
use crate::request::template::{eval, texts_of};
use crate::request::url as request_url;

/// The longest authorization URL, in bytes.
const URL_BYTES_MAX: usize = 16 << 10;

/// What the caller brings.
#[derive(Clone, Copy)]
pub struct Start<'s> {
    /// Where the provider sends the user back to.
    pub redirect_uri: &'s str,
    /// The caller's own value, which comes back.
    pub state: &'s str,
    /// Scopes that the builder chose; the connector's defaults when empty.
    pub scopes: &'s [String],
    /// The S256 challenge, see [`pkce_challenge`]; always give one.
    pub code_challenge: Option<&'s str>,
}

/// What comes first.
pub enum AuthorizeStep<'a> {
    /// The user goes there.
    Redirect(Url),
    /// Requests come first; they end in [`crate::exchange::Step::Redirect`].
    Exchange(Box<Exchange<'a>>),
}

/// Starts linking by consent.
///
/// # Errors
/// When the method needs no consent, the builder's app lacks a client id, or a template has no
/// value.
pub fn start<'a>(
    connector: &'a Connector,
    method: &'a AuthMethod,
    ctx: &Context<'a>,
    start: Start<'_>,
) -> Result<AuthorizeStep<'a>, ExchangeError> {
    match &method.kind {
        AuthKind::Oauth2(oauth2) => redirect(connector, oauth2, ctx, start),
        AuthKind::AppInstallation(app) => install(connector, app, ctx, start),
        AuthKind::Oauth1(_) | AuthKind::McpOauth(_) => Ok(AuthorizeStep::Exchange(Box::new(
            Exchange::authorize(connector, method, ctx, start)?,
        ))),
        _ => Err(ExchangeError::BadInput {
            reason: format!("the auth method `{}` asks for no consent", method.id),
        }),
    }
}

fn redirect<'a>(
    connector: &Connector,
    oauth2: &Oauth2,
    ctx: &Context<'_>,
    start: Start<'_>,
) -> Result<AuthorizeStep<'a>, ExchangeError> {
    let scopes = join_scopes(&oauth2.scopes, start.scopes);
    let challenge = start.code_challenge.filter(|_| oauth2.pkce);
    let oauth = json!({
        "redirect_uri": start.redirect_uri,
        "state": start.state,
        "scope": scopes,
        "code_challenge": challenge,
    });
    let scope = Layers::new(ctx).with(Root::Oauth, &oauth);
    let mut url =
        request_url::build(&oauth2.authorize_url, None, &scope, "the consent URL", URL_BYTES_MAX)?;
    check_secure(connector, &url)?;
    let client_id = ctx.account().app.get("client_id").and_then(Value::as_str);
    let mut params = Params::default();
    params.set("response_type", Some("code"));
    params.set("client_id", client_id);
    params.set("redirect_uri", Some(start.redirect_uri));
    params.set(&oauth2.scopes.param, scopes.as_deref());
    params.set("state", Some(start.state));
    if let Some(challenge) = challenge {
        params.set("code_challenge", Some(challenge));
        params.set("code_challenge_method", Some("S256"));
    }
    for (name, source) in &oauth2.authorize_params {
        let value = eval(source, &scope, &format!("the consent parameter `{name}`"))?;
        params.replace(name, texts_of(value));
    }
    if !params.has("client_id") && !oauth2.authorize_params.contains_key("client_id") {
        return Err(ExchangeError::WrongClient {
            reason: "no client id is set up for this integration".to_owned(),
        });
    }
    request_url::append(&mut url, &params.pairs, URL_BYTES_MAX)?;
    Ok(AuthorizeStep::Redirect(url))
}

fn install<'a>(
    connector: &Connector,
    app: &AppInstallation,
    ctx: &Context<'_>,
    start: Start<'_>,
) -> Result<AuthorizeStep<'a>, ExchangeError> {
    let oauth = json!({ "redirect_uri": start.redirect_uri, "state": start.state });
    let scope = Layers::new(ctx).with(Root::Oauth, &oauth);
    let what = "the installation URL";
    let mut url = request_url::build(&app.install_url, None, &scope, what, URL_BYTES_MAX)?;
    check_secure(connector, &url)?;
    if !url.query_pairs().any(|(name, _)| name == "state") {
        url.query_pairs_mut().append_pair("state", start.state);
    }
    Ok(AuthorizeStep::Redirect(url))
}

/// Refuses plain http, unless the connector allows it.
pub(crate) fn check_secure(connector: &Connector, url: &Url) -> Result<(), ExchangeError> {
    if url.scheme() == "https" || connector.manifest().proxy.allow_http {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    Err(ExchangeError::BadInput { reason: format!("the URL at `{host}` must be https") })
}

/// The chosen scopes with the required ones, joined; `None` when there are none.
pub(crate) fn join_scopes(scopes: &Scopes, chosen: &[String]) -> Option<String> {
    let chosen = if chosen.is_empty() { scopes.default.as_slice() } else { chosen };
    let mut all: Vec<&str> = Vec::with_capacity(chosen.len() + scopes.required.len());
    for name in chosen.iter().chain(&scopes.required) {
        if !all.contains(&name.as_str()) {
            all.push(name);
        }
    }
    (!all.is_empty()).then(|| all.join(&scopes.separator))
}

/// Named parameters in order.
#[derive(Default)]
pub(crate) struct Params {
    pub(crate) pairs: Vec<(String, String)>,
}

impl Params {
    /// Adds a parameter that has a value.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.pairs.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Replaces a parameter; without values it is taken out.
    pub(crate) fn replace(&mut self, name: &str, values: Vec<String>) {
        self.pairs.retain(|(known, _)| known != name);
        self.pairs.extend(values.into_iter().map(|value| (name.to_owned(), value)));
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| known == name)
    }
}

/// A PKCE verifier from 256 random bits (RFC 7636, 4.1).
#[must_use]
pub fn pkce_verifier(bits: [u8; 32]) -> String {
    encoding::base64url(&bits)
}

/// The S256 challenge of a verifier (RFC 7636, 4.2).
#[must_use]
pub fn pkce_challenge(verifier: &str) -> String {
    encoding::base64url(encoding::sha256(verifier.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkce_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let bits = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let verifier = pkce_verifier(bits);
        assert_eq!(verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(pkce_challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn chosen_scopes_replace_the_defaults_but_not_the_required_ones() {
        let scopes = Scopes {
            default: vec!["read".to_owned()],
            required: vec!["offline".to_owned(), "read".to_owned()],
            separator: ",".to_owned(),
            ..Scopes::default()
        };
        assert_eq!(join_scopes(&scopes, &[]).as_deref(), Some("read,offline"));
        let chosen = ["write".to_owned()];
        assert_eq!(join_scopes(&scopes, &chosen).as_deref(), Some("write,offline,read"));
        assert_eq!(join_scopes(&Scopes::default(), &[]), None);
    }
}
