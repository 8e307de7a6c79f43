//! Fan-outs: iterations, their outputs afterwards, and what a run that waits inside of one does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::product::{Product, text_of};
use crate::service::{Reply, Service};

/// Growth of the resident memory that a large fan-out may cause, in bytes.
const GROWTH_BYTES_MAX: u64 = 200 << 20;
/// Items of the large fan-out.
const ITEMS: usize = 100_000;

/// A function step that gives one of its parameters back.
fn give(id: &str, value: &str) -> Value {
    json!({
        "id": id, "type": "function", "parameters": { "value": value },
        "code": "function run({ value }) { return value; }",
    })
}

#[tokio::test]
async fn a_step_of_nested_branches_is_an_array_of_arrays_afterwards() {
    let product = Product::shared();
    let steps = json!([
        { "id": "outer", "type": "fan_out", "over": "{{trigger.event.rows}}", "each": "inner",
          "next": "after" },
        { "id": "inner", "type": "fan_out", "over": "{{outer.instance}}", "each": "cell" },
        give("cell", "{{inner.instance}}"),
        give("after", "{{cell}}"),
    ]);
    let output = product.output(steps, json!({ "rows": [[1, 2], [], [3]] }), "after").await;
    let cell = |value: u32| json!({ "result": value });
    assert_eq!(output["result"], json!([[cell(1), cell(2)], [], [cell(3)]]));
}

#[tokio::test]
async fn a_step_that_an_iteration_passed_over_is_null_afterwards() {
    let product = Product::shared();
    let steps = json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.items}}", "each": "is_odd",
          "next": "after" },
        {
            "id": "is_odd", "type": "conditional", "then": "odd",
            "if": { "operator": "$booleanTrue", "variable": "{{each.instance.odd}}" },
        },
        give("odd", "{{each.index}}"),
        give("after", "{{odd}}"),
    ]);
    let items = json!([{ "odd": false }, { "odd": true }, { "odd": false }, { "odd": true }]);
    let output = product.output(steps, json!({ "items": items }), "after").await;
    assert_eq!(output["result"], json!([null, { "result": 1 }, null, { "result": 3 }]));
}

#[tokio::test]
async fn a_fan_out_over_nothing_goes_on_with_empty_arrays() {
    let product = Product::shared();
    let steps = json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.items}}", "each": "one",
          "next": "after" },
        give("one", "{{each.instance}}"),
        give("after", "{{one}}"),
    ]);
    let output = product.output(steps, json!({ "items": [] }), "after").await;
    assert_eq!(output["result"], json!([]));
}

#[tokio::test]
async fn no_more_iterations_run_at_once_than_allowed() {
    let product = Product::shared();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, seen) = (now.clone(), most.clone());
    let service = Service::start(move |_| {
        seen.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let counted = counted.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            counted.fetch_sub(1, Ordering::SeqCst);
        });
        Reply::json(200, &Value::Null).after(Duration::from_millis(60))
    })
    .await;
    let steps = json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.items}}", "parallelism": 4,
          "each": "call" },
        { "id": "call", "type": "request", "url": service.url },
    ]);
    product.run(steps, json!({ "items": (0..24).collect::<Vec<u32>>() })).await;
    assert_eq!(service.calls().len(), 24);
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_failed_iteration_fails_the_run() {
    let product = Product::shared();
    let service =
        Service::start(|call| Reply::json(if call.path == "/3" { 400 } else { 200 }, &Value::Null))
            .await;
    let steps = json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.items}}", "each": "call",
          "next": "after" },
        { "id": "call", "type": "request", "url": format!("{}/{{{{each.instance}}}}", service.url) },
        give("after", "{{each.count}}"),
    ]);
    let run = product.run(steps, json!({ "items": [1, 2, 3, 4] })).await;
    assert_eq!(run["status"], "failed");
    assert_eq!(run["error"]["step"], "call");
}

/// Item 1 is answered with 503 at first; the others must not be called again for it.
#[tokio::test]
async fn a_retry_inside_does_not_run_finished_iterations_again() {
    let product = Product::shared();
    let service = Service::start(|call| {
        let fails = call.path == "/b/1" && call.before == 0;
        Reply::json(if fails { 503 } else { 200 }, &json!(call.path))
    })
    .await;
    let url = |name: &str| format!("{}/{name}/{{{{each.instance}}}}", service.url);
    let retry = json!({ "retries": 2, "backoff": { "schedule": [0.5] }, "jitter": "none" });
    let steps = json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.items}}", "each": "a",
          "next": "after" },
        { "id": "a", "type": "request", "url": url("a"), "next": "b" },
        { "id": "b", "type": "request", "url": url("b"), "retry": retry },
        give("after", "{{b}}"),
    ]);
    let run = product.run(steps, json!({ "items": [0, 1, 2, 3] })).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for call in service.calls() {
        *counts.entry(call.path).or_default() += 1;
    }
    for item in 0..4 {
        assert_eq!(counts[&format!("/a/{item}")], 1, "{counts:?}");
        assert_eq!(counts[&format!("/b/{item}")], if item == 1 { 2 } else { 1 }, "{counts:?}");
    }
}

#[tokio::test]
async fn outputs_of_iterations_before_a_wait_are_there_after_it() {
    let product = Product::shared();
    let service = Service::start(|call| {
        let fails = call.path == "/1" && call.before == 0;
        Reply::json(if fails { 503 } else { 200 }, &json!(call.path))
    })
    .await;
    let retry = json!({ "retries": 2, "backoff": { "schedule": [0.2] }, "jitter": "none" });
    let steps = json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.items}}", "each": "call",
          "next": "after" },
        { "id": "call", "type": "request", "retry": retry,
          "url": format!("{}/{{{{each.instance}}}}", service.url) },
        {
            "id": "after", "type": "function", "parameters": { "calls": "{{call}}" },
            "code": "function run({ calls }) { return calls.map((call) => call.response.body); }",
        },
    ]);
    let output = product.output(steps, json!({ "items": [0, 1, 2] }), "after").await;
    assert_eq!(output["result"], json!(["/0", "/1", "/2"]));
}

#[tokio::test]
async fn a_large_fan_out_keeps_within_memory_and_runs_every_item() {
    let product = Product::own(&[]);
    let steps = json!([
        {
            "id": "make", "type": "function", "next": "each",
            "code": format!(
                "function run() {{ return Array.from({{ length: {ITEMS} }}, (_, n) => \
                 ({{ n, text: 'x'.repeat(40) }})); }}"
            ),
        },
        { "id": "each", "type": "fan_out", "over": "{{make.result}}", "each": "look",
          "parallelism": 20 },
        {
            "id": "look", "type": "conditional",
            "if": { "operator": "$numberGreaterThan", "variable": "{{each.instance.n}}",
                    "argument": 5 },
        },
    ]);
    let event = product.deploy(steps).await;
    let before = product.resident_bytes();
    let runs = product.fire(&event, json!({})).await;
    let mut most = before;
    let run = loop {
        most = most.max(product.resident_bytes());
        let (_, run) = product.get(&format!("/runs/{}", runs[0])).await;
        if run["finished_at"].is_string() {
            break run;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(run["status"], "succeeded", "{run:#}");
    // One record of `make` and one of `each`; for each item its own and the end of its iteration.
    assert_eq!(run["attempts"], 2 + 2 * ITEMS);
    let grown = most - before;
    assert!(grown < GROWTH_BYTES_MAX, "{} grew by {} MB", text_of(&run["id"]), grown >> 20);
}
