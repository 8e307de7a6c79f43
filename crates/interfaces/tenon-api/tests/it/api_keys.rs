//! `/api-keys`.

use http::StatusCode;
use serde_json::{Value, json};

use super::fakes::api_key;
use super::{Bench, problem};

#[tokio::test]
async fn a_key_is_shown_once_and_works_until_it_is_revoked() {
    let bench = Bench::new();
    let (status, made) = bench.post("/api-keys", json!({"name": "deploys"})).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((&made["key"], &made["hint"]), (&json!("tnn_00000000_deploys"), &json!("loys")));
    let (_, listed) = bench.get("/api-keys").await;
    assert!(!listed.to_string().contains("tnn_00000000_deploys"), "{listed}");
    let path = format!("/api-keys/{}", api_key(3));
    assert_eq!(bench.delete(&path).await, (StatusCode::NO_CONTENT, Value::Null));
    assert_eq!(bench.get("/api-keys").await.1["api_keys"][2]["revoked_at"], "2026-03-01T08:01:00Z");
    problem(bench.delete(&path).await, 404, "not_found");
}

#[tokio::test]
async fn a_key_cannot_revoke_itself() {
    let bench = Bench::new();
    let answer = bench.delete(&format!("/api-keys/{}", api_key(1))).await;
    problem(answer, 409, "conflict");
    assert_eq!(bench.delete(&format!("/api-keys/{}", api_key(2))).await.0, 204);
}

#[tokio::test]
async fn a_name_has_1_to_100_plain_characters() {
    let bench = Bench::new();
    for name in ["", " x", "a\nb", &"x".repeat(101)] {
        let body =
            problem(bench.post("/api-keys", json!({"name": name})).await, 422, "invalid_field");
        assert_eq!(body["errors"][0]["pointer"], "/name");
    }
}
