//! The only way out: HTTP exchanges with checked addresses.
//!
//! [`Egress`] reads a bounded answer whole; [`Forward`] passes bodies through as they come.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::secret::SecretBytes;

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

/// What a call shows of its account in TLS: a certificate and the key to it. Cheap to clone. The key
/// is wiped when the last clone is dropped.
#[derive(Clone)]
pub struct ClientIdentity(Arc<Identity>);

struct Identity {
    certificate: String,
    key: SecretBytes,
    fingerprint: [u8; 32],
}

impl ClientIdentity {
    /// The certificate's chain and its key, both PEM. Neither is looked at before it is used.
    #[must_use]
    pub fn new(certificate: String, key: SecretBytes) -> Self {
        let mut digest = Sha256::new();
        digest.update((certificate.len() as u64).to_be_bytes());
        digest.update(certificate.as_bytes());
        digest.update(key.expose());
        Self(Arc::new(Identity { certificate, key, fingerprint: digest.finalize().into() }))
    }

    /// The chain, PEM; the client's own certificate comes first.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.0.certificate
    }

    /// The key, PEM.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.0.key.expose()
    }

    /// Tells identities apart: of the certificate and the key together. Connections are shared only
    /// among calls that have the same one.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.0.fingerprint
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(..)")
    }
}

impl PartialEq for ClientIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.0.fingerprint == other.0.fingerprint
    }
}

impl Eq for ClientIdentity {}

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
    /// The certificate to show in TLS, for https only; none where the account has none.
    pub identity: Option<ClientIdentity>,
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
    /// The client certificate cannot be used, or the other side does not take it. Never retried:
    /// the account needs another one.
    #[error("the client certificate for {host} cannot be used: {reason}")]
    Identity {
        /// Host as written.
        host: String,
        /// Why, for people; nothing of the key.
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

/// A body that is passed on as it comes, frame by frame, with back-pressure.
pub type StreamBody = UnsyncBoxBody<Bytes, BodyError>;

/// Why a streaming body ended early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A request whose body streams.
pub struct ForwardRequest {
    /// The method.
    pub method: Method,
    /// Absolute, http or https, without credentials in it. Checked against the connector's
    /// allowed hosts by the caller; its address is checked by the adapter.
    pub url: Url,
    /// Headers, as in [`OutboundRequest::headers`].
    pub headers: HeaderMap,
    /// The body.
    pub body: ForwardBody,
    /// As in [`OutboundRequest::identity`].
    pub identity: Option<ClientIdentity>,
    /// The longest wait for the head of the answer, from the last byte of the request; while a
    /// body streams out, `idle_timeout` holds instead.
    pub head_timeout: Duration,
    /// The longest time without a byte in either direction of the bodies.
    pub idle_timeout: Duration,
}

/// What a forwarded request carries.
pub enum ForwardBody {
    /// No body, or one that is in memory: may be sent again on another connection.
    Whole(Bytes),
    /// A body that comes in while it goes out; its length where it is known.
    Stream {
        /// The frames.
        body: StreamBody,
        /// `Content-Length`; chunked (or HTTP/2 frames) without.
        length: Option<u64>,
    },
}

/// Passes calls through. Redirects are answers like any other; nothing is decompressed.
#[async_trait]
pub trait Forward: Send + Sync + 'static {
    /// Sends a request; returns when the head of the answer is there. A connection that the
    /// answer's body leaves unread is closed, not used again.
    async fn forward(&self, request: ForwardRequest) -> Result<Response<StreamBody>, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(certificate: &str, key: &str) -> ClientIdentity {
        ClientIdentity::new(certificate.to_owned(), SecretBytes::from_text(key.to_owned()))
    }

    #[test]
    fn identities_differ_by_certificate_and_by_key() {
        let one = identity("cert", "key");
        assert_eq!(one, identity("cert", "key"));
        for other in [identity("cert", "other"), identity("other", "key"), identity("certk", "ey")]
        {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn an_identity_does_not_print_its_parts() {
        assert_eq!(format!("{:?}", identity("cert", "key")), "ClientIdentity(..)");
    }
}
