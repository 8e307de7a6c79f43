//! Functions that misbehave: the step fails with a reason within its limit, neighbours go on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::product::{Product, document, fresh_name, text_of};

/// A function step that may take half a second.
fn function(code: &str) -> Value {
    json!([{ "id": "bad", "type": "function", "timeout_ms": 500, "code": code }])
}

/// Runs code that must fail soon; answers its error.
async fn error_of(code: &str) -> Value {
    let product = Product::shared();
    let event = product.deploy(function(code)).await;
    let begun = Instant::now();
    let runs = product.fire(&event, json!({})).await;
    let run = product.ended(&runs[0]).await;
    assert_eq!(run["status"], "failed", "{run:#}");
    assert_eq!(run["error"]["step"], "bad");
    assert!(begun.elapsed() < Duration::from_secs(8), "it took {:?}", begun.elapsed());
    run["error"].clone()
}

#[tokio::test]
async fn an_endless_loop_ends_at_its_time_limit() {
    let error = error_of("function run() { for (;;) {} }").await;
    assert_eq!(error["code"], "function_timeout");
}

#[tokio::test]
async fn a_memory_bomb_ends_at_its_memory_limit() {
    let code =
        "function run() { const all = []; for (;;) all.push('x'.repeat(1 << 20) + all.length); }";
    let error = error_of(code).await;
    assert_eq!(error["code"], "function_memory");
}

#[tokio::test]
async fn a_promise_that_never_settles_is_an_unusable_result() {
    let error = error_of("function run() { return new Promise(() => {}); }").await;
    assert_eq!(error["code"], "function_result");
}

#[tokio::test]
async fn a_promise_that_settles_too_late_ends_at_its_time_limit() {
    let code = "function run() { return new Promise((done) => setTimeout(done, 60000)); }";
    let error = error_of(code).await;
    assert_eq!(error["code"], "function_timeout");
}

/// A hundred megabytes are over one limit or the other: of the result, or of the memory.
#[tokio::test]
async fn a_result_of_a_hundred_megabytes_is_refused() {
    let code = "function run() { return Array(100).fill('x'.repeat(1 << 20)); }";
    let error = error_of(code).await;
    let code = text_of(&error["code"]);
    assert!(["function_result", "function_memory"].contains(&code.as_str()), "{error:#}");
}

#[tokio::test]
async fn a_result_over_the_limit_is_an_unusable_result() {
    let error = error_of("function run() { return 'x'.repeat(9 << 20); }").await;
    assert_eq!(error["code"], "function_result");
}

#[tokio::test]
async fn what_a_function_throws_is_in_its_error() {
    let error = error_of("function run() { throw new TypeError('no luck'); }").await;
    assert_eq!(error["code"], "function_threw");
    assert!(text_of(&error["message"]).contains("no luck"), "{error:#}");
}

#[tokio::test]
async fn a_function_that_is_tried_again_gets_a_fresh_state() {
    let product = Product::shared();
    let code = "globalThis.count = (globalThis.count ?? 0) + 1;\n\
                function run() { return globalThis.count; }";
    let steps = json!([
        { "id": "a", "type": "function", "code": code, "next": "b" },
        { "id": "b", "type": "function", "code": code },
    ]);
    let output = product.output(steps, json!({}), "b").await;
    assert_eq!(output["result"], 1);
}

#[tokio::test]
async fn neighbours_go_on_while_functions_misbehave() {
    let product = Product::shared();
    let loops = product.deploy(function("function run() { for (;;) {} }")).await;
    let bomb =
        "function run() { const all = []; for (;;) all.push('x'.repeat(1 << 20) + all.length); }";
    let bombs = product.deploy(function(bomb)).await;
    let neighbour = product.deploy(function("function run() { return 'fine'; }")).await;
    let mut bad = Vec::new();
    for _ in 0..3 {
        bad.extend(product.fire(&loops, json!({})).await);
        bad.extend(product.fire(&bombs, json!({})).await);
    }
    for _ in 0..5 {
        let runs = product.fire(&neighbour, json!({})).await;
        let run = product.ended(&runs[0]).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
    }
    for run in bad {
        assert_eq!(product.ended(&run).await["status"], "failed");
    }
}

#[tokio::test]
async fn code_that_does_not_parse_is_refused_at_apply() {
    let product = Product::shared();
    let name = fresh_name();
    let triggers = json!([{ "type": "app_event", "event": name }]);
    let broken = document(&name, triggers, function("function run() {\n  return 1 +;\n}"));
    let body = json!({ "documents": [{ "file": "broken.json", "text": broken.to_string() }] });
    let (status, problem) = product.post("/workflows/apply", &body).await;
    assert_eq!(status.as_u16(), 422, "{problem:#}");
    let fault = &problem["errors"][0];
    assert_eq!(fault["code"], "function_syntax");
    assert_eq!(fault["step"], "bad");
    assert_eq!(fault["file"], "broken.json");
    assert!(text_of(&fault["message"]).contains('2'), "the line is named: {fault:#}");
    let listed = product.get("/workflows").await.1.to_string();
    assert!(!listed.contains(&name), "nothing is deployed");
}
