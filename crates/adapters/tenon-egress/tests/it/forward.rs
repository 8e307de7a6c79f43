//! Bodies that pass through: when they move, when they wait, and what ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use http_body_util::{BodyExt, Empty, StreamBody as Streamed};
use hyper::body::Frame;
use tenon_contract::egress::{BodyError, Error, Forward, ForwardBody, ForwardRequest, StreamBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

use crate::server::{Connection, Server, egress, ok};

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(20);

fn call(method: Method, url: &str, body: ForwardBody) -> ForwardRequest {
    ForwardRequest {
        method,
        url: url.parse().expect("a URL"),
        headers: HeaderMap::new(),
        body,
        identity: None,
        head_timeout: LONG,
        idle_timeout: LONG,
    }
}

fn get(url: &str) -> ForwardRequest {
    call(Method::GET, url, ForwardBody::Whole(Bytes::new()))
}

/// A body that is fed by hand.
fn fed(length: Option<u64>) -> (mpsc::Sender<Result<Bytes, BodyError>>, ForwardBody) {
    let (feed, fed) = mpsc::channel(1);
    let frames = stream::unfold(fed, |mut fed: mpsc::Receiver<_>| async move {
        let next: Result<Bytes, BodyError> = fed.recv().await?;
        Some((next.map(Frame::data), fed))
    });
    (feed, ForwardBody::Stream { body: StreamBody::new(Streamed::new(frames)), length })
}

async fn data(response: &mut Response<StreamBody>) -> Bytes {
    let frame = response.body_mut().frame().await.expect("a frame").expect("it arrives");
    frame.into_data().expect("data")
}

async fn whole(response: Response<StreamBody>) -> Bytes {
    response.into_body().collect().await.expect("it arrives").to_bytes()
}

/// Reads a head.
async fn head(connection: &mut Connection) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(connection.stream.read_u8().await.expect("a head"));
    }
    String::from_utf8(read).expect("a head in ASCII")
}

#[tokio::test]
async fn an_answer_is_passed_on_while_it_is_written_and_as_it_is() {
    let go_on = Arc::new(Notify::new());
    let gate = go_on.clone();
    let server = Server::start(move |_, mut connection: Connection| {
        let gate = gate.clone();
        async move {
            connection.request().await;
            let head = b"HTTP/1.1 418 I'm a teapot\r\nContent-Encoding: gzip\r\nX-A: 1\r\n\
                         X-A: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
            connection.write(head).await;
            gate.notified().await;
            connection.write(b"6\r\nsecond\r\n0\r\n\r\n").await;
            connection.request().await;
        }
    })
    .await;
    let mut response = egress().forward(get(&server.url("/"))).await.expect("answered");
    assert_eq!(response.status(), 418);
    assert_eq!(response.headers()["content-encoding"], "gzip", "nothing is undone");
    assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
    assert_eq!(data(&mut response).await, "first");
    go_on.notify_one();
    assert_eq!(data(&mut response).await, "second");
    assert!(response.body_mut().frame().await.is_none());
}

#[tokio::test]
async fn a_connection_is_used_again_once_the_answer_was_read_to_its_end() {
    let server = Server::always(ok("0123456789")).await;
    let egress = egress();
    for _ in 0..20 {
        let response = egress.forward(get(&server.url("/"))).await.expect("answered");
        assert_eq!(whole(response).await, "0123456789");
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn an_answer_without_a_body_gives_its_connection_back_at_once() {
    let server = Server::always("HTTP/1.1 204 No Content\r\n\r\n").await;
    let egress = egress();
    for _ in 0..5 {
        // The body is not even looked at.
        egress.forward(get(&server.url("/"))).await.expect("answered");
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn an_answer_that_is_dropped_half_read_closes_its_connection() {
    let closed = Arc::new(Notify::new());
    let seen = closed.clone();
    let server = Server::start(move |number, mut connection: Connection| {
        let seen = seen.clone();
        async move {
            connection.request().await;
            connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin").await;
            if number == 0 {
                connection.request().await;
                seen.notify_one();
            } else {
                std::future::pending().await
            }
        }
    })
    .await;
    let egress = egress();
    let mut response = egress.forward(get(&server.url("/"))).await.expect("answered");
    data(&mut response).await;
    drop(response);
    tokio::time::timeout(LONG, closed.notified()).await.expect("the connection is closed");
    egress.forward(get(&server.url("/"))).await.expect("answered");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_request_body_goes_out_while_it_comes_in() {
    let (saw, mut sees) = mpsc::channel(4);
    let server = Server::start(move |_, mut connection: Connection| {
        let saw = saw.clone();
        async move {
            saw.send(head(&mut connection).await).await.expect("listens");
            let mut chunk = [0; 10];
            connection.stream.read_exact(&mut chunk).await.expect("a chunk");
            saw.send(String::from_utf8_lossy(&chunk).into_owned()).await.expect("listens");
            let mut end = [0; 13];
            connection.stream.read_exact(&mut end).await.expect("the end");
            connection.write(&ok("done")).await;
        }
    })
    .await;
    let (feed, body) = fed(None);
    let url = server.url("/");
    let calling =
        tokio::spawn(async move { egress().forward(call(Method::POST, &url, body)).await });
    let head = sees.recv().await.expect("a head").to_lowercase();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    feed.send(Ok(Bytes::from_static(b"first"))).await.expect("taken");
    assert_eq!(sees.recv().await.expect("a chunk"), "5\r\nfirst\r\n", "before the second is there");
    feed.send(Ok(Bytes::from_static(b"two"))).await.expect("taken");
    drop(feed);
    let response = calling.await.expect("no panic").expect("answered");
    assert_eq!(whole(response).await, "done");
}

#[tokio::test]
async fn an_announced_length_is_announced_and_kept_to() {
    let (saw, mut sees) = mpsc::channel(4);
    let server = Server::start(move |_, mut connection: Connection| {
        let saw = saw.clone();
        async move {
            while let Some(request) = connection.request().await {
                saw.send(request).await.expect("listens");
                connection.write(&ok("x")).await;
            }
        }
    })
    .await;
    let egress = egress();
    for (length, is_right) in [(6, true), (4, false), (9, false)] {
        let (feed, body) = fed(Some(length));
        let sending = async {
            for part in ["abc", "def"] {
                // Nobody takes the rest once the length is wrong.
                let _ = feed.send(Ok(Bytes::from_static(part.as_bytes()))).await;
            }
            drop(feed);
        };
        let request = call(Method::POST, &server.url("/"), body);
        let (answer, ()) = tokio::join!(egress.forward(request), sending);
        if is_right {
            whole(answer.expect("answered")).await;
            let request = sees.recv().await.expect("a request");
            assert!(request.to_lowercase().contains("content-length: 6\r\n"), "{request}");
            assert!(request.ends_with("abcdef"));
        } else {
            let error = answer.map(drop).expect_err("the length is wrong");
            assert!(matches!(error, Error::Unreachable { was_sent: true, .. }), "{error:?}");
        }
    }
    assert!(sees.try_recv().is_err(), "no wrong request was seen whole");
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_the_call_and_its_connection() {
    let server = Server::start(|_, mut connection: Connection| async move {
        head(&mut connection).await;
        let mut rest = Vec::new();
        connection.stream.read_to_end(&mut rest).await.expect("closed in order");
        assert!(!rest.ends_with(b"0\r\n\r\n"), "a broken body must not look whole");
    })
    .await;
    let (feed, body) = fed(None);
    let sending = async {
        feed.send(Ok(Bytes::from_static(b"first"))).await.expect("taken");
        feed.send(Err("the caller went away".into())).await.expect("taken");
    };
    let egress = egress();
    let (answer, ()) =
        tokio::join!(egress.forward(call(Method::POST, &server.url("/"), body)), sending);
    let error = answer.map(drop).expect_err("broken off");
    let Error::Unreachable { reason, was_sent: true, .. } = error else { panic!("{error:?}") };
    assert_eq!(reason, "the request's body broke off");
}

/// Writes for ever; counts what it could write.
async fn endless(written: Arc<AtomicUsize>) -> Server {
    Server::start(move |_, mut connection: Connection| {
        let written = written.clone();
        async move {
            connection.request().await;
            connection.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
            let block = vec![b'x'; 64 << 10];
            while let Ok(count) = connection.stream.write(&block).await {
                written.fetch_add(count, Ordering::SeqCst);
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_reader_that_waits_makes_the_provider_wait() {
    let written = Arc::new(AtomicUsize::new(0));
    let server = endless(written.clone()).await;
    let mut response = egress().forward(get(&server.url("/"))).await.expect("answered");
    let mut read = 0;
    while read < 1 << 20 {
        read += data(&mut response).await.len();
    }
    let mut before = usize::MAX;
    while before != written.load(Ordering::SeqCst) {
        before = written.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What the sockets of the system hold: a few MB, whatever time passes.
    assert!(before < read + (16 << 20), "{before} written, {read} read");
}

#[tokio::test]
async fn a_reader_that_stalls_loses_the_connection() {
    let written = Arc::new(AtomicUsize::new(0));
    let server = endless(written.clone()).await;
    let mut request = get(&server.url("/"));
    request.idle_timeout = SHORT;
    let mut response = egress().forward(request).await.expect("answered");
    let mut read = 0;
    while read < 1 << 20 {
        read += data(&mut response).await.len();
    }
    tokio::time::sleep(SHORT * 4).await;
    let ended = response.into_body().collect().await.map(drop).expect_err("it was given up");
    assert_eq!(ended.to_string(), "nothing moved for 150 ms");
}

#[tokio::test]
async fn a_provider_that_stalls_in_the_middle_is_given_up() {
    let server = Server::start(|_, mut connection: Connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin").await;
        connection.request().await;
    })
    .await;
    let mut request = get(&server.url("/"));
    request.idle_timeout = SHORT;
    let response = egress().forward(request).await.expect("answered");
    let ended = response.into_body().collect().await.map(drop).expect_err("given up");
    assert_eq!(ended.to_string(), "nothing moved for 150 ms");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_given_up_and_a_slow_upload_is_not() {
    let server = Server::start(|_, mut connection: Connection| async move {
        let head = head(&mut connection).await;
        if head.starts_with("GET") {
            return std::future::pending().await;
        }
        let mut body = [0; 4];
        connection.stream.read_exact(&mut body).await.expect("a body");
        connection.write(&ok("done")).await;
    })
    .await;
    let egress = egress();
    let mut request = get(&server.url("/"));
    request.head_timeout = SHORT;
    let error = egress.forward(request).await.map(drop).expect_err("silent");
    assert!(matches!(error, Error::Timeout { after_ms: 150, .. }), "{error:?}");

    let (feed, body) = fed(Some(4));
    let mut request = call(Method::POST, &server.url("/"), body);
    (request.head_timeout, request.idle_timeout) = (SHORT, SHORT * 2);
    let sending = async {
        for byte in [b"a", b"b", b"c", b"d"] {
            tokio::time::sleep(SHORT).await;
            feed.send(Ok(Bytes::from_static(byte))).await.expect("taken");
        }
    };
    let (answer, ()) = tokio::join!(egress.forward(request), sending);
    assert_eq!(whole(answer.expect("four times as slow as a head may be")).await, "done");
}

#[tokio::test]
async fn an_upload_that_stalls_is_given_up() {
    let server = Server::start(|_, mut connection: Connection| async move {
        head(&mut connection).await;
        std::future::pending().await
    })
    .await;
    let (feed, body) = fed(None);
    let mut request = call(Method::POST, &server.url("/"), body);
    request.idle_timeout = SHORT;
    let error = egress().forward(request).await.map(drop).expect_err("stalled");
    assert!(matches!(error, Error::Timeout { after_ms: 150, .. }), "{error:?}");
    drop(feed);
}

#[tokio::test]
async fn an_upload_goes_on_while_nobody_reads_the_answer() {
    const SIZE: usize = 32 << 20;
    let server = Server::start(|_, mut connection: Connection| async move {
        head(&mut connection).await;
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").await;
        let mut left = SIZE;
        let mut block = vec![0; 64 << 10];
        while left > 0 {
            left -= connection.stream.read(&mut block).await.expect("the body");
        }
        connection.write(b"done").await;
    })
    .await;
    let (feed, body) = fed(Some(SIZE as u64));
    let response = egress()
        .forward(call(Method::POST, &server.url("/"), body))
        .await
        .expect("the head comes first");
    // Nothing of the answer is read meanwhile.
    for _ in 0..SIZE >> 20 {
        let sent = feed.send(Ok(Bytes::from(vec![b'x'; 1 << 20])));
        tokio::time::timeout(LONG, sent).await.expect("it moves").expect("taken");
    }
    drop(feed);
    assert_eq!(whole(response).await, "done");
}

#[tokio::test]
async fn a_caller_that_leaves_while_uploading_closes_the_connection() {
    let (begun, closed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (saw_begin, saw_close) = (begun.clone(), closed.clone());
    let server = Server::start(move |_, mut connection: Connection| {
        let (saw_begin, saw_close) = (saw_begin.clone(), saw_close.clone());
        async move {
            head(&mut connection).await;
            saw_begin.notify_one();
            let mut block = [0; 1024];
            while !matches!(connection.stream.read(&mut block).await, Ok(0) | Err(_)) {}
            saw_close.notify_one();
        }
    })
    .await;
    let (feed, body) = fed(None);
    let egress = egress();
    let url = server.url("/");
    let calling = tokio::spawn(async move { egress.forward(call(Method::POST, &url, body)).await });
    feed.send(Ok(Bytes::from_static(b"first"))).await.expect("taken");
    begun.notified().await;
    calling.abort();
    tokio::time::timeout(LONG, closed.notified()).await.expect("the connection is closed");
}

#[tokio::test]
async fn a_lost_connection_is_made_good_for_whole_idempotent_requests_only() {
    for (method, is_streamed, is_repeated) in [
        (Method::PUT, false, true),
        (Method::GET, false, true),
        (Method::POST, false, false),
        (Method::PUT, true, false),
    ] {
        let server = Server::start(|number, mut connection: Connection| async move {
            let mut served = 0;
            while connection.request().await.is_some() && (number > 0 || served == 0) {
                served += 1;
                connection.write(&ok("x")).await;
            }
        })
        .await;
        let egress = egress();
        whole(egress.forward(get(&server.url("/"))).await.expect("answered")).await;
        let body = if is_streamed {
            let frames = Empty::new().map_err(BodyError::from);
            ForwardBody::Stream { body: StreamBody::new(frames), length: None }
        } else {
            ForwardBody::Whole(Bytes::from_static(b""))
        };
        let answer = egress.forward(call(method.clone(), &server.url("/"), body)).await;
        match answer {
            Ok(response) => {
                assert!(is_repeated, "{method} {is_streamed}");
                assert_eq!(whole(response).await, "x");
            }
            Err(error) => {
                assert!(!is_repeated, "{method} {is_streamed}: {error}");
                assert!(matches!(error, Error::Unreachable { was_sent: true, .. }), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_says_something_unasked_is_not_used_again() {
    let said = Arc::new(Notify::new());
    let tell = said.clone();
    let server = Server::start(move |number, mut connection: Connection| {
        let tell = tell.clone();
        async move {
            while connection.request().await.is_some() {
                connection.write(&ok(if number == 0 { "first" } else { "second" })).await;
                if number == 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    connection.write(&ok("poison")).await;
                    tell.notify_one();
                }
            }
        }
    })
    .await;
    let egress = egress();
    let first = egress.forward(get(&server.url("/"))).await.expect("answered");
    assert_eq!(whole(first).await, "first");
    said.notified().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = egress.forward(get(&server.url("/"))).await.expect("answered");
    assert_eq!(whole(second).await, "second");
}

#[tokio::test]
async fn what_may_not_be_sent_is_refused() {
    let server = Server::always(ok("x")).await;
    let egress = egress();
    for name in tenon_contract::egress::TRANSPORT_HEADERS {
        let mut request = get(&server.url("/"));
        request.headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        let error = egress.forward(request).await.map(drop).expect_err(name);
        assert!(matches!(error, Error::Refused { .. }), "{name}: {error:?}");
    }
    for url in ["http://10.0.0.1/", "http://[::1]/", "ftp://127.0.0.1/", "http://a:b@127.0.0.1/"] {
        let error = egress.forward(get(url)).await.map(drop).expect_err(url);
        assert!(matches!(error, Error::Refused { .. }), "{url}: {error:?}");
    }
    let connect = call(Method::CONNECT, &server.url("/"), ForwardBody::Whole(Bytes::new()));
    let error = egress.forward(connect).await.map(drop).expect_err("CONNECT");
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert_eq!(server.count(), 0);
}
