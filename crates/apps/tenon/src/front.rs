//! One address in front of the roles that listen: each request goes to the role that answers it.
//!
//! For installations without a load balancer that routes by path: `tenon dev --split` and compose.
//! It knows paths and nothing else: it checks no keys, keeps nothing and changes no body. Bodies
//! stream both ways. A role that cannot be reached is a 503 with `Retry-After`; nothing is tried
//! again here, since the caller knows what may be.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tenon_http_kit::Problem;

use crate::roles::Role;

/// What is for one connection and not for the next (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections to one role that are kept open without work.
const IDLE_PER_ROLE_MAX: usize = 256;
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Where the roles listen, as `host:port`.
#[derive(Debug, Clone)]
pub struct Upstreams {
    /// The role `api`.
    pub api: Authority,
    /// The role `gateway`.
    pub gateway: Authority,
    /// The role `proxy`.
    pub proxy: Authority,
}

struct Front {
    client: Client<HttpConnector, Body>,
    upstreams: Upstreams,
    /// How long the head of an answer may take; longer than any role lets a request take.
    patience: Duration,
}

/// Routes to the roles. `request_timeout` is theirs, `http.request_timeout_ms`.
pub fn router(upstreams: Upstreams, request_timeout: Duration) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(IDLE_PER_ROLE_MAX)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(connector);
    let patience = request_timeout + CONNECT_TIMEOUT;
    let front = std::sync::Arc::new(Front { client, upstreams, patience });
    Router::new().fallback(pass).with_state(front)
}

/// The role that answers a path: `gateway` takes work in, `proxy` calls providers, `api` does
/// everything else.
#[must_use]
pub fn role_of(path: &str) -> Role {
    let path = path.strip_prefix("/v2").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["api", "v1", "projects", _, "proxy", ..] | ["projects", _, "sdk", "proxy", ..] => {
            Role::Proxy
        }
        ["api", "v1", "projects", _, "events"]
        | ["api", "v1", "projects", _, "triggers", _]
        | ["api", "v1", "projects", _, "webhooks", _, _, ..]
        | ["projects", _, "sdk", "events", "trigger"]
        | ["projects", _, "sdk", "triggers", _]
        | ["triggers", "connect", ..] => Role::Gateway,
        _ => Role::Api,
    }
}

async fn pass(State(front): State<std::sync::Arc<Front>>, request: Request) -> Response {
    let role = role_of(request.uri().path());
    let upstream = match role {
        Role::Proxy => &front.upstreams.proxy,
        Role::Gateway => &front.upstreams.gateway,
        _ => &front.upstreams.api,
    };
    let request = match readdressed(request, upstream) {
        Ok(request) => request,
        Err(error) => return Problem::internal("address a role", &error).into_response(),
    };
    match tokio::time::timeout(front.patience, front.client.request(request)).await {
        Ok(Ok(mut response)) => {
            strip(response.headers_mut());
            response.map(Body::new)
        }
        Ok(Err(error)) => Problem::unavailable("reach a role", RETRY_AFTER, &error).into_response(),
        Err(late) => Problem::unavailable("hear from a role", RETRY_AFTER, &late).into_response(),
    }
}

/// The same request, for the next connection.
fn readdressed(request: Request, upstream: &Authority) -> Result<Request, http::Error> {
    let (mut parts, body) = request.into_parts();
    // HTTP/2 says it in the target. Roles make links of it where no public URL is set.
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.entry(HOST).or_insert(host);
    }
    strip(&mut parts.headers);
    let path = parts.uri.path_and_query().cloned();
    parts.uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(upstream.clone())
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()?;
    parts.version = Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    Ok(Request::from_parts(parts, body))
}

/// Removes what is for one connection, and what the connection itself names as such.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP).chain([&KEEP_ALIVE]) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_goes_to_the_role_that_answers_it() {
        let cases = [
            ("/api/v1/projects/p/events", Role::Gateway),
            ("/api/v1/projects/p/triggers/w", Role::Gateway),
            ("/api/v1/projects/p/webhooks/slack/events", Role::Gateway),
            ("/api/v1/projects/p/webhooks/slack/events/account", Role::Gateway),
            ("/triggers/connect/p/i/custom-triggers/w", Role::Gateway),
            ("/projects/p/sdk/events/trigger", Role::Gateway),
            ("/v2/projects/p/sdk/events/trigger", Role::Gateway),
            ("/projects/p/sdk/triggers/w", Role::Gateway),
            ("/api/v1/projects/p/proxy/slack/chat.postMessage", Role::Proxy),
            ("/projects/p/sdk/proxy/custom/i/things//7", Role::Proxy),
            ("/api/v1/projects/p/event-log", Role::Api),
            ("/api/v1/projects/p/proxy-calls", Role::Api),
            ("/api/v1/projects/p/webhooks", Role::Api),
            ("/projects/p/triggers", Role::Api),
            ("/v2/projects/p/sdk/actions/build-oauth", Role::Api),
            ("/oauth/callback", Role::Api),
            ("/v2", Role::Api),
            ("/", Role::Api),
            ("", Role::Api),
        ];
        for (path, role) in cases {
            assert_eq!(role_of(path), role, "{path}");
        }
    }

    #[test]
    fn what_is_for_one_connection_goes_no_further() {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("close, X-Hop"));
        headers.insert("x-hop", HeaderValue::from_static("1"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        headers.insert("x-kept", HeaderValue::from_static("1"));
        strip(&mut headers);
        let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-kept"]);
    }

    #[test]
    fn a_request_keeps_its_path_its_query_and_its_host() {
        let request = http::Request::get("http://tenon.example:7070/a%2Fb?c=d")
            .version(Version::HTTP_2)
            .body(Body::empty())
            .expect("a request");
        let upstream = Authority::from_static("127.0.0.1:9");
        let passed = readdressed(request, &upstream).expect("it can be addressed");
        assert_eq!(passed.uri(), "http://127.0.0.1:9/a%2Fb?c=d");
        assert_eq!(passed.headers()[HOST], "tenon.example:7070");
        assert_eq!(passed.version(), Version::HTTP_11);
    }
}
