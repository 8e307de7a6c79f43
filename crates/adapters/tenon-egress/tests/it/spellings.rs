//! Ways to write a private address so that a filter does not see it. `{p}` is the port of a
//! listener on loopback; every name resolves to it. Nothing may arrive there.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use tenon_contract::egress::{Egress, Error};
use tenon_egress::{AddressPolicy, EgressSettings, HttpEgress, Lookup};
use tokio::net::TcpListener;
use url::{Host, Url};

use crate::server::get;

/// Answers every name with loopback, as a resolver of the attacker would.
struct Hostile;

impl Lookup for Hostile {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

const DECIMAL_OCTAL_HEX: &[&str] = &[
    "http://127.0.0.1:{p}/",
    "http://127.1:{p}/",
    "http://127.0.1:{p}/",
    "http://2130706433:{p}/",
    "http://017700000001:{p}/",
    "http://0017700000001:{p}/",
    "http://0x7f000001:{p}/",
    "http://0X7F000001:{p}/",
    "http://0x7f.0x0.0x0.0x1:{p}/",
    "http://0x7f.1:{p}/",
    "http://0x7F.0.1:{p}/",
    "http://0177.0.0.1:{p}/",
    "http://0177.0.0.01:{p}/",
    "http://0177.1:{p}/",
    "http://0177.0x0.0.1:{p}/",
    "http://127.0.0.01:{p}/",
    "http://127.000.000.001:{p}/",
    "http://127.0.0.0x1:{p}/",
    "http://127.65537:{p}/",
    "http://127.16777215:{p}/",
    "http://127.0.0.1.:{p}/",
    "http://127.1.:{p}/",
    "http://0x7f000001.:{p}/",
    "http://127.255.255.254:{p}/",
    "http://0:{p}/",
    "http://0.0:{p}/",
    "http://0.0.0.0:{p}/",
    "http://0x0:{p}/",
    "http://00000000:{p}/",
    "http://0.0.0.0.:{p}/",
    "http://4294967296:{p}/",
    "http://4294967295:{p}/",
    "http://256.256.256.256:{p}/",
    "http://127.0.0.1.1:{p}/",
    "http://127..1:{p}/",
    "http://.127.0.0.1:{p}/",
    "http://-127.0.0.1:{p}/",
    "http://+127.0.0.1:{p}/",
    "http://127.0.0.1%00.example.com:{p}/",
    "http://127.0.0.1%20:{p}/",
    "http://127.0.0.1 :{p}/",
];

const OTHER_NETWORKS: &[&str] = &[
    "http://10.0.0.1/",
    "http://10.1/",
    "http://012.0.0.1/",
    "http://0xa000001/",
    "http://167772161/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://2886729729/",
    "http://192.168.0.1/",
    "http://192.168.1/",
    "http://3232235521/",
    "http://0xc0a80001/",
    "http://0300.0250.0.1/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.0376.0251.0376/",
    "http://0251.254.169.254/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://239.255.255.250:1900/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
];

const V6: &[&str] = &[
    "http://[::1]:{p}/",
    "http://[0:0:0:0:0:0:0:1]:{p}/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{p}/",
    "http://[::]:{p}/",
    "http://[::0.0.0.1]:{p}/",
    "http://[::127.0.0.1]:{p}/",
    "http://[::7f00:1]:{p}/",
    "http://[::ffff:127.0.0.1]:{p}/",
    "http://[::FFFF:127.0.0.1]:{p}/",
    "http://[::ffff:7f00:1]:{p}/",
    "http://[0:0:0:0:0:ffff:7f00:0001]:{p}/",
    "http://[::ffff:0:127.0.0.1]:{p}/",
    "http://[64:ff9b::127.0.0.1]:{p}/",
    "http://[64:ff9b::7f00:1]:{p}/",
    "http://[64:ff9b:1::127.0.0.1]:{p}/",
    "http://[2002:7f00:1::]:{p}/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:7f00:1::]:{p}/",
    "http://[2001:0:808:808::80ff:fffe]:{p}/",
    "http://[2606:4700::5efe:7f00:1]:{p}/",
    "http://[fe80::1]:{p}/",
    "http://[fe80::1%25lo]:{p}/",
    "http://[fe80::1%lo]:{p}/",
    "http://[::1%251]:{p}/",
    "http://[::1%25eth0]:{p}/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fd12:3456:789a::1]/",
    "http://[ff02::1]/",
    "http://[ff05::1:3]/",
    "http://[100::1]/",
    "http://[100:0:0:1::1]/",
    "http://[5f00::1]/",
    "http://[3fff::1]/",
    "http://[2001:db8::1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::ffff:0x7f.1]:{p}/",
    "http://[::ffff:127.1]:{p}/",
    "http://[127.0.0.1]:{p}/",
    "http://[v1.127.0.0.1]:{p}/",
    "http://::1:{p}/",
];

const UNICODE_AND_ENCODED: &[&str] = &[
    "http://%31%32%37.0.0.1:{p}/",
    "http://127%2e0%2e0%2e1:{p}/",
    "http://127%2E1:{p}/",
    "http://%3127.0.0.1:{p}/",
    "http://%6c%6f%63%61%6c%68%6f%73%74:{p}/",
    "http://%5b::1%5d:{p}/",
    "http://１２７.0.0.1:{p}/",
    "http://１２７．０．０．１:{p}/",
    "http://127。0。0。1:{p}/",
    "http://127．0．0．1:{p}/",
    "http://127｡0｡0｡1:{p}/",
    "http://①②⑦.⓪.⓪.①:{p}/",
    "http://①②⑦.0.0.1:{p}/",
    "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏:{p}/",
    "http://０x7f.1:{p}/",
    "http://0ｘ7f000001:{p}/",
    "http://１６９.２５４.１６９.２５４/",
    "http://169。254。169。254/",
    "http://\u{ad}127.0.0.1:{p}/",
    "http://127.0.0\u{200b}.1:{p}/",
    "http://127.0.0.1\u{2060}:{p}/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{p}/",
    "http://ｌｏｃａｌｈｏｓｔ:{p}/",
    "http://loc\u{ad}alhost:{p}/",
];

const NAMES: &[&str] = &[
    "http://localhost:{p}/",
    "http://LOCALHOST:{p}/",
    "http://LocalHost.:{p}/",
    "http://localhost.localdomain:{p}/",
    "http://foo.localhost:{p}/",
    "http://127.0.0.1.nip.example:{p}/",
    "http://metadata.google.internal:{p}/",
    "http://xn--n3h.example:{p}/",
    "https://localhost:{p}/",
    "HTTP://LOCALHOST:{p}/",
];

const DELIMITERS: &[&str] = &[
    "http://example.com@127.0.0.1:{p}/",
    "http://example.com:80@127.0.0.1:{p}/",
    "http://example.com%40127.0.0.1:{p}/",
    "http://127.0.0.1:{p}@example.com/",
    "http://user:pass@localhost:{p}/",
    "http://@127.0.0.1:{p}/",
    "http://:@127.0.0.1:{p}/",
    "http://a@b@127.0.0.1:{p}/",
    "http://example.com\\@127.0.0.1:{p}/",
    "http:\\\\127.0.0.1:{p}\\",
    "http:/\\127.0.0.1:{p}/",
    "http:127.0.0.1:{p}/",
    "http:///127.0.0.1:{p}/",
    "http:////127.0.0.1:{p}/",
    "http://127.0.0.1:{p}\\.example.com/",
    "http://127.0.0.1:{p}#@example.com/",
    "http://127.0.0.1:{p}?@example.com/",
    "http://127.0.0.1:0{p}/",
    "http://127.0.0.1:{p}\t/",
    "ht\ntp://127.0.0.1:{p}/",
    "http://127.0.\t0.1:{p}/",
    "http://127.0.0.1\r\n:{p}/",
    " http://127.0.0.1:{p}/",
    "http://example.com#@127.0.0.1:{p}/",
    "//127.0.0.1:{p}/",
    "jar:http://127.0.0.1:{p}/!/",
    "view-source:http://127.0.0.1:{p}/",
    "dict://127.0.0.1:{p}/",
    "gopher://127.0.0.1:{p}/_GET",
    "ldap://127.0.0.1:{p}/",
    "file://127.0.0.1/etc/passwd",
    "ws://127.0.0.1:{p}/",
];

#[tokio::test]
async fn no_spelling_of_a_private_address_connects() {
    let sentinel = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = sentinel.local_addr().expect("bound").port();
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = arrived.clone();
    tokio::spawn(async move {
        while sentinel.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let egress =
        HttpEgress::with_lookup(EgressSettings::default(), Hostile).expect("TLS can be set up");
    let groups = [DECIMAL_OCTAL_HEX, OTHER_NETWORKS, V6, UNICODE_AND_ENCODED, NAMES, DELIMITERS];
    let inputs: Vec<_> = groups.concat();
    let mut refused = 0;
    for input in &inputs {
        // What is no URL cannot be called either.
        let Ok(url) = Url::parse(&input.replace("{p}", &port.to_string())) else { continue };
        // A mistake in the list must not call somebody.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        let is_refused = |address| AddressPolicy::default().check(address).is_err();
        assert!(literal.is_none_or(is_refused), "{input} is {url}");
        let error = egress.send(get(url.as_str())).await.expect_err(input);
        assert!(matches!(error, Error::Refused { .. }), "{input}: {error:?}");
        refused += 1;
    }
    assert!(inputs.len() >= 150, "{}", inputs.len());
    assert!(refused >= 100, "{refused} of {} were URLs", inputs.len());
    assert_eq!(arrived.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_sentinel_would_be_reached_if_its_network_were_allowed() {
    let server = crate::server::Server::always(crate::server::ok("x")).await;
    let url = format!("http://2130706433:{}/", server.address.port());
    let url = Url::parse(&url).expect("a URL");
    crate::server::fetch(url.as_str()).await.expect("answered");
    assert_eq!(server.count(), 1);
}
