//! TLS: who is trusted, and which HTTP is spoken.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tenon_contract::egress::{Egress, Error};
use tenon_egress::{EgressSettings, HttpEgress, Lookup};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::server::{get, settings};

const AUTHORITY: &[u8] = include_bytes!("certificates/authority.der");
const CERTIFICATE: &[u8] = include_bytes!("certificates/server.der");
const KEY: &[u8] = include_bytes!("certificates/server-key.der");

/// Every name is here.
struct Loopback;

impl Lookup for Loopback {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

/// A server that answers with the version, host and path it saw.
async fn server(protocols: &[&[u8]]) -> (u16, Arc<AtomicUsize>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(CERTIFICATE)],
            PrivateKeyDer::try_from(KEY).expect("a key"),
        )
        .expect("a certificate");
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let service = service_fn(describe);
                // How the client leaves is the client's business.
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(tls), service)
                    .await;
            });
        }
    });
    (port, connections)
}

async fn describe(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request.headers().get("host").map(|host| host.to_str().expect("text").to_owned());
    let host = host.or_else(|| request.uri().authority().map(ToString::to_string));
    let seen =
        format!("{:?} {} {}", request.version(), host.expect("a host"), request.uri().path());
    Ok(Response::new(Full::new(seen.into())))
}

fn trusting(authorities: Vec<Vec<u8>>) -> HttpEgress {
    let settings = EgressSettings { extra_authorities: authorities, ..settings() };
    HttpEgress::with_lookup(settings, Loopback).expect("TLS can be set up")
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it_on_one_connection() {
    let (port, connections) = server(&[b"h2", b"http/1.1"]).await;
    let egress = trusting(vec![AUTHORITY.to_vec()]);
    let url = format!("https://tls.example:{port}/a");
    let first = egress.send(get(&url)).await.expect("answered");
    assert_eq!(first.body, format!("HTTP/2.0 tls.example:{port} /a"));
    let calls = (0..20).map(|_| egress.send(get(&url)));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer.expect("answered").status, 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn http_1_is_spoken_otherwise() {
    for protocols in [&[b"http/1.1".as_slice()][..], &[]] {
        let (port, connections) = server(protocols).await;
        let egress = trusting(vec![AUTHORITY.to_vec()]);
        let url = format!("https://tls.example:{port}/a");
        for _ in 0..2 {
            let answer = egress.send(get(&url)).await.expect("answered");
            assert_eq!(answer.body, format!("HTTP/1.1 tls.example:{port} /a"));
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_refused() {
    let (port, _) = server(&[b"h2"]).await;
    let url = format!("https://tls.example:{port}/");
    let error = trusting(Vec::new()).send(get(&url)).await.expect_err("not trusted");
    let Error::Unreachable { reason, was_sent, .. } = error else { panic!("{error:?}") };
    assert!(reason.contains("UnknownIssuer"), "{reason}");
    assert!(!was_sent);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (port, _) = server(&[b"h2"]).await;
    for host in ["other.example", "127.0.0.1"] {
        let url = format!("https://{host}:{port}/");
        let egress = trusting(vec![AUTHORITY.to_vec()]);
        let error = egress.send(get(&url)).await.expect_err("another name");
        let Error::Unreachable { reason, was_sent, .. } = error else { panic!("{error:?}") };
        assert!(reason.contains("not valid for name"), "{reason}");
        assert!(!was_sent);
    }
}
