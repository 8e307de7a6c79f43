//! Settings of users.

use http::Method;
use serde_json::{Value, json};

use crate::stage::Stage;

struct Account {
    stage: Stage,
    path: String,
}

impl Account {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let credential = stage.connect("ann").await;
        let path = format!("/sdk/credentials/{}", credential["id"].as_str().expect("an id"));
        Self { stage, path }
    }

    async fn change(&self, config: Value) -> crate::stage::Answer {
        self.stage.call("ann", Method::PATCH, &self.path, Some(json!({ "config": config }))).await
    }

    async fn settings(&self) -> Value {
        self.stage.get("ann", &self.path).await["configurations"][0].clone()
    }
}

#[tokio::test]
async fn shared_settings_are_merged() {
    let account = Account::new().await;
    let changed =
        account.change(json!({"sharedSettings": {"team": "a", "color": "red"}})).await.ok();
    assert_eq!(changed["errors"], json!([]));
    assert_eq!(changed["config"]["sharedSettings"], json!({"team": "a", "color": "red"}));
    account.change(json!({"sharedSettings": {"team": "b"}})).await.ok();
    account.change(json!({"sharedSettings": {"color": null}})).await.ok();
    assert_eq!(account.settings().await["sharedSettings"], json!({"team": "b"}));
}

#[tokio::test]
async fn a_value_that_does_not_fit_changes_nothing_and_is_told_as_a_sentence() {
    let account = Account::new().await;
    let before = account.settings().await;
    let config = json!({"sharedSettings": {"team": "a", "color": "green", "other": 1}});
    let answer = account.change(config).await.ok();
    let errors: Vec<&str> =
        answer["errors"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("Color ") && errors[0].ends_with('.'), "{errors:?}");
    assert_eq!(errors[1], "other is not an input.");
    assert_eq!(account.settings().await, before);
}

#[tokio::test]
async fn a_password_is_never_shown_and_sending_back_what_was_shown_keeps_it() {
    let account = Account::new().await;
    let count = account.stage.vault.count();
    let answer = account.change(json!({"sharedSettings": {"word": "word-canary"}})).await;
    assert!(
        !answer.text.contains("word-canary") && !answer.text.contains("$secret"),
        "{}",
        answer.text
    );
    assert!(account.stage.vault.holds("word-canary"));
    let shown = account.settings().await["sharedSettings"].clone();
    assert_eq!(shown["word"], "\u{2022}".repeat(8));
    let mut all = shown.clone();
    all["team"] = json!("a");
    assert_eq!(account.change(json!({"sharedSettings": all})).await.ok()["errors"], json!([]));
    assert!(account.stage.vault.holds("word-canary"), "it is still there");
    assert_eq!(account.stage.vault.count(), count + 1);
    account.change(json!({"sharedSettings": {"word": "second-canary"}})).await.ok();
    assert!(
        !account.stage.vault.holds("word-canary") && account.stage.vault.holds("second-canary")
    );
}

#[tokio::test]
async fn a_workflow_is_switched_together_with_its_settings_or_not_at_all() {
    let account = Account::new().await;
    let sync = account.stage.sync.to_string();
    let workflows = account.settings().await["workflowSettings"].clone();
    assert_eq!(workflows[&sync], json!({"enabled": false, "settings": {}}), "clients find a place");
    let set = async |state: Value| {
        account.change(json!({"workflowSettings": {sync.clone(): state}})).await
    };
    let answer = set(json!({"enabled": true, "settings": {}})).await.ok();
    assert_eq!(answer["errors"], json!(["Limit must have a value."]));
    let answer = set(json!({"enabled": true, "settings": {"limit": "many"}})).await.ok();
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(account.settings().await["workflowSettings"], workflows);
    set(json!({"enabled": true, "settings": {"limit": 5}})).await.ok();
    let state = account.settings().await["workflowSettings"][&sync].clone();
    assert_eq!(state, json!({"enabled": true, "settings": {"limit": 5}}));
    let answer = set(json!({"settings": {"limit": null}})).await.ok();
    assert_eq!(
        answer["errors"],
        json!(["Limit must have a value."]),
        "it is needed while it is on"
    );
    set(json!({"enabled": false})).await.ok();
    assert_eq!(account.settings().await["workflowSettings"][&sync]["enabled"], false);
}

#[tokio::test]
async fn a_workflow_of_nothing_is_not_found() {
    let account = Account::new().await;
    let other = tenon_domain::WorkflowId::new().to_string();
    let config = json!({"workflowSettings": {other: {"enabled": true}}});
    account.change(config).await.refused(404, "not_found");
    let config = json!({"workflowSettings": {"nonsense": {"enabled": true}}});
    account.change(config).await.refused(422, "invalid_field");
    let notify = account.stage.notify.to_string();
    let config = json!({"workflowSettings": {notify: {"enabled": true}}});
    account.change(config).await.refused(403, "7210");
}

#[tokio::test]
async fn settings_are_those_of_the_configuration_that_is_named() {
    let account = Account::new().await;
    let path = format!("{}/configurations", account.path);
    let body = Some(json!({"externalId": "team-a"}));
    account.stage.call("ann", Method::POST, &path, body).await.ok();
    let token = account.stage.token("ann");
    let headers = [("x-paragon-configuration-id", "ext:team-a")];
    let body = json!({"config": {"sharedSettings": {"team": "a"}}});
    let changed = account
        .stage
        .call_with(&token, Method::PATCH, &account.path, &headers, Some(body))
        .await
        .ok();
    assert_eq!(changed["configurations"][1]["sharedSettings"], json!({"team": "a"}));
    assert_eq!(changed["configurations"][0]["sharedSettings"], json!({}));
}
