//! Golden answers: every field that the SDK reads.

use serde_json::json;

use crate::stage::{ACME, Stage};

#[tokio::test]
async fn me_before_and_after_connecting() {
    let stage = Stage::new().await;
    insta::assert_snapshot!(
        "me_without_accounts",
        stage.golden(&stage.get("ann", "/sdk/me").await)
    );
    stage.connect("ann").await;
    stage.pass(5);
    insta::assert_snapshot!("me_with_an_account", stage.golden(&stage.get("ann", "/sdk/me").await));
}

#[tokio::test]
async fn integrations_with_all_that_the_portal_asks() {
    let stage = Stage::new().await;
    let integrations = stage.get("ann", "/sdk/integrations").await;
    let list = integrations.as_array().expect("a list");
    let types: Vec<_> = list.iter().map(|one| one["type"].as_str().unwrap_or_default()).collect();
    assert_eq!(types, ["custom.acme", "custom.setup", "slack"], "all of them, by name");
    insta::assert_snapshot!("integration", stage.golden(&list[0]));
    assert_eq!(list[1]["sdkIntegrationConfig"]["postOauthInputs"][0]["id"], "site");
    assert_eq!(list[2]["customIntegration"], json!(null));
    assert_eq!(list[2]["authenticationType"], "oauth");
    assert_eq!(list[2]["needPreOauthInputs"], false);
    assert_eq!(
        list[2]["sdkIntegrationConfig"]["accountTypes"],
        json!([]),
        "no choice, no question"
    );
    assert!(list.iter().all(|one| one["configs"].as_array().is_some_and(|all| all.len() == 1)));
}

#[tokio::test]
async fn metadata_has_icons_that_are_there() {
    let stage = Stage::new().await;
    let metadata = stage.get("ann", "/sdk/metadata").await;
    insta::assert_snapshot!("metadata", stage.golden(&metadata));
    for line in metadata.as_array().expect("a list") {
        let icon = line["icon"].as_str().expect("an address");
        let path = icon.strip_prefix("https://tenon.example").expect("it is ours");
        let answer = stage.send(http::Method::GET, &format!("root:{path}"), &[], None).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "image/svg+xml"),
            "{icon}"
        );
    }
}

#[tokio::test]
async fn the_ids_are_what_clients_take_for_ids() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    let configuration = &credential["configurations"][0];
    for id in [&credential["id"], &credential["personaId"], &configuration["id"]] {
        let id = id.as_str().expect("an id");
        assert!(matches!(id.as_bytes()[14], b'0'..=b'5'), "another version is a name: {id}");
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
    }
}

#[tokio::test]
async fn no_address_looks_like_a_call_through_the_connect_proxy() {
    // Clients take an answer for the provider's where the address has this word in it.
    let stage = Stage::new().await;
    stage.connect("ann").await;
    for path in ["/sdk/me", "/sdk/integrations", "/sdk/metadata"] {
        let text = stage.get("ann", path).await.to_string();
        assert!(!text.contains("proxy"), "{path}: {text}");
    }
}

#[tokio::test]
async fn the_project_as_old_clients_ask_for_it() {
    let stage = Stage::new().await;
    let path = format!("root:/sdk/projects/{}", stage.project);
    let project = stage.call("ann", http::Method::GET, &path, None).await.ok();
    insta::assert_snapshot!("project", stage.golden(&project));
    let path = format!("root:/sdk/projects/{}", tenon_domain::ProjectId::new());
    stage.call("ann", http::Method::GET, &path, None).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn an_integration_that_is_switched_off_stays_visible_and_cannot_be_connected() {
    let stage = Stage::new().await;
    let id = stage.id_of(ACME).parse().expect("an id");
    stage.get("ann", "/sdk/integrations").await;
    stage.config.set_integration_active(stage.project, id, false).await.expect("it is there");
    let integrations = stage.get("ann", "/sdk/integrations").await;
    assert_eq!(integrations[0]["isActive"], false);
    assert_eq!(integrations[0]["sdkIntegrationConfig"], json!(null));
    let metadata = stage.get("ann", "/sdk/metadata").await.to_string();
    assert!(!metadata.contains(ACME), "{metadata}");
    let body =
        json!({"integrationId": stage.id_of(ACME), "payload": {"api_key": "k", "subdomain": "a"}});
    let answer = stage.call("ann", http::Method::POST, "/sdk/credentials", Some(body)).await;
    answer.refused(409, "integration_inactive");
}
