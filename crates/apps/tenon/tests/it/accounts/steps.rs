//! Workflows that use an account: with the right token, a renewed one, and none any more.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tenon_testkit::fakes::oauth_provider::{Fault, Manners};

use super::provider::Provider;
use super::stage::Stage;
use crate::product::Product;

/// A token is not renewed because of a 401 while it is younger than this.
const PAUSE: Duration = Duration::from_millis(5_300);

#[tokio::test]
async fn an_action_and_a_request_call_the_provider_with_the_users_token() {
    let stage = Stage::shared().await;
    stage.connect(&stage.user).await;
    let token = stage.provider.last_token("/me");
    let event = stage.deploy(stage.both_steps()).await;
    let run = stage.run_for(&stage.user, &event).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert_eq!(run["user"], stage.user.as_str());

    let notes = stage.provider.api.calls_of("/notes");
    assert_eq!(notes.len(), 1);
    assert_eq!((notes[0].method.as_str(), &notes[0].body), ("POST", &json!({"text": "for Grace"})));
    let looks = stage.provider.api.calls_of("/things/7");
    assert_eq!((looks.len(), looks[0].query.as_str()), (1, "of=Grace"));
    for path in ["/notes", "/things/7"] {
        assert_eq!(stage.provider.tokens_of(path), [token.as_str()]);
    }
    let id = run["id"].as_str().expect("an id");
    let steps = stage.product.steps(id).await;
    assert!(!json!(steps).to_string().contains("canary-"), "{steps:#?}");
    let output = stage.product.value(id, "look", "output").await;
    assert_eq!(output["response"]["body"]["path"], "/things/7");
}

#[tokio::test]
async fn an_account_of_another_user_is_not_used() {
    let stage = Stage::shared().await;
    stage.connect(&stage.user).await;
    let event = stage.deploy(stage.one_step("/things/7")).await;
    let run = stage.run_for("somebody-else", &event).await;
    assert_eq!(run["error"]["code"], "no_account", "{run:#}");
    assert!(stage.provider.api.calls_of("/things/7").is_empty());
}

#[tokio::test]
async fn a_token_that_the_provider_refuses_is_renewed_once_for_all_runs() {
    let stage = Stage::shared().await;
    let credential = stage.connect(&stage.user).await;
    let event = stage.deploy(stage.one_step("/things/7")).await;
    tokio::time::sleep(PAUSE).await;
    let first = stage.provider.last_token("/me");
    stage.provider.refuse(&first);

    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(stage.fire_for(&stage.user, &event, json!({})).await);
    }
    for run in &runs {
        let run = stage.product.ended(run).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
    }
    let counters = stage.provider.counters();
    assert_eq!((counters.refreshes, counters.family_revocations), (1, 0));
    let last = stage.provider.last_token("/things/7");
    assert_ne!(last, first);
    assert_eq!(stage.credential(&credential).await["status"], "valid");
    assert_eq!(stage.event_kinds(&credential).await, ["credential.connected"]);
}

#[tokio::test]
async fn a_token_that_ends_is_renewed_before_the_call() {
    let manners = Manners { life: Duration::from_secs(3), ..Manners::default() };
    let provider = Provider::with(manners).await;
    let stage = Stage::of(Product::shared(), provider, &json!({})).await;
    stage.connect(&stage.user).await;
    let first = stage.provider.last_token("/me");
    let event = stage.deploy(stage.one_step("/things/7")).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    stage.provider.oauth.change(|manners| manners.life = Duration::from_secs(3_600));
    // The API itself would still take it: only the time says that it has ended.
    for _ in 0..2 {
        let run = stage.run_for(&stage.user, &event).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
    }
    assert_eq!(stage.provider.counters().refreshes, 1);
    assert!(!stage.provider.tokens_of("/things/7").contains(&first), "an ended token was used");
}

#[tokio::test]
async fn a_dead_account_fails_at_once_says_why_and_heals_when_connected_again() {
    let stage = Stage::shared().await;
    let credential = stage.connect(&stage.user).await;
    let before = stage.credential(&credential).await;
    let event = stage.deploy(stage.one_step("/things/7")).await;
    tokio::time::sleep(PAUSE).await;
    stage.provider.revoke_family(&stage.provider.last_token("/me"));

    let finds_out = stage.run_for(&stage.user, &event).await;
    assert_dead(&finds_out);
    let shown = stage.credential_in(&credential, "invalid").await;
    assert_eq!(shown["status_code"], "revoked", "{shown:#}");
    assert!(!shown["status_reason"].as_str().unwrap_or_default().is_empty(), "{shown:#}");
    assert_ne!(shown["status_at"], before["status_at"], "{shown:#}");
    let events = stage.events(&credential).await;
    let last = events.last().expect("there are events");
    assert_eq!(
        (&last["type"], &last["payload"]["code"]),
        (&"credential.invalid".into(), &"revoked".into())
    );

    let calls = stage.provider.api.calls().len();
    let refreshes = stage.provider.counters().refreshes;
    let knows = stage.run_for(&stage.user, &event).await;
    assert_dead(&knows);
    let (status, refused) = stage.proxied(&stage.user, "/things/7").await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &"credential_invalid".into()));
    assert_eq!(stage.provider.api.calls().len(), calls, "the provider was asked in vain");
    assert_eq!(stage.provider.counters().refreshes, refreshes, "a dead token was sent again");

    let again = stage.connect_with(&stage.user, &json!({ "credential_id": credential })).await;
    assert_eq!(again, credential);
    let run = stage.run_for(&stage.user, &event).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert_eq!(stage.credential(&credential).await["status"], "valid");
    let kinds = stage.event_kinds(&credential).await;
    assert_eq!(kinds, ["credential.connected", "credential.invalid", "credential.connected"]);
}

fn assert_dead(run: &Value) {
    assert_eq!(run["status"], "failed", "{run:#}");
    assert_eq!(run["error"]["code"], "credential_invalid", "{run:#}");
    let message = run["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("connect"), "it does not say what to do: {message}");
    assert!(!message.contains("canary-"), "{message}");
}

#[tokio::test]
async fn a_provider_that_stumbles_while_renewing_costs_no_account() {
    let stage = Stage::shared().await;
    let credential = stage.connect(&stage.user).await;
    let event = stage.deploy_with_retries("/things/7", 6).await;
    tokio::time::sleep(PAUSE).await;
    stage.provider.refuse(&stage.provider.last_token("/me"));
    stage.provider.spoil([Fault::ServerError]);
    let run = stage.run_for(&stage.user, &event).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert_eq!(stage.credential(&credential).await["status"], "valid");
    assert_eq!(stage.provider.counters().family_revocations, 0);
}
