//! Who asks: what the step's `auth` adds to the call.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderValue};
use tenon_connector::request::headers::{parse_name, parse_value};
use tenon_connector::request::template::{eval, eval_text, texts_of};
use tenon_connector::request::url;
use tenon_domain::ProjectId;
use tenon_domain::workflow::steps::request::RequestAuth;
use tenon_expr::{Scope, Source};

use super::super::Failure;
use super::permanent;
use super::record::Secrets;
use super::tokens::TokenRequest;

/// What the call gets.
#[derive(Default)]
pub(super) struct Credentials {
    pub(super) headers: HeaderMap,
    pub(super) params: Vec<(String, String)>,
    /// Asks for a token that becomes the `Authorization` header.
    pub(super) token: Option<TokenRequest>,
}

/// Evaluates `auth`; every secret in it is added to `secrets`.
pub(super) fn resolve(
    auth: &RequestAuth,
    scope: &(dyn Scope + Sync),
    project: ProjectId,
    url_bytes_max: usize,
    secrets: &mut Secrets,
) -> Result<Credentials, Failure> {
    let mut credentials = Credentials::default();
    match auth {
        RequestAuth::None => {}
        RequestAuth::Bearer { token } => {
            let token = wanted(token, scope, "the bearer token")?;
            secrets.add(&token);
            credentials.headers.insert(header::AUTHORIZATION, bearer(&token)?);
        }
        RequestAuth::Basic { username, password } => {
            let username = eval_text(username, scope, "the user name")?;
            let password = eval_text(password, scope, "the password")?;
            secrets.add(&password);
            let value = basic(&username, &password)?;
            credentials.headers.insert(header::AUTHORIZATION, value);
        }
        RequestAuth::Query { params } => {
            for (name, value) in texts(params, scope)? {
                secrets.add(&value);
                credentials.params.push((name, value));
            }
        }
        RequestAuth::Header { headers } => {
            for (name, text) in texts(headers, scope)? {
                secrets.add(&text);
                credentials.headers.append(parse_name(&name)?, parse_value(&name, &text)?);
            }
        }
        RequestAuth::Oauth2ClientCredentials { .. } => {
            let request = token_request(auth, scope, project, url_bytes_max)?;
            secrets.add(&request.client_secret);
            credentials.token = Some(request);
        }
    }
    Ok(credentials)
}

/// `Bearer <token>`.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    sensitive(parse_value("authorization", &format!("Bearer {token}"))?)
}

/// HTTP Basic (RFC 7617).
pub(super) fn basic(username: &str, password: &str) -> Result<HeaderValue, Failure> {
    if username.contains(':') {
        return Err(permanent("request_auth", "the user name of Basic auth holds a colon"));
    }
    let encoded = STANDARD.encode(format!("{username}:{password}"));
    sensitive(parse_value("authorization", &format!("Basic {encoded}"))?)
}

fn sensitive(mut value: HeaderValue) -> Result<HeaderValue, Failure> {
    value.set_sensitive(true);
    Ok(value)
}

fn wanted(source: &Source, scope: &(dyn Scope + Sync), what: &str) -> Result<String, Failure> {
    let text = eval_text(source, scope, what)?;
    if text.is_empty() {
        return Err(permanent("request_auth", format!("{what} is empty")));
    }
    Ok(text)
}

fn texts(
    sources: &BTreeMap<String, Source>,
    scope: &(dyn Scope + Sync),
) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::with_capacity(sources.len());
    for (name, source) in sources {
        let value = eval(source, scope, &format!("the auth value `{name}`"))?;
        found.extend(texts_of(value).into_iter().map(|text| (name.clone(), text)));
    }
    Ok(found)
}

fn token_request(
    auth: &RequestAuth,
    scope: &(dyn Scope + Sync),
    project: ProjectId,
    url_bytes_max: usize,
) -> Result<TokenRequest, Failure> {
    let RequestAuth::Oauth2ClientCredentials {
        token_url,
        client_id,
        client_secret,
        scope: scopes,
        extra,
        credentials_in_body,
    } = auth
    else {
        return Err(permanent("request_auth", "the step has no OAuth client credentials"));
    };
    let scopes = match scopes {
        Some(scopes) => Some(eval_text(scopes, scope, "the OAuth scope")?),
        None => None,
    };
    Ok(TokenRequest {
        project,
        url: url::build(token_url, None, scope, "the token URL", url_bytes_max)?,
        client_id: wanted(client_id, scope, "the client id")?,
        client_secret: wanted(client_secret, scope, "the client secret")?,
        scopes: scopes.filter(|scopes| !scopes.is_empty()),
        extra: texts(extra, scope)?,
        is_secret_in_body: *credentials_in_body,
    })
}
