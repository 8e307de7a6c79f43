//! What the caller sees of an answer.

use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{Method, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;

use crate::stage::{Provider, Seen, Stage, json, text};

#[tokio::test]
async fn our_own_route_passes_answers_as_they_are() {
    for (status, content_type, body) in [
        (200, "application/json", "{\"a\":1}"),
        (404, "application/json", "{\"error\":\"none\"}"),
        (500, "text/html", "<h1>oops</h1>"),
        (201, "text/plain", ""),
    ] {
        let provider =
            Provider::new(move |_| text(status, &[("content-type", content_type)], body)).await;
        let stage = Stage::new(&provider).await;
        let answer = stage.client().get(&stage.own("a")).await;
        assert_eq!((answer.status.as_u16(), answer.body), (status, Bytes::from(body)));
        assert_eq!(answer.headers["content-type"], content_type);
        assert_eq!(answer.headers["x-tenon-source"], "provider");
    }
}

async fn through_sdk(
    answer: impl Fn(&Seen) -> Response<crate::stage::AnyBody> + Clone + Send + Sync + 'static,
    headers: &[(&str, &str)],
) -> crate::stage::Answer {
    let provider = Provider::new(answer).await;
    let stage = Stage::new(&provider).await;
    stage.client().call(Method::GET, &stage.sdk("a"), headers, "").await
}

#[tokio::test]
async fn json_is_wrapped_on_the_sdks_route() {
    let answer = through_sdk(|_| json(200, "{\"a\":[1,2]}"), &[]).await;
    assert_eq!(answer.body, "{\"output\":{\"a\":[1,2]}}");
    assert_eq!(answer.header("content-length"), Some("22"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let kinds = ["application/json; charset=utf-8", "application/vnd.api+json", "text/json"];
    for kind in kinds {
        let answer = through_sdk(move |_| text(200, &[("content-type", kind)], "[1]"), &[]).await;
        assert_eq!(answer.body, "{\"output\":[1]}", "{kind}");
    }
}

#[tokio::test]
async fn json_is_wrapped_while_it_streams() {
    let answer = |_: &Seen| {
        let parts = ["{\"a\":", "1", "}"].map(|part| Ok(Frame::data(Bytes::from(part))));
        Response::builder()
            .header("content-type", "application/json")
            .body(crate::stage::AnyBody::new(StreamBody::new(stream::iter(parts))))
            .expect("a response")
    };
    let answer = through_sdk(answer, &[]).await;
    assert_eq!(answer.body, "{\"output\":{\"a\":1}}");
    assert_eq!(answer.header("content-length"), None);
}

#[tokio::test]
async fn text_becomes_a_json_string_and_large_text_stays_text() {
    let html = "text/html; charset=utf-8";
    let small = through_sdk(move |_| text(200, &[("content-type", html)], "a \"b\"\n<c>"), &[]);
    assert_eq!(small.await.json()["output"], "a \"b\"\n<c>");
    let body = "x".repeat(300 << 10);
    let copy = body.clone();
    let large = through_sdk(move |_| text(200, &[("content-type", html)], copy.clone()), &[]).await;
    assert_eq!(large.body.len(), body.len());
    assert_eq!(large.header("content-type"), Some(html));
    let latin = through_sdk(|_| text(200, &[("content-type", "text/plain")], &b"\xe9"[..]), &[]);
    assert_eq!(latin.await.body, &b"\xe9"[..]);
}

#[tokio::test]
async fn everything_else_stays_as_it_is() {
    let png = through_sdk(|_| text(200, &[("content-type", "image/png")], &b"\x89PNG"[..]), &[]);
    assert_eq!(png.await.body, &b"\x89PNG"[..]);
    let encoded = [("content-type", "application/json"), ("content-encoding", "br")];
    let encoded = through_sdk(move |_| text(200, &encoded, &b"\x00\x01"[..]), &[]).await;
    assert_eq!(encoded.body, &b"\x00\x01"[..]);
    let part = through_sdk(|_| json(206, "{\"a\""), &[]).await;
    assert_eq!((part.status.as_u16(), part.body), (206, Bytes::from("{\"a\"")));
    let empty = through_sdk(|_| json(200, ""), &[]).await;
    assert_eq!(empty.body, "");
    let gone = through_sdk(|_| text(204, &[], ""), &[]).await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    for name in ["x-paragon-use-raw-response", "x-tenon-raw-response"] {
        let raw = through_sdk(|_| json(200, "{\"a\":1}"), &[(name, "true")]).await;
        assert_eq!(raw.body, "{\"a\":1}");
    }
    let wrapped = through_sdk(|_| json(200, "1"), &[("x-paragon-use-raw-response", "false")]).await;
    assert_eq!(wrapped.body, "{\"output\":1}");
}

#[tokio::test]
async fn an_error_of_the_provider_is_marked_for_the_sdk() {
    let answer = through_sdk(|_| json(422, "{\"why\":\"name\"}"), &[]).await;
    assert_eq!(answer.status, 422);
    let body = answer.json();
    assert_eq!(body["meta"]["isIntegrationError"], true);
    assert_eq!(body["meta"]["message"], body["message"], "the SDK shows no other text");
    assert_eq!(
        (body["status"].as_u64(), body["code"].as_str()),
        (Some(422), Some("provider_error"))
    );
    assert_eq!(body["output"]["why"], "name");
    let empty = through_sdk(|_| text(404, &[], ""), &[]).await;
    assert_eq!(empty.json()["meta"]["isIntegrationError"], true);
    assert_eq!(empty.json()["output"], serde_json::Value::Null);
    let html = through_sdk(|_| text(500, &[("content-type", "text/html")], "<b>"), &[]).await;
    assert_eq!(html.json()["output"], "<b>");
    let raw = [("x-paragon-use-raw-response", "1")];
    let raw = through_sdk(|_| json(422, "{\"why\":\"name\"}"), &raw).await;
    assert_eq!(raw.body, "{\"why\":\"name\"}");
}

#[tokio::test]
async fn a_wrapped_answer_is_asked_for_unencoded() {
    let provider = Provider::new(|_| json(200, "{}")).await;
    let stage = Stage::new(&provider).await;
    let headers = [("accept-encoding", "gzip, br")];
    stage.client().call(Method::GET, &stage.sdk("a"), &headers, "").await;
    stage.client().call(Method::GET, &stage.own("a"), &headers, "").await;
    let seen = provider.seen();
    assert_eq!(seen[0].header("accept-encoding"), None);
    assert_eq!(seen[1].header("accept-encoding"), Some("gzip, br"));
}

#[tokio::test]
async fn headers_that_would_speak_for_our_host_stay_behind() {
    let headers = [
        ("content-type", "application/json"),
        ("set-cookie", "a=b"),
        ("access-control-allow-origin", "https://evil.example"),
        ("strict-transport-security", "max-age=1"),
        ("x-tenon-credential", "forged"),
        ("etag", "\"1\""),
        ("x-ratelimit-remaining", "3"),
    ];
    let provider = Provider::new(move |_| text(200, &headers, "{}")).await;
    let stage = Stage::new(&provider).await;
    let answer = stage.client().get(&stage.own("a")).await;
    for name in [
        "set-cookie",
        "access-control-allow-origin",
        "strict-transport-security",
        "x-tenon-credential",
    ] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("3"));
}

/// `/base/<n>` redirects to `<n - 1>`, `/base/0` answers.
fn countdown(seen: &Seen) -> Response<crate::stage::AnyBody> {
    let left: u32 = seen.target.trim_start_matches("/base/").parse().unwrap_or(0);
    if left == 0 {
        return json(200, "{}");
    }
    text(302, &[("location", &format!("/base/{}", left - 1))], "")
}

#[tokio::test]
async fn redirects_of_the_same_origin_are_followed_where_the_connector_allows() {
    let provider = Provider::new(countdown).await;
    let stage = Stage::new(&provider).await;
    assert_eq!(stage.client().get(&stage.own("1")).await.status, 302, "not allowed");
    *stage.accounts.follows_redirects.lock() = true;
    let answer = stage.client().get(&stage.own("3")).await;
    assert_eq!(answer.status, 200);
    assert!(provider.seen().iter().all(|seen| seen.header("authorization").is_some()));
    let answer = stage.client().get(&stage.own("5")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (302, Some("/base/1")));
    let posted = stage.client().call(Method::POST, &stage.own("1"), &[], "x").await;
    assert_eq!(posted.status, 302, "only GET and HEAD");
}

#[tokio::test]
async fn no_redirect_is_followed_to_another_origin() {
    let other = Provider::new(|_| json(200, "{}")).await;
    for location in [other.url("/x"), format!("//{}/x", other.address), "https://127.0.0.1/".into()]
    {
        let provider =
            Provider::new(move |_| text(307, &[("location", location.as_str())], "")).await;
        let stage = Stage::new(&provider).await;
        *stage.accounts.follows_redirects.lock() = true;
        let answer = stage.client().get(&stage.own("a")).await;
        assert_eq!(answer.status, 307);
        assert!(answer.header("location").is_some());
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_location_that_repeats_the_credential_loses_it() {
    let provider = Provider::new(|seen: &Seen| {
        text(302, &[("location", &format!("https://elsewhere.example{}", seen.target))], "")
    })
    .await;
    let stage = Stage::new(&provider).await;
    *stage.accounts.in_query.lock() = true;
    let answer = stage.client().get(&stage.own("a?x=1")).await;
    assert_eq!(answer.header("location"), Some("https://elsewhere.example/base/a?x=1"));
}

#[tokio::test]
async fn a_head_request_has_an_answer_without_a_body() {
    let provider = Provider::new(|_| json(200, "{\"a\":1}")).await;
    let stage = Stage::new(&provider).await;
    for path in [stage.own("a"), stage.sdk("a")] {
        let calling = stage.client();
        let calling = calling.call(Method::HEAD, &path, &[], "");
        let answer = tokio::time::timeout(Duration::from_secs(5), calling).await.expect("it ends");
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
        assert_eq!(answer.header("content-length"), Some("7"));
    }
}
