//! What was accepted is done, once, whatever stops in between.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::product::{Product, answer, document, fresh_name, signal, text_of, until};
use crate::service::{Reply, Service};

/// How often each path of a service was called.
fn counts(service: &Service) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in service.calls() {
        *counts.entry(call.path).or_default() += 1;
    }
    counts
}

async fn calling(product: &Product, service: &Service) -> String {
    product.deploy(json!([{ "id": "call", "type": "request", "url": service.url }])).await
}

#[tokio::test]
async fn equal_requests_under_one_key_make_one_run() {
    let product = Product::shared();
    let service = Service::echo().await;
    let event = calling(&product, &service).await;
    let body = json!({ "name": event, "payload": { "n": 1 } });
    let sent = (0..64).map(|_| {
        answer(product.call(Method::POST, "/events").header("idempotency-key", &event).json(&body))
    });
    let answers = futures::future::join_all(sent).await;
    let mut runs = BTreeSet::new();
    for (status, accepted) in answers {
        assert_eq!(status, StatusCode::ACCEPTED, "{accepted:#}");
        runs.insert(text_of(&accepted["runs"][0]["id"]));
    }
    assert_eq!(runs.len(), 1, "{runs:?}");
    product.ended(runs.first().expect("one run")).await;
    assert_eq!(service.calls().len(), 1);
}

#[tokio::test]
async fn a_key_that_comes_with_other_content_is_a_conflict() {
    let product = Product::shared();
    let service = Service::echo().await;
    let event = calling(&product, &service).await;
    let send = |n: u32| {
        let body = json!({ "name": event, "payload": { "n": n } });
        answer(product.call(Method::POST, "/events").header("idempotency-key", "k").json(&body))
    };
    let (first, _) = send(1).await;
    let (second, problem) = send(2).await;
    assert_eq!(first, StatusCode::ACCEPTED);
    assert_eq!(second, StatusCode::CONFLICT);
    assert_eq!(problem["code"], "idempotency_conflict");
}

#[tokio::test]
async fn a_repeated_request_trigger_names_the_former_run() {
    let product = Product::shared();
    let name = fresh_name();
    let steps = json!([{ "id": "wait", "type": "delay", "days": 1 }]);
    product.apply(&document(&name, json!([{ "type": "request" }]), steps)).await;
    let send = || {
        let call = product.call(Method::POST, &format!("/triggers/{name}"));
        answer(call.header("idempotency-key", "k").json(&json!({ "n": 1 })))
    };
    let ((_, first), (_, second)) = (send().await, send().await);
    assert!(first["run"].is_string(), "{first:#}");
    assert_eq!(first["run"], second["run"]);
}

#[tokio::test]
async fn a_delay_survives_a_restart_and_goes_on_at_its_time() {
    let mut product = Product::own(&[]);
    let service = Service::echo().await;
    let steps = json!([
        { "id": "wait", "type": "delay", "seconds": 4, "next": "call" },
        { "id": "call", "type": "request", "url": service.url },
    ]);
    let event = product.deploy(steps).await;
    let fired = Instant::now();
    let runs = product.fire(&event, json!({})).await;
    product.in_status(&runs[0], "waiting").await;
    product.stop().await;
    product.start_again().await;
    let ready = Instant::now();
    let run = product.ended(&runs[0]).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let calls = service.calls();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].at - fired >= Duration::from_secs(4), "it went on early");
    let due = ready.max(fired + Duration::from_secs(4));
    let late = calls[0].at.saturating_duration_since(due);
    assert!(late < Duration::from_secs(4), "it went on {late:?} late");
}

#[tokio::test]
async fn a_stop_in_the_middle_of_many_runs_repeats_no_finished_step() {
    const RUNS: usize = 50;
    let mut product = Product::own(&[]);
    let service = Service::start(|call| {
        let is_slow = call.path.starts_with("/b/");
        Reply::json(200, &Value::Null).after(Duration::from_millis(if is_slow { 1_000 } else { 0 }))
    })
    .await;
    let url = |name: &str| format!("{}/{name}/{{{{trigger.event.n}}}}", service.url);
    let steps = json!([
        { "id": "a", "type": "request", "url": url("a"), "next": "b" },
        { "id": "b", "type": "request", "url": url("b"), "next": "c" },
        { "id": "c", "type": "request", "url": url("c") },
    ]);
    let event = product.deploy(steps).await;
    let fired = (0..RUNS).map(|n| product.fire(&event, json!({ "n": n })));
    let runs: Vec<String> = futures::future::join_all(fired).await.into_iter().flatten().collect();
    until("half of the runs are in their second step", || {
        service.calls().iter().filter(|call| call.path.starts_with("/b/")).count() >= RUNS / 2
    })
    .await;
    product.stop().await;
    product.start_again().await;
    for run in &runs {
        assert_eq!(product.ended(run).await["status"], "succeeded");
    }
    let counts = counts(&service);
    assert_eq!(counts.len(), 3 * RUNS);
    let repeated: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(repeated.is_empty(), "these were called more than once: {repeated:?}");
}

/// The pid of the PostgreSQL of a product.
fn postmaster(folder: &Path) -> u32 {
    fn find(folder: &Path) -> Option<PathBuf> {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            if path.file_name().is_some_and(|name| name == "postmaster.pid") {
                return Some(path);
            }
            if path.is_dir()
                && let Some(found) = find(&path)
            {
                return Some(found);
            }
        }
        None
    }
    let text = fs::read_to_string(find(folder).expect("PostgreSQL runs")).expect("a pid file");
    text.lines().next().expect("a line").trim().parse().expect("a pid")
}

/// A process and all below it.
fn family(pid: u32) -> Vec<u32> {
    let mut members = vec![pid];
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    for child in children.unwrap_or_default().split_whitespace() {
        members.extend(family(child.parse().expect("a pid")));
    }
    members
}

/// Sends an event; answers the status, `Retry-After` and the run.
async fn try_fire(product: &Product, event: &str, n: usize) -> (StatusCode, Option<String>, Value) {
    let body = json!({ "name": event, "payload": { "n": n } });
    let response = product.call(Method::POST, "/events").json(&body).send().await;
    let response = response.expect("the product answers");
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.map(|value| value.to_str().expect("text").to_owned());
    (response.status(), retry_after, response.json().await.expect("JSON"))
}

/// Sends events until one is accepted after one was refused; answers the runs.
async fn fire_through_an_outage(product: &Product, event: &str) -> Vec<String> {
    let (mut runs, mut was_refused) = (Vec::new(), false);
    let give_up = Instant::now() + Duration::from_secs(60);
    for n in 0.. {
        let (status, retry_after, body) = try_fire(product, event, n).await;
        match status {
            StatusCode::ACCEPTED => {
                runs.push(text_of(&body["runs"][0]["id"]));
                if was_refused {
                    return runs;
                }
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                was_refused = true;
                assert_eq!(body["code"], "unavailable");
                assert!(retry_after.is_some(), "a 503 without Retry-After");
            }
            other => panic!("{other}: {body:#}"),
        }
        assert!(Instant::now() < give_up, "refused: {was_refused}, accepted: {}", runs.len());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    runs
}

#[tokio::test]
async fn a_crash_of_the_database_loses_nothing_and_ends_by_itself() {
    let product = Product::own(&[]);
    let service =
        Service::start(|_| Reply::json(200, &Value::Null).after(Duration::from_millis(300))).await;
    let steps = json!([
        { "id": "a", "type": "request", "url": format!("{}/a", service.url), "next": "b" },
        { "id": "b", "type": "request", "url": format!("{}/b", service.url) },
    ]);
    let event = product.deploy(steps).await;
    let mut runs = Vec::new();
    for n in 0..10 {
        runs.extend(product.fire(&event, json!({ "n": n })).await);
    }
    assert!(signal(postmaster(&product.data_folder()), "KILL"));
    runs.extend(fire_through_an_outage(&product, &event).await);
    for run in &runs {
        assert_eq!(product.ended(run).await["status"], "succeeded");
    }
}

#[tokio::test]
async fn a_database_that_hangs_is_answered_with_503_until_it_is_back() {
    let product = Product::own(&[]);
    let service = Service::echo().await;
    let event = calling(&product, &service).await;
    let hung = family(postmaster(&product.data_folder()));
    for pid in &hung {
        signal(*pid, "STOP");
    }
    let refused =
        tokio::time::timeout(Duration::from_secs(30), try_fire(&product, &event, 0)).await;
    for pid in &hung {
        signal(*pid, "CONT");
    }
    let (status, retry_after, problem) = refused.expect("an answer within half a minute");
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem:#}");
    assert!(retry_after.is_some(), "a 503 without Retry-After");
    let give_up = Instant::now() + Duration::from_secs(30);
    let run = loop {
        let (status, _, body) = try_fire(&product, &event, 1).await;
        if status == StatusCode::ACCEPTED {
            break text_of(&body["runs"][0]["id"]);
        }
        assert!(Instant::now() < give_up, "it is not taken up again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(product.ended(&run).await["status"], "succeeded");
}

/// With a queue inside the process nobody sees a lease lapse: the next process counts the crash.
#[tokio::test]
async fn a_run_under_way_at_five_kills_is_parked_and_can_be_replayed() {
    let mut product = Product::own(&[]);
    let is_cured = Arc::new(AtomicBool::new(false));
    let cured = is_cured.clone();
    let service = Service::start(move |_| {
        let wait = if cured.load(Ordering::SeqCst) { 0 } else { 60 };
        Reply::json(200, &json!({})).after(Duration::from_secs(wait))
    })
    .await;
    let event = calling(&product, &service).await;
    let run = product.fire(&event, json!({})).await.remove(0);
    for kills in 1..=5 {
        until("the call is under way", || service.calls().len() >= kills).await;
        product.kill().await;
        product.start_again().await;
    }
    let parked = product.ended(&run).await;
    assert_eq!(parked["status"], "parked", "{parked:#}");
    assert_eq!(service.calls().len(), 5, "a parked run calls nobody");
    is_cured.store(true, Ordering::SeqCst);
    let body = json!({ "from": "start" });
    let (status, replay) = product.post(&format!("/runs/{run}/replay"), &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{replay:#}");
    let replayed = product.ended(&text_of(&replay["run_id"])).await;
    assert_eq!(replayed["status"], "succeeded", "{replayed:#}");
}
