//! Events: which installations they run for, whoever sends them.

use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{KEY, Rig, USER};

const ALL: [&str; 4] = ["hubspot hub", "plain", "slack first", "slack second"];

/// Sends the event with the project's API key.
async fn with_key(rig: &Rig, user: Option<&str>, headers: &[(&str, &str)]) -> crate::rig::Answer {
    let path = format!("/api/v1/projects/{}/events", rig.id());
    let mut body = json!({ "name": "created" });
    if let Some(user) = user {
        body["user"] = json!(user);
    }
    rig.post(&path, KEY, headers, &body).await
}

#[tokio::test]
async fn an_event_runs_once_for_each_installation_of_the_user() {
    let rig = Rig::new().await;
    let answer = with_key(&rig, Some(USER), &[]).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(rig.running().await, ALL);
    let runs = answer.body["runs"].as_array().expect("a list");
    let shown = runs.iter().filter(|run| run["configuration"].is_string()).count();
    assert_eq!((runs.len(), shown), (4, 3));
}

#[tokio::test]
async fn an_event_for_nobody_runs_workflows_of_no_integration_only() {
    let rig = Rig::new().await;
    assert_eq!(with_key(&rig, None, &[]).await.status, 202);
    assert_eq!(with_key(&rig, Some("bob"), &[]).await.status, 202);
    assert_eq!(rig.running().await, ["plain", "plain"]);
}

#[tokio::test]
async fn both_versions_of_the_sdks_route_take_events() {
    let rig = Rig::new().await;
    let token = rig.token(Value::Null);
    assert_eq!(rig.event(&token, &[]).await.status, 202);
    assert_eq!(rig.running().await, ALL);
    let path = format!("/projects/{}/sdk/events/trigger", rig.id());
    let body = json!({ "name": "created", "payload": { "a": 1 }, "more": true });
    assert_eq!(rig.post(&path, &token, &[], &body).await.status, 202);
    assert_eq!(rig.running().await.len(), 8);
}

#[tokio::test]
async fn what_is_named_is_all_that_runs_of_integrations() {
    for (credential, configuration, expected) in [
        (Some("ext:second"), None, vec!["plain", "slack second"]),
        (Some("second"), Some("ext:team"), vec!["plain"]),
        (None, Some("ext:team"), vec!["plain"]),
    ] {
        let rig = Rig::new().await;
        let mut headers = Vec::new();
        headers.extend(credential.map(|name| ("x-paragon-credential", name)));
        headers.extend(configuration.map(|name| ("x-paragon-configuration-id", name)));
        let answer = rig.event(&rig.token(Value::Null), &headers).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert_eq!(rig.running().await, expected);
    }
    let rig = Rig::new().await;
    let account = rig.user.credentials[2].id.to_string();
    with_key(&rig, Some(USER), &[("x-tenon-credential", &account)]).await;
    assert_eq!(rig.running().await, ["hubspot hub", "plain"]);
}

#[tokio::test]
async fn an_account_that_is_not_the_users_is_refused_and_nothing_runs() {
    let rig = Rig::new().await;
    for (user, header, name, expected) in [
        (Some(USER), "x-tenon-credential", "nobody", (404, "no_account")),
        (Some(USER), "x-tenon-configuration", "ext:nothing", (409, "installation_missing")),
        (Some("bob"), "x-tenon-credential", "second", (404, "no_account")),
        (None, "x-tenon-credential", "second", (404, "no_account")),
    ] {
        let answer = with_key(&rig, user, &[(header, name)]).await;
        assert_eq!(answer.status, expected.0, "{name}: {}", answer.body);
        assert_eq!(answer.body["code"], expected.1, "{name}");
    }
    assert!(rig.running().await.is_empty());
}

#[tokio::test]
async fn a_key_is_one_for_each_installation() {
    let rig = Rig::new().await;
    let headers = [("idempotency-key", "k-1")];
    let first = with_key(&rig, Some(USER), &headers).await;
    let again = with_key(&rig, Some(USER), &headers).await;
    assert_eq!(first.body, again.body);
    assert_eq!(rig.running().await, ALL);
    let path = format!("/api/v1/projects/{}/events", rig.id());
    let other = json!({ "name": "created", "user": USER, "payload": "other" });
    let conflict = rig.post(&path, KEY, &headers, &other).await;
    assert_eq!(
        (conflict.status.as_u16(), &conflict.body["code"]),
        (409, &json!("idempotency_conflict"))
    );
}

#[tokio::test]
async fn a_token_runs_what_it_allows_and_is_refused_where_it_allows_nothing() {
    let account = |rig: &Rig, at: usize| format!("credential:{}", rig.user.credentials[at].id);
    let rig = Rig::new().await;
    let second = account(&rig, 1);
    for (claim, expected) in [
        (json!({ "integration:*": true }), vec!["hubspot hub", "slack first", "slack second"]),
        (json!({ "integration:*": true, "integration:slack": false }), vec!["hubspot hub"]),
        (json!({ "integration:*": false, second.clone(): ["event"] }), vec!["slack second"]),
        (json!({ "integration:slack": ["event"] }), vec!["slack first", "slack second"]),
    ] {
        let before = rig.running().await.len();
        let answer = rig.event(&rig.token(claim.clone()), &[]).await;
        assert_eq!(answer.status, 202, "{claim}: {}", answer.body);
        let runs = answer.body["runs"].as_array().expect("a list").len();
        assert_eq!(runs, expected.len(), "{claim}");
        assert_eq!(rig.running().await.len(), before + expected.len(), "{claim}");
    }
    for claim in [
        json!({}),
        json!({ "integration:*": ["workflow"] }),
        json!({ "integration:hubspot": false }),
    ] {
        let before = rig.running().await.len();
        let answer = rig.event(&rig.token(claim.clone()), &[]).await;
        assert_eq!(answer.status, 403, "{claim}");
        assert_eq!(answer.body["code"], "7210", "the SDK keeps its user signed in");
        assert_eq!(rig.running().await.len(), before);
    }
}

#[tokio::test]
async fn nothing_runs_for_a_disabled_user() {
    let mut rig = Rig::new().await;
    let user = rig.user.user.clone();
    rig.change(|plan| plan.disabled_users.extend([user])).await;
    let refused = with_key(&rig, Some(USER), &[]).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (StatusCode::CONFLICT, &json!("user_disabled"))
    );
    assert_eq!(rig.event(&rig.token(Value::Null), &[]).await.status, 403);
    assert!(rig.running().await.is_empty());
}
