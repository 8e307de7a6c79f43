//! Connections: kept, lost, refused, and very many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use tenon_contract::egress::{Egress, Error};
use tenon_egress::HttpEgress;
use tokio::net::TcpListener;
use tokio::sync::{Barrier, Notify};

use crate::server::{Connection, Server, egress, fetch, get, ok};

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::always(ok("x")).await;
    let egress = egress();
    for _ in 0..20 {
        egress.send(get(&server.url("/"))).await.expect("answered");
    }
    assert_eq!(server.count(), 1);
}

/// Otherwise each wait for an answer would wake a thread that has nothing to do with the call.
#[tokio::test]
async fn runtimes_keep_their_connections_apart() {
    let server = Server::always(ok("x")).await;
    let (egress, url) = (Arc::new(egress()), server.url("/"));
    let call = async |egress: &HttpEgress, url: &str| {
        egress.send(get(url)).await.expect("answered");
    };
    call(&egress, &url).await;
    let (shared, to) = (egress.clone(), url.clone());
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(async {
            call(&shared, &to).await;
            call(&shared, &to).await;
        });
    });
    tokio::task::spawn_blocking(move || other.join()).await.expect("joined").expect("no panic");
    assert_eq!(server.count(), 2);
    // The other runtime is gone, with its connection; ours is as it was.
    call(&egress, &url).await;
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_connection_whose_body_was_not_read_whole_is_not_used_again() {
    let server = Server::always("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\nbegin").await;
    let egress = egress();
    for _ in 0..2 {
        let mut request = get(&server.url("/"));
        request.response_bytes_max = 1_000;
        egress.send(request).await.expect_err("too large");
    }
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_refused_connection_was_not_sent_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let error = fetch(&format!("http://{address}/")).await.expect_err("refused");
    let Error::Unreachable { reason, was_sent, .. } = error else { panic!("{error:?}") };
    assert_eq!((reason.as_str(), was_sent), ("the connection was refused", false));
}

#[tokio::test]
async fn plain_http_on_a_tls_port_was_not_sent_to() {
    let server = Server::start(|_, mut connection: Connection| async move {
        connection.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        connection.request().await;
    })
    .await;
    let url = server.url("/").replace("http://", "https://");
    let error = fetch(&url).await.expect_err("no TLS");
    assert!(matches!(error, Error::Unreachable { was_sent: false, .. }), "{error:?}");
}

/// Answers the first request of the first connection; the second one on it breaks it.
async fn breaks_on_second_use(requests: Arc<AtomicUsize>) -> Server {
    Server::start(move |number, mut connection: Connection| {
        let requests = requests.clone();
        async move {
            let mut served = 0;
            while connection.request().await.is_some() {
                requests.fetch_add(1, Ordering::SeqCst);
                if number == 0 && served == 1 {
                    return;
                }
                served += 1;
                connection.write(&ok("x")).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_kept_connection_that_was_lost_is_replaced_when_twice_does_no_harm() {
    let requests = Arc::new(AtomicUsize::new(0));
    let server = breaks_on_second_use(requests.clone()).await;
    let egress = egress();
    egress.send(get(&server.url("/"))).await.expect("answered");
    egress.send(get(&server.url("/"))).await.expect("answered on a new connection");
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_post_on_a_lost_connection_is_left_to_the_caller() {
    let requests = Arc::new(AtomicUsize::new(0));
    let server = breaks_on_second_use(requests.clone()).await;
    let egress = egress();
    let mut post = get(&server.url("/"));
    post.method = Method::POST;
    egress.send(post.clone()).await.expect("answered");
    let error = egress.send(post).await.expect_err("lost");
    assert!(matches!(error, Error::Unreachable { was_sent: true, .. }), "{error:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_new_connection_that_is_lost_is_not_tried_again() {
    let server = Server::start(|_, mut connection: Connection| async move {
        connection.request().await;
    })
    .await;
    let error = fetch(&server.url("/")).await.expect_err("closed");
    let Error::Unreachable { reason, was_sent, .. } = error else { panic!("{error:?}") };
    assert_eq!(reason, "the connection was closed before an answer came");
    assert!(was_sent);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn an_abandoned_call_frees_its_connection() {
    let gone = Arc::new(Notify::new());
    let seen = gone.clone();
    let server = Server::start(move |_, mut connection: Connection| {
        let seen = seen.clone();
        async move {
            connection.request().await;
            // Ends only when the client closes.
            connection.request().await;
            seen.notify_one();
        }
    })
    .await;
    let egress = egress();
    let mut request = get(&server.url("/"));
    request.timeout = Duration::from_millis(50);
    egress.send(request).await.expect_err("silent");
    let closed = tokio::time::timeout(Duration::from_secs(5), gone.notified()).await;
    closed.expect("the connection is closed with the call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_run_at_once() {
    const CALLS: usize = 500;
    let everyone = Arc::new(Barrier::new(CALLS));
    let server = Server::start(move |_, mut connection: Connection| {
        let everyone = everyone.clone();
        async move {
            connection.request().await;
            // Nobody is answered until all are here.
            everyone.wait().await;
            connection.write(&ok("x")).await;
        }
    })
    .await;
    let egress = Arc::new(egress());
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let (egress, request) = (egress.clone(), get(&server.url("/")));
            tokio::spawn(async move { egress.send(request).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic").expect("answered").body, "x");
    }
}
