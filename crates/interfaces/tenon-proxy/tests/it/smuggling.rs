//! Requests whose end is not clear: none of them gives the provider a request that the caller's
//! own was not.

use std::time::Duration;

use crate::stage::{KEY, Provider, Stage, json, raw};

/// A request with some of its head and body as given.
fn request(stage: &Stage, head: &str, body: &str) -> Vec<u8> {
    let path = stage.own("outer");
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\
         X-Tenon-User: user-1\r\n{head}\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test]
async fn an_ambiguous_request_is_refused_and_nothing_is_smuggled() {
    let provider = Provider::new(|_| json(200, "{}")).await;
    let stage = Stage::new(&provider).await;
    let inner = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", stage.own("smuggled"));
    let chunked = format!("0\r\n\r\n{inner}");
    for (name, head, body) in [
        ("CL.TE", "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n", chunked.as_str()),
        ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunked.as_str()),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 90\r\n", inner.as_str()),
        ("a list of lengths", "Content-Length: 0, 90\r\n", inner.as_str()),
        ("a signed length", "Content-Length: +4\r\n", "abcd"),
        ("a negative length", "Content-Length: -1\r\n", inner.as_str()),
        ("a hex length", "Content-Length: 0x4\r\n", "abcd"),
        (
            "two encodings",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            &chunked,
        ),
        ("another encoding", "Transfer-Encoding: gzip\r\n", &chunked),
        ("chunked not last", "Transfer-Encoding: chunked, gzip\r\n", &chunked),
        ("a disguised encoding", "Transfer-Encoding: xchunked\r\n", &chunked),
        ("a space before the colon", "Content-Length : 4\r\n", "abcd"),
        ("a folded line", "X-A: b\r\n Content-Length: 4\r\n", "abcd"),
        ("a bare return", "X-A: b\rContent-Length: 4\r\n", "abcd"),
        ("a null", "X-A: b\0\r\nContent-Length: 4\r\n", "abcd"),
        ("a bad chunk", "Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"),
        ("an endless chunk size", "Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"),
        ("a chunk without its end", "Transfer-Encoding: chunked\r\n", "3\r\nabcX0\r\n\r\n"),
    ] {
        let answer = raw(stage.address, &request(&stage, head, body)).await;
        let first = answer.lines().next().unwrap_or_default();
        assert!(
            first.is_empty() || first.contains(" 400 ") || first.contains(" 501 "),
            "{name}: {first}"
        );
        assert!(!answer.contains(" 200 "), "{name}: {answer}");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let seen = provider.seen();
    assert!(seen.iter().all(|seen| seen.body.is_empty() || seen.body != "abcd"), "{seen:?}");
    assert!(seen.iter().all(|seen| !seen.target.contains("smuggled")), "{seen:?}");
}

#[tokio::test]
async fn a_length_that_is_said_twice_alike_is_said_once_to_the_provider() {
    let provider = Provider::new(|_| json(200, "{}")).await;
    let stage = Stage::new(&provider).await;
    let head = "Content-Length: 4\r\nContent-Length: 4\r\nConnection: close\r\n";
    let answer = raw(stage.address, &request(&stage, head, "abcd")).await;
    // RFC 9112, 6.3 lets a server take it as one.
    assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    for seen in provider.seen() {
        assert_eq!(seen.headers.get_all("content-length").iter().count(), 1);
        assert_eq!(seen.body, "abcd");
    }
}

#[tokio::test]
async fn what_passes_is_framed_anew() {
    let provider = Provider::new(|_| json(200, "{}")).await;
    let stage = Stage::new(&provider).await;
    let head = "Transfer-Encoding: chunked\r\nTrailer: X-Late\r\nConnection: close\r\n";
    let body = "3;ext=1\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Late: 1\r\n\r\n";
    let answer = raw(stage.address, &request(&stage, head, body)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = provider.only();
    assert_eq!(seen.body, "abcdefg");
    assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
    assert_eq!((seen.header("trailer"), seen.header("x-late")), (None, None));
}

#[tokio::test]
async fn a_line_break_in_a_path_or_header_does_not_reach_the_provider() {
    let provider = Provider::new(|_| json(200, "{}")).await;
    let stage = Stage::new(&provider).await;
    for path in ["a%0d%0aX-Injected:%201", "a%0aX-Injected:%201", "a%00", "%0d%0a%0d%0aGET%20/x"] {
        let answer = stage.client().get(&stage.own(path)).await;
        assert_eq!(answer.status, 400, "{path}");
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn tunnels_and_traces_are_refused() {
    let provider = Provider::new(|_| json(200, "{}")).await;
    let stage = Stage::new(&provider).await;
    for method in ["CONNECT", "TRACE"] {
        let head = format!(
            "{method} {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\
             X-Tenon-User: user-1\r\nConnection: close\r\n\r\n",
            stage.own("a")
        );
        let answer = raw(stage.address, head.as_bytes()).await;
        assert!(!answer.contains(" 200 "), "{method}: {answer}");
    }
    assert!(provider.seen().is_empty());
}
