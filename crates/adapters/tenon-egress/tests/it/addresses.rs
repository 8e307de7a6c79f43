//! What may not be called is not called: nothing arrives at a listener.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use tenon_contract::egress::{Egress, Error};
use tenon_egress::{EgressSettings, HttpEgress, Lookup};

use crate::server::{Server, get, ok, settings};

/// Answers with the lists given, one after the other; the last one stays.
#[derive(Clone)]
struct Scripted {
    answers: Arc<Vec<Vec<IpAddr>>>,
    asked: Arc<AtomicUsize>,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Self {
        let parse = |list: &&[&str]| {
            list.iter().map(|address| address.parse().expect("an address")).collect()
        };
        Self { answers: Arc::new(answers.iter().map(parse).collect()), asked: Arc::default() }
    }
}

impl Lookup for Scripted {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[asked.min(self.answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    }
}

#[tokio::test]
async fn other_schemes_and_credentials_are_refused() {
    let egress = HttpEgress::new(settings()).expect("TLS can be set up");
    for url in [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ws://127.0.0.1/",
        "data:text/plain,x",
        "http://user@127.0.0.1/",
        "http://user:pass@127.0.0.1/",
        "http://:pass@127.0.0.1/",
        "http://127.0.0.1:0/",
    ] {
        let error = egress.send(get(url)).await.expect_err(url);
        assert!(matches!(error, Error::Refused { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_name_with_one_private_address_is_refused() {
    let lookup = Scripted::new(&[&["93.184.216.34", "10.0.0.1"]]);
    let egress =
        HttpEgress::with_lookup(EgressSettings::default(), lookup).expect("TLS can be set up");
    let error = egress.send(get("http://mixed.example/")).await.expect_err("refused");
    let Error::Refused { host, reason } = error else { panic!("{error:?}") };
    assert_eq!(
        (host.as_str(), reason.as_str()),
        ("mixed.example", "10.0.0.1 may not be called: Private-Use")
    );
}

#[tokio::test]
async fn a_name_that_is_rebound_is_called_at_the_checked_address_or_not_at_all() {
    let server =
        Server::always(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
    let url = format!("http://rebound.example:{}/", server.address.port());
    let lookup = Scripted::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let settings = EgressSettings { lookup_ttl: Duration::ZERO, ..settings() };
    let egress = HttpEgress::with_lookup(settings, lookup.clone()).expect("TLS can be set up");
    assert_eq!(egress.send(get(&url)).await.expect("allowed").status, 200);
    assert_eq!(lookup.asked.load(Ordering::SeqCst), 1, "checked and used the same answer");
    let error = egress.send(get(&url)).await.expect_err("refused");
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn checked_addresses_are_remembered_for_a_while() {
    let server =
        Server::always(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
    let url = format!("http://kept.example:{}/", server.address.port());
    let lookup = Scripted::new(&[&["127.0.0.1"]]);
    let egress = HttpEgress::with_lookup(settings(), lookup.clone()).expect("TLS can be set up");
    for _ in 0..3 {
        egress.send(get(&url)).await.expect("allowed");
    }
    assert_eq!(server.count(), 3);
    assert_eq!(lookup.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_name_without_addresses_can_be_tried_again() {
    let lookup = Scripted::new(&[&[]]);
    let egress = HttpEgress::with_lookup(settings(), lookup).expect("TLS can be set up");
    let error = egress.send(get("http://gone.example/")).await.expect_err("no address");
    assert!(matches!(error, Error::Unreachable { was_sent: false, .. }), "{error:?}");
}

#[tokio::test]
async fn a_name_that_turns_private_or_mixed_never_connects() {
    let server = Server::always(ok("secret")).await;
    let url = format!("http://turns.example:{}/", server.address.port());
    let lookup = Scripted::new(&[
        &["127.0.0.1"],
        &["93.184.216.34", "127.0.0.1"],
        &["127.0.0.1", "93.184.216.34"],
        &["2606:4700::1", "::ffff:127.0.0.1"],
        &["::1", "2606:4700::1"],
        &["64:ff9b::7f00:1"],
    ]);
    let settings = EgressSettings { lookup_ttl: Duration::ZERO, ..EgressSettings::default() };
    let egress = HttpEgress::with_lookup(settings, lookup.clone()).expect("TLS can be set up");
    for asked in 1..=8 {
        let error = egress.send(get(&url)).await.expect_err("refused");
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        assert_eq!(lookup.asked.load(Ordering::SeqCst), asked, "every call asks");
    }
    assert_eq!(server.count(), 0);
}
