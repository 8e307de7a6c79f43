//! What history shows of runs, and what can be done to them: cancel, replay.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::product::{Product, document, fresh_name, text_of, until};
use crate::service::{Reply, Service};

fn nothing() -> Value {
    json!([{ "id": "only", "type": "function", "code": "function run() { return 1; }" }])
}

/// The ids of a page of runs.
async fn listed(product: &Product, query: &str) -> Vec<String> {
    let (status, page) = product.get(&format!("/runs?{query}")).await;
    assert_eq!(status, StatusCode::OK, "{page:#}");
    let runs = page["runs"].as_array().expect("runs");
    runs.iter().map(|run| text_of(&run["id"])).collect()
}

/// Deploys steps; answers the event and the workflow.
async fn deployed(product: &Product, steps: Value) -> (String, String) {
    let event = fresh_name();
    let on_event = json!([{ "type": "app_event", "event": event }]);
    let workflow = product.apply(&document(&event, on_event, steps)).await;
    (event, workflow)
}

async fn fire_for(product: &Product, event: &str, user: &str) -> String {
    let body = json!({ "name": event, "user": user });
    let (_, accepted) = product.post("/events", &body).await;
    text_of(&accepted["runs"][0]["id"])
}

#[tokio::test]
async fn runs_are_listed_by_workflow() {
    let product = Product::shared();
    let (event, workflow) = deployed(&product, nothing()).await;
    let (other, _) = deployed(&product, nothing()).await;
    let run = product.fire(&event, json!({})).await;
    product.fire(&other, json!({})).await;
    assert_eq!(listed(&product, &format!("workflow={workflow}")).await, run);
}

#[tokio::test]
async fn runs_are_listed_by_user() {
    let product = Product::shared();
    let (event, _) = deployed(&product, nothing()).await;
    let run = fire_for(&product, &event, &format!("{event}-ada")).await;
    fire_for(&product, &event, &format!("{event}-bob")).await;
    assert_eq!(listed(&product, &format!("user={event}-ada")).await, [run]);
}

#[tokio::test]
async fn runs_are_listed_by_status() {
    let product = Product::shared();
    let steps = json!([
        { "id": "is_wait", "type": "conditional", "then": "wait",
          "if": { "operator": "$booleanTrue", "variable": "{{trigger.event.wait}}" } },
        { "id": "wait", "type": "delay", "days": 1 },
    ]);
    let (event, workflow) = deployed(&product, steps).await;
    let waits = product.fire(&event, json!({ "wait": true })).await;
    let ends = product.fire(&event, json!({ "wait": false })).await;
    product.in_status(&waits[0], "waiting").await;
    product.in_status(&ends[0], "succeeded").await;
    let of = |status: &str| format!("workflow={workflow}&status={status}");
    assert_eq!(listed(&product, &of("waiting")).await, waits);
    assert_eq!(listed(&product, &of("succeeded")).await, ends);
    assert!(listed(&product, &of("failed")).await.is_empty());
}

#[tokio::test]
async fn runs_are_listed_by_time() {
    let product = Product::shared();
    let (event, workflow) = deployed(&product, nothing()).await;
    let first = product.fire(&event, json!({})).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let between = jiff::Timestamp::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = product.fire(&event, json!({})).await;
    let of = |bound: &str| format!("workflow={workflow}&{bound}={between}");
    assert_eq!(listed(&product, &of("before")).await, first);
    assert_eq!(listed(&product, &of("after")).await, second);
}

#[tokio::test]
async fn pages_of_runs_have_neither_gap_nor_repeat_while_runs_come_and_end() {
    let product = Product::shared();
    let (event, workflow) = deployed(&product, nothing()).await;
    let mut fired = BTreeSet::new();
    for _ in 0..23 {
        fired.extend(product.fire(&event, json!({})).await);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/runs?workflow={workflow}&limit=5{cursor}");
        let (_, page) = product.get(&path).await;
        let runs = page["runs"].as_array().expect("runs");
        assert!(runs.len() <= 5);
        seen.extend(runs.iter().map(|run| text_of(&run["id"])));
        // Newer runs belong before the first page: they must not shift the others.
        product.fire(&event, json!({})).await;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "not newest first: {seen:?}");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), fired);
}

#[tokio::test]
async fn pages_of_steps_have_neither_gap_nor_repeat() {
    let product = Product::shared();
    let steps = json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.items}}", "each": "one" },
        { "id": "one", "type": "function", "parameters": { "n": "{{each.instance}}" },
          "code": "function run({ n }) { return n; }" },
    ]);
    let run = product.run(steps, json!({ "items": (0..9).collect::<Vec<u32>>() })).await;
    let run = text_of(&run["id"]);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = product.get(&format!("/runs/{run}/steps?limit=4{cursor}")).await;
        let records = page["steps"].as_array().expect("steps");
        seen.extend(records.iter().map(|r| format!("{}{}", r["step"], r["iteration"])));
        let Some(next) = page["next"].as_str().filter(|_| !records.is_empty()) else { break };
        cursor = format!("&cursor={next}");
    }
    // Nine of `one`, nine ends of iterations, and the fan-out itself.
    assert_eq!(seen.len(), 19, "{seen:?}");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 19, "{seen:?}");
}

#[tokio::test]
async fn a_run_shows_what_it_is_and_when() {
    let product = Product::shared();
    let (event, workflow) = deployed(&product, nothing()).await;
    let run = fire_for(&product, &event, "ada").await;
    let run = product.ended(&run).await;
    assert_eq!(run["workflow"], json!(event));
    assert_eq!(run["workflow_id"], json!(workflow));
    assert_eq!(run["user"], "ada");
    assert_eq!(run["trigger"], "app_event");
    assert_eq!(run["attempts"], 1);
    let time = |name: &str| text_of(&run[name]).parse::<jiff::Timestamp>().expect("a time");
    assert!(time("created_at") <= time("started_at"));
    assert!(time("started_at") <= time("finished_at"));
}

#[tokio::test]
async fn a_large_value_is_kept_outside_of_the_database_and_read_back_whole() {
    let product = Product::shared();
    let steps = json!([{
        "id": "large", "type": "function",
        "code": "function run() { return 'é'.repeat(200000); }",
    }]);
    let run = product.run(steps, json!({})).await;
    let run = text_of(&run["id"]);
    let (_, page) = product.get(&format!("/runs/{run}/steps")).await;
    let record = &page["steps"][0];
    assert!(record["output"].is_null(), "a page shows a large value");
    assert!(record["output_omitted"]["bytes"].as_u64() >= Some(400_000), "{record:#}");
    let mut database = PgConnection::connect(&product.execution_url).await.expect("it runs");
    let query = "SELECT set_config('tenon.scope', 'system', false)";
    sqlx::query(query).execute(&mut database).await.expect("a setting can be made");
    let query = "SELECT output IS NULL AND output_blob IS NOT NULL FROM step_result
                 WHERE run_id = $1";
    let run_id: uuid::Uuid = run.parse().expect("a UUID");
    let is_outside: bool =
        sqlx::query_scalar(query).bind(run_id).fetch_one(&mut database).await.expect("a row");
    assert!(is_outside, "the value is in the database");
    let href = text_of(&record["output_omitted"]["href"]);
    let call = product.http.get(format!("{}{href}", product.base)).bearer_auth(&product.key);
    let value: Value = call.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(value, json!({ "result": "é".repeat(200_000) }));
}

#[tokio::test]
async fn a_large_input_of_a_trigger_is_read_back_whole() {
    let product = Product::shared();
    let (event, _) = deployed(&product, nothing()).await;
    let payload = json!({ "text": "x".repeat(300_000) });
    let run = product.fire(&event, payload.clone()).await;
    product.ended(&run[0]).await;
    let (_, input) = product.get(&format!("/runs/{}/input", run[0])).await;
    assert_eq!(input, json!({ "event": payload }));
}

#[tokio::test]
async fn console_lines_are_in_the_record_of_their_step() {
    let product = Product::shared();
    let steps = json!([{
        "id": "talk", "type": "function",
        "code": "function run() { console.log('one', 1); console.error('two'); throw new Error('x'); }",
    }]);
    let run = product.run(steps, json!({})).await;
    let records = product.records(&text_of(&run["id"]), "talk").await;
    let expected = json!([
        { "level": "log", "message": "one 1" }, { "level": "error", "message": "two" },
    ]);
    assert_eq!(records[0]["logs"], expected);
}

#[tokio::test]
async fn a_waiting_run_that_is_cancelled_does_not_go_on() {
    let product = Product::shared();
    let service = Service::echo().await;
    let steps = json!([
        { "id": "wait", "type": "delay", "seconds": 1, "next": "call" },
        { "id": "call", "type": "request", "url": service.url },
    ]);
    let (event, _) = deployed(&product, steps).await;
    let cancelled = product.fire(&event, json!({})).await;
    let witness = product.fire(&event, json!({})).await;
    product.in_status(&cancelled[0], "waiting").await;
    let (status, _) = product.post(&format!("/runs/{}/cancel", cancelled[0]), &json!({})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    product.in_status(&cancelled[0], "cancelled").await;
    // A run of the same age went on, so the time of the cancelled one has come too.
    product.in_status(&witness[0], "succeeded").await;
    assert_eq!(service.calls().len(), 1);
}

#[tokio::test]
async fn a_running_run_that_is_cancelled_runs_no_further_step() {
    let product = Product::shared();
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = is_open.clone();
    let service = Service::start(move |call| {
        let is_slow = call.path == "/first" && !opened.load(Ordering::SeqCst);
        let wait = Duration::from_millis(if is_slow { 800 } else { 0 });
        Reply::json(200, &Value::Null).after(wait)
    })
    .await;
    let url = |path: &str| format!("{}/{path}", service.url);
    let steps = json!([
        { "id": "first", "type": "request", "url": url("first"), "next": "second" },
        { "id": "second", "type": "request", "url": url("second") },
    ]);
    let (event, _) = deployed(&product, steps).await;
    let cancelled = product.fire(&event, json!({})).await;
    until("the first step is under way", || !service.calls_of("/first").is_empty()).await;
    let (status, _) = product.post(&format!("/runs/{}/cancel", cancelled[0]), &json!({})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(product.ended(&cancelled[0]).await["status"], "cancelled");
    // Another run that starts now takes as long as the first step: after it, the cancelled one
    // would have gone on.
    let witness = product.fire(&event, json!({})).await;
    product.in_status(&witness[0], "succeeded").await;
    assert_eq!(service.calls_of("/second").len(), 1);
}

#[tokio::test]
async fn a_run_that_has_ended_cannot_be_cancelled() {
    let product = Product::shared();
    let run = product.run(nothing(), json!({})).await;
    let path = format!("/runs/{}/cancel", text_of(&run["id"]));
    let (status, problem) = product.post(&path, &json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("conflict")));
}

/// Two steps: `/good` always works, `/bad` from its second call on.
async fn half_broken() -> (Service, Value) {
    let service = Service::start(|call| {
        let fails = call.path == "/bad" && call.before == 0;
        Reply::json(if fails { 400 } else { 200 }, &json!({ "call": call.before }))
    })
    .await;
    let url = |path: &str| format!("{}/{path}", service.url);
    let steps = json!([
        { "id": "good", "type": "request", "url": url("good"), "next": "bad" },
        { "id": "bad", "type": "request", "url": url("bad"), "next": "after" },
        { "id": "after", "type": "function", "parameters": { "n": "{{good.response.body.call}}" },
          "code": "function run({ n }) { return n; }" },
    ]);
    (service, steps)
}

/// Replays a run; answers the new run when that has ended.
async fn replayed(product: &Product, run: &Value, from: &str) -> Value {
    let path = format!("/runs/{}/replay", text_of(&run["id"]));
    let (status, accepted) = product.post(&path, &json!({ "from": from })).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{accepted:#}");
    product.ended(&text_of(&accepted["run_id"])).await
}

#[tokio::test]
async fn a_replay_from_the_failed_step_does_not_run_finished_steps_again() {
    let product = Product::shared();
    let (service, steps) = half_broken().await;
    let failed = product.run(steps, json!({})).await;
    assert_eq!(failed["status"], "failed");
    let replay = replayed(&product, &failed, "failed_step").await;
    assert_eq!(replay["status"], "succeeded", "{replay:#}");
    assert_eq!(replay["replay_of"], failed["id"]);
    assert_eq!(service.calls_of("/good").len(), 1);
    let after = product.value(&text_of(&replay["id"]), "after", "output").await;
    assert_eq!(after, json!({ "result": 0 }), "the kept output is not seen by later steps");
}

#[tokio::test]
async fn a_replay_from_the_start_runs_every_step_again() {
    let product = Product::shared();
    let (service, steps) = half_broken().await;
    let failed = product.run(steps, json!({})).await;
    let replay = replayed(&product, &failed, "start").await;
    assert_eq!(replay["status"], "succeeded", "{replay:#}");
    assert_eq!(service.calls_of("/good").len(), 2);
}

#[tokio::test]
async fn a_replay_has_the_input_and_the_version_of_the_first_run() {
    let product = Product::shared();
    let (event, _) = deployed(&product, nothing()).await;
    let run = product.fire(&event, json!({ "n": 1 })).await;
    let first = product.ended(&run[0]).await;
    let newer = json!([{ "id": "other", "type": "function", "code": "function run() {}" }]);
    let on_event = json!([{ "type": "app_event", "event": event }]);
    product.apply(&document(&event, on_event, newer)).await;
    let replay = replayed(&product, &first, "start").await;
    assert_eq!(replay["version_id"], first["version_id"]);
    let (_, input) = product.get(&format!("/runs/{}/input", text_of(&replay["id"]))).await;
    assert_eq!(input, json!({ "event": { "n": 1 } }));
}

#[tokio::test]
async fn a_run_that_has_not_ended_cannot_be_replayed() {
    let product = Product::shared();
    let (event, _) =
        deployed(&product, json!([{ "id": "wait", "type": "delay", "days": 1 }])).await;
    let run = product.fire(&event, json!({})).await;
    let path = format!("/runs/{}/replay", run[0]);
    let (status, _) = product.post(&path, &json!({ "from": "start" })).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_run_of_another_project_is_not_there() {
    let product = Product::shared();
    let run = product.run(nothing(), json!({})).await;
    let run = text_of(&run["id"]);
    let mut database = PgConnection::connect(&product.execution_url).await.expect("it runs");
    let scope = "SELECT set_config('tenon.scope', 'system', false)";
    sqlx::query(scope).execute(&mut database).await.expect("a setting can be made");
    for table in ["run", "step_result"] {
        let query = format!("UPDATE {table} SET project_id = $2 WHERE run_id = $1");
        let run_id: uuid::Uuid = run.parse().expect("a UUID");
        let moved = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(run_id)
            .bind(uuid::Uuid::new_v4())
            .execute(&mut database)
            .await;
        assert_eq!(moved.expect("an update").rows_affected(), 1);
    }
    for path in ["", "/steps", "/input", "/values/only/output"] {
        let (status, problem) = product.get(&format!("/runs/{run}{path}")).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::NOT_FOUND, &json!("not_found")),
            "{path}"
        );
    }
    for action in ["cancel", "replay"] {
        let body = if action == "replay" { json!({ "from": "start" }) } else { json!({}) };
        let (status, _) = product.post(&format!("/runs/{run}/{action}"), &body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{action}");
    }
}

#[tokio::test]
async fn a_key_opens_no_other_project() {
    let mut product = Product::shared();
    product.project = uuid::Uuid::new_v4().to_string();
    let (status, problem) = product.get("/runs").await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")));
}

async fn reasons(product: &Product, run: &str) -> Vec<Value> {
    let (status, why) = product.get(&format!("/runs/{run}/why")).await;
    assert_eq!(status, StatusCode::OK, "{why:#}");
    assert_eq!(why["run"], run);
    why["reasons"].as_array().expect("reasons").clone()
}

#[tokio::test]
async fn what_a_run_waits_for_is_told() {
    let product = Product::shared();
    let event = product.deploy(json!([{ "id": "pause", "type": "delay", "days": 1 }])).await;
    let run = product.fire(&event, json!({})).await.remove(0);
    product.in_status(&run, "waiting").await;
    let told = reasons(&product, &run).await;
    assert_eq!((&told[0]["code"], &told[0]["step"]), (&json!("delay"), &json!("pause")));
    let until: jiff::Timestamp = text_of(&told[0]["until"]).parse().expect("a time");
    assert!(until > jiff::Timestamp::now());
    let said = text_of(&told[0]["message"]);
    assert!(said.starts_with("the delay step `pause` waits until 20"), "{said}");

    product.call(reqwest::Method::POST, &format!("/runs/{run}/cancel")).send().await.expect("sent");
    let told = reasons(&product, &run).await;
    assert_eq!(told[0]["code"], "ended");
    assert!(text_of(&told[0]["message"]).contains("it was cancelled"), "{told:?}");

    let missing = product.get(&format!("/runs/{}/why", uuid::Uuid::now_v7())).await;
    assert_eq!(missing.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_retry_and_a_step_in_flight_are_told_in_the_terminal_too() {
    let product = Product::shared();
    let service = Service::start(|call| match call.path.as_str() {
        "/broken" => Reply::json(503, &json!({})),
        _ => Reply::json(200, &json!({})).after(Duration::from_secs(5)),
    })
    .await;
    let call = |path: &str| {
        json!({ "id": "call", "type": "request", "method": "GET",
        "url": format!("{}{path}", service.url),
        "retry": { "retries": 3, "backoff": { "schedule": [3600] } } })
    };
    let event = product.deploy(json!([call("/broken")])).await;
    let run = product.fire(&event, json!({})).await.remove(0);
    product.in_status(&run, "waiting").await;
    let told = reasons(&product, &run).await;
    assert_eq!((&told[0]["code"], &told[0]["attempt"]), (&json!("retry"), &json!(1)));
    assert_eq!(told[0]["error"]["code"], "request_status");

    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["runs", "why", &run])
        .env("TENON_SERVER", &product.base)
        .env("TENON_PROJECT", &product.project)
        .env("TENON_API_KEY", &product.key)
        .output()
        .expect("the command can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("attempt 1 of step `call` failed (request_status:"), "{said}");
    assert!(!said.contains("runs replay"), "it has not ended: {said}");

    let event = product.deploy(json!([call("/slow")])).await;
    let run = product.fire(&event, json!({})).await.remove(0);
    until("the call is under way", || !service.calls_of("/slow").is_empty()).await;
    let told = reasons(&product, &run).await;
    assert_eq!(told[0]["code"], "running", "{told:?}");
    // The worker is a part of the product's process.
    let worker = text_of(&told[0]["worker"]);
    let process = worker.rsplit_once(':').expect("machine and process").1;
    assert!(process.parse::<u32>().is_ok(), "{worker}");
    let lapses: jiff::Timestamp = text_of(&told[0]["lease_until"]).parse().expect("a time");
    assert!(lapses > jiff::Timestamp::UNIX_EPOCH, "{told:?}");
    assert!(text_of(&told[0]["message"]).starts_with(&format!("the worker {worker} has it until")));
}

#[tokio::test]
async fn a_run_behind_another_of_its_key_names_it() {
    let product = Product::shared();
    let service =
        Service::start(|_| Reply::json(200, &json!({})).after(Duration::from_secs(3))).await;
    let steps = json!([{ "id": "call", "type": "request", "method": "GET",
                         "url": format!("{}/slow", service.url) }]);
    let event = fresh_name();
    let triggers = json!([{ "type": "app_event", "event": event }]);
    let mut document = document(&event, triggers, steps);
    document["ordering_key"] = json!("{{trigger.event.key}}");
    product.apply(&document).await;
    let first = product.fire(&event, json!({ "key": event })).await.remove(0);
    let second = product.fire(&event, json!({ "key": event })).await.remove(0);
    until("the first call is under way", || !service.calls_of("/slow").is_empty()).await;
    let told = reasons(&product, &second).await;
    assert_eq!((&told[0]["code"], &told[0]["before"]), (&json!("held"), &json!(0)), "{told:?}");
    assert_eq!(told[0]["ahead"], json!([first]));
    assert!(text_of(&told[0]["message"]).contains(&first), "{told:?}");
}
