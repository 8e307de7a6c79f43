//! What is not a valid request gets a problem with the right code, and does nothing.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use super::fakes::{run, summary, workflow};
use super::workflows::document;
use super::{Bench, problem, request};

fn raw(path: &str, content_type: Option<&str>, body: &str) -> Request<Body> {
    let mut request = request(Method::POST, path, None);
    if let Some(value) = content_type {
        let value = value.parse().expect("it is a header value");
        request.headers_mut().insert("content-type", value);
    }
    *request.body_mut() = Body::from(body.to_owned());
    request
}

#[tokio::test]
async fn a_malformed_body_is_refused_with_the_right_code() {
    let bench = Bench::new();
    bench.world.add_run(summary(1), Vec::new());
    let replay = format!("/runs/{}/replay", run(1));
    let json = Some("application/json");
    let deep = format!("{{\"from\": {}1{}}}", "[".repeat(99), "]".repeat(99));
    for (content_type, body, status, code) in [
        (None, "{}", 415, "unsupported_media_type"),
        (Some("text/plain"), "{}", 415, "unsupported_media_type"),
        (json, "", 400, "body_missing"),
        (json, "{", 400, "json_syntax"),
        (json, "{\"from\": NaN}", 400, "json_invalid_number"),
        (json, "{\"from\": \"start\", \"from\": \"start\"}", 400, "json_duplicate_key"),
        (json, "{\"from\": \"start\"} x", 400, "json_trailing_data"),
        (json, deep.as_str(), 400, "json_too_deep"),
        (json, "{\"from\": \"start\", \"to\": 1}", 422, "unknown_field"),
        (json, "{\"from\": \"middle\"}", 422, "invalid_field"),
        (json, "{}", 422, "invalid_field"),
        (json, "[]", 422, "invalid_field"),
    ] {
        let answer = bench.send(raw(&replay, content_type, body)).await;
        assert_eq!(answer.1["code"], code, "{body}: {}", answer.1);
        problem(answer, status, code);
    }
    assert!(bench.world.asked().is_empty());
}

#[tokio::test]
async fn a_malformed_path_or_query_is_refused_with_the_right_code() {
    let bench = Bench::new();
    bench.world.add_run(summary(1), Vec::new());
    let steps = format!("/runs/{}/steps", run(1));
    for (path, status, code) in [
        ("/runs/x".to_owned(), 400, "invalid_path"),
        ("/workflows/x".to_owned(), 400, "invalid_path"),
        (format!("/runs/{}/values/first/sideways", run(1)), 400, "invalid_path"),
        ("/runs?limit=0".to_owned(), 400, "invalid_query"),
        ("/archive/days/2026-02-30".to_owned(), 400, "invalid_path"),
        ("/archive/runs/x".to_owned(), 400, "invalid_path"),
        ("/archive/days?limit=0".to_owned(), 400, "invalid_query"),
        ("/archive/days?cursor=x".to_owned(), 400, "invalid_query"),
        ("/archive/days/2026-03-09".to_owned(), 404, "not_found"),
        (format!("/archive/runs/{}", run(1)), 404, "not_found"),
        ("/runs?limit=201".to_owned(), 400, "invalid_query"),
        ("/runs?limit=many".to_owned(), 400, "invalid_query"),
        ("/runs?status=sleeping".to_owned(), 400, "invalid_query"),
        ("/runs?after=yesterday".to_owned(), 400, "invalid_query"),
        ("/runs?workflow=welcome".to_owned(), 400, "invalid_query"),
        ("/runs?cursor=x".to_owned(), 400, "invalid_query"),
        ("/runs?colour=red".to_owned(), 400, "invalid_query"),
        ("/users?limit=0".to_owned(), 400, "invalid_query"),
        (format!("{steps}?payloads=some"), 400, "invalid_query"),
        (format!("{steps}?cursor=cjox"), 400, "invalid_query"),
        (format!("/runs/{}/values/first/output?iteration=a", run(1)), 400, "invalid_query"),
    ] {
        let answer = bench.get(&path).await;
        assert_eq!(answer.1["code"], code, "{path}: {}", answer.1);
        problem(answer, status, code);
    }
}

#[tokio::test]
async fn a_method_that_a_route_does_not_take_is_named() {
    let bench = Bench::new();
    problem(bench.delete("/runs").await, 405, "method_not_allowed");
    problem(
        bench.put(&format!("/workflows/{}", workflow(1)), json!({})).await,
        405,
        "method_not_allowed",
    );
}

#[tokio::test]
async fn only_apply_and_tests_take_large_bodies() {
    let bench = Bench::new();
    let padding = "#".repeat(2 << 20);
    let mut large = document("large", 1);
    large["text"] = json!(padding);
    let answer = bench.post("/workflows/apply", json!({"documents": [large]})).await;
    problem(answer, 422, "invalid_document");
    let answer = bench.post("/api-keys", json!({"name": padding})).await;
    problem(answer, 413, "body_too_large");
    let huge = json!({"documents": [{"file": "a.yaml", "text": "#".repeat(17 << 20)}]});
    problem(bench.post("/workflows/apply", huge).await, 413, "body_too_large");
}
