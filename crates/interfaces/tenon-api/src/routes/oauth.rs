//! `/oauth`: where users' browsers begin and come back. No API key: a browser may do nothing but
//! carry its own session on.
//!
//! The nonce that binds a session to its browser is in a cookie of its own, one a session, so that
//! two windows do not disturb each other. Nothing here is logged but the kind of fault.

mod page;
mod visit;

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tenon_config::{Callback, ConnectFault, ConnectOutcome, Error, SessionLink};
use tenon_domain::ConnectSessionId;

use crate::state::Api;
use page::Page;
use visit::Visit;

/// How long a browser keeps the cookie, in seconds: as long as a session lasts, and a bit.
const COOKIE_SECONDS: u32 = 900;
/// The longest query of a callback that is read, in bytes.
const QUERY_BYTES_MAX: usize = 16 << 10;
/// The most parameters of a callback that are read.
const PARAMETERS_MAX: usize = 50;

/// The parameter of the link of a client that asks by itself how it ended.
const ASKS: &str = "asks";
/// What the cookie's value ends in then.
const ASKS_MARK: &str = ".asks";

/// What this browser's cookie says of a session.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    nonce: String,
    /// The client asks by itself whether the account is there.
    asks: bool,
}

/// The browser routes.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/oauth/start/{link}", get(start))
        .route("/oauth/callback", get(callback))
        .route("/oauth", get(callback))
}

/// Sends the browser to the provider, where it is a person's.
async fn start(
    State(api): State<Api>,
    Path(link): Path<String>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(link) = SessionLink::parse(&link) else {
        return Page::of_fault(&ConnectFault::Unknown).into_response();
    };
    match Visit::of(&method, &headers, query.as_deref()) {
        Visit::Person => {}
        Visit::Anybody => return Page::of_link(StatusCode::OK).into_response(),
        Visit::Ahead => return Page::of_link(StatusCode::FORBIDDEN).into_response(),
    }
    let started = match api.config.start_connect(&link).await {
        Ok(started) => started,
        Err(error) => return Page::of_error(&error).into_response(),
    };
    let is_https = api.config.is_https();
    let mark = if asks(query.as_deref()) { ASKS_MARK } else { "" };
    let value = format!("{}{mark}", started.nonce.as_str());
    let cookie = cookie(is_https, started.session.id, &value, COOKIE_SECONDS);
    let location = HeaderValue::try_from(started.url.as_str());
    let (Ok(cookie), Ok(mut location)) = (cookie, location) else {
        // Both are made of characters that headers take; a page is better than a panic.
        return Page::of_fault(&ConnectFault::Unknown).into_response();
    };
    location.set_sensitive(true);
    let referrer = HeaderValue::from_static("no-referrer");
    let headers = [(SET_COOKIE, cookie), (LOCATION, location), (REFERRER_POLICY, referrer)];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Takes what the browser brought back, and says how it ended.
async fn callback(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let Some(params) = parameters(&query) else {
        return Page::of_fault(&ConnectFault::Unknown).into_response();
    };
    let is_https = api.config.is_https();
    let kept = kept(&headers, is_https);
    let nonces = kept.iter().map(|(id, kept)| (*id, kept.nonce.clone())).collect();
    let end = match api.config.finish_connect(Callback { params, nonces }).await {
        Ok(end) => end,
        Err(error) => return Page::of_error(&error).into_response(),
    };
    if let ConnectOutcome::Failed { code, .. } = &end.outcome {
        tracing::info!(session.id = %end.session.id, code, "an account was not linked");
    }
    let mut page = Page::of_end(&end);
    if kept.get(&end.session.id).is_some_and(|kept| kept.asks) {
        page.leave_success_to_be_asked();
    }
    let mut response = page.into_response();
    // The cookie has done its work.
    if let Ok(gone) = cookie(is_https, end.session.id, "", 0) {
        response.headers_mut().insert(SET_COOKIE, gone);
    }
    response
}

/// The parameters of a callback; `None` where one comes twice, since then nobody can say which
/// one counts, or where there are too many.
fn parameters(query: &str) -> Option<BTreeMap<String, String>> {
    if query.len() > QUERY_BYTES_MAX {
        return None;
    }
    let mut params = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let is_new = params.insert(name.into_owned(), value.into_owned()).is_none();
        if !is_new || params.len() > PARAMETERS_MAX {
            return None;
        }
    }
    Some(params)
}

/// The name's prefix makes browsers refuse it from plain http and from other hosts.
const fn cookie_prefix(is_https: bool) -> &'static str {
    if is_https { "__Host-tenon-connect-" } else { "tenon-connect-" }
}

/// `SameSite=Lax` lets it come with the provider's redirect, a top-level navigation by GET.
fn cookie(
    is_https: bool,
    session: ConnectSessionId,
    nonce: &str,
    seconds: u32,
) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let (prefix, secure) = (cookie_prefix(is_https), if is_https { "; Secure" } else { "" });
    let text = format!(
        "{prefix}{session}={nonce}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    );
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What this browser keeps, by session.
fn kept(headers: &HeaderMap, is_https: bool) -> BTreeMap<ConnectSessionId, Kept> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            let session = name.strip_prefix(cookie_prefix(is_https))?.parse().ok()?;
            let nonce = value.strip_suffix(ASKS_MARK);
            let asks = nonce.is_some();
            Some((session, Kept { nonce: nonce.unwrap_or(value).to_owned(), asks }))
        })
        .collect()
}

fn asks(query: Option<&str>) -> bool {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.any(|(name, value)| name == ASKS && value == "1")
}

/// What is said of an error that no session holds.
fn fault_of(error: &Error) -> Option<&ConnectFault> {
    match error {
        Error::Connect(fault) => Some(fault),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_comes_twice_is_refused() {
        assert!(parameters("state=a&code=b").is_some());
        assert!(parameters("").is_some());
        assert!(parameters("state=a&code=b&state=c").is_none());
        assert!(parameters(&"x".repeat(QUERY_BYTES_MAX + 1)).is_none());
        let many: Vec<String> = (0..=PARAMETERS_MAX).map(|n| format!("p{n}=1")).collect();
        assert!(parameters(&many.join("&")).is_none());
    }

    #[test]
    fn only_cookies_of_the_right_prefix_are_read() {
        let id = ConnectSessionId::new();
        let mut headers = HeaderMap::new();
        let text = format!("a=b; tenon-connect-{id}=plain; __Host-tenon-connect-{id}=host; x");
        headers.insert(COOKIE, HeaderValue::try_from(text).expect("it is a header"));
        assert_eq!(kept(&headers, true)[&id].nonce, "host");
        assert_eq!(kept(&headers, false)[&id].nonce, "plain");
    }

    #[test]
    fn a_client_that_asks_is_known_at_the_end() {
        assert!(asks(Some("continue=1&asks=1")));
        assert!(!asks(Some("continue=1&asks=0")));
        let id = ConnectSessionId::new();
        let mut headers = HeaderMap::new();
        let text = format!("tenon-connect-{id}=abc.asks");
        headers.insert(COOKIE, HeaderValue::try_from(text).expect("it is a header"));
        let expected = Kept { nonce: "abc".to_owned(), asks: true };
        assert_eq!(kept(&headers, false)[&id], expected);
    }
}
