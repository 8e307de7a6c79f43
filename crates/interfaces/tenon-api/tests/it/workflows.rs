//! `/workflows` and `/test-runs`.

use http::StatusCode;
use serde_json::{Value, json};

use super::fakes::{version, workflow};
use super::{Bench, problem};

pub fn document(name: &str, seconds: u32) -> Value {
    let text = format!(
        "version: 1\nname: {name}\ntriggers:\n  - type: app_event\n    event: signed_up\n\
         steps:\n  - id: first\n    type: delay\n    seconds: {seconds}\n"
    );
    json!({"file": format!("{name}.yaml"), "text": text})
}

async fn apply(bench: &Bench, documents: Value) -> Value {
    let (status, body) = bench.post("/workflows/apply", json!({"documents": documents})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

#[tokio::test]
async fn documents_are_deployed_and_the_same_ones_change_nothing() {
    let bench = Bench::new();
    let documents = json!([document("welcome", 1), document("bye", 1)]);
    let body = apply(&bench, documents.clone()).await;
    assert_eq!(
        body,
        json!({"dry_run": false, "integrations": [], "applied": [
            {"workflow_id": workflow(1), "name": "welcome", "version_id": version(1),
             "version": 1, "changed": true},
            {"workflow_id": workflow(2), "name": "bye", "version_id": version(1),
             "version": 1, "changed": true},
        ]})
    );
    let again = apply(&bench, documents).await;
    assert_eq!(again["applied"][0]["changed"], false);
    let changed = apply(&bench, json!([document("welcome", 2)])).await;
    assert_eq!(changed["applied"][0]["version"], 2);
}

#[tokio::test]
async fn a_dry_run_tells_and_deploys_nothing() {
    let bench = Bench::new();
    let request = json!({"documents": [document("welcome", 1)], "dry_run": true});
    let (_, body) = bench.post("/workflows/apply", request).await;
    assert_eq!(
        body,
        json!({"dry_run": true, "integrations": [], "applied": [
            {"workflow_id": null, "name": "welcome", "version_id": null, "version": 1,
             "changed": true},
        ]})
    );
    assert_eq!(bench.get("/workflows").await.1, json!({"workflows": []}));
}

#[tokio::test]
async fn integrations_are_applied_with_workflows_in_one_call() {
    let bench = Bench::new();
    let slack =
        json!({"file": "slack.yaml", "text": "kind: integration\nversion: 1\nconnector: slack\n"});
    let body = apply(&bench, json!([document("welcome", 1), slack])).await;
    assert_eq!(body["applied"].as_array().map(Vec::len), Some(1));
    assert_eq!(body["integrations"][0]["connector"], "slack");
    assert!(body["integrations"][0]["integration_id"].is_string());

    let request = json!({"documents": [slack, slack]});
    let body = problem(bench.post("/workflows/apply", request).await, 422, "invalid_document");
    assert_eq!(body["errors"][0]["pointer"], "/connector", "each connector once");
    let test = json!({"document": slack, "input": {}});
    problem(bench.post("/test-runs", test).await, 422, "invalid_field");
}

#[tokio::test]
async fn a_fault_names_file_line_column_and_step_and_nothing_is_deployed() {
    let bench = Bench::new();
    let mut bad = document("bad", 1);
    let text = format!("{}    next: frist\n", bad["text"].as_str().expect("it is text"));
    bad["text"] = json!(text);
    let request = json!({"documents": [document("good", 1), bad]});
    let body = problem(bench.post("/workflows/apply", request).await, 422, "invalid_document");
    let fault = &body["errors"][0];
    assert_eq!(
        (&fault["file"], &fault["line"], &fault["column"], &fault["step"]),
        (&json!("bad.yaml"), &json!(10), &json!(11), &json!("first")),
        "{body}"
    );
    assert!(fault["code"].is_string() && fault["message"].is_string(), "{fault}");
    assert_eq!(bench.get("/workflows").await.1, json!({"workflows": []}));
}

#[tokio::test]
async fn faults_of_all_documents_are_named_at_once() {
    let bench = Bench::new();
    let broken = |file: &str| json!({"file": file, "text": "version: ["});
    let request = json!({"documents": [broken("a.yaml"), document("x", 1), broken("b.yaml")]});
    let body = problem(bench.post("/workflows/apply", request).await, 422, "invalid_document");
    let files: Vec<_> = body["errors"]
        .as_array()
        .expect("there are faults")
        .iter()
        .map(|fault| fault["file"].as_str().unwrap_or_default())
        .collect();
    assert!(files.contains(&"a.yaml") && files.contains(&"b.yaml"), "{files:?}");
}

#[tokio::test]
async fn connectors_actions_and_sources_that_are_not_there_are_refused() {
    let bench = Bench::new();
    let workflow = json!({"file": "w.yaml", "text": "\
version: 1
name: w
integration: custom.acme
inputs:
  - {id: list, title: List, type: dynamic_select, source: lists}
triggers: [{type: app_event, event: a}]
steps:
  - {id: one, type: action, connector: custom.acme, action: nothing, input: {}, next: two}
  - {id: two, type: action, connector: custom.acm, action: any, input: {}}
"});
    let integration = json!({"file": "i.yaml", "text": "\
kind: integration
version: 1
connector: custom.acme
inputs:
  - {id: base, title: Base, type: combo, source: bases}
"});
    let request = json!({"documents": [workflow, integration]});
    let body = problem(bench.post("/workflows/apply", request).await, 422, "invalid_document");
    let told: Vec<_> = body["errors"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|it| ["code", "file", "pointer"].map(|of| it[of].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [
            ["unknown_action", "w.yaml", "/steps/0/action"],
            ["unknown_connector", "w.yaml", "/steps/1/connector"],
            ["unknown_source", "w.yaml", "/inputs/0/source"],
            ["unknown_source", "i.yaml", "/inputs/0/source"],
        ],
        "{body}"
    );
    assert!(body["errors"][1]["help"].as_str().is_some_and(|it| it.contains("custom.acme")));
    assert_eq!(bench.get("/workflows").await.1, json!({"workflows": []}));
}

#[tokio::test]
async fn two_documents_with_one_name_are_refused() {
    let bench = Bench::new();
    let mut second = document("welcome", 2);
    second["file"] = json!("copy.yaml");
    let request = json!({"documents": [document("welcome", 1), second]});
    let body = problem(bench.post("/workflows/apply", request).await, 422, "invalid_document");
    assert_eq!(body["errors"][0]["code"], "duplicate_name");
    assert_eq!(body["errors"][0]["file"], "copy.yaml");
}

#[tokio::test]
async fn the_number_of_documents_is_bounded() {
    let bench = Bench::new();
    let many: Vec<Value> = (0..201).map(|n| document(&format!("w{n}"), 1)).collect();
    for documents in [json!([]), json!(many)] {
        let answer = bench.post("/workflows/apply", json!({"documents": documents})).await;
        let body = problem(answer, 422, "invalid_field");
        assert_eq!(body["errors"][0]["pointer"], "/documents");
    }
}

#[tokio::test]
async fn a_workflow_is_shown_with_its_document_and_versions() {
    let bench = Bench::new();
    apply(&bench, json!([document("welcome", 1)])).await;
    apply(&bench, json!([document("welcome", 2)])).await;
    let path = format!("/workflows/{}", workflow(1));
    let (_, mut body) = bench.get(&path).await;
    let shown = body["document"].take();
    assert_eq!(
        body,
        json!({
            "id": workflow(1), "name": "welcome", "deployed": true, "version_id": version(2),
            "version": 2, "created_at": "2026-03-01T08:00:00Z", "updated_at": "2026-03-01T08:00:00Z",
            "document": null,
        })
    );
    assert_eq!(shown["steps"][0]["seconds"], 2);
    let (_, versions) = bench.get(&format!("{path}/versions")).await;
    assert_eq!(versions["versions"][0]["number"], 2);
    assert_eq!(versions["versions"][1]["id"], json!(version(1)));
}

#[tokio::test]
async fn an_undeployed_workflow_stays_in_the_list() {
    let bench = Bench::new();
    apply(&bench, json!([document("welcome", 1)])).await;
    let path = format!("/workflows/{}", workflow(1));
    assert_eq!(bench.delete(&path).await, (StatusCode::NO_CONTENT, Value::Null));
    let (_, body) = bench.get("/workflows").await;
    assert_eq!(body["workflows"][0]["deployed"], false);
    assert_eq!(body["workflows"][0]["version"], Value::Null);
    assert_eq!(bench.get(&path).await.1["document"]["name"], "welcome");
    problem(bench.delete(&format!("/workflows/{}", workflow(5))).await, 404, "not_found");
}

#[tokio::test]
async fn a_draft_is_tested_without_being_deployed() {
    let bench = Bench::new();
    let request = json!({
        "document": document("draft", 1), "user": "user-17", "input": {"event": {"n": 1}},
    });
    let (status, body) = bench.post("/test-runs", request).await;
    assert_eq!((status.as_u16(), body), (202, json!({"run_id": super::fakes::run(100)})));
    assert_eq!(
        bench.world.asked(),
        [
            "draft draft".to_owned(),
            format!("test {} for user-17 with {{\"event\":{{\"n\":1}}}}", version(9)),
        ]
    );
    assert_eq!(bench.get("/workflows").await.1, json!({"workflows": []}));
}

#[tokio::test]
async fn a_test_of_an_invalid_draft_or_user_starts_nothing() {
    let bench = Bench::new();
    let broken = json!({"document": {"file": "a.yaml", "text": "name: x"}});
    problem(bench.post("/test-runs", broken).await, 422, "invalid_document");
    let nobody = json!({"document": document("draft", 1), "user": ""});
    problem(bench.post("/test-runs", nobody).await, 422, "invalid_field");
    assert!(bench.world.asked().is_empty());
}
