//! Bad input, route by route: a clear error in the shape of the SDK, and nothing half-done.

use http::Method;
use serde_json::{Value, json};

use crate::stage::{ACME, Stage};

/// Every route with a body, with a good one.
fn bodies(stage: &Stage, credential: &str) -> Vec<(Method, String, Value)> {
    let account = format!("/sdk/credentials/{credential}");
    vec![
        (Method::PATCH, "/sdk/me".to_owned(), json!({"meta": {}})),
        (Method::POST, "/sdk/credentials".to_owned(), json!({"integrationId": stage.id_of(ACME)})),
        (Method::PATCH, account.clone(), json!({"config": {}})),
        (Method::POST, format!("{account}/complete-setup"), json!({"payload": {}})),
        (Method::POST, format!("{account}/configurations"), json!({"externalId": "a"})),
        (Method::PATCH, format!("{account}/configurations"), json!({"meta": {}})),
        (Method::POST, "/sdk/actions".to_owned(), json!({"action": ACME, "sourceKey": "channels"})),
    ]
}

#[tokio::test]
async fn every_body_that_is_not_what_the_route_takes_is_refused() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    let id = credential["id"].as_str().expect("an id").to_owned();
    let before = stage.get("ann", "/sdk/me").await;
    let bearer = format!("Bearer {}", stage.token("ann"));
    for (method, path, good) in bodies(&stage, &id) {
        let mut wrong: Vec<(Vec<u8>, &str)> = vec![
            (b"{nonsense".to_vec(), "application/json"),
            (b"".to_vec(), "application/json"),
            (b"[]".to_vec(), "application/json"),
            (b"\xff\xfe".to_vec(), "application/json"),
            (b"{\"a\":1,\"a\":2}".to_vec(), "application/json"),
            ("[".repeat(10_000).into_bytes(), "application/json"),
            (good.to_string().into_bytes(), "text/plain"),
            (vec![b' '; (1 << 20) + 1], "application/json"),
        ];
        for member in good.as_object().expect("an object").keys() {
            for value in [json!(17), json!([1]), json!(true)] {
                let mut bad = good.clone();
                bad[member] = value;
                wrong.push((bad.to_string().into_bytes(), "application/json"));
            }
        }
        for (body, kind) in wrong {
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let request = http::Request::builder()
                .method(method.clone())
                .uri(format!("/projects/{}{path}", stage.project))
                .header("authorization", &bearer)
                .header("content-type", kind)
                .body(axum::body::Body::from(body))
                .expect("it is a valid request");
            let response = tower::ServiceExt::oneshot(stage.router.clone(), request).await;
            let (parts, body) = response.expect("the router answers").into_parts();
            let bytes = http_body_util::BodyExt::collect(body).await.expect("whole").to_bytes();
            let text = String::from_utf8_lossy(&bytes);
            let status = parts.status.as_u16();
            assert!(
                matches!(status, 400 | 413 | 415 | 422),
                "{method} {path} {shown}: {status} {text}"
            );
            let body: Value = serde_json::from_slice(&bytes).expect("it is JSON");
            assert_eq!(body["status"], status, "{method} {path} {shown}: {text}");
            assert!(body["message"].is_string() && body["meta"].is_object(), "{text}");
        }
    }
    assert_eq!(stage.get("ann", "/sdk/me").await, before, "nothing half-done");
}

#[tokio::test]
async fn names_that_cannot_be_are_not_there() {
    let stage = Stage::new().await;
    stage.connect("ann").await;
    for name in
        ["nonsense", "%00", "%2e%2e%2f", "ext:", "00000000-0000-0000-0000-000000000000", "'--"]
    {
        for path in [format!("/sdk/credentials/{name}"), format!("/sdk/workflows/{name}")] {
            let method = if path.contains("workflows") { Method::POST } else { Method::GET };
            stage.call("ann", method, &path, None).await.refused(404, "not_found");
        }
        let path = format!("/sdk/integrations/{name}");
        stage.call("ann", Method::DELETE, &path, None).await.refused(404, "not_found");
    }
    let token = stage.token("ann");
    let path = format!("/sdk/workflows/{}", stage.sync);
    for (header, value) in
        [("x-paragon-credential", "x".repeat(301)), ("x-paragon-configuration-id", "x".repeat(301))]
    {
        let headers = [(header, value.as_str())];
        let answer = stage.call_with(&token, Method::POST, &path, &headers, None).await;
        answer.refused(422, "invalid_field");
    }
}

#[tokio::test]
async fn a_method_that_a_route_does_not_have_is_said_in_shape() {
    let stage = Stage::new().await;
    stage.call("ann", Method::PUT, "/sdk/me", None).await.refused(405, "method_not_allowed");
    stage.call("ann", Method::GET, "/sdk/actions", None).await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn pages_of_any_origin_may_ask() {
    let stage = Stage::new().await;
    for path in ["/sdk/me", "/sdk/credentials/x", "/sdk/actions", "/triggers", "/sdk/workflows/x"] {
        let headers = [
            ("origin", "https://anywhere.example"),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "authorization,x-own-header"),
        ];
        let answer = stage.send(Method::OPTIONS, path, &headers, None).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-headers"), "authorization,x-own-header");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test]
async fn no_secret_and_no_token_is_in_an_answer() {
    let stage = Stage::new().await;
    stage.connect("ann").await;
    let token = stage.token("ann");
    for path in ["/sdk/me", "/sdk/integrations", "/sdk/metadata"] {
        let text = stage.get("ann", path).await.to_string();
        for secret in [token.as_str(), "key-canary", "client-canary", "client-1"] {
            assert!(!text.contains(secret), "{path}: {secret}");
        }
    }
}
