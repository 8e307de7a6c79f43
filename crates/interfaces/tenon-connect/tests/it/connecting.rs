//! Connecting accounts: by a form, by a code, again, several of them.

use http::Method;
use serde_json::{Value, json};

use crate::stage::{ACME, SETUP, Stage};

async fn create(stage: &Stage, body: Value) -> crate::stage::Answer {
    stage.call("ann", Method::POST, "/sdk/credentials", Some(body)).await
}

#[tokio::test]
async fn a_form_makes_an_account_with_one_default_configuration() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    insta::assert_snapshot!("credential", stage.golden(&credential));
    assert!(!credential.to_string().contains("key-canary"), "{credential}");
    assert!(stage.vault.holds("key-canary"));
    let path = format!("/sdk/credentials/{}", credential["id"].as_str().expect("an id"));
    assert_eq!(stage.get("ann", &path).await, credential);
}

#[tokio::test]
async fn what_is_filled_in_wrongly_is_said_by_field() {
    let stage = Stage::new().await;
    let id = stage.id_of(ACME);
    let before = stage.vault.count();
    for (payload, expected) in [
        (json!({"api_key": "k"}), "`subdomain`: this is needed"),
        (json!({"api_key": "k", "subdomain": "a.evil.example"}), "`subdomain`"),
        (json!({"api_key": "k", "subdomain": "a", "region": "mars"}), "`region`"),
        (json!({"api_key": "k", "subdomain": "a", "more": 1}), "`more`: there is no such field"),
        (json!({}), "`api_key`: this is needed"),
    ] {
        let answer = create(&stage, json!({"integrationId": id, "payload": payload})).await;
        let body = answer.refused(422, "invalid_field");
        let message = body["message"].as_str().expect("text");
        assert!(message.contains(expected), "{message}");
    }
    let body = json!({"integrationId": id, "payload": {"api_key": "bad", "subdomain": "a"}});
    let body = create(&stage, body).await.refused(422, "credential_invalid");
    assert_eq!(body["meta"]["isIntegrationError"], true);
    assert_eq!(body["meta"]["message"], body["message"], "the app sees only meta");
    assert_eq!(stage.accounts_of("ann").await, 0, "nothing half-done");
    assert_eq!(stage.vault.count(), before);
}

#[tokio::test]
async fn connecting_again_renews_the_account_and_more_of_them_have_to_be_asked_for() {
    let stage = Stage::new().await;
    let first = stage.connect("ann").await;
    let again = stage.connect("ann").await;
    assert_eq!(first["id"], again["id"]);
    let body = |shop: &str, options: Value| {
        json!({
            "integrationId": stage.id_of(ACME), "payload": {"api_key": "k", "subdomain": shop},
            "installOptions": options,
        })
    };
    let several = json!({"allowMultipleCredentials": true});
    stage.pass(1);
    let second = create(&stage, body("other", several.clone())).await.ok();
    assert_ne!(first["id"], second["id"]);
    let named = json!({"allowMultipleCredentials": true, "externalId": "ext:third"});
    let third = create(&stage, body("third", named)).await.ok();
    assert_eq!(third["externalId"], "third");
    let state = stage.get("ann", "/sdk/me").await["integrations"][ACME].clone();
    assert_eq!(state["allCredentials"].as_array().map(Vec::len), Some(3));
    assert_eq!(state["credentialId"], first["id"], "the oldest is meant where none is named");

    let both = json!({"externalId": "x", "selectedCredentialId": first["id"]});
    create(&stage, body("shop", both)).await.refused(422, "invalid_field");
    let named = json!({"selectedCredentialId": "ext:third"});
    assert_eq!(create(&stage, body("third", named)).await.ok()["id"], third["id"]);
}

#[tokio::test]
async fn a_code_of_the_builders_own_page_makes_an_account() {
    let stage = Stage::new().await;
    let id = stage.id_of(ACME);
    let body = json!({
        "code": "ann", "integrationId": id, "redirectUrl": "https://app.example/done",
        "integrationOptions": {},
    });
    let credential = create(&stage, body).await.ok();
    assert_eq!(
        (&credential["status"], &credential["providerId"]),
        (&json!("VALID"), &json!("acme-ann"))
    );
    let body = json!({"code": "ann", "integrationId": id, "integrationOptions": {}});
    assert_eq!(create(&stage, body).await.ok()["id"], credential["id"]);
    let body = json!({"code": "bad", "integrationId": id});
    create(&stage, body).await.refused(422, "credential_invalid");
    let body = json!({"code": "ann", "integrationId": id, "redirectUrl": "javascript:alert(1)"});
    create(&stage, body).await.refused(422, "invalid_field");
    let body = json!({"code": "ann", "integrationId": stage.id_of(SETUP)});
    create(&stage, body).await.refused(422, "invalid_field");
}

#[tokio::test]
async fn what_is_asked_for_afterwards_completes_the_account() {
    let stage = Stage::new().await;
    let body = json!({
        "integrationId": stage.id_of(SETUP),
        "payload": {"api_key": "k", "skipPostOAuthInputs": false},
    });
    let credential = create(&stage, body).await.ok();
    assert_eq!(credential["status"], "PENDING");
    let path =
        format!("/sdk/credentials/{}/complete-setup", credential["id"].as_str().expect("an id"));
    let complete = async |payload: Value| {
        let body = json!({"integrationId": stage.id_of(SETUP), "config": {}, "payload": payload});
        stage.call("ann", Method::POST, &path, Some(body)).await
    };
    complete(json!({})).await.refused(422, "invalid_field");
    complete(json!({"other": "x"})).await.refused(422, "invalid_field");
    let done = complete(json!({"site": "north", "skipPostOAuthInputs": false})).await.ok();
    assert_eq!(
        (&done["status"], &done["providerData"]["site"]),
        (&json!("VALID"), &json!("north"))
    );
}

#[tokio::test]
async fn uninstalling_takes_one_account_or_all() {
    let stage = Stage::new().await;
    let first = stage.connect("ann").await;
    let several = json!({"allowMultipleCredentials": true, "externalId": "second"});
    stage.connect_as("ann", &several).await;
    stage.connect("bob").await;
    let path = format!("/sdk/integrations/{}", stage.id_of(ACME));
    let token = stage.token("ann");
    let headers = [("x-paragon-credential", "ext:second")];
    stage.call_with(&token, Method::DELETE, &path, &headers, None).await.ok();
    let state = stage.get("ann", "/sdk/me").await["integrations"][ACME].clone();
    assert_eq!(state["allCredentials"][0]["id"], first["id"]);
    assert_eq!(stage.accounts_of("ann").await, 1);
    stage.call_with(&token, Method::DELETE, &path, &headers, None).await.refused(404, "not_found");
    stage.call_with(&token, Method::DELETE, &path, &[], None).await.ok();
    assert_eq!(stage.accounts_of("ann").await, 0);
    stage.call_with(&token, Method::DELETE, &path, &[], None).await.ok();
    assert_eq!(stage.accounts_of("bob").await, 1);
}

#[tokio::test]
async fn a_file_picker_gets_its_token_for_the_integrations_of_the_setting_only() {
    let stage = Stage::new().await;
    stage.connect("ann").await;
    let path = format!("/sdk/credentials?integration={ACME}");
    let plain = stage.get("ann", &format!("{path}&includeAccountAuth=false")).await;
    assert_eq!(plain["type"], ACME);
    assert!(plain.get("accountAuth").is_none());
    assert_eq!(plain["providerData"]["accountName"], "shop@acme.example");
    let with = stage.get("ann", &format!("{path}&includeAccountAuth=true")).await;
    assert_eq!(with["accountAuth"]["OAUTH_ACCESS_TOKEN"], "picker token of ann");
    let body = json!({"integrationId": stage.id_of(SETUP), "payload": {"api_key": "k"}});
    create(&stage, body).await.ok();
    let path = format!("/sdk/credentials?integration={SETUP}&includeAccountAuth=true");
    stage.call("ann", Method::GET, &path, None).await.refused(404, "no_account");
    let path = "/sdk/credentials?integration=slack";
    stage.call("ann", Method::GET, path, None).await.refused(404, "not_found");
}
