//! While a store is away: 503 with `Retry-After`, no cause shown, and back again by itself.

use http::Method;
use serde_json::json;
use tower::ServiceExt;

use super::fakes::{run, summary};
use super::workflows::document;
use super::{Bench, problem, request};

#[tokio::test]
async fn a_store_that_is_away_gives_503_without_its_cause() {
    let bench = Bench::new();
    bench.world.add_run(summary(1), Vec::new());
    bench.world.set_away(true);
    let apply = json!({"documents": [document("welcome", 1)]});
    for (method, path, body) in [
        (Method::GET, "/runs".to_owned(), None),
        (Method::GET, format!("/runs/{}", run(1)), None),
        (Method::GET, "/proxy-calls".to_owned(), None),
        (Method::GET, "/archive/days".to_owned(), None),
        (Method::GET, "/archive/days/2026-03-09".to_owned(), None),
        (Method::GET, format!("/runs/{}/events", run(1)), None),
        (Method::GET, "/workflows".to_owned(), None),
        (Method::POST, "/workflows/apply".to_owned(), Some(apply)),
        (Method::PUT, "/users/u".to_owned(), Some(json!({}))),
    ] {
        let sent = request(method.clone(), &path, body.clone());
        let response = bench.router.clone().oneshot(sent).await.expect("the router answers");
        assert_eq!(response.headers().get("retry-after").expect("it says when"), "2", "{path}");
        let answer = bench.send(request(method, &path, body)).await;
        let shown = problem(answer, 503, "unavailable");
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
    }
    bench.world.set_away(false);
    assert_eq!(bench.get("/runs").await.0, 200);
}

#[tokio::test]
async fn execution_that_is_full_says_when_to_come_back() {
    let bench = Bench::new();
    let mut queued = summary(1);
    queued.status = tenon_exec::ports::history::RunStatus::Queued;
    bench.world.add_run(queued, Vec::new());
    let sent = request(Method::POST, &format!("/runs/{}/cancel", run(1)), None);
    let response = bench.router.clone().oneshot(sent).await.expect("the router answers");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers().get("retry-after").expect("it says when"), "3");
}
