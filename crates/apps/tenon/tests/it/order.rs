//! Who waits for whom, what is turned away, and what ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::product::{Product, answer, document, fresh_name, text_of};
use crate::service::{Reply, Service};

fn nothing() -> Value {
    json!({ "id": "only", "type": "function", "code": "function run() { return 1; }" })
}

/// Waits as long as the event says, then does nothing of note.
fn wait_then_nothing() -> Value {
    json!([
        { "id": "wait", "type": "delay", "seconds": "{{trigger.event.wait}}", "next": "only" },
        nothing(),
    ])
}

/// Deploys a workflow with fields of its own; answers its event and its id.
async fn deployed(product: &Product, steps: Value, fields: Value) -> (String, String) {
    let event = fresh_name();
    let mut document = document(&event, json!([{ "type": "app_event", "event": event }]), steps);
    let fields = fields.as_object().expect("an object").clone();
    document.as_object_mut().expect("an object").extend(fields);
    let workflow = product.apply(&document).await;
    (event, workflow)
}

async fn fire(product: &Product, event: &str, payload: Value) -> String {
    product.fire(event, payload).await.remove(0)
}

fn time(run: &Value, field: &str) -> jiff::Timestamp {
    text_of(&run[field]).parse().expect("a time")
}

#[tokio::test]
async fn runs_of_one_key_run_one_after_another() {
    let product = Product::shared();
    let fields = json!({ "ordering_key": "{{trigger.event.key}}" });
    let (event, _) = deployed(&product, wait_then_nothing(), fields).await;
    let key = fresh_name();
    let mut runs = Vec::new();
    for wait in [2, 0, 1, 0] {
        runs.push(fire(&product, &event, json!({ "key": key, "wait": wait })).await);
    }
    let other = fire(&product, &event, json!({ "key": fresh_name(), "wait": 0 })).await;
    let other = product.ended(&other).await;
    let mut ended = Vec::new();
    for run in &runs {
        ended.push(product.ended(run).await);
    }
    for pair in ended.windows(2) {
        assert_eq!(pair[1]["status"], "succeeded");
        let (end, start) = (time(&pair[0], "finished_at"), time(&pair[1], "started_at"));
        assert!(end <= start, "{end} {start}");
    }
    assert!(time(&other, "finished_at") < time(&ended[0], "finished_at"), "another key waits not");
}

#[tokio::test]
async fn so_many_runs_of_a_workflow_go_on_at_a_time_and_no_more() {
    let product = Product::shared();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (now.clone(), most.clone());
    let service = Service::start(move |_| {
        let under_way = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
        counts.1.fetch_max(under_way, Ordering::SeqCst);
        let now = counts.0.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(190)).await;
            now.fetch_sub(1, Ordering::SeqCst);
        });
        Reply::json(200, &json!({})).after(Duration::from_millis(200))
    })
    .await;
    let steps =
        json!([{ "id": "call", "type": "request", "url": format!("{}/work", service.url) }]);
    let (event, _) = deployed(&product, steps, json!({ "concurrency": 2 })).await;
    let mut runs = Vec::new();
    for _ in 0..8 {
        runs.push(fire(&product, &event, json!({})).await);
    }
    for run in &runs {
        assert_eq!(product.ended(run).await["status"], "succeeded");
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_run_of_an_undeployed_workflow_ends_unless_it_has_begun() {
    let product = Product::shared();
    let fields = json!({ "ordering_key": "one" });
    let (event, workflow) = deployed(&product, wait_then_nothing(), fields).await;
    let begun = fire(&product, &event, json!({ "wait": 2 })).await;
    product.in_status(&begun, "waiting").await;
    let behind = fire(&product, &event, json!({ "wait": 0 })).await;
    let undeployed = product.call(Method::DELETE, &format!("/workflows/{workflow}"));
    assert_eq!(answer(undeployed).await.0, StatusCode::NO_CONTENT);
    assert_eq!(product.ended(&begun).await["status"], "succeeded");
    let behind = product.ended(&behind).await;
    assert_eq!(behind["status"], "failed");
    assert_eq!(behind["error"]["code"], "workflow_undeployed");
    assert!(product.steps(&text_of(&behind["id"])).await.is_empty(), "no attempt");
}

#[tokio::test]
async fn a_run_of_a_user_who_is_disabled_ends_at_its_next_step() {
    let product = Product::shared();
    let (event, _) = deployed(&product, wait_then_nothing(), json!({})).await;
    let user = format!("{event}-ada");
    let body = json!({ "name": event, "user": user, "payload": { "wait": 2 } });
    let (_, accepted) = product.post("/events", &body).await;
    let run = text_of(&accepted["runs"][0]["id"]);
    product.in_status(&run, "waiting").await;
    product.put(&format!("/users/{user}"), &json!({ "disabled": true })).await;
    let (status, refused) = product.post("/events", &body).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("user_disabled")));
    let run = product.ended(&run).await;
    assert_eq!(run["error"]["code"], "user_disabled");
    product.put(&format!("/users/{user}"), &json!({ "disabled": false })).await;
    assert_eq!(product.post("/events", &body).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_key_that_cannot_be_used_turns_the_event_away() {
    let product = Product::shared();
    let fields = json!({ "ordering_key": "{{trigger.event}}" });
    let (event, _) = deployed(&product, json!([nothing()]), fields).await;
    let body = json!({ "name": event, "payload": { "a": 1 } });
    let (status, refused) = product.post("/events", &body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused["code"], "ordering_key_unusable");
    let body = json!({ "name": event, "payload": "a" });
    assert_eq!(product.post("/events", &body).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_project_that_sends_too_fast_gets_429() {
    let product = Product::own(&[("TENON_GATEWAY__ACCEPTS_PER_SECOND", "2.0")]);
    let (event, _) = deployed(&product, json!([nothing()]), json!({})).await;
    let sent = (0..10).map(|_| {
        let body = json!({ "name": event });
        product.call(Method::POST, "/events").json(&body).send()
    });
    let sent: Vec<_> = futures::future::join_all(sent).await;
    let sent: Vec<_> = sent.into_iter().map(|it| it.expect("an answer")).collect();
    let refused = sent.iter().filter(|it| it.status() == StatusCode::TOO_MANY_REQUESTS);
    let mut count = 0;
    for answer in refused {
        assert!(answer.headers().contains_key("retry-after"));
        count += 1;
    }
    assert!((1..=8).contains(&count), "{count} of 10");
}

#[tokio::test]
async fn how_the_queue_is_served_is_shown_and_not_for_the_project_to_change() {
    let product = Product::shared();
    let (status, queue) = product.get("/queue").await;
    assert_eq!((status, &queue["weight"]), (StatusCode::OK, &json!(10)));
    let (status, _) = product.put("/queue", &json!({ "weight": 1000 })).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}
