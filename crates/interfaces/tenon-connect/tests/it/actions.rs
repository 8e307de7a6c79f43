//! Options of settings that come from the provider.

use http::Method;
use serde_json::{Value, json};

use crate::stage::{ACME, Stage};

async fn ask(stage: &Stage, body: Value) -> crate::stage::Answer {
    stage.call("ann", Method::POST, "/sdk/actions", Some(body)).await
}

#[tokio::test]
async fn options_come_in_pages_with_what_was_asked() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    let body = |cursor: Value| {
        json!({
            "action": ACME, "sourceKey": "channels",
            "parameters": [
                {"key": "workspace", "source": {"type": "VALUE", "value": "w1"}},
                {"key": "ignored", "source": {"type": "VARIABLE", "stepId": "x"}},
            ],
            "paginationParameters": {"pageCursor": cursor, "search": "gen"},
        })
    };
    let first = ask(&stage, body(json!(0))).await.ok();
    assert_eq!(first["output"]["nextPageCursor"], "2");
    let record = &first["output"]["records"][0];
    assert_eq!(record["label"], r#"ann None Some("gen") {"workspace":"w1"}"#);
    assert_eq!(record["value"], credential["id"]);
    let last = ask(&stage, body(json!("2"))).await.ok();
    assert_eq!(last["output"]["nextPageCursor"], json!(null));
}

#[tokio::test]
async fn failures_are_told_by_whose_they_are() {
    let stage = Stage::new().await;
    let source = |key: &str| json!({"action": ACME, "sourceKey": key});
    ask(&stage, source("channels")).await.refused(404, "not_found");
    stage.connect("ann").await;
    let body = ask(&stage, source("broken")).await.refused(424, "source_failed");
    assert_eq!(body["meta"], json!({"isIntegrationError": true, "message": "Acme says: no"}));
    let body = ask(&stage, source("dead")).await.refused(422, "credential_invalid");
    assert_eq!(
        body["meta"],
        json!({
            "isIntegrationError": true,
            "message": "the account has to be connected again: it was revoked",
        })
    );
    let body = ask(&stage, source("unchosen")).await.refused(422, "invalid_field");
    assert!(body.to_string().contains("choose `bases` first"), "{body}");
    let body = ask(&stage, source("away")).await.refused(503, "unavailable");
    assert!(!body.to_string().contains("sleeps"), "a cause is shown: {body}");
    let body = ask(&stage, source("nothing")).await.refused(404, "not_found");
    assert!(body["meta"].get("isIntegrationError").is_none(), "it is the builder's mistake");
    ask(&stage, json!({"action": "nothing", "sourceKey": "x"})).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_connector_without_webhooks_has_no_triggers_and_the_answer_says_it_in_shape() {
    let stage = Stage::new().await;
    let triggers = stage.get("ann", &format!("/triggers?integrations={ACME},nothing")).await;
    assert_eq!(triggers["triggers"], json!({ACME: []}));
    assert_eq!(triggers["errors"][0]["type"], "nothing");
    let path = "/sdk/resources/6f9619ff-8b86-4011-b42d-00c04fc964ff/connect";
    let answer = stage.call("ann", Method::POST, path, Some(json!({"a": 1}))).await;
    answer.refused(404, "not_found");
}
