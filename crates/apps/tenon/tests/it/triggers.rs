//! What starts runs, for whom, and what the caller hears.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::product::{Product, answer, document, fresh_name, text_of};
use crate::service::{Reply, Service};

/// One step that does nothing of note.
fn nothing() -> Value {
    json!([{ "id": "only", "type": "function", "code": "function run() { return 1; }" }])
}

fn on_request() -> Value {
    json!([{ "type": "request" }])
}

#[tokio::test]
async fn a_request_without_a_response_step_is_answered_at_once() {
    let product = Product::shared();
    let name = fresh_name();
    let steps = json!([{ "id": "wait", "type": "delay", "days": 1 }]);
    product.apply(&document(&name, on_request(), steps)).await;
    let (status, body) = product.post(&format!("/triggers/{name}"), &json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    product.in_status(&text_of(&body["run"]), "waiting").await;
}

#[tokio::test]
async fn a_workflow_sees_method_parameters_headers_and_body_of_its_request() {
    let product = Product::shared();
    let name = fresh_name();
    let steps = json!([{
        "id": "answer", "type": "response",
        "body": { "json": {
            "method": "{{trigger.request.method}}", "params": "{{trigger.request.params}}",
            "mark": "{{trigger.request.headers[\"x-mark\"]}}",
            "body": "{{trigger.request.body}}",
        } },
    }]);
    product.apply(&document(&name, on_request(), steps)).await;
    let call = product.call(Method::PUT, &format!("/triggers/{name}?a=1&a=2&b=3"));
    let (_, seen) = answer(call.header("x-mark", "m").json(&json!({ "n": 1 }))).await;
    let expected = json!({
        "method": "PUT", "params": { "a": ["1", "2"], "b": "3" }, "mark": "m", "body": { "n": 1 },
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_run_goes_on_after_its_answer() {
    let product = Product::shared();
    let service =
        Service::start(|_| Reply::json(200, &Value::Null).after(Duration::from_millis(300))).await;
    let name = fresh_name();
    let steps = json!([
        { "id": "answer", "type": "response", "status": 201, "next": "after" },
        { "id": "after", "type": "request", "url": service.url },
    ]);
    product.apply(&document(&name, on_request(), steps)).await;
    let response = product.call(Method::POST, &format!("/triggers/{name}")).send().await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), 201);
    let run = response.headers()["tenon-run"].to_str().expect("a run id").to_owned();
    let (_, shown) = product.get(&format!("/runs/{run}")).await;
    assert!(shown["finished_at"].is_null(), "the caller waited for the whole run");
    assert_eq!(product.ended(&run).await["status"], "succeeded");
}

#[tokio::test]
async fn a_caller_who_waited_too_long_hears_so_and_the_run_goes_on() {
    let product = Product::shared();
    let service =
        Service::start(|_| Reply::json(200, &Value::Null).after(Duration::from_secs(2))).await;
    let name = fresh_name();
    let steps = json!([
        { "id": "slow", "type": "request", "url": service.url, "next": "answer" },
        { "id": "answer", "type": "response" },
    ]);
    let mut late = document(&name, on_request(), steps);
    late["settings"]["response_timeout_seconds"] = json!(1);
    product.apply(&late).await;
    let response = product.call(Method::POST, &format!("/triggers/{name}")).send().await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let run = response.headers()["tenon-run"].to_str().expect("a run id").to_owned();
    let problem: Value = response.json().await.expect("a problem");
    assert_eq!(problem["code"], "response_timeout");
    assert_eq!(product.ended(&run).await["status"], "succeeded");
}

#[tokio::test]
async fn a_run_that_fails_before_its_answer_does_not_keep_the_caller_waiting() {
    let product = Product::shared();
    let name = fresh_name();
    let steps = json!([
        { "id": "broken", "type": "function", "code": "function run() { throw new Error('x'); }",
          "next": "answer" },
        { "id": "answer", "type": "response" },
    ]);
    product.apply(&document(&name, on_request(), steps)).await;
    let begun = std::time::Instant::now();
    let (status, _) = product.post(&format!("/triggers/{name}"), &json!({})).await;
    assert!(status.is_server_error(), "{status}");
    assert!(begun.elapsed() < Duration::from_secs(10), "the caller waited for the limit");
}

#[tokio::test]
async fn a_workflow_without_a_request_trigger_is_not_started_by_one() {
    let product = Product::shared();
    let event = product.deploy(nothing()).await;
    let (status, problem) = product.post(&format!("/triggers/{event}"), &json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["code"], "no_request_trigger");
}

#[tokio::test]
async fn an_event_runs_every_workflow_that_listens() {
    let product = Product::shared();
    let (event, first, second) = (fresh_name(), fresh_name(), fresh_name());
    let on_event = json!([{ "type": "app_event", "event": event }]);
    let mut ids = Vec::new();
    for name in [&first, &second] {
        ids.push(product.apply(&document(name, on_event.clone(), nothing())).await);
    }
    let (_, accepted) = product.post("/events", &json!({ "name": event })).await;
    let runs = accepted["runs"].as_array().expect("runs");
    let mut started: Vec<String> = runs.iter().map(|run| text_of(&run["workflow"])).collect();
    started.sort();
    ids.sort();
    assert_eq!(started, ids);
}

/// Events keep coming while workflows are deployed: none of them may see what was before.
#[tokio::test]
async fn a_workflow_is_found_at_once_after_it_was_deployed() {
    let product = Product::shared();
    let other = product.deploy(nothing()).await;
    let body = json!({ "name": other });
    let noise = async {
        loop {
            answer(product.call(Method::POST, "/events").json(&body)).await;
        }
    };
    let deploying = async {
        for _ in 0..25 {
            let event = product.deploy(nothing()).await;
            assert_eq!(product.fire(&event, json!({})).await.len(), 1);
        }
    };
    tokio::select! {
        () = noise => unreachable!("it never ends"),
        () = deploying => {}
    }
}

#[tokio::test]
async fn an_event_that_nobody_listens_to_is_accepted_and_runs_nothing() {
    let product = Product::shared();
    assert!(product.fire(&fresh_name(), json!({})).await.is_empty());
}

/// Fires an event for a user; answers how many runs it started.
async fn runs_for(product: &Product, event: &str, user: &str) -> usize {
    let body = json!({ "name": event, "user": user, "payload": {} });
    let (status, accepted) = product.post("/events", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{accepted:#}");
    accepted["runs"].as_array().expect("runs").len()
}

#[tokio::test]
async fn a_workflow_that_a_user_switched_off_does_not_run_for_that_user() {
    let product = Product::shared();
    let event = fresh_name();
    let on_event = json!([{ "type": "app_event", "event": event }]);
    let workflow = product.apply(&document(&event, on_event, nothing())).await;
    let path = format!("/users/{event}-ada/workflows/{workflow}");
    let (status, _) = product.put(&path, &json!({ "enabled": false })).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(runs_for(&product, &event, &format!("{event}-ada")).await, 0);
    assert_eq!(runs_for(&product, &event, &format!("{event}-bob")).await, 1);
}

#[tokio::test]
async fn a_workflow_that_is_off_by_default_runs_for_users_who_chose_it() {
    let product = Product::shared();
    let event = fresh_name();
    let on_event = json!([{ "type": "app_event", "event": event }]);
    let mut off = document(&event, on_event, nothing());
    off["settings"]["enabled_by_default"] = json!(false);
    let workflow = product.apply(&off).await;
    let path = format!("/users/{event}-ada/workflows/{workflow}");
    product.put(&path, &json!({ "enabled": true })).await;
    assert_eq!(runs_for(&product, &event, &format!("{event}-ada")).await, 1);
    assert_eq!(runs_for(&product, &event, &format!("{event}-bob")).await, 0);
}

#[tokio::test]
async fn nothing_runs_for_a_disabled_user() {
    let product = Product::shared();
    let event = product.deploy(nothing()).await;
    let user = format!("{event}-ada");
    product.put(&format!("/users/{user}"), &json!({ "disabled": true })).await;
    let (status, refused) = product.post("/events", &json!({ "name": event, "user": user })).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("user_disabled")));
}

/// The ticks of all runs of a workflow, in order.
async fn ticks(product: &Product, workflow: &str) -> Vec<jiff::Timestamp> {
    let (_, page) = product.get(&format!("/runs?workflow={workflow}&limit=200")).await;
    let mut ticks = Vec::new();
    for run in page["runs"].as_array().expect("runs") {
        let (_, input) = product.get(&format!("/runs/{}/input", text_of(&run["id"]))).await;
        ticks.push(text_of(&input["schedule"]["tick"]).parse().expect("a time"));
    }
    ticks.sort();
    ticks
}

async fn ticks_when(product: &Product, workflow: &str, count: usize) -> Vec<jiff::Timestamp> {
    for _ in 0..150 {
        let ticks = ticks(product, workflow).await;
        if ticks.len() >= count {
            return ticks;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("there are not {count} ticks after 30 seconds");
}

#[tokio::test]
async fn each_tick_runs_exactly_once_also_across_a_restart() {
    let mut product = Product::own(&[]);
    let on_clock = json!([{ "type": "schedule", "cron": "* * * * * *" }]);
    let workflow = product.apply(&document(&fresh_name(), on_clock, nothing())).await;
    let before = ticks_when(&product, &workflow, 3).await.len();
    product.stop().await;
    product.start_again().await;
    let ticks = ticks_when(&product, &workflow, before + 4).await;
    for pair in ticks.windows(2) {
        let gap = pair[1].duration_since(pair[0]).as_millis();
        assert_eq!(gap, 1_000, "from {} to {}", pair[0], pair[1]);
    }
}

/// Runs a draft once; answers its run when that has ended.
async fn test_run(product: &Product, steps: Value, event: Value) -> Value {
    let name = fresh_name();
    let draft = document(&name, json!([{ "type": "app_event", "event": name }]), steps);
    let body = json!({
        "document": { "file": "draft.json", "text": draft.to_string() },
        "input": { "event": event },
    });
    let (status, accepted) = product.post("/test-runs", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{accepted:#}");
    product.ended(&text_of(&accepted["run_id"])).await
}

#[tokio::test]
async fn a_test_run_does_not_wait_in_a_delay() {
    let product = Product::shared();
    let steps = json!([{ "id": "wait", "type": "delay", "days": 30 }]);
    let run = test_run(&product, steps, json!({})).await;
    assert_eq!((&run["status"], &run["trigger"]), (&json!("succeeded"), &json!("test")));
}

#[tokio::test]
async fn a_test_run_tries_nothing_again() {
    let product = Product::shared();
    let service = Service::start(|_| Reply::json(503, &Value::Null)).await;
    let retry = json!({ "retries": 5, "backoff": { "schedule": [0.01] } });
    let steps = json!([{ "id": "call", "type": "request", "url": service.url, "retry": retry }]);
    let run = test_run(&product, steps, json!({})).await;
    assert_eq!(run["status"], "failed");
    assert_eq!(service.calls().len(), 1);
}

#[tokio::test]
async fn a_test_run_takes_the_first_ten_items_of_a_fan_out() {
    let product = Product::shared();
    let service = Service::echo().await;
    let steps = json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.items}}", "each": "call" },
        { "id": "call", "type": "request", "url": format!("{}/{{{{each.instance}}}}", service.url) },
    ]);
    test_run(&product, steps, json!({ "items": (0..30).collect::<Vec<u32>>() })).await;
    let mut paths: Vec<String> = service.calls().into_iter().map(|call| call.path).collect();
    paths.sort();
    assert_eq!(paths, (0..10).map(|n| format!("/{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_test_run_reads_one_page() {
    let product = Product::shared();
    let service = Service::start(|_| Reply::json(200, &json!({ "next": 2, "items": [1] }))).await;
    let steps = json!([{
        "id": "list", "type": "request", "url": service.url,
        "query": { "page": "{{self.pageToken}}" },
        "pagination": {
            "page_token": "{{self.response.body.next}}", "items": "{{self.response.body.items}}",
        },
    }]);
    let run = test_run(&product, steps, json!({})).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert_eq!(service.calls().len(), 1);
}

#[tokio::test]
async fn a_test_run_deploys_nothing() {
    let product = Product::shared();
    let run = test_run(&product, nothing(), json!({})).await;
    let (_, deployed) = product.get("/workflows").await;
    let shown = deployed["workflows"].as_array().expect("workflows");
    let draft = shown.iter().find(|workflow| workflow["id"] == run["workflow_id"]);
    assert!(draft.is_none_or(|draft| draft["deployed"] == false), "{draft:#?}");
}
