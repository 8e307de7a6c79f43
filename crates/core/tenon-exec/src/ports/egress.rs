//! The only way out: one HTTP exchange with checked addresses and bounded bodies.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// Headers that say how a message is framed or forwarded. Only the adapter sets them; a request
/// that carries one is refused.
pub const TRANSPORT_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "http2-settings",
];

/// A request that is ready to go.
#[derive(Debug, Clone)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// Absolute, http or https, without credentials in it.
    pub url: Url,
    /// Headers; `Host`, `Content-Length` and hop-by-hop headers are set by the adapter.
    pub headers: HeaderMap,
    /// The whole body; empty for none.
    pub body: Bytes,
    /// From the first byte out to the last byte in.
    pub timeout: Duration,
    /// The largest body that is read, after decompression, in bytes.
    pub response_bytes_max: usize,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct OutboundResponse {
    /// Its status, whatever it is.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed.
    pub body: Bytes,
}

/// Why there is no answer, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not allowed: a private or reserved address, another scheme, a bad URL. Never retried.
    #[error("refused to call {host}: {reason}")]
    Refused {
        /// Host as written.
        host: String,
        /// Why, for people.
        reason: String,
    },
    /// No connection, or it broke: may be tried again. `was_sent` tells whether the request may
    /// have reached the other side.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host as written.
        host: String,
        /// Why, for people.
        reason: String,
        /// Whether bytes may have gone out.
        was_sent: bool,
    },
    /// No answer in time: may be tried again.
    #[error("no answer from {host} within {after_ms} ms")]
    Timeout {
        /// Host as written.
        host: String,
        /// The limit.
        after_ms: u64,
    },
    /// The answer is larger than allowed. Never retried.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// Host as written.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Makes outgoing calls. Redirects are answers like any other: they are not followed.
#[async_trait]
pub trait Egress: Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, Error>;
}
