//! What goes out.

use http::{HeaderName, HeaderValue, Method, header};
use tenon_contract::egress::{Egress, Error};

use crate::server::{Connection, Server, egress, fetch, get, ok};

async fn echo() -> Server {
    Server::start(|_, mut connection: Connection| async move {
        while let Some(request) = connection.request().await {
            connection.write(&ok(&request)).await;
        }
    })
    .await
}

#[tokio::test]
async fn method_path_headers_and_body_arrive() {
    let server = echo().await;
    let mut request = get(&server.url("/a%20b?c=d&e=%26#fragment"));
    request.method = Method::POST;
    request.headers.insert("x-one", HeaderValue::from_static("1"));
    request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    request.body = "hello".into();
    let response = egress().send(request).await.expect("answered");
    let seen = String::from_utf8(response.body.to_vec()).expect("text").to_ascii_lowercase();
    assert!(seen.starts_with("post /a%20b?c=d&e=%26 http/1.1\r\n"), "{seen}");
    for line in [
        "x-one: 1",
        "content-type: text/plain",
        "content-length: 5",
        "accept-encoding: gzip",
        &format!("host: {}", server.address),
        concat!("user-agent: tenon/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(seen.contains(&format!("\r\n{line}\r\n")), "{line} in {seen}");
    }
    assert!(seen.ends_with("\r\n\r\nhello"), "{seen}");
}

#[tokio::test]
async fn a_post_without_a_body_says_so() {
    let server = echo().await;
    let mut request = get(&server.url("/"));
    request.method = Method::POST;
    let response = egress().send(request).await.expect("answered");
    let seen = String::from_utf8(response.body.to_vec()).expect("text").to_ascii_lowercase();
    assert!(seen.contains("\r\ncontent-length: 0\r\n"), "{seen}");
}

#[tokio::test]
async fn headers_that_frame_the_message_are_refused() {
    let server = echo().await;
    for name in [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "upgrade",
        "expect",
    ] {
        let mut request = get(&server.url("/"));
        let name = HeaderName::from_static(name);
        request.headers.insert(name.clone(), HeaderValue::from_static("1"));
        let error = egress().send(request).await.expect_err("refused");
        assert!(matches!(error, Error::Refused { .. }), "{name}: {error:?}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let target = Server::always(ok("followed")).await;
    let answer =
        format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", target.url("/"));
    let server = Server::always(answer).await;
    let response = fetch(&server.url("/")).await.expect("answered");
    assert_eq!(response.status, 302);
    assert_eq!(response.headers["location"], target.url("/"));
    assert_eq!(target.count(), 0);
}
