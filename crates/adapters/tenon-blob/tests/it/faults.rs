//! A store that fails: what is read is what was written or an error, and what was written is
//! there once.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tenon_blob::{Finding, Settings, Store};
use tenon_exec::ports::blobs::{BlobRef, BlobStore, Error};
use tenon_testkit::object_servers::{self, ObjectServer};

use crate::proxy::{Harm, Proxy};

/// A server, a proxy before it, and the store that knows the proxy only.
struct Rig {
    proxy: Proxy,
    store: Store,
    /// The server without the proxy.
    direct: Store,
    _server: ObjectServer,
}

impl Rig {
    async fn new(server: ObjectServer) -> Self {
        let proxy = Proxy::start(&server.base).await;
        let patient =
            Settings { credentials_file: Some(server.credentials.clone()), ..Settings::default() };
        // Far more than a sound attempt takes on a busy machine, and three of them are waited for.
        let settings = Settings {
            attempt_timeout: Duration::from_secs(3),
            attempts_max: 3,
            backoff: Duration::from_millis(5),
            ..patient.clone()
        };
        let open = async |url: String, settings: &Settings| {
            let url = url.parse().expect("it is a place");
            Store::open(&url, settings).await.expect("it opens")
        };
        let store = open(server.url_at(&proxy.base, "faults"), &settings).await;
        let direct = open(server.url("faults"), &patient).await;
        // A server's first write makes its volumes, which can take seconds.
        direct.put_packed(&[value(0)]).await.expect("the server takes its first write");
        Self { proxy, store, direct, _server: server }
    }

    async fn put(&self, value: &Bytes) -> Result<BlobRef, Error> {
        Ok(self.store.put_packed(std::slice::from_ref(value)).await?[0])
    }

    async fn segments(&self) -> usize {
        self.direct.segments(None, i64::MAX, 1_000).await.expect("listed").len()
    }
}

fn value(seed: u8) -> Bytes {
    Bytes::from((0..90_000_u32).map(|at| (at % 251) as u8 ^ seed).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    let Some(server) = object_servers::seaweedfs().await else { return };
    let rig = Rig::new(server).await;
    writes_are_repeated_and_happen_once(&rig).await;
    half_an_upload_is_no_segment(&rig).await;
    reads_are_whole_or_errors(&rig).await;
    a_server_that_says_nothing_is_given_up(&rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcs() {
    let Some(server) = object_servers::fake_gcs().await else { return };
    let rig = Rig::new(server).await;
    reads_are_whole_or_errors(&rig).await;
    a_server_that_says_nothing_is_given_up(&rig).await;
}

async fn writes_are_repeated_and_happen_once(rig: &Rig) {
    let harms = [
        Harm::Status(500),
        Harm::Status(503),
        Harm::Reset,
        Harm::WrongETag,
        // The server has it: the next attempt is refused, and that is no failure.
        Harm::AnswerLost(500),
        Harm::BlackHole,
    ];
    for (seed, harm) in (1..).zip(harms) {
        let before = rig.segments().await;
        rig.proxy.harm(Method::PUT, harm, 1);
        let place =
            rig.put(&value(seed)).await.unwrap_or_else(|error| panic!("{harm:?}: {error:?}"));
        assert_eq!(rig.proxy.heal(), 1, "{harm:?} was done");
        assert_eq!(rig.segments().await, before + 1, "{harm:?}");
        assert_eq!(rig.direct.get(place).await.expect("read"), value(seed), "{harm:?}");
        let seen = rig.direct.inspect(place.segment).await.expect("inspected");
        assert_eq!(seen.finding, Finding::Sound, "{harm:?}");
    }
}

async fn half_an_upload_is_no_segment(rig: &Rig) {
    let before = rig.segments().await;
    rig.proxy.harm_all(Method::PUT, Harm::HalfUpload);
    let refused = rig.put(&value(40)).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    assert!(rig.proxy.heal() > 0);
    assert_eq!(rig.segments().await, before, "nothing of it is visible");
}

async fn reads_are_whole_or_errors(rig: &Rig) {
    let place = rig.put(&value(50)).await.expect("stored");
    for harm in [Harm::Status(500), Harm::Reset, Harm::Partial, Harm::FlippedBit, Harm::WrongETag] {
        rig.proxy.harm(Method::GET, harm, 1);
        let read = rig.store.get(place).await;
        assert!(read.is_ok_and(|bytes| bytes == value(50)), "{harm:?}");
        assert_eq!(rig.proxy.heal(), 1, "{harm:?} was done");
    }
    rig.proxy.harm_all(Method::GET, Harm::FlippedBit);
    let read = rig.store.get(place).await;
    assert!(matches!(read, Err(Error::Corrupt { .. })), "{read:?}");
    rig.proxy.heal();
    rig.proxy.harm_all(Method::GET, Harm::Partial);
    let read = rig.store.get(place).await;
    assert!(matches!(read, Err(Error::Unavailable { .. })), "{read:?}");
    rig.proxy.heal();
    assert_eq!(rig.store.get(place).await.expect("it is well again"), value(50));
}

async fn a_server_that_says_nothing_is_given_up(rig: &Rig) {
    let place = rig.put(&value(60)).await.expect("stored");
    rig.proxy.harm_all(Method::GET, Harm::BlackHole);
    // The hole is an hour deep: whoever has no deadline is there long after this guard.
    let read = tokio::time::timeout(Duration::from_secs(60), rig.store.get(place)).await;
    assert!(matches!(read, Ok(Err(Error::Unavailable { .. }))), "{read:?}");
    rig.proxy.heal();
    assert_eq!(rig.store.get(place).await.expect("it is well again"), value(60));
}
