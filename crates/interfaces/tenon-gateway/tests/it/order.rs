//! The order of runs, and what is turned away before anything is accepted.

use http::StatusCode;
use serde_json::{Value, json};
use tenon_domain::workflow::RunOrder;
use tenon_exec::admission::AdmissionLimits;
use tenon_exec::ports::queue::{self, LaneRule};
use tenon_exec::ports::store::JobOrder;

use crate::rig::{Answer, KEY, Rig};

fn keyed(key: &str) -> RunOrder {
    let order = json!({ "ordering_key": key, "priority": "high" });
    serde_json::from_value(order).expect("it is one")
}

/// A rig whose workflow `plain` has this order.
async fn rig_with(order: RunOrder) -> Rig {
    let mut rig = Rig::new().await;
    rig.change(|plan| {
        let plain = plan.workflows.iter_mut().find(|it| it.name == "plain");
        plain.expect("it is there").order = order;
    })
    .await;
    rig
}

async fn event(rig: &Rig, payload: Value) -> Answer {
    let path = format!("/api/v1/projects/{}/events", rig.id());
    rig.post(&path, KEY, &[], &json!({ "name": "created", "payload": payload })).await
}

async fn request(rig: &Rig, body: Value) -> Answer {
    let path = format!("/api/v1/projects/{}/triggers/plain", rig.id());
    rig.post(&path, KEY, &[], &body).await
}

async fn orders(rig: &Rig) -> Vec<JobOrder> {
    let mut jobs = rig.jobs().await;
    jobs.sort_by_key(|job| job.run);
    jobs.into_iter().map(|job| job.order).collect()
}

#[tokio::test]
async fn runs_of_one_key_share_a_lane() {
    let rig = rig_with(keyed("{{trigger.event.id}}")).await;
    for id in ["a", "b", "a"] {
        assert_eq!(event(&rig, json!({ "id": id })).await.status, StatusCode::ACCEPTED);
    }
    let orders = orders(&rig).await;
    assert!(orders.iter().all(|order| order.priority == queue::Priority::High));
    let lanes: Vec<_> = orders.iter().map(|order| order.lane.expect("it has a key")).collect();
    assert_eq!(lanes[0], lanes[2], "the same event, the same lane");
    assert_ne!(lanes[0], lanes[1]);
    assert_eq!(lanes[0].rule, LaneRule::InOrder);
}

#[tokio::test]
async fn a_request_has_an_order_too() {
    let rig = rig_with(keyed("{{trigger.request.body.id}}")).await;
    assert_eq!(request(&rig, json!({ "id": 1 })).await.status, StatusCode::ACCEPTED);
    assert_eq!(request(&rig, json!({})).await.status, StatusCode::ACCEPTED);
    let lanes: Vec<bool> = orders(&rig).await.iter().map(|order| order.lane.is_some()).collect();
    assert_eq!(lanes, [true, false], "null is no key");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_turns_the_work_away() {
    let rig = rig_with(keyed("{{trigger?.event.id}}{{trigger?.request.body.id}}")).await;
    let long = "x".repeat(513);
    for answer in
        [event(&rig, json!({ "id": long })).await, request(&rig, json!({ "id": long })).await]
    {
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.body["code"], "ordering_key_unusable");
        assert!(!answer.text.contains("xxx"), "what was sent is not repeated");
    }
    assert!(rig.running().await.is_empty());
}

#[tokio::test]
async fn a_project_that_sends_too_fast_is_told_when_to_come_again() {
    let limits = AdmissionLimits { accepts_per_second: Some(2.0), ..AdmissionLimits::default() };
    let rig = Rig::bounded(limits).await;
    for _ in 0..2 {
        assert_eq!(request(&rig, json!({})).await.status, StatusCode::ACCEPTED);
    }
    for answer in [request(&rig, json!({})).await, event(&rig, json!({})).await] {
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.body["code"], "accept_rate");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert_eq!(rig.running().await, ["plain", "plain"]);
}

#[tokio::test]
async fn a_project_with_too_many_open_runs_waits() {
    let rig = Rig::bounded(AdmissionLimits { open_max: 2, ..AdmissionLimits::default() }).await;
    for _ in 0..2 {
        assert_eq!(request(&rig, json!({})).await.status, StatusCode::ACCEPTED);
    }
    let answer = request(&rig, json!({})).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.body["code"], "too_many_open_runs");
    assert_eq!(answer.headers["retry-after"], "10");
    assert_eq!(rig.running().await, ["plain", "plain"]);
}
