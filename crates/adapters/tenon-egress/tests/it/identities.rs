//! Client certificates: shown to servers that ask, never on a connection of somebody else.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tenon_contract::egress::{
    ClientIdentity, Egress, Error, Forward, ForwardBody, ForwardRequest, OutboundRequest,
};
use tenon_contract::secret::SecretBytes;
use tenon_egress::{EgressSettings, HttpEgress, Lookup};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::server::{get, settings};

/// Every name is here.
struct Loopback;

impl Lookup for Loopback {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

/// Signs certificates of clients and servers.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    fn signed(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("a certificate"), key)
    }

    fn identity(&self, name: &str) -> ClientIdentity {
        let (certificate, key) = self.signed(name);
        identity(certificate.pem(), key.serialize_pem())
    }
}

fn identity(certificate: String, key: String) -> ClientIdentity {
    ClientIdentity::new(certificate, SecretBytes::from_text(key))
}

/// A server that answers with the number of the connection and who is at its other end.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(authority: &Authority, protocol: &[u8]) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).expect("an authority");
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .expect("a verifier");
        let (certificate, key) = authority.signed("tls.example");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate");
        config.alpn_protocols = vec![protocol.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                let number = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    let shown = tls.get_ref().1.peer_certificates().expect("verified")[0].clone();
                    let name = name_in(&shown);
                    let service = service_fn(move |_: Request<Incoming>| {
                        let said = format!("{number} {name}");
                        async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(said)))) }
                    });
                    // How the client leaves is the client's business.
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(tls), service)
                        .await;
                });
            }
        });
        Self { port, connections }
    }

    fn url(&self) -> String {
        format!("https://tls.example:{}/", self.port)
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The name that a certificate of [`Authority::signed`] holds.
fn name_in(certificate: &[u8]) -> String {
    let at = ["alice.example", "bob.example"]
        .into_iter()
        .find(|name| certificate.windows(name.len()).any(|part| part == name.as_bytes()));
    at.unwrap_or("nobody").to_owned()
}

fn trusting(authority: &Authority, change: impl FnOnce(&mut EgressSettings)) -> HttpEgress {
    let mut settings =
        EgressSettings { extra_authorities: vec![authority.0.der().to_vec()], ..settings() };
    change(&mut settings);
    HttpEgress::with_lookup(settings, Loopback).expect("TLS can be set up")
}

fn showing(url: &str, identity: &ClientIdentity) -> OutboundRequest {
    OutboundRequest { identity: Some(identity.clone()), ..get(url) }
}

async fn said(egress: &HttpEgress, request: OutboundRequest) -> String {
    let answer = egress.send(request).await.expect("answered");
    String::from_utf8(answer.body.to_vec()).expect("text")
}

fn forwarded(url: &str, identity: Option<ClientIdentity>) -> ForwardRequest {
    ForwardRequest {
        method: Method::GET,
        url: url.parse().expect("a URL"),
        headers: HeaderMap::new(),
        body: ForwardBody::Whole(Bytes::new()),
        identity,
        head_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(10),
    }
}

#[tokio::test]
async fn calls_of_different_identities_never_share_a_connection() {
    let authority = Authority::new();
    for protocol in [b"http/1.1".as_slice(), b"h2"] {
        let server = Server::start(&authority, protocol).await;
        let egress = trusting(&authority, |_| {});
        let identities = [authority.identity("alice.example"), authority.identity("bob.example")];
        let mut seen = Vec::new();
        for _ in 0..3 {
            for identity in &identities {
                seen.push(said(&egress, showing(&server.url(), identity)).await);
            }
        }
        let pair = ["0 alice.example", "1 bob.example"];
        assert_eq!(seen, [pair, pair, pair].concat(), "each on its own connection, kept");
        let calls = (0..20).map(|n| said(&egress, showing(&server.url(), &identities[n % 2])));
        for (number, said) in join_all(calls).await.iter().enumerate() {
            let name = ["alice.example", "bob.example"][number % 2];
            assert!(said.ends_with(name), "{said}");
        }
    }
}

#[tokio::test]
async fn a_call_without_a_certificate_is_refused_though_others_have_one() {
    let authority = Authority::new();
    for protocol in [b"http/1.1".as_slice(), b"h2"] {
        let server = Server::start(&authority, protocol).await;
        let egress = trusting(&authority, |_| {});
        said(&egress, showing(&server.url(), &authority.identity("alice.example"))).await;
        let error = egress.send(get(&server.url())).await.expect_err("refused");
        assert!(matches!(error, Error::Identity { .. } | Error::Unreachable { .. }), "{error:?}");
        assert_eq!(server.count(), 2, "it did not get a connection that was kept");
        let other = Authority::new().identity("alice.example");
        let error = egress.send(showing(&server.url(), &other)).await.expect_err("not signed");
        assert!(matches!(error, Error::Identity { .. } | Error::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_forwarded_call_shows_its_certificate() {
    let authority = Authority::new();
    let server = Server::start(&authority, b"http/1.1").await;
    let egress = trusting(&authority, |_| {});
    let identity = authority.identity("alice.example");
    for _ in 0..2 {
        let answer = egress.forward(forwarded(&server.url(), Some(identity.clone()))).await;
        let body = answer.expect("answered").into_body().collect().await.expect("whole").to_bytes();
        assert_eq!(body, "0 alice.example");
    }
    let anonymous = egress.forward(forwarded(&server.url(), None)).await;
    assert!(anonymous.is_err(), "and without one it is refused");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told_before_anything_is_sent() {
    let authority = Authority::new();
    let server = Server::start(&authority, b"http/1.1").await;
    let egress = trusting(&authority, |_| {});
    let (certificate, key) = authority.signed("alice.example");
    let (pem, secret) = (certificate.pem(), key.serialize_pem());
    let (_, other) = authority.signed("bob.example");
    for (identity, expected) in [
        (identity("hello".to_owned(), secret.clone()), "no certificate"),
        (identity(pem.clone(), "canary-key".to_owned()), "not a private key"),
        (identity(pem.clone(), other.serialize_pem()), "does not belong"),
        (identity(pem.replace("MII", "!!!"), secret.clone()), "PEM"),
        (identity(pem.repeat(17), secret.clone()), "more than 16"),
    ] {
        let error = egress.send(showing(&server.url(), &identity)).await.expect_err("unusable");
        let Error::Identity { reason, .. } = &error else { panic!("{error:?}") };
        assert!(reason.contains(expected), "{reason}");
        assert!(!format!("{error:?} {error}").contains("canary"), "{error}");
    }
    let plain = format!("http://tls.example:{}/", server.port);
    let error = egress.send(showing(&plain, &identity(pem, secret))).await.expect_err("plain");
    assert!(matches!(error, Error::Identity { .. }), "{error:?}");
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn identities_are_forgotten_beyond_their_limit() {
    let authority = Authority::new();
    let server = Server::start(&authority, b"http/1.1").await;
    let egress = trusting(&authority, |settings| settings.client_identities_max = 1);
    let (alice, bob) = (authority.identity("alice.example"), authority.identity("bob.example"));
    assert_eq!(said(&egress, showing(&server.url(), &alice)).await, "0 alice.example");
    assert_eq!(said(&egress, showing(&server.url(), &alice)).await, "0 alice.example");
    assert_eq!(said(&egress, showing(&server.url(), &bob)).await, "1 bob.example");
    assert_eq!(said(&egress, showing(&server.url(), &alice)).await, "2 alice.example");
}
