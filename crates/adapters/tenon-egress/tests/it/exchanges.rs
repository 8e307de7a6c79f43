//! HTTP/1 as it is spoken over the socket: where answers end, and when a connection is used again.

use bytes::Bytes;
use http::{HeaderMap, Method};
use tenon_contract::egress::{Egress, Error, OutboundRequest, OutboundResponse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::{Connection, Server, egress, fetch, get, ok};

/// Answers each request with the same bytes, then says nothing more.
async fn twice(answer: &'static [u8]) -> (Result<OutboundResponse, Error>, usize) {
    let server = Server::always(answer).await;
    let egress = egress();
    let first = egress.send(get(&server.url("/"))).await;
    if first.is_ok() {
        egress.send(get(&server.url("/"))).await.expect("answered as before");
    }
    (first, server.count())
}

#[tokio::test]
async fn an_answer_that_comes_byte_by_byte_is_read() {
    let answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\n\
        Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n";
    let server = Server::start(move |_, mut connection: Connection| async move {
        connection.stream.set_nodelay(true).expect("it can be set");
        while connection.request().await.is_some() {
            for byte in answer {
                connection.write(&[*byte]).await;
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    let egress = egress();
    for _ in 0..2 {
        let answer = egress.send(get(&server.url("/"))).await.expect("answered");
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"abcde"[..]));
        assert_eq!(answer.headers["x-a"], "1");
        assert!(!answer.headers.contains_key("link"), "an interim answer is passed over");
    }
    assert_eq!(server.count(), 1, "its end was found, so the connection is used again");
}

#[tokio::test]
async fn a_connection_is_used_again_only_when_the_end_of_the_answer_is_certain() {
    for (answer, connections) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"[..], 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 1),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab", 1),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", 2),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", 2),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n", 2),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n\
            2\r\nab\r\n0\r\n\r\n",
            2,
        ),
    ] {
        let (first, count) = twice(answer).await;
        let first = first.expect("answered");
        let text = String::from_utf8_lossy(answer);
        assert!(matches!(&first.body[..], b"ab" | b""), "{text}: {:?}", first.body);
        assert_eq!(count, connections, "{text}");
        let has_both = first.headers.contains_key("transfer-encoding")
            && first.headers.contains_key("content-length");
        assert!(!has_both, "a length that is not true is not passed on");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_refused_with_the_reason() {
    for (answer, expected) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"[..], "length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na", "length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na", "length"),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "protocols"),
        (b"HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", "header"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "version"),
    ] {
        let (outcome, _) = twice(answer).await;
        let Err(Error::Unreachable { reason, was_sent: true, .. }) = outcome else {
            panic!("{}: {outcome:?}", String::from_utf8_lossy(answer));
        };
        assert!(reason.contains("not valid HTTP") && reason.contains(expected), "{reason}");
    }
    let endless = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(20);
    let server = Server::always(endless).await;
    let error = fetch(&server.url("/")).await.expect_err("no final answer");
    assert!(error.to_string().contains("interim"), "{error}");
}

#[tokio::test]
async fn a_body_ends_with_the_connection_where_nothing_else_says_where() {
    let server = Server::start(|_, mut connection: Connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\n\r\nuntil ").await;
        connection.write(b"the end").await;
    })
    .await;
    let answer = fetch(&server.url("/")).await.expect("answered");
    assert_eq!(answer.body, "until the end");
}

#[tokio::test]
async fn an_answer_counts_although_the_request_was_not_read_to_its_end() {
    const LARGE: usize = 16 << 20;
    let server = Server::start(|_, connection: Connection| async move {
        let mut stream = connection.stream;
        let mut head = [0; 100];
        let _ = stream.read(&mut head).await.expect("a request");
        stream.write_all(&ok("too large")).await.expect("written");
        // Nothing more is read, and the connection stays open.
        std::future::pending::<()>().await;
    })
    .await;
    let request = OutboundRequest {
        method: Method::POST,
        body: Bytes::from(vec![b'x'; LARGE]),
        headers: HeaderMap::new(),
        ..get(&server.url("/"))
    };
    let egress = egress();
    for _ in 0..2 {
        let answer = egress.send(request.clone()).await.expect("answered");
        assert_eq!(answer.body, "too large");
    }
    assert_eq!(server.count(), 2, "a request that is half out makes its connection useless");
}

#[tokio::test]
async fn a_large_body_goes_out_and_comes_back() {
    const LARGE: usize = 3 << 20;
    let server = Server::start(|_, mut connection: Connection| async move {
        while let Some(request) = connection.request().await {
            let body = request.split_once("\r\n\r\n").expect("a head").1.to_owned();
            connection.write(&ok(&body)).await;
        }
    })
    .await;
    let sent: Vec<u8> = (0..LARGE).map(|at| b'a' + u8::try_from(at % 23).expect("small")).collect();
    let egress = egress();
    for _ in 0..2 {
        let mut request = get(&server.url("/"));
        (request.method, request.body) = (Method::PUT, Bytes::from(sent.clone()));
        request.response_bytes_max = 2 * LARGE;
        let answer = egress.send(request).await.expect("answered");
        assert!(answer.body == sent, "it came back otherwise");
    }
    assert_eq!(server.count(), 1);
}
