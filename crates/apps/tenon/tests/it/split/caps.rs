//! A limit of calls to a connector holds over all workers.

use serde_json::json;

use super::Provider;
use super::Stage;
use super::installation::Split;

/// Calls that may be under way.
const CALLS_MAX: usize = 2;
const RUNS: usize = 12;

/// Two workers with few slots each, so that both have runs; answers how many calls were under way at
/// the same time.
async fn most_at_once(environment: &[(&str, &str)]) -> usize {
    let calls_max = CALLS_MAX.to_string();
    let mut settings = vec![
        ("TENON_INTEGRATIONS__CALLS_PER_CONNECTOR_MAX", &*calls_max),
        ("TENON_EXECUTION__RUNS_IN_FLIGHT_MAX", "4"),
        ("TENON_EXECUTION__RUNS_IN_FLIGHT_PER_QUEUE_MAX", "4"),
    ];
    settings.extend(environment);
    let split = Split::start_with(&["--workers", "2"], &settings);
    let stage = Stage::of(split.product(), Provider::start().await, &json!({})).await;
    stage.connect(&stage.user).await;
    let event = stage.deploy(stage.one_step("/slow")).await;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(stage.fire_for(&stage.user, &event, json!({})).await);
    }
    for run in &runs {
        let ended = stage.product.ended(run).await;
        assert_eq!(ended["status"], "succeeded", "{ended:#}");
    }
    assert_eq!(stage.provider.api.calls_of("/slow").len(), RUNS);
    let most = stage.provider.api.most_at_once("/slow");
    split.stop();
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_keep_to_one_limit_together() {
    assert_eq!(most_at_once(&[]).await, CALLS_MAX);
}

/// The same without what counts over all workers: each has the limit for itself, and the test above
/// would fail.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_common_count_two_workers_exceed_the_limit() {
    let most = most_at_once(&[("TENON_REMOVE_GUARD", "call-pools")]).await;
    assert!(most > CALLS_MAX, "{most} at once");
}
