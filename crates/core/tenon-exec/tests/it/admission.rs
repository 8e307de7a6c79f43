//! What one project may send, against a queue in memory.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tenon_domain::ProjectId;
use tenon_exec::admission::{Admission, AdmissionLimits, TurnedAway};

use crate::bench::Stores;

fn admission(stores: &Stores, limits: AdmissionLimits) -> Admission {
    Admission::new(stores.queue.clone(), limits)
}

async fn fill(stores: &Stores, jobs: usize) {
    for _ in 0..jobs {
        let run = stores.job(&json!({})).run;
        stores.claim(run).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_project_with_too_many_open_runs_waits_until_some_end() {
    let stores = Stores::new(Default::default());
    fill(&stores, 3).await;
    let limits = AdmissionLimits { open_max: 5, ..AdmissionLimits::default() };
    let admission = admission(&stores, limits);
    admission.enter(stores.project, 2).await.expect("room for two");
    let refused = admission.enter(stores.project, 1).await.expect_err("full, before it is asked");
    assert!(matches!(refused, TurnedAway::TooManyOpen { open: 5, max: 5, .. }), "{refused:?}");
    admission.enter(ProjectId::new(), 5).await.expect("another project has its own room");
    // The two that were let in did not come: what the queue says counts.
    tokio::time::advance(Duration::from_secs(1)).await;
    admission.enter(stores.project, 2).await.expect("room for two");
}

#[tokio::test(start_paused = true)]
async fn all_runs_of_an_event_are_let_in_or_none() {
    let stores = Stores::new(Default::default());
    let limits = AdmissionLimits { open_max: 5, ..AdmissionLimits::default() };
    let admission = admission(&stores, limits);
    assert!(admission.enter(stores.project, 6).await.is_err());
    admission.enter(stores.project, 5).await.expect("nothing was taken before");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_does_not_answer_turns_nobody_away() {
    let stores = Stores::new(Default::default());
    stores.queue.set_away(true);
    let limits = AdmissionLimits { open_max: 5, ..AdmissionLimits::default() };
    let admission = admission(&stores, limits);
    for _ in 0..20 {
        admission.enter(stores.project, 1).await.expect("nobody knows of too many");
        tokio::time::advance(Duration::from_secs(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_of_each_project() {
    let stores = Arc::new(Stores::new(Default::default()));
    let limits = AdmissionLimits { accepts_per_second: Some(3.0), ..AdmissionLimits::default() };
    let admission = admission(&stores, limits);
    for _ in 0..3 {
        admission.enter(stores.project, 1).await.expect("within its rate");
    }
    let refused = admission.enter(stores.project, 1).await.expect_err("too fast");
    assert!(matches!(refused, TurnedAway::TooFast { .. }), "{refused:?}");
    admission.enter(ProjectId::new(), 1).await.expect("another project");
    tokio::time::advance(Duration::from_millis(400)).await;
    admission.enter(stores.project, 1).await.expect("a third of a second later");
}
