//! `/api/v1/projects`, with the installation's key.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tenon_api::ApiSettings;
use tenon_config::InstallationKey;
use tokio_util::sync::CancellationToken;

use super::fakes::{KEY, project};
use super::{Bench, problem};

const INSTALLATION_KEY: &str = "an-installation-key-of-32-bytes-or-more";

fn bench() -> Bench {
    let key = InstallationKey::of(INSTALLATION_KEY).expect("it is long enough");
    let settings = ApiSettings { installation_key: Some(key), ..ApiSettings::default() };
    Bench::with(settings, CancellationToken::new())
}

fn request(query: &str, key: &str, body: Option<Value>) -> Request<Body> {
    let builder = Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(format!("/api/v1/projects{query}"))
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    builder.body(body).expect("it is a valid request")
}

async fn make(bench: &Bench, name: &str) -> (StatusCode, Value) {
    bench.send(request("", INSTALLATION_KEY, Some(json!({"name": name})))).await
}

#[tokio::test]
async fn a_project_comes_with_a_key_that_is_shown_once() {
    let bench = bench();
    let (status, made) = make(&bench, "Shop").await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        (&made["name"], &made["api_key"]["key"]),
        (&json!("Shop"), &json!("tnn_00000000_Shop"))
    );
    let (_, listed) = bench.send(request("", INSTALLATION_KEY, None)).await;
    assert_eq!(listed["projects"][0]["id"], made["id"]);
    assert!(!listed.to_string().contains("tnn_"), "{listed}");
    problem(make(&bench, "Shop").await, 409, "conflict");
}

#[tokio::test]
async fn projects_are_listed_in_pages() {
    let bench = bench();
    for name in ["A", "B", "C"] {
        make(&bench, name).await;
    }
    let (_, first) = bench.send(request("?limit=2", INSTALLATION_KEY, None)).await;
    let cursor = first["next"].as_str().expect("there is more");
    let path = format!("?limit=2&cursor={cursor}");
    let (_, rest) = bench.send(request(&path, INSTALLATION_KEY, None)).await;
    assert_eq!((&rest["projects"][0]["name"], &rest["next"]), (&json!("C"), &Value::Null));
}

#[tokio::test]
async fn only_the_installations_key_opens_them() {
    let (with, without) = (bench(), Bench::new());
    for (bench, key) in
        [(&with, KEY), (&with, "wrong"), (&without, KEY), (&without, INSTALLATION_KEY)]
    {
        problem(bench.send(request("", key, None)).await, 401, "unauthorized");
        let made = bench.send(request("", key, Some(json!({"name": "X"})))).await;
        problem(made, 401, "unauthorized");
    }
    // And it opens nothing else.
    let project = format!("/{}/workflows", super::fakes::project());
    problem(with.send(request(&project, INSTALLATION_KEY, None)).await, 401, "unauthorized");
}

#[tokio::test]
async fn a_name_has_1_to_100_plain_characters() {
    let bench = bench();
    for name in ["", " x", "a\nb", &"x".repeat(101)] {
        let body = problem(make(&bench, name).await, 422, "invalid_field");
        assert_eq!(body["errors"][0]["pointer"], "/name");
    }
}

fn queue(key: &str, body: Option<&Value>) -> Request<Body> {
    let builder = Request::builder()
        .method(if body.is_some() { "PUT" } else { "GET" })
        .uri(format!("/api/v1/projects/{}/queue", project()))
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    builder.body(body).expect("it is a valid request")
}

#[tokio::test]
async fn how_a_queue_is_served_is_read_with_its_key_and_set_with_the_installations() {
    let bench = bench();
    let (status, usual) = bench.send(queue(KEY, None)).await;
    let expected = json!({
        "weight": 10, "running_max": null, "starts_per_second": null,
        "calls_per_connector_max": null,
    });
    assert_eq!((status, usual), (StatusCode::OK, expected));
    let wanted = json!({ "weight": 20, "running_max": 5, "starts_per_second": 0.5 });
    problem(bench.send(queue(KEY, Some(&wanted))).await, 401, "unauthorized");
    problem(bench.send(queue(INSTALLATION_KEY, None)).await, 401, "unauthorized");
    let (status, set) = bench.send(queue(INSTALLATION_KEY, Some(&wanted))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&set["weight"], &set["running_max"]), (&json!(20), &json!(5)));
    let (_, read) = bench.send(queue(KEY, None)).await;
    assert_eq!(read, set);
    let bad = bench.send(queue(INSTALLATION_KEY, Some(&json!({ "weight": 0 })))).await;
    problem(bad, 422, "invalid_field");
    let unknown = bench.send(queue(INSTALLATION_KEY, Some(&json!({ "wait": 1 })))).await;
    problem(unknown, 422, "unknown_field");
}
