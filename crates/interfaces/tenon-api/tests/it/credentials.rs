//! Accounts, connect sessions, configurations, signing keys and events.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::fakes::connect::{CONNECTOR, configuration_id, credential_id, session_id};
use super::{Bench, problem};

async fn linked() -> Bench {
    let bench = Bench::new();
    bench.post("/integrations", json!({"connector": CONNECTOR})).await;
    let body = json!({"integration": CONNECTOR, "fields": {"api_key": "key-canary"}});
    let (status, made) = bench.post("/users/user-17/credentials", body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert!(!made.to_string().contains("key-canary"), "{made}");
    bench
}

#[tokio::test]
async fn an_account_is_linked_shown_probed_and_disconnected() {
    let bench = linked().await;
    let (_, list) = bench.get("/users/user-17/credentials").await;
    let account = &list["credentials"][0];
    assert_eq!(account["id"], json!(credential_id(1)));
    assert_eq!(
        (&account["status"], &account["provider_name"], &account["user"]),
        (&json!("valid"), &json!("ann@acme.example"), &json!("user-17"))
    );
    assert!(account.get("secret").is_none(), "{account}");
    let path = format!("/credentials/{}", credential_id(1));
    assert_eq!(bench.get(&path).await.1, *account);
    let (_, probed) = bench.post(&format!("{path}/probe"), json!({})).await;
    assert_eq!(
        (&probed["health"], &probed["reason"], &probed["credential"]["status_code"]),
        (&json!("refused"), &json!("was revoked"), &json!("revoked"))
    );
    assert_eq!(bench.delete(&path).await, (StatusCode::NO_CONTENT, Value::Null));
    problem(bench.delete(&path).await, 404, "not_found");
    assert_eq!(bench.get("/users/nobody/credentials").await.1, json!({"credentials": []}));
}

#[tokio::test]
async fn what_the_provider_refuses_is_said() {
    let bench = linked().await;
    let post = |fields: Value| {
        let body = json!({"integration": CONNECTOR, "fields": fields});
        bench.post("/users/u/credentials", body)
    };
    let body = problem(post(json!({"api_key": "bad"})).await, 422, "credential_invalid");
    assert!(body["detail"].to_string().contains("invalid API key"), "{body}");
    let body = problem(post(json!({})).await, 422, "invalid_field");
    assert_eq!(body["errors"][0]["pointer"], "/fields/api_key");
    bench.patch(&format!("/integrations/{CONNECTOR}"), json!({"active": false})).await;
    problem(post(json!({"api_key": "k"})).await, 409, "integration_inactive");
}

#[tokio::test]
async fn a_code_comes_with_its_redirect_uri() {
    let bench = linked().await;
    let body = json!({"integration": CONNECTOR, "code": "c"});
    problem(bench.post("/users/u/credentials", body).await, 422, "invalid_field");
    let body = json!({
        "integration": CONNECTOR, "code": "c", "redirect_uri": "https://app.example/done",
    });
    assert_eq!(bench.post("/users/u/credentials", body).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_connect_session_has_a_link_and_a_status() {
    let bench = linked().await;
    let body = json!({"integration": CONNECTOR, "return_origin": "https://app.example"});
    let refused = bench.post("/users/user-17/connect-sessions", body.clone()).await;
    let refused = problem(refused, 409, "integration_misconfigured");
    let detail = refused["detail"].as_str().expect("it says what to do");
    assert!(detail.contains("client_id, client_secret are not set"), "{detail}");
    assert!(detail.contains(&format!("tenon integrations set-app {CONNECTOR} --method oauth")));
    let app = json!({"values": {"client_id": "id", "client_secret": "canary"}});
    bench.put(&format!("/integrations/{CONNECTOR}/apps/oauth"), app).await;
    let (status, opened) = bench.post("/users/user-17/connect-sessions", body).await;
    assert_eq!((status, &opened["status"]), (StatusCode::CREATED, &json!("open")));
    let link = opened["authorize_url"].as_str().expect("it has a link");
    assert!(link.starts_with("https://tenon.example/oauth/start/"), "{link}");
    let (_, shown) = bench.get(&format!("/connect-sessions/{}", session_id())).await;
    assert_eq!(shown["id"], opened["id"]);
    assert!(shown.get("authorize_url").is_none(), "{shown}");
    let path = link.strip_prefix("https://tenon.example").expect("it is ours");
    let browser = Request::get(path).header("sec-fetch-mode", "navigate").body(Body::empty());
    let browser = browser.expect("it is a valid request");
    bench.router.clone().oneshot(browser).await.expect("the router answers");
    let (_, shown) = bench.get(&format!("/connect-sessions/{}", session_id())).await;
    assert_eq!(shown["status"], "started");
}

#[tokio::test]
async fn an_account_that_lacks_something_is_pending_until_it_is_given() {
    let bench = linked().await;
    bench.world.leave_pending(credential_id(1));
    let path = format!("/credentials/{}", credential_id(1));
    let (_, shown) = bench.get(&path).await;
    assert_eq!(
        (&shown["status"], &shown["status_code"]),
        (&json!("pending"), &json!("setup_incomplete"))
    );
    let refused = bench.post(&format!("{path}/complete-setup"), json!({"fields": {}})).await;
    let refused = problem(refused, 422, "invalid_field");
    assert_eq!(refused["errors"][0]["pointer"], "/fields/site");
    let body = json!({"fields": {"site": "north"}});
    let (status, shown) = bench.post(&format!("{path}/complete-setup"), body).await;
    assert_eq!((status, &shown["status"]), (StatusCode::OK, &json!("valid")));
    assert_eq!(shown["fields"]["site"], "north");
    problem(
        bench.post(&format!("{path}/complete-setup"), json!({"site": 1})).await,
        422,
        "unknown_field",
    );
}

#[tokio::test]
async fn configurations_are_named_by_id_or_by_the_builders_own_name() {
    let bench = linked().await;
    let path = format!("/credentials/{}/configurations", credential_id(1));
    let (status, added) = bench.post(&path, json!({"external_id": "team"})).await;
    assert_eq!((status, &added["default"]), (StatusCode::CREATED, &json!(false)));
    let change = json!({"shared_settings": {"list": "a"}});
    let (_, changed) = bench.patch(&format!("{path}/ext:team"), change.clone()).await;
    assert_eq!(changed["shared_settings"], json!({"list": "a"}));
    let default = format!("{path}/{}", configuration_id(1));
    assert_eq!(bench.patch(&default, change).await.1["default"], true);
    problem(bench.delete(&default).await, 409, "conflict");
    assert_eq!(bench.delete(&format!("{path}/ext:team")).await.0, StatusCode::NO_CONTENT);
    let (_, list) = bench.get(&path).await;
    assert_eq!(list["configurations"].as_array().map(Vec::len), Some(1));
    problem(bench.patch(&format!("{path}/ext:team"), json!({})).await, 404, "not_found");
}

#[tokio::test]
async fn the_private_half_of_a_signing_key_is_shown_once() {
    let bench = Bench::new();
    let (status, made) = bench.post("/signing-keys", json!({})).await;
    assert_eq!((status, &made["private_key"]), (StatusCode::CREATED, &json!("private-canary")));
    let (_, list) = bench.get("/signing-keys").await;
    assert!(!list.to_string().contains("private-canary"), "{list}");
    let path = format!("/signing-keys/{}", made["id"].as_str().expect("it has an id"));
    assert_eq!(bench.delete(&path).await.0, StatusCode::NO_CONTENT);
    problem(bench.delete(&path).await, 404, "not_found");
}

#[tokio::test]
async fn events_go_on_behind_the_last_one() {
    let bench = Bench::new();
    let (_, page) = bench.get("/event-log?limit=2").await;
    assert_eq!((page["events"].as_array().map(Vec::len), &page["next"]), (Some(2), &json!(2)));
    assert_eq!(page["events"][0]["type"], "credential.invalid");
    let (_, page) = bench.get("/event-log?after=2").await;
    assert_eq!((page["events"].as_array().map(Vec::len), &page["next"]), (Some(1), &json!(3)));
    let (_, page) = bench.get("/event-log?after=3").await;
    assert_eq!(page, json!({"events": [], "next": 3}));
    problem(bench.get("/event-log?before=3").await, 400, "invalid_query");
}
