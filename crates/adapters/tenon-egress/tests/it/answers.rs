//! What comes back: whole, within its bounds, or an error that says what may be done.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use tenon_contract::egress::{Egress, Error};
use tenon_egress::{EgressSettings, HttpEgress};

use crate::server::{Connection, Server, egress, fetch, get, ok, settings};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn gzip_answer(packed: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    answer.extend_from_slice(packed);
    answer
}

#[tokio::test]
async fn a_chunked_body_is_put_together() {
    let server = Server::always(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    .await;
    assert_eq!(fetch(&server.url("/")).await.expect("answered").body, "abcde");
}

#[tokio::test]
async fn gzip_is_undone_and_its_headers_go() {
    let server = Server::always(gzip_answer(&gzip(b"hello gzip"))).await;
    let response = fetch(&server.url("/")).await.expect("answered");
    assert_eq!(response.body, "hello gzip");
    assert!(!response.headers.contains_key("content-encoding"));
    assert!(!response.headers.contains_key("content-length"));
}

#[tokio::test]
async fn gzip_in_several_members_is_one_body() {
    let packed = [gzip(b"one "), gzip(b"two")].concat();
    let server = Server::always(gzip_answer(&packed)).await;
    assert_eq!(fetch(&server.url("/")).await.expect("answered").body, "one two");
}

#[tokio::test]
async fn a_head_answer_has_no_body_whatever_it_announces() {
    let server = Server::always(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99999999\r\n\r\n",
    )
    .await;
    let mut request = get(&server.url("/"));
    request.method = Method::HEAD;
    let response = egress().send(request).await.expect("answered");
    assert!(response.body.is_empty());
    assert_eq!(response.headers["content-length"], "99999999");
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_passes_and_one_more_byte_does_not() {
    for (size, is_ok) in [(1_000, true), (1_001, false)] {
        let server = Server::always(ok(&"x".repeat(size))).await;
        let mut request = get(&server.url("/"));
        request.response_bytes_max = 1_000;
        let outcome = egress().send(request).await;
        assert_eq!(outcome.is_ok(), is_ok, "{size}");
        if let Err(error) = outcome {
            assert!(matches!(error, Error::TooLarge { limit: 1_000, .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_off_at_the_limit() {
    let server = Server::start(|_, mut connection: Connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let chunk = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
        while connection.write(&chunk).await {}
    })
    .await;
    let error = fetch(&server.url("/")).await.expect_err("too large");
    assert!(matches!(error, Error::TooLarge { limit: 1_048_576, .. }), "{error:?}");
}

#[tokio::test]
async fn a_gzip_bomb_is_cut_off_by_ratio() {
    // 20 MB of zeros in 20 KB: the body limit would let it pass, the ratio does not.
    let packed = gzip(&vec![0; 20 << 20]);
    let server = Server::always(gzip_answer(&packed)).await;
    let mut request = get(&server.url("/"));
    request.response_bytes_max = 100 << 20;
    let error = egress().send(request).await.expect_err("a bomb");
    let Error::TooLarge { limit, .. } = error else { panic!("{error:?}") };
    assert!(limit < 3 << 20, "{limit}");
}

#[tokio::test]
async fn a_gzip_body_is_held_to_the_limit_after_decompression() {
    let noise: Vec<u8> =
        (0..40_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let server = Server::always(gzip_answer(&gzip(&noise))).await;
    let mut request = get(&server.url("/"));
    request.response_bytes_max = noise.len() - 1;
    let error = egress().send(request).await.expect_err("too large");
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    let mut request = get(&server.url("/"));
    request.response_bytes_max = noise.len();
    assert_eq!(egress().send(request).await.expect("fits").body, noise);
}

#[tokio::test]
async fn small_bodies_may_be_packed_as_tightly_as_they_like() {
    let packed = gzip(&vec![b'a'; 900_000]);
    let server = Server::always(gzip_answer(&packed)).await;
    assert_eq!(fetch(&server.url("/")).await.expect("answered").body.len(), 900_000);
}

#[tokio::test]
async fn broken_gzip_is_an_error_and_not_a_short_body() {
    let packed = gzip(b"hello gzip, this is long enough to be cut");
    let half = packed[..packed.len() / 2].to_vec();
    let mut flipped = packed.clone();
    let crc = flipped.len() - 6;
    flipped[crc] ^= 0xff;
    for broken in [half, flipped, b"not gzip at all".to_vec()] {
        let server = Server::always(gzip_answer(&broken)).await;
        let error = fetch(&server.url("/")).await.expect_err("broken");
        assert!(matches!(error, Error::Unreachable { was_sent: true, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_not_a_short_body() {
    let cut_offs: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ];
    for cut_off in cut_offs {
        let server = Server::start(move |_, mut connection: Connection| async move {
            connection.request().await;
            connection.write(cut_off).await;
        })
        .await;
        let error = fetch(&server.url("/")).await.expect_err("cut off");
        assert!(matches!(error, Error::Unreachable { was_sent: true, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_reset_in_the_body_is_an_error_after_sending() {
    let server = Server::start(|_, mut connection: Connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await;
        connection.reset();
    })
    .await;
    let error = fetch(&server.url("/")).await.expect_err("reset");
    assert!(matches!(error, Error::Unreachable { was_sent: true, .. }), "{error:?}");
}

#[tokio::test]
async fn a_slow_drip_ends_at_the_time_limit() {
    let server = Server::start(|_, mut connection: Connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").await;
        while connection.write(b"x").await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let mut request = get(&server.url("/"));
    request.timeout = Duration::from_millis(200);
    let started = Instant::now();
    let error = egress().send(request).await.expect_err("too slow");
    assert!(matches!(error, Error::Timeout { after_ms: 200, .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_server_that_never_answers_ends_at_the_time_limit() {
    let server = Server::start(|_, mut connection: Connection| async move {
        connection.request().await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut request = get(&server.url("/"));
    request.timeout = Duration::from_millis(100);
    let error = egress().send(request).await.expect_err("silent");
    assert!(matches!(error, Error::Timeout { after_ms: 100, .. }), "{error:?}");
}

#[tokio::test]
async fn heads_that_are_too_large_or_no_http_are_refused() {
    let long =
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: {}\r\n\r\n", "x".repeat(140 << 10));
    let many = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n", "X: y\r\n".repeat(300));
    for answer in [
        long.as_str(),
        many.as_str(),
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA b\r\n\r\n",
    ] {
        let server = Server::always(answer).await;
        let error = fetch(&server.url("/")).await.expect_err("not HTTP");
        let is_reported = matches!(error, Error::Unreachable { was_sent: true, .. });
        assert!(is_reported, "{error:?} for {} bytes", answer.len());
    }
}

#[tokio::test]
async fn the_ratio_is_a_setting() {
    let packed = gzip(&vec![0; 4 << 20]);
    let server = Server::always(gzip_answer(&packed)).await;
    let settings = EgressSettings { decompression_ratio_max: 2_000, ..settings() };
    let egress = HttpEgress::new(settings).expect("TLS can be set up");
    let mut request = get(&server.url("/"));
    request.response_bytes_max = 8 << 20;
    assert_eq!(egress.send(request).await.expect("allowed").body.len(), 4 << 20);
}
