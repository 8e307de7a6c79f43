//! Switching workflows on and off.

use http::Method;
use serde_json::{Value, json};

use crate::stage::{ACME, Stage};

async fn is_on(stage: &Stage, configuration: usize) -> bool {
    let me = stage.get("ann", "/sdk/me").await;
    let account = &me["integrations"][ACME]["allCredentials"][0];
    let state = &account["configurations"][configuration]["workflowSettings"];
    state[stage.sync.to_string()]["enabled"].as_bool().expect("every workflow is there")
}

async fn give_limit(stage: &Stage, credential: &Value, headers: &[(&str, &str)]) {
    let path = format!("/sdk/credentials/{}", credential["id"].as_str().expect("an id"));
    let settings = json!({stage.sync.to_string(): {"settings": {"limit": 3}}});
    let body = json!({"config": {"workflowSettings": settings}});
    let token = stage.token("ann");
    stage.call_with(&token, Method::PATCH, &path, headers, Some(body)).await.ok();
}

#[tokio::test]
async fn a_workflow_goes_on_and_off_and_doing_it_again_changes_nothing() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    give_limit(&stage, &credential, &[]).await;
    let path = format!("/sdk/workflows/{}", stage.sync);
    for (method, expected) in [
        (Method::POST, true),
        (Method::POST, true),
        (Method::DELETE, false),
        (Method::DELETE, false),
    ] {
        assert_eq!(stage.call("ann", method, &path, None).await.ok(), json!({}));
        assert_eq!(is_on(&stage, 0).await, expected);
    }
}

#[tokio::test]
async fn what_stands_in_the_way_is_said() {
    let stage = Stage::new().await;
    let path = format!("/sdk/workflows/{}", stage.sync);
    let switch = async |path: &str| stage.call("ann", Method::POST, path, None).await;
    switch(&path).await.refused(409, "not_connected");
    let credential = stage.connect("ann").await;
    let body = switch(&path).await.refused(422, "settings_missing");
    assert!(body["message"].as_str().is_some_and(|text| text.contains("limit")), "{body}");
    switch(&format!("/sdk/workflows/{}", stage.notify)).await.refused(403, "7210");
    switch(&format!("/sdk/workflows/{}", tenon_domain::WorkflowId::new()))
        .await
        .refused(404, "not_found");
    switch("/sdk/workflows/nonsense").await.refused(404, "not_found");
    give_limit(&stage, &credential, &[]).await;
    stage.vault.break_all();
    stage.config.follow_vault().await.expect("it can be followed");
    let body = switch(&path).await.refused(409, "account_broken");
    assert_eq!(body["meta"]["isIntegrationError"], true);
    assert!(!is_on(&stage, 0).await);
}

#[tokio::test]
async fn the_configuration_that_is_named_is_meant() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    let id = credential["id"].as_str().expect("an id");
    let configurations = format!("/sdk/credentials/{id}/configurations");
    let body = Some(json!({"externalId": "team-a"}));
    stage.call("ann", Method::POST, &configurations, body).await.ok();
    let headers = [("x-paragon-configuration-id", "ext:team-a")];
    give_limit(&stage, &credential, &headers).await;
    let token = stage.token("ann");
    let path = format!("/sdk/workflows/{}", stage.sync);
    stage.call_with(&token, Method::POST, &path, &headers, None).await.ok();
    assert_eq!((is_on(&stage, 0).await, is_on(&stage, 1).await), (false, true));
    let headers = [("x-paragon-credential", id), ("x-paragon-configuration-id", "ext:other")];
    stage.call_with(&token, Method::POST, &path, &headers, None).await.refused(404, "not_found");
}
