//! The way out with another map: calls to a provider's hosts go to a server on loopback, calls to
//! anywhere else are refused. Method, headers and body stay as they are; links in the headers of
//! answers are put back, as reverse proxies do.

use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use http::header::{LINK, LOCATION};
use http::{HeaderMap, HeaderValue};
use tenon_contract::egress::{Egress, Error, OutboundRequest, OutboundResponse};
use tenon_egress::{EgressSettings, HttpEgress};
use url::Url;

/// Where a provider's URLs are on loopback.
#[derive(Debug, Clone)]
pub struct Route {
    /// What the URL begins with, such as `https://api.github.com/`.
    pub from: &'static str,
    /// What it begins with instead, such as `http://127.0.0.1:4100/`.
    pub to: String,
}

impl Route {
    /// A route to a server at `base`, below `path`.
    pub fn new(from: &'static str, base: &str, path: &str) -> Self {
        Self { from, to: format!("{base}{path}") }
    }
}

/// Calls providers on loopback.
pub struct Detour {
    inner: HttpEgress,
    routes: Vec<Route>,
    tells_host: bool,
}

impl Detour {
    /// With these routes, the first that fits counts.
    pub fn new(routes: Vec<Route>) -> Self {
        let loopback = ipnet::IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let settings = EgressSettings { allowed_networks: vec![loopback], ..Default::default() };
        let inner = HttpEgress::new(settings).expect("TLS can be set up");
        Self { inner, routes, tells_host: false }
    }

    /// The same, and the server is told the host that was called, as reverse proxies do: a
    /// signature holds for that one.
    pub fn telling_host(self) -> Self {
        Self { tells_host: true, ..self }
    }

    /// Where a URL is on loopback.
    pub fn find(&self, url: &Url) -> Option<Url> {
        let moved = self.routes.iter().find_map(|route| {
            let rest = url.as_str().strip_prefix(route.from)?;
            Some(format!("{}{rest}", route.to))
        })?;
        Some(moved.parse().expect("a URL with another beginning is a URL"))
    }

    /// Lets links lead to the provider again.
    fn put_back(&self, headers: &mut HeaderMap) {
        for name in [LINK, LOCATION] {
            let Some(value) = headers.get(&name).and_then(|value| value.to_str().ok()) else {
                continue;
            };
            let route = self.routes.iter().find(|route| value.contains(&route.to));
            let Some(route) = route else { continue };
            let value = value.replace(&route.to, route.from);
            let value = HeaderValue::from_str(&value).expect("it was a header before");
            headers.insert(name, value);
        }
    }
}

#[async_trait]
impl Egress for Detour {
    async fn send(&self, mut request: OutboundRequest) -> Result<OutboundResponse, Error> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let Some(url) = self.find(&request.url) else {
            let reason = format!("the test has no route for {}", request.url.path());
            return Err(Error::Refused { host, reason });
        };
        if self.tells_host {
            let host = HeaderValue::from_str(&host).expect("a host is text");
            request.headers.insert("x-forwarded-host", host);
        }
        request.url = url;
        let mut answer = self.inner.send(request).await?;
        self.put_back(&mut answer.headers);
        Ok(answer)
    }
}
