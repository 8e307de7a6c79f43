//! `/api/v1/queues` and `/api/v1/workers`, with the installation's key.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tenon_api::ApiSettings;
use tenon_config::InstallationKey;
use tokio_util::sync::CancellationToken;

use super::fakes::{KEY, project, uuid};
use super::{Bench, problem};

const INSTALLATION_KEY: &str = "an-installation-key-of-32-bytes-or-more";

fn bench() -> Bench {
    let key = InstallationKey::of(INSTALLATION_KEY).expect("it is long enough");
    let settings = ApiSettings { installation_key: Some(key), ..ApiSettings::default() };
    Bench::with(settings, CancellationToken::new())
}

fn request(method: Method, path: &str, key: &str, body: Option<Value>) -> Request<Body> {
    let builder = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    builder.body(body).expect("it is a valid request")
}

async fn send(
    bench: &Bench,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    bench.send(request(method, path, INSTALLATION_KEY, body)).await
}

fn queue() -> String {
    format!("/queues/{}", project())
}

#[tokio::test]
async fn a_queue_says_what_waits_and_who_serves_it() {
    let bench = bench();
    let (status, shown) = send(&bench, Method::GET, &queue(), None).await;
    assert_eq!(status, StatusCode::OK);
    insta::assert_json_snapshot!(shown, @r#"
    {
      "project": "01000000-0000-4000-8000-000000000001",
      "ready": 4,
      "delayed": 3,
      "held": 2,
      "running": 1,
      "oldest_age_ms": 1500,
      "mode": "automatic",
      "dedicated": false,
      "paused": false,
      "workers": null,
      "owners": [
        "host:1"
      ]
    }
    "#);
}

#[tokio::test]
async fn what_is_left_out_of_a_change_stays() {
    let bench = bench();
    let change = json!({"mode": "dedicated", "workers": 3});
    let (status, shown) = send(&bench, Method::PATCH, &queue(), Some(change)).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    assert_eq!((&shown["dedicated"], &shown["workers"]), (&json!(true), &json!(3)));
    let (_, shown) = send(&bench, Method::PATCH, &queue(), Some(json!({"paused": true}))).await;
    assert_eq!((&shown["mode"], &shown["workers"]), (&json!("dedicated"), &json!(3)));
    assert_eq!(shown["paused"], json!(true));
    let (_, shown) = send(&bench, Method::PATCH, &queue(), Some(json!({"workers": null}))).await;
    assert_eq!((&shown["workers"], &shown["paused"]), (&Value::Null, &json!(true)));
    let (_, listed) = send(&bench, Method::GET, "/queues", None).await;
    assert_eq!(listed["queues"], json!([shown]));
}

#[tokio::test]
async fn a_change_that_makes_no_sense_is_refused() {
    let bench = bench();
    for change in [json!({"workers": 0}), json!({"workers": 1_001})] {
        let refused = send(&bench, Method::PATCH, &queue(), Some(change)).await;
        let refused = problem(refused, 422, "invalid_field");
        assert_eq!(refused["errors"][0]["pointer"], "/workers");
    }
    for change in [json!({"mode": "fast"}), json!({"weight": 3})] {
        let (status, _) = send(&bench, Method::PATCH, &queue(), Some(change)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let unknown = format!("/queues/{}", uuid(1, 99));
    problem(send(&bench, Method::GET, &unknown, None).await, 404, "not_found");
    let change = Some(json!({"paused": true}));
    problem(send(&bench, Method::PATCH, &unknown, change).await, 404, "not_found");
}

#[tokio::test]
async fn workers_say_what_they_do() {
    let bench = bench();
    let (status, shown) = send(&bench, Method::GET, "/workers", None).await;
    assert_eq!(status, StatusCode::OK);
    insta::assert_json_snapshot!(shown, @r#"
    {
      "workers": [
        {
          "id": "06000000-0000-4000-8000-000000000001",
          "address": "host:1",
          "uptime_ms": 10,
          "slots": 100,
          "in_flight": 7,
          "state": "leaving",
          "sources": [
            "shared:3"
          ]
        }
      ],
      "desired": 5,
      "term": 3
    }
    "#);
}

#[tokio::test]
async fn only_the_installations_key_opens_them() {
    let (with, without) = (bench(), Bench::new());
    let change = json!({"paused": true});
    for (bench, key) in
        [(&with, KEY), (&with, "wrong"), (&without, KEY), (&without, INSTALLATION_KEY)]
    {
        for (method, path, body) in [
            (Method::GET, "/queues".to_owned(), None),
            (Method::GET, queue(), None),
            (Method::PATCH, queue(), Some(change.clone())),
            (Method::GET, "/workers".to_owned(), None),
        ] {
            let answer = bench.send(request(method, &path, key, body)).await;
            problem(answer, 401, "unauthorized");
        }
    }
    let (_, shown) = send(&with, Method::GET, &queue(), None).await;
    assert_eq!(shown["paused"], json!(false), "nothing was changed");
}

#[tokio::test]
async fn what_is_away_is_said_to_be_away() {
    let bench = bench();
    bench.world.set_away(true);
    for path in ["/queues", "/workers"] {
        let shown = problem(send(&bench, Method::GET, path, None).await, 503, "unavailable");
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
    }
}
