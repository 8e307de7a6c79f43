//! Each step type, from the document to what history shows; retries and failures.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::product::{Product, document, fresh_name, text_of};
use crate::service::{Reply, Service};

/// A retry policy that does not make tests wait.
fn quick_retry(retries: u32) -> Value {
    json!({ "retries": retries, "backoff": { "schedule": [0.05] }, "jitter": "none" })
}

#[tokio::test]
async fn a_request_step_sends_what_its_templates_say() {
    let (product, service) = (Product::shared(), Service::echo().await);
    let steps = json!([{
        "id": "call", "type": "request", "method": "PUT",
        "url": format!("{}/things/{{{{trigger.event.id}}}}", service.url),
        "query": { "tag": ["a", "b c"] },
        "headers": { "X-Who": "{{trigger.event.who}}" },
        "body": { "json": { "n": "{{trigger.event.n}}" } },
    }]);
    product.run(steps, json!({ "id": "x/y", "who": "ada", "n": 7 })).await;
    let calls = service.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].method, "PUT");
    assert_eq!(calls[0].path, "/things/x%2Fy");
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(calls[0].query.as_bytes()).into_owned().collect();
    assert_eq!(query, [("tag".into(), "a".into()), ("tag".into(), "b c".into())]);
    assert_eq!(calls[0].header("x-who"), "ada");
    assert_eq!(calls[0].body, json!({ "n": 7 }));
}

#[tokio::test]
async fn a_request_step_gives_status_headers_and_body() {
    let product = Product::shared();
    let service =
        Service::start(|_| Reply::json(201, &json!({ "ok": true })).header("x-kind", "thing"))
            .await;
    let steps = json!([{ "id": "call", "type": "request", "url": service.url }]);
    let output = product.output(steps, json!({}), "call").await;
    assert_eq!(output["response"]["statusCode"], 201);
    assert_eq!(output["response"]["headers"]["x-kind"], "thing");
    assert_eq!(output["response"]["body"], json!({ "ok": true }));
}

#[tokio::test]
async fn a_function_step_gets_its_parameters_and_gives_json() {
    let product = Product::shared();
    let steps = json!([{
        "id": "sum", "type": "function", "parameters": { "items": "{{trigger.event.items}}" },
        "code": "async function run({ items }) { return { sum: items.reduce((a, b) => a + b, 0) }; }",
    }]);
    let output = product.output(steps, json!({ "items": [1, 2, 39] }), "sum").await;
    assert_eq!(output, json!({ "result": { "sum": 42 } }));
}

fn branching() -> Value {
    let code = |name: &str| format!("function run() {{ return '{name}'; }}");
    json!([
        {
            "id": "is_large", "type": "conditional", "next": "after",
            "if": {
                "operator": "$numberGreaterThan", "variable": "{{trigger.event.n}}", "argument": 10,
            },
            "then": "large", "else": "small",
        },
        { "id": "large", "type": "function", "code": code("large") },
        { "id": "small", "type": "function", "code": code("small") },
        {
            "id": "after", "type": "function",
            "parameters": { "way": "{{large?.result ?? small?.result}}" },
            "code": "function run({ way }) { return way; }",
        },
    ])
}

#[tokio::test]
async fn only_the_branch_that_is_taken_runs() {
    let product = Product::shared();
    let run = product.run(branching(), json!({ "n": 11 })).await;
    let steps = product.steps(&text_of(&run["id"])).await;
    let names: Vec<&str> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!(names, ["is_large", "large", "after"]);
}

#[tokio::test]
async fn branches_join_before_the_next_step() {
    let product = Product::shared();
    let output = product.output(branching(), json!({ "n": 3 }), "after").await;
    assert_eq!(output["result"], "small");
}

#[tokio::test]
async fn a_paginated_request_gives_the_items_of_all_pages() {
    let product = Product::shared();
    let service = Service::start(|call| {
        let page: u32 = call.query.trim_start_matches("page=").parse().unwrap_or(1);
        let next = if page < 4 { json!(page + 1) } else { Value::Null };
        Reply::json(200, &json!({ "items": [page * 10, page * 10 + 1], "next": next }))
    })
    .await;
    let steps = json!([{
        "id": "list", "type": "request", "url": service.url,
        "query": { "page": "{{self.pageToken}}" },
        "pagination": {
            "page_token": "{{self.response.body.next}}", "items": "{{self.response.body.items}}",
        },
    }]);
    let output = product.output(steps, json!({}), "list").await;
    assert_eq!(output["response"]["body"], json!([10, 11, 20, 21, 30, 31, 40, 41]));
}

#[tokio::test]
async fn a_delay_goes_on_at_its_time() {
    let product = Product::shared();
    let steps = json!([
        { "id": "wait", "type": "delay", "seconds": 1, "next": "after" },
        { "id": "after", "type": "function", "code": "function run() { return 1; }" },
    ]);
    let event = product.deploy(steps).await;
    let begun = Instant::now();
    let runs = product.fire(&event, json!({})).await;
    product.ended(&runs[0]).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(1), "it went on early, after {took:?}");
    assert!(took < Duration::from_millis(2_500), "it went on late, after {took:?}");
}

#[tokio::test]
async fn a_run_in_a_delay_shows_that_it_waits() {
    let product = Product::shared();
    let event = product.deploy(json!([{ "id": "wait", "type": "delay", "days": 400 }])).await;
    let runs = product.fire(&event, json!({})).await;
    let run = product.in_status(&runs[0], "waiting").await;
    let resumes: jiff::Timestamp = text_of(&run["resumes_at"]).parse().expect("a time");
    let hours = resumes.duration_since(jiff::Timestamp::now()).as_hours();
    assert!((399 * 24..=400 * 24).contains(&hours), "{hours} hours");
}

#[tokio::test]
async fn a_response_step_answers_with_status_headers_and_json() {
    let product = Product::shared();
    let name = fresh_name();
    let steps = json!([{
        "id": "answer", "type": "response", "status": 207, "headers": { "X-Mark": "m" },
        "body": { "json": { "got": "{{trigger.request.body}}" } },
    }]);
    product.apply(&document(&name, json!([{ "type": "request" }]), steps)).await;
    let call = product.call(Method::POST, &format!("/triggers/{name}")).json(&json!([1, 2]));
    let response = call.send().await.expect("an answer");
    assert_eq!(response.status(), 207);
    assert_eq!(response.headers()["x-mark"], "m");
    assert_eq!(response.json::<Value>().await.expect("JSON"), json!({ "got": [1, 2] }));
}

#[tokio::test]
async fn a_response_step_answers_with_the_bytes_of_a_file() {
    let product = Product::shared();
    let bytes: Vec<u8> = (0..=255).collect();
    let file = bytes.clone();
    let service = Service::start(move |_| Reply::bytes("application/pdf", file.clone())).await;
    let name = fresh_name();
    let steps = json!([
        {
            "id": "fetch", "type": "request", "url": format!("{}/a.pdf", service.url),
            "response": "binary", "next": "answer",
        },
        { "id": "answer", "type": "response", "body": { "file": "{{fetch.response.body}}" } },
    ]);
    product.apply(&document(&name, json!([{ "type": "request" }]), steps)).await;
    let call = product.call(Method::GET, &format!("/triggers/{name}"));
    let response = call.send().await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert_eq!(response.bytes().await.expect("the file"), bytes);
}

#[tokio::test]
async fn each_attempt_is_recorded_with_its_answer() {
    let product = Product::shared();
    let service = Service::start(|call| {
        if call.before < 2 { Reply::json(503, &json!("busy")) } else { Reply::json(200, &json!(1)) }
    })
    .await;
    let steps = json!([{
        "id": "call", "type": "request", "url": service.url, "retry": quick_retry(5),
    }]);
    let run = product.run(steps, json!({})).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let records = product.records(&text_of(&run["id"]), "call").await;
    let shown: Vec<Value> =
        records.iter().map(|record| json!([record["attempt"], record["status"]])).collect();
    assert_eq!(Value::from(shown), json!([[1, "retrying"], [2, "retrying"], [3, "succeeded"]]));
}

#[tokio::test]
async fn all_attempts_of_a_step_carry_one_idempotency_key() {
    let product = Product::shared();
    let service =
        Service::start(|call| Reply::json(if call.before < 2 { 500 } else { 200 }, &Value::Null))
            .await;
    let steps = json!([
        { "id": "a", "type": "request", "url": format!("{}/a", service.url), "method": "POST",
          "retry": quick_retry(3), "next": "b" },
        { "id": "b", "type": "request", "url": format!("{}/b", service.url), "method": "POST",
          "retry": quick_retry(3) },
    ]);
    product.run(steps, json!({})).await;
    let keys_of = |path| -> Vec<String> {
        let calls = service.calls_of(path);
        calls.iter().map(|call| call.header("idempotency-key").to_owned()).collect()
    };
    let (of_a, of_b) = (keys_of("/a"), keys_of("/b"));
    assert!(!of_a[0].is_empty());
    assert_eq!(of_a, vec![of_a[0].clone(); 3]);
    assert_eq!(of_b, vec![of_b[0].clone(); 3]);
    assert_ne!(of_a[0], of_b[0], "two steps share a key");
}

#[tokio::test]
async fn a_status_outside_of_the_policy_is_not_tried_again() {
    let product = Product::shared();
    let service = Service::start(|_| Reply::json(404, &json!("no"))).await;
    let steps = json!([{
        "id": "call", "type": "request", "url": service.url, "retry": quick_retry(5),
    }]);
    let run = product.run(steps, json!({})).await;
    assert_eq!(run["status"], "failed");
    assert_eq!(service.calls().len(), 1);
}

#[tokio::test]
async fn retries_end_when_the_policy_says_so() {
    let product = Product::shared();
    let service = Service::start(|_| Reply::json(500, &Value::Null)).await;
    let steps = json!([{
        "id": "call", "type": "request", "url": service.url, "retry": quick_retry(2),
    }]);
    let run = product.run(steps, json!({})).await;
    assert_eq!(run["status"], "failed");
    assert_eq!(service.calls().len(), 3);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let product = Product::shared();
    let service = Service::start(|call| match call.before {
        0 => Reply::json(429, &Value::Null).header("retry-after", "2"),
        _ => Reply::json(200, &Value::Null),
    })
    .await;
    let steps = json!([{
        "id": "call", "type": "request", "url": service.url, "retry": quick_retry(1),
    }]);
    product.run(steps, json!({})).await;
    let calls = service.calls();
    let gap = calls[1].at - calls[0].at;
    assert!(gap >= Duration::from_millis(1_990), "tried again after {gap:?}");
}

#[tokio::test]
async fn a_failed_step_fails_its_run_with_code_and_step() {
    let product = Product::shared();
    let service = Service::start(|_| Reply::json(418, &json!("teapot"))).await;
    let steps = json!([
        { "id": "brew", "type": "request", "url": service.url, "next": "never" },
        { "id": "never", "type": "function", "code": "function run() {}" },
    ]);
    let run = product.run(steps, json!({})).await;
    assert_eq!(run["status"], "failed");
    assert_eq!(run["error"]["step"], "brew");
    assert_eq!(run["error"]["code"], "request_status");
    assert!(product.records(&text_of(&run["id"]), "never").await.is_empty());
}

#[tokio::test]
async fn a_failure_that_is_ignored_is_seen_by_the_next_step() {
    let product = Product::shared();
    let service = Service::start(|_| Reply::json(410, &json!({ "why": "gone" }))).await;
    let steps = json!([
        { "id": "call", "type": "request", "url": service.url, "ignore_failure": true,
          "next": "after" },
        {
            "id": "after", "type": "function",
            "parameters": {
                "code": "{{call.error.code}}", "why": "{{call.response.body.why}}",
            },
            "code": "function run(given) { return given; }",
        },
    ]);
    let output = product.output(steps, json!({}), "after").await;
    assert_eq!(output["result"], json!({ "code": "request_status", "why": "gone" }));
}
