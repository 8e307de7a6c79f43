//! OAuth 2 client credentials (RFC 6749, 4.4): tokens are fetched once and used by every step
//! of the project that asks with the same credentials, until shortly before they expire.
//!
//! Tokens live in this process only. They are never written anywhere, and a process that starts
//! has none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tenon_connector::answer::retry_after;
use tenon_connector::request::url as request_url;
use tenon_contract::egress::{Egress, OutboundRequest, OutboundResponse};
use tenon_domain::ProjectId;
use tokio::sync::OnceCell;
use url::{Url, form_urlencoded};

use super::super::{Failure, FailureClass};
use super::{RequestLimits, auth, exchange, permanent};

/// Tokens kept in one process.
const TOKENS_MAX: usize = 4_096;
/// The largest answer of a token endpoint, in bytes.
const TOKEN_BYTES_MAX: usize = 256 << 10;
/// How long a token is kept that does not say when it expires.
const UNSAID_LIFE: Duration = Duration::from_secs(300);
/// The longest time a token is kept, whatever it says.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Tokens are renewed this long before they expire, or a tenth of their life if that is longer.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// Everything a token depends on.
pub(super) struct TokenRequest {
    pub(super) project: ProjectId,
    pub(super) url: Url,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) scopes: Option<String>,
    pub(super) extra: Vec<(String, String)>,
    pub(super) is_secret_in_body: bool,
}

/// Identifies a token: a hash, so that the map holds no secrets besides the tokens.
type Key = [u8; 32];

/// One fetch and what came of it: everyone who waits for it shares it, a failure too.
type Slot = Arc<OnceCell<Result<Token, Failure>>>;

#[derive(Clone)]
struct Token {
    value: Arc<str>,
    renew_at: Instant,
}

/// A token, and whether this call fetched it.
pub(super) struct Issued {
    pub(super) value: Arc<str>,
    pub(super) is_new: bool,
    slot: Slot,
}

/// Keeps OAuth 2 tokens for later steps. One for a process.
#[derive(Default)]
pub struct TokenCache {
    slots: Mutex<HashMap<Key, Slot>>,
}

impl TokenCache {
    /// A cache without tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is good now. While one is being fetched, others who want it wait for it.
    pub(super) async fn get(
        &self,
        request: &TokenRequest,
        egress: &dyn Egress,
        limits: &RequestLimits,
    ) -> Result<Issued, Failure> {
        let key = request.key();
        let slot = self.slot(key, Instant::now());
        let mut is_new = false;
        let outcome = slot
            .get_or_init(|| {
                is_new = true;
                fetch(request, egress, limits)
            })
            .await;
        match outcome {
            Ok(token) => Ok(Issued { value: token.value.clone(), is_new, slot: slot.clone() }),
            Err(failure) => {
                self.remove(key, &slot);
                Err(failure.clone())
            }
        }
    }

    /// Forgets a token that was refused, unless it has been replaced already.
    pub(super) fn forget(&self, request: &TokenRequest, issued: &Issued) {
        self.remove(request.key(), &issued.slot);
    }

    /// The slot of a key, a new one if its token is to be renewed at `now`.
    fn slot(&self, key: Key, now: Instant) -> Slot {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&key)
            && !is_over(slot, now)
        {
            return slot.clone();
        }
        if slots.len() >= TOKENS_MAX {
            make_room(&mut slots, now);
        }
        let slot = Slot::default();
        slots.insert(key, slot.clone());
        slot
    }

    fn remove(&self, key: Key, slot: &Slot) {
        let mut slots = self.slots.lock();
        if slots.get(&key).is_some_and(|current| Arc::ptr_eq(current, slot)) {
            slots.remove(&key);
        }
    }
}

/// Whether a slot's token is to be renewed, or could not be had.
fn is_over(slot: &Slot, now: Instant) -> bool {
    match slot.get() {
        Some(Ok(token)) => token.renew_at <= now,
        Some(Err(_)) => true,
        None => false,
    }
}

/// Drops what is over; if nothing is, the token that ends first.
fn make_room(slots: &mut HashMap<Key, Slot>, now: Instant) {
    slots.retain(|_, slot| !is_over(slot, now));
    if slots.len() < TOKENS_MAX {
        return;
    }
    let ends_first = slots
        .iter()
        .filter_map(|(key, slot)| match slot.get() {
            Some(Ok(token)) => Some((token.renew_at, *key)),
            _ => None,
        })
        .min();
    // If all are being fetched, any may go: whoever waits holds its own handle.
    let victim = ends_first.map(|(_, key)| key).or_else(|| slots.keys().next().copied());
    if let Some(key) = victim {
        slots.remove(&key);
    }
}

impl TokenRequest {
    fn key(&self) -> Key {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            // The length keeps neighbours apart.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        part(&self.project.to_string());
        part(self.url.as_str());
        part(&self.client_id);
        part(&self.client_secret);
        part(self.scopes.as_deref().unwrap_or_default());
        part(if self.is_secret_in_body { "body" } else { "header" });
        for (name, value) in &self.extra {
            part(name);
            part(value);
        }
        hash.finalize().into()
    }

    fn body(&self) -> Bytes {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scopes) = &self.scopes {
            form.append_pair("scope", scopes);
        }
        if self.is_secret_in_body {
            form.append_pair("client_id", &self.client_id);
            form.append_pair("client_secret", &self.client_secret);
        }
        for (name, value) in &self.extra {
            form.append_pair(name, value);
        }
        form.finish().into()
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if !self.is_secret_in_body {
            // RFC 6749, 2.3.1: both are form-encoded before they become Basic credentials.
            let id = request_url::encode(&self.client_id);
            let secret = request_url::encode(&self.client_secret);
            headers.insert(header::AUTHORIZATION, auth::basic(&id, &secret)?);
        }
        Ok(headers)
    }
}

/// What a token endpoint answers.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: Option<String>,
    /// Seconds; some endpoints send them as text.
    expires_in: Option<serde_json::Value>,
}

/// Why a token endpoint refused (RFC 6749, 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

async fn fetch(
    request: &TokenRequest,
    egress: &dyn Egress,
    limits: &RequestLimits,
) -> Result<Token, Failure> {
    let asked_at = Instant::now();
    let outbound = OutboundRequest {
        method: Method::POST,
        url: request.url.clone(),
        headers: request.headers()?,
        body: request.body(),
        identity: None,
        timeout: limits.timeout,
        response_bytes_max: TOKEN_BYTES_MAX.min(limits.response_bytes_max),
    };
    let response = egress.send(outbound).await.map_err(|error| {
        let mut failure = exchange::failure_of(&error);
        failure.message = format!("no OAuth token: {}", failure.message);
        failure
    })?;
    if response.status != StatusCode::OK {
        return Err(refused(request, &response, limits));
    }
    read(&response.body, asked_at)
}

fn read(body: &[u8], asked_at: Instant) -> Result<Token, Failure> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| {
        permanent("request_auth", "the token endpoint's answer is not JSON with `access_token`")
    })?;
    let is_bearer =
        answer.token_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    if !is_bearer || answer.access_token.is_empty() {
        let message = "the token endpoint did not give a bearer token";
        return Err(permanent("request_auth", message));
    }
    let said = match &answer.expires_in {
        Some(serde_json::Value::String(text)) => text.trim().parse::<f64>().ok(),
        Some(value) => value.as_f64(),
        None => None,
    };
    let life = said
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(UNSAID_LIFE)
        .min(LIFE_MAX);
    // A token that lives only for a short time is used for half of it.
    let before = RENEW_BEFORE.max(life / 10).min(life / 2);
    Ok(Token { value: answer.access_token.into(), renew_at: asked_at + (life - before) })
}

fn refused(request: &TokenRequest, response: &OutboundResponse, limits: &RequestLimits) -> Failure {
    let status = response.status.as_u16();
    let host = request.url.host_str().unwrap_or_default();
    let reason = serde_json::from_slice::<Refusal>(&response.body)
        .ok()
        .filter(|refusal| is_error_code(&refusal.error))
        .map(|refusal| format!(" ({})", refusal.error))
        .unwrap_or_default();
    let class = if response.status.is_client_error() || response.status.is_server_error() {
        let wait = retry_after(&response.headers, Timestamp::now(), limits.retry_after_max);
        FailureClass::Status { status, retry_after: wait }
    } else {
        FailureClass::Permanent
    };
    let message = format!("no OAuth token: {host} answered {status}{reason}");
    Failure::new("request_auth", message, class)
}

/// Whether a text is an error code such as `invalid_client`, and not something to be careful
/// with.
fn is_error_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// How long a token that says `expires_in` is used.
    fn used_for(answer: &serde_json::Value) -> Duration {
        let asked_at = Instant::now();
        let token = read(answer.to_string().as_bytes(), asked_at).expect("a token");
        token.renew_at - asked_at
    }

    #[test]
    fn a_token_is_used_until_shortly_before_it_expires() {
        for (expires_in, seconds) in [
            (json!(3_600), 3_240),
            (json!("3600"), 3_240),
            (json!(600), 540),
            (json!(300), 240),
            (json!(100), 50),
            (json!(0), 0),
            (json!(-5), 240),
            (json!("soon"), 240),
            (json!(null), 240),
            (json!(1e300), 240),
            (json!(1e9), 77_760),
        ] {
            let used = used_for(&json!({"access_token": "t", "expires_in": expires_in}));
            assert_eq!(used, Duration::from_secs(seconds), "{expires_in}");
        }
    }

    fn filled(slot: &Slot, renew_at: Instant) {
        slot.set(Ok(Token { value: "t".into(), renew_at })).ok().expect("empty before");
    }

    #[test]
    fn a_slot_is_replaced_when_its_token_is_to_be_renewed() {
        let (tokens, now) = (TokenCache::new(), Instant::now());
        let slot = tokens.slot([0; 32], now);
        filled(&slot, now + Duration::from_secs(50));
        assert!(Arc::ptr_eq(&slot, &tokens.slot([0; 32], now + Duration::from_secs(49))));
        assert!(!Arc::ptr_eq(&slot, &tokens.slot([0; 32], now + Duration::from_secs(50))));
    }

    #[test]
    fn the_cache_is_bounded_and_drops_what_ends_first() {
        let (tokens, now) = (TokenCache::new(), Instant::now());
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            key
        };
        for number in 0..TOKENS_MAX {
            let seconds = if number == 7 { 1 } else { 100 };
            filled(&tokens.slot(key(number), now), now + Duration::from_secs(seconds));
        }
        tokens.slot(key(TOKENS_MAX), now);
        let slots = tokens.slots.lock();
        assert_eq!(slots.len(), TOKENS_MAX);
        assert!(!slots.contains_key(&key(7)));
        assert!(slots.contains_key(&key(8)));
    }

    #[test]
    fn a_slot_that_was_replaced_is_not_removed() {
        let (tokens, now) = (TokenCache::new(), Instant::now());
        let old = tokens.slot([0; 32], now);
        filled(&old, now);
        let new = tokens.slot([0; 32], now);
        tokens.remove([0; 32], &old);
        assert!(Arc::ptr_eq(&new, &tokens.slot([0; 32], now)));
        tokens.remove([0; 32], &new);
        assert!(tokens.slots.lock().is_empty());
    }
}
