//! Users: made known at first sight, with metadata, or disabled.

use http::Method;
use serde_json::json;
use tenon_domain::EndUserId;

use crate::stage::Stage;

#[tokio::test]
async fn a_user_is_known_from_the_first_call_on() {
    let stage = Stage::new().await;
    let user = EndUserId::new("ann");
    assert!(stage.config.user(stage.project, &user).await.is_err());
    let me = stage.get("ann", "/sdk/me").await;
    assert_eq!((&me["userId"], &me["authenticated"]), (&json!("ann"), &json!(true)));
    assert!(stage.config.user(stage.project, &user).await.is_ok());
}

#[tokio::test]
async fn metadata_is_merged_and_seen_at_once() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("ann", "/sdk/me").await["meta"], json!({}));
    let patch = async |meta| {
        let body = Some(json!({ "meta": meta }));
        stage.call("ann", Method::PATCH, "/sdk/me", body).await.ok()
    };
    let persona = patch(json!({"Name": "Ann", "plan": "free"})).await;
    assert_eq!((&persona["endUserId"], &persona["active"]), (&json!("ann"), &json!(true)));
    patch(json!({"plan": "pro", "Name": null})).await;
    assert_eq!(stage.get("ann", "/sdk/me").await["meta"], json!({"plan": "pro"}));
    assert_eq!(stage.get("bob", "/sdk/me").await["meta"], json!({}), "of nobody else");
}

#[tokio::test]
async fn metadata_decides_which_workflows_are_for_the_user() {
    let stage = Stage::new().await;
    let forbidden = async || {
        let list = stage.get("ann", "/sdk/integrations").await;
        list[0]["noPermissionWorkflows"].clone()
    };
    assert_eq!(forbidden().await, json!([stage.notify]));
    let body = Some(json!({"meta": {"plan": "pro"}}));
    stage.call("ann", Method::PATCH, "/sdk/me", body).await.ok();
    assert_eq!(forbidden().await, json!([]));
    let others = stage.get("bob", "/sdk/integrations").await;
    assert_eq!(others[0]["noPermissionWorkflows"], json!([stage.notify]));
}

#[tokio::test]
async fn old_clients_send_metadata_with_the_call() {
    let stage = Stage::new().await;
    let token = stage.token("ann");
    let call = async |meta: &str| {
        let headers = [("x-paragon-user-metadata", meta)];
        stage.call_with(&token, Method::GET, "/sdk/me", &headers, None).await
    };
    assert_eq!(call(r#"{"Name":"Ann"}"#).await.ok()["meta"], json!({"Name": "Ann"}));
    assert_eq!(call("{}").await.ok()["meta"], json!({"Name": "Ann"}), "nothing takes nothing away");
    call("[1]").await.refused(422, "invalid_field");
    call("{nonsense").await.refused(422, "invalid_field");
}

#[tokio::test]
async fn a_disabled_user_is_signed_out() {
    let stage = Stage::new().await;
    let user = EndUserId::new("ann");
    stage.connect("ann").await;
    stage.config.disable_user(stage.project, &user).await.expect("it is known");
    for path in ["/sdk/me", "/sdk/integrations"] {
        stage.call("ann", Method::GET, path, None).await.refused(403, "forbidden");
    }
    stage.config.enable_user(stage.project, &user).await.expect("it is known");
    assert_eq!(stage.get("ann", "/sdk/me").await["integrations"]["custom.acme"]["enabled"], true);
}

#[tokio::test]
async fn what_changed_elsewhere_is_seen_at_the_next_call() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    let state = async || {
        let me = stage.get("ann", "/sdk/me").await;
        me["integrations"]["custom.acme"].clone()
    };
    assert_eq!(state().await["credentialStatus"], "VALID");
    stage.vault.break_all();
    stage.config.follow_vault().await.expect("it can be followed");
    let broken = state().await;
    assert_eq!(
        (&broken["credentialStatus"], &broken["enabled"]),
        (&json!("INVALID"), &json!(false))
    );
    let id = credential["id"].as_str().expect("an id").parse().expect("an id");
    stage.config.disconnect(stage.project, id).await.expect("it is there");
    assert_eq!(state().await, json!({"enabled": false, "allCredentials": []}));
}
