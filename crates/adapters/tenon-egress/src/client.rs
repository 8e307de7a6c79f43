//! One exchange: checks what is asked, sends it, reads the answer whole. `forward` does the same
//! with bodies that pass through.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Response};
use tenon_contract::egress::{
    ClientIdentity, Egress, Error, OutboundRequest, OutboundResponse, TRANSPORT_HEADERS,
};
use tracing::Instrument as _;
use url::{Host, Position, Url};

use crate::address::AddressPolicy;
use crate::body::{self, Bounds};
use crate::failure;
use crate::lookup::{CheckedLookup, Lookup, SystemLookup};
use crate::metrics;
use crate::outgoing::{Outgoing, OutgoingBody};
use crate::settings::EgressSettings;
use crate::transport::{Arriving, Origin, Transport};

/// The way out could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The certificate authorities of the system, or an extra one, cannot be used.
    #[error("failed to set up TLS")]
    Tls(#[from] rustls::Error),
    /// The user agent cannot be sent.
    #[error("the user agent is not a valid header value")]
    UserAgent(#[from] header::InvalidHeaderValue),
}

/// Makes outgoing calls over a pool of connections. Cheap to share behind an `Arc`.
pub struct HttpEgress {
    transport: Transport,
    policy: AddressPolicy,
    user_agent: HeaderValue,
    settings: EgressSettings,
}

impl HttpEgress {
    /// With the resolver of the operating system. Needs a Tokio runtime only when it is used.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: EgressSettings) -> Result<Self, BuildError> {
        Self::with_lookup(settings, SystemLookup)
    }

    /// With another resolver.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn with_lookup(settings: EgressSettings, lookup: impl Lookup) -> Result<Self, BuildError> {
        let policy =
            AddressPolicy::new(settings.allowed_networks.clone(), settings.denied_networks.clone());
        let lookup = CheckedLookup::new(Box::new(lookup), policy.clone(), &settings);
        Ok(Self {
            transport: Transport::new(lookup, &settings)?,
            policy,
            user_agent: HeaderValue::from_str(&settings.user_agent)?,
            settings,
        })
    }

    /// Checks the URL: scheme, no credentials, a literal address by the policy. Names are
    /// checked when they are looked up.
    pub(crate) fn check(
        &self,
        method: &Method,
        url: &Url,
        identity: Option<&ClientIdentity>,
    ) -> Result<Checked, Error> {
        let refuse = |reason: &str| Error::Refused {
            host: url.host_str().unwrap_or_default().to_owned(),
            reason: reason.to_owned(),
        };
        if *method == Method::CONNECT {
            return Err(refuse("the method CONNECT cannot be used"));
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("only http and https may be called"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("the URL holds a user name or password"));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain("")) | None => return Err(refuse("the URL has no host")),
            Some(Host::Domain(_)) => None,
        };
        if let Some(address) = literal {
            self.policy.check(address).map_err(|error| refuse(&error.to_string()))?;
        }
        if url.port() == Some(0) {
            return Err(refuse("port 0 cannot be called"));
        }
        let origin = self.origin(url, identity)?;
        let target = PathAndQuery::try_from(&url[Position::BeforePath..Position::AfterQuery]);
        match (origin, target) {
            (Some(origin), Ok(target)) => Ok(Checked { origin, target }),
            _ => Err(refuse("the URL cannot be sent")),
        }
    }

    /// The connections that a call may use.
    fn origin(
        &self,
        url: &Url,
        identity: Option<&ClientIdentity>,
    ) -> Result<Option<Arc<Origin>>, Error> {
        let name = &url[..Position::BeforePath];
        let Some(identity) = identity else { return Ok(self.transport.origin(name)) };
        let unusable = |reason: String| Error::Identity {
            host: url.host_str().unwrap_or_default().to_owned(),
            reason,
        };
        if url.scheme() != "https" {
            return Err(unusable("it can be shown to https only".to_owned()));
        }
        let origin = self.transport.origin_showing(name, identity);
        origin.map_err(|error| unusable(failure::chain(&error)))
    }

    /// Sends what was checked; returns with the head of the answer.
    pub(crate) async fn answer(
        &self,
        host: &str,
        origin: &Arc<Origin>,
        outgoing: Outgoing,
    ) -> Result<Response<Arriving>, Error> {
        let answer = self.transport.send(origin, outgoing).await;
        answer.map_err(|error| failure::of_exchange(host, &error, self.settings.connect_timeout))
    }

    async fn exchange(
        &self,
        host: &str,
        origin: &Arc<Origin>,
        outgoing: Outgoing,
        bounds: Bounds,
    ) -> Result<OutboundResponse, Error> {
        let (mut head, body) = self.answer(host, origin, outgoing).await?.into_parts();
        let body = body::read(body, &mut head.headers, bounds)
            .await
            .map_err(|error| failure::of_body(host, &error))?;
        Ok(OutboundResponse { status: head.status, headers: head.headers, body })
    }

    /// The headers as they go out: none that the transport sets, and always a user agent.
    pub(crate) fn headers(&self, host: &str, mut headers: HeaderMap) -> Result<HeaderMap, Error> {
        let is_transports = |name: &HeaderName| TRANSPORT_HEADERS.contains(&name.as_str());
        if let Some(name) = headers.keys().find(|name| is_transports(name)) {
            return Err(Error::Refused {
                host: host.to_owned(),
                reason: format!("the header `{name}` cannot be set"),
            });
        }
        headers.entry(header::USER_AGENT).or_insert_with(|| self.user_agent.clone());
        Ok(headers)
    }
}

/// Where a checked request goes.
pub(crate) struct Checked {
    pub(crate) origin: Arc<Origin>,
    pub(crate) target: PathAndQuery,
}

/// RFC 9110, 8.6: methods that expect a body say when there is none.
pub(crate) fn mark_empty(method: &Method, body: &Bytes, headers: &mut HeaderMap) {
    if body.is_empty() && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

#[async_trait]
impl Egress for HttpEgress {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, Error> {
        let (started, span) = (Instant::now(), metrics::span(&request.method, &request.url));
        let outcome = self.send_checked(request).instrument(span.clone()).await;
        let status = outcome.as_ref().map(|answer| answer.status);
        metrics::called(status, started.elapsed(), &span);
        outcome
    }
}

impl HttpEgress {
    async fn send_checked(&self, request: OutboundRequest) -> Result<OutboundResponse, Error> {
        let OutboundRequest { method, url, headers, body, identity, timeout, response_bytes_max } =
            request;
        let Checked { origin, target } = self.check(&method, &url, identity.as_ref())?;
        let host = url.host_str().unwrap_or_default();
        let mut headers = self.headers(host, headers)?;
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        mark_empty(&method, &body, &mut headers);
        let outgoing = Outgoing { method, target, headers, body: OutgoingBody::Whole(body) };
        let bounds = Bounds {
            bytes_max: response_bytes_max,
            ratio_max: self.settings.decompression_ratio_max,
            free_bytes: self.settings.decompression_free_bytes,
        };
        let exchange = self.exchange(host, &origin, outgoing, bounds);
        match tokio::time::timeout(timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Timeout { host: host.to_owned(), after_ms: millis(timeout) }),
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
