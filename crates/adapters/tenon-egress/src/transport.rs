//! The connection pool: TCP to checked addresses, TLS, HTTP/1.1 and HTTP/2 by ALPN.
//!
//! No proxy of the environment is used and no redirect is followed: neither exists here.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;

use crate::lookup::CheckedLookup;
use crate::settings::EgressSettings;
use crate::transport::counted::CountedConnector;

pub(crate) mod counted;

pub(crate) type Transport =
    Client<CountedConnector<HttpsConnector<HttpConnector<CheckedLookup>>>, Full<Bytes>>;

/// Builds the pool.
pub(crate) fn build(
    lookup: CheckedLookup,
    settings: &EgressSettings,
) -> Result<Transport, rustls::Error> {
    let mut tcp = HttpConnector::new_with_resolver(lookup);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(settings.connect_timeout));
    tcp.set_keepalive(Some(settings.idle_timeout));
    let tls = HttpsConnectorBuilder::new()
        .with_tls_config(tls_config(settings)?)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(settings.idle_timeout)
        .pool_max_idle_per_host(settings.idle_per_host_max)
        .http1_max_buf_size(settings.response_head_bytes_max.max(8_192))
        .http1_max_headers(settings.response_headers_max)
        .http2_max_header_list_size(
            u32::try_from(settings.response_head_bytes_max).unwrap_or(u32::MAX),
        )
        .build(CountedConnector::new(tls)))
}

fn tls_config(settings: &EgressSettings) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let extra = settings.extra_authorities.iter().cloned().map(CertificateDer::from);
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone())?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}
