//! `/oauth/token` gives tokens for client credentials, and `/secure/*` asks for one.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{OriginalUri, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::Shared;
use super::bounded::BoundedMap;
use super::refusal::Refusal;

/// The one client. Its secret guards nothing: the service holds made-up data only.
const CLIENT_ID: &str = "demo-client";
const CLIENT_SECRET: &str = "demo-secret";
/// The most tokens that are valid at once.
const TOKENS_MAX: usize = 1_000;
const LIFETIME_SECONDS: u64 = 3_600;

/// The tokens given.
#[derive(Debug)]
pub(super) struct Tokens {
    given: Mutex<BoundedMap<String, Grant>>,
}

#[derive(Debug, Clone)]
struct Grant {
    scope: Option<String>,
    expires: Instant,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { given: Mutex::new(BoundedMap::new(TOKENS_MAX)) }
    }
}

impl Tokens {
    fn give(&self, scope: Option<String>, lifetime: Duration) -> String {
        let token = format!("demo-{}", Uuid::new_v4().simple());
        let grant = Grant { scope, expires: Instant::now() + lifetime };
        self.given.lock().get_or_insert_with(token.clone(), || grant);
        token
    }

    fn check(&self, token: &str) -> Option<Grant> {
        let grant = self.given.lock().get(token).cloned()?;
        (Instant::now() < grant.expires).then_some(grant)
    }
}

/// `POST /oauth/token`, as RFC 6749 section 4.4 has it: the client by HTTP Basic or in the form.
///
/// One field more than there: `expires_in`, for a token that lives so many seconds, at most an
/// hour.
pub(super) async fn token(
    State(demo): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let form: Vec<(String, String)> = form_urlencoded::parse(&body?).into_owned().collect();
    let field =
        |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if field("grant_type") != Some("client_credentials") {
        return Ok(oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type"));
    }
    let in_form = || Some((field("client_id")?.to_owned(), field("client_secret")?.to_owned()));
    let client = basic(&headers).or_else(in_form);
    if client != Some((CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())) {
        return Ok(oauth_error(StatusCode::UNAUTHORIZED, "invalid_client"));
    }
    let scope = field("scope").map(str::to_owned);
    if scope.as_ref().is_some_and(|scope| scope.len() > 1_000) {
        return Ok(oauth_error(StatusCode::BAD_REQUEST, "invalid_scope"));
    }
    let asked: Option<u64> = match field("expires_in").map(str::parse).transpose() {
        Ok(asked) => asked,
        Err(_) => return Ok(oauth_error(StatusCode::BAD_REQUEST, "invalid_request")),
    };
    let seconds = asked.unwrap_or(LIFETIME_SECONDS).min(LIFETIME_SECONDS);
    let token = demo.tokens.give(scope.clone(), Duration::from_secs(seconds));
    let answer = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": scope,
    });
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(answer)).into_response())
}

fn oauth_error(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// The credentials of HTTP Basic; each half is form-encoded, RFC 6749 section 2.3.1.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = credentials(headers, "Basic")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |half: &str| {
        let form = format!("half={half}");
        form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decoded(id)?, decoded(secret)?))
}

/// What follows a scheme in `Authorization`.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// Any method on `/secure/*`: 401 without a valid token, else what was asked for.
pub(super) async fn secure(
    State(demo): State<Shared>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let Some(token) = credentials(&headers, "Bearer") else {
        return Err(Refusal::unauthorized("Bearer", "a token of /oauth/token is needed"));
    };
    let Some(grant) = demo.tokens.check(token) else {
        let challenge = "Bearer error=\"invalid_token\"";
        return Err(Refusal::unauthorized(challenge, "the token is not valid, or no longer"));
    };
    Ok(Json(json!({
        "ok": true, "method": method.as_str(), "path": uri.path(), "scope": grant.scope,
    })))
}
