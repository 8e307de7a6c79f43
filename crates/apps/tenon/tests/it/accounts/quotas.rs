//! Limits of a provider: a run that meets one waits, and does not fail.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::stage::Stage;
use crate::product::text_of;

/// What a new user of the terminal sees of a run.
fn shown(stage: &Stage, run: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["runs", "show", run, "--json"])
        .env("TENON_SERVER", &stage.product.base)
        .env("TENON_PROJECT", &stage.product.project)
        .env("TENON_API_KEY", &stage.product.key)
        .output()
        .expect("the terminal can be used");
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {errors}"))
}

#[tokio::test]
async fn a_run_that_meets_a_quota_pauses_and_then_succeeds_without_a_retry() {
    // A step waits in place up to 2 s; the rest is for a busy machine.
    let quota = json!([{ "limit": 1, "window_seconds": 6, "path_prefix": "/limited" }]);
    let stage = Stage::with_rules(&json!({ "quotas": quota })).await;
    stage.connect(&stage.user).await;
    // The product's policy has no retries at all: what counted as one would fail.
    let event = stage.deploy(stage.one_step("/limited")).await;
    let first = stage.fire_for(&stage.user, &event, json!({})).await;
    assert_eq!(stage.product.ended(&first).await["status"], "succeeded");
    let second = stage.fire_for(&stage.user, &event, json!({})).await;
    let waiting = stage.product.in_status(&second, "waiting").await;

    let resumes: jiff::Timestamp = text_of(&waiting["resumes_at"]).parse().expect("a time");
    let wait = resumes.duration_since(jiff::Timestamp::now());
    assert!(wait.as_secs() <= 7, "it waits too long: {wait}");
    let terminal = shown(&stage, &second);
    assert_eq!(terminal["run"]["status"], "waiting", "{terminal:#}");
    assert_eq!(terminal["run"]["resumes_at"], waiting["resumes_at"]);
    assert_eq!(terminal["steps"][0]["error"]["code"], "rate_limited", "{terminal:#}");
    assert_eq!(stage.provider.api.calls_of("/limited").len(), 1, "the limit was not kept");

    let ended = stage.product.ended(&second).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    let calls = stage.provider.api.calls_of("/limited");
    assert_eq!(calls.len(), 2);
    let apart = calls[1].at.duration_since(calls[0].at);
    assert!(apart >= Duration::from_millis(5_300), "the second came too early: {apart:?}");
}

#[tokio::test]
async fn a_429_of_the_provider_holds_runs_and_the_proxy_back() {
    let stage = Stage::shared().await;
    stage.connect(&stage.user).await;
    // The first call of the path is told to come again in 5 s.
    let event = stage.deploy(stage.one_step("/busy")).await;
    let run = stage.fire_for(&stage.user, &event, json!({})).await;
    let waiting = stage.product.in_status(&run, "waiting").await;
    assert!(waiting["resumes_at"].is_string(), "{waiting:#}");
    let (status, held) = stage.proxied(&stage.user, "/things/7").await;
    assert_eq!((status.as_u16(), &held["code"]), (429, &"provider_rate_limited".into()));
    assert!(stage.provider.api.calls_of("/things/7").is_empty());
    let ended = stage.product.ended(&run).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    assert_eq!(stage.provider.api.calls_of("/busy").len(), 2);
}
