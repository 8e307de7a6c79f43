//! `/users`.

use http::StatusCode;
use serde_json::{Value, json};

use super::fakes::workflow;
use super::workflows::document;
use super::{Bench, problem};

#[tokio::test]
async fn a_user_is_added_changed_and_left_as_it_is() {
    let bench = Bench::new();
    let (status, body) = bench.put("/users/user-17", json!({})).await;
    assert_eq!(
        (status.as_u16(), body),
        (
            200,
            json!({
                "id": "user-17", "disabled": false, "created_at": "2026-03-01T08:00:00Z",
                "disabled_at": null, "meta": {},
            })
        )
    );
    let (_, body) = bench.put("/users/user-17", json!({"disabled": true})).await;
    assert_eq!(body["disabled_at"], "2026-03-01T08:01:00Z");
    assert_eq!(bench.put("/users/user-17", json!({})).await.1["disabled"], true);
    let (_, body) = bench.put("/users/user-17", json!({"disabled": false})).await;
    assert_eq!(body["disabled"], false);
}

#[tokio::test]
async fn metadata_is_merged_and_shown() {
    let bench = Bench::new();
    problem(bench.get("/users/ann").await, 404, "not_found");
    let change = json!({"meta": {"plan": "pro", "seats": 3}});
    let (_, body) = bench.patch("/users/ann", change).await;
    assert_eq!(body["meta"], json!({"plan": "pro", "seats": 3}));
    let change = json!({"meta": {"seats": null}, "disabled": true});
    let (_, body) = bench.patch("/users/ann", change).await;
    assert_eq!((&body["meta"], &body["disabled"]), (&json!({"plan": "pro"}), &json!(true)));
    assert_eq!(bench.get("/users/ann").await.1["meta"], json!({"plan": "pro"}));
    problem(bench.patch("/users/ann", json!({"meta": []})).await, 422, "invalid_field");
}

#[tokio::test]
async fn ids_may_hold_any_character() {
    let bench = Bench::new();
    for (path, id) in [("a%2Fb", "a/b"), ("%C3%BC%20x", "ü x"), ("..%2F", "../")] {
        let (_, body) = bench.put(&format!("/users/{path}"), json!({})).await;
        assert_eq!(body["id"], id);
    }
    problem(bench.put("/users/a%00b", json!({})).await, 400, "invalid_path");
    let long = "x".repeat(256);
    problem(bench.put(&format!("/users/{long}"), json!({})).await, 400, "invalid_path");
}

#[tokio::test]
async fn pages_hold_every_user_once() {
    let bench = Bench::new();
    for number in 0..7 {
        bench.put(&format!("/users/u{number}"), json!({})).await;
    }
    let mut seen = Vec::new();
    let mut path = "/users?limit=3".to_owned();
    loop {
        let (_, body) = bench.get(&path).await;
        let users = body["users"].as_array().expect("there are users");
        seen.extend(users.iter().map(|user| user["id"].as_str().unwrap_or("").to_owned()));
        let Some(next) = body["next"].as_str() else { break };
        path = format!("/users?limit=3&cursor={next}");
    }
    assert_eq!(seen, ["u0", "u1", "u2", "u3", "u4", "u5", "u6"]);
}

#[tokio::test]
async fn a_choice_is_kept_for_a_workflow_that_exists() {
    let bench = Bench::new();
    bench.post("/workflows/apply", json!({"documents": [document("welcome", 1)]})).await;
    let path = format!("/users/user-17/workflows/{}", workflow(1));
    let answer = bench.put(&path, json!({"enabled": false})).await;
    assert_eq!(answer, (StatusCode::NO_CONTENT, Value::Null));
    let choices = bench.world.choices();
    assert_eq!((choices.len(), choices[0].is_enabled), (1, false));
    let unknown = format!("/users/user-17/workflows/{}", workflow(2));
    problem(bench.put(&unknown, json!({"enabled": true})).await, 404, "not_found");
}
