//! `/connectors` and `/integrations`.

use http::StatusCode;
use serde_json::{Value, json};

use super::fakes::connect::{CONNECTOR, integration_id, manifest};
use super::{Bench, problem, request};
use http::Method;
use tower::ServiceExt;

#[tokio::test]
async fn a_connector_is_shown_with_what_users_fill_in() {
    let bench = Bench::new();
    let (status, list) = bench.get("/connectors").await;
    assert_eq!(status, StatusCode::OK);
    let acme = &list["connectors"][0];
    assert_eq!((&acme["name"], &acme["custom"]), (&json!(CONNECTOR), &json!(true)));
    let methods = acme["auth_methods"].as_array().expect("there are methods");
    assert_eq!((&methods[0]["type"], &methods[0]["browser"]), (&json!("oauth2"), &json!(true)));
    assert_eq!(methods[1]["browser"], false);
    let field = &methods[1]["fields"][0];
    assert_eq!(
        (&field["name"], &field["type"], &field["secret"]),
        (&json!("api_key"), &json!("password"), &json!(true))
    );
    let (_, one) = bench.get(&format!("/connectors/{CONNECTOR}")).await;
    assert_eq!(one["manifest"]["name"], "acme");
    problem(bench.get("/connectors/nonsense").await, 404, "connector_unknown");
}

#[tokio::test]
async fn an_icon_runs_nothing() {
    let bench = Bench::new();
    let sent = request(Method::GET, &format!("/connectors/{CONNECTOR}/icon"), None);
    let response = bench.router.clone().oneshot(sent).await.expect("the router answers");
    let header = |name: &str| response.headers()[name].to_str().expect("it is text").to_owned();
    assert_eq!(header("content-type"), "image/svg+xml");
    assert!(header("content-security-policy").contains("sandbox"));
}

#[tokio::test]
async fn a_connector_of_the_projects_own_is_checked_as_a_whole() {
    let bench = Bench::new();
    let path = format!("/connectors/{CONNECTOR}");
    let (status, put) = bench.put(&path, manifest()).await;
    assert_eq!(status, StatusCode::OK, "{put}");
    assert_eq!(put, json!({"name": CONNECTOR, "version": "1.0.0", "created": true}));
    let mut broken = manifest();
    broken["auth"][0]["token_url"] = json!(7);
    broken["surprise"] = json!(true);
    let body = problem(bench.put(&path, broken).await, 422, "connector_invalid");
    let errors = body["errors"].as_array().expect("each fault is named");
    assert!(errors.iter().all(|error| error["pointer"].is_string()), "{body}");
    problem(bench.put("/connectors/slack", manifest()).await, 400, "invalid_path");
    problem(bench.delete(&path).await, 409, "conflict");
    problem(bench.delete("/connectors/custom.other").await, 404, "connector_unknown");
}

#[tokio::test]
async fn an_integration_is_added_set_up_switched_off_and_removed() {
    let bench = Bench::new();
    let (status, added) = bench.post("/integrations", json!({"connector": CONNECTOR})).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        added,
        json!({
            "id": integration_id(), "connector": CONNECTOR, "active": true, "apps": {},
            "document": null, "created_at": "2026-03-01T08:00:00Z",
            "updated_at": "2026-03-01T08:00:00Z",
        })
    );
    let app = json!({
        "values": {"client_id": "id", "client_secret": "secret-canary"}, "scopes": ["read"],
    });
    let path = format!("/integrations/{CONNECTOR}");
    let (_, set) = bench.put(&format!("{path}/apps/oauth"), app).await;
    assert_eq!(
        set["apps"]["oauth"],
        json!({"values": {"client_id": "id"}, "has_secret": true, "scopes": ["read"]})
    );
    for path in [path.clone(), format!("/integrations/{}", integration_id())] {
        let (_, shown) = bench.get(&path).await;
        assert!(!shown.to_string().contains("secret-canary"), "{shown}");
    }
    assert_eq!(bench.patch(&path, json!({"active": false})).await.1["active"], false);
    assert_eq!(bench.get("/integrations").await.1["integrations"][0]["active"], false);
    assert_eq!(bench.delete(&path).await, (StatusCode::NO_CONTENT, Value::Null));
    problem(bench.get(&path).await, 404, "not_found");
}

#[tokio::test]
async fn what_is_wrong_with_an_app_is_named_at_its_place() {
    let bench = Bench::new();
    bench.post("/integrations", json!({"connector": CONNECTOR})).await;
    let path = format!("/integrations/{CONNECTOR}/apps/oauth");
    let body = problem(bench.put(&path, json!({"values": {}})).await, 422, "invalid_field");
    assert_eq!(body["errors"][0]["pointer"], "/values/client_id");
    let unknown = json!({"connector": "nonsense"});
    problem(bench.post("/integrations", unknown).await, 404, "connector_unknown");
    problem(bench.post("/integrations", json!({"name": "x"})).await, 422, "unknown_field");
}
