//! One exchange: checks what is asked, sends it, reads the answer.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Uri};
use tenon_contract::egress::{Egress, Error, OutboundRequest, OutboundResponse, TRANSPORT_HEADERS};
use url::{Host, Position, Url};

use crate::address::AddressPolicy;
use crate::body::{self, Bounds};
use crate::failure;
use crate::lookup::{CheckedLookup, Lookup, SystemLookup};
use crate::settings::EgressSettings;
use crate::transport::{Outgoing, Transport};

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
    fn check_url(&self, url: &Url) -> Result<Uri, Error> {
        let refuse = |reason: &str| Error::Refused {
            host: url.host_str().unwrap_or_default().to_owned(),
            reason: reason.to_owned(),
        };
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
        url.as_str().parse().map_err(|_| refuse("the URL cannot be sent"))
    }

    async fn exchange(
        &self,
        url: &Url,
        outgoing: Outgoing,
        bounds: Bounds,
    ) -> Result<OutboundResponse, Error> {
        let host = url.host_str().unwrap_or_default();
        let origin = &url[..Position::BeforePath];
        let answered =
            self.transport.send(origin, outgoing).await.map_err(|error| {
                failure::of_exchange(host, &error, self.settings.connect_timeout)
            })?;
        let (response, connection) = answered.into_parts();
        let (mut head, body) = response.into_parts();
        let body = body::read(body, &mut head.headers, bounds)
            .await
            .map_err(|error| failure::of_body(host, &error))?;
        self.transport.keep(origin, connection);
        Ok(OutboundResponse { status: head.status, headers: head.headers, body })
    }

    /// The headers as they go out.
    fn headers(&self, host: &str, mut headers: HeaderMap) -> Result<HeaderMap, Error> {
        if let Some(name) = TRANSPORT_HEADERS.iter().find(|name| headers.contains_key(**name)) {
            return Err(Error::Refused {
                host: host.to_owned(),
                reason: format!("the header `{name}` cannot be set"),
            });
        }
        headers.entry(header::USER_AGENT).or_insert_with(|| self.user_agent.clone());
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        Ok(headers)
    }
}

#[async_trait]
impl Egress for HttpEgress {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, Error> {
        let OutboundRequest { method, url, headers, body, timeout, response_bytes_max } = request;
        let uri = self.check_url(&url)?;
        let host = url.host_str().unwrap_or_default();
        if method == Method::CONNECT {
            let reason = "the method CONNECT cannot be used".to_owned();
            return Err(Error::Refused { host: host.to_owned(), reason });
        }
        let mut headers = self.headers(host, headers)?;
        if body.is_empty() && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            // RFC 9110, 8.6: methods that expect a body say that there is none.
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let outgoing = Outgoing { method, uri, headers, body };
        let bounds = Bounds {
            bytes_max: response_bytes_max,
            ratio_max: self.settings.decompression_ratio_max,
            free_bytes: self.settings.decompression_free_bytes,
        };
        match tokio::time::timeout(timeout, self.exchange(&url, outgoing, bounds)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Timeout { host: host.to_owned(), after_ms: millis(timeout) }),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
