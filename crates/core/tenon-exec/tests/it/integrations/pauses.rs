//! A provider that wants no more calls: the run waits, uses up no retry, and goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tenon_contract::quota::{Bucket, QuotaError, Quotas, Taken};
use tenon_domain::{Clock, RunId};
use tenon_exec::engine::End;
use tenon_exec::ports::call_pools::Pool;
use tenon_exec::ports::history::StepStatus;

use super::world::{World, answer, answer_with};
use super::{action, json_of, request, rows};
use crate::bench::{Bench, program};
use crate::engine::SUCCEEDED;

const NO_RETRIES: &str = r#"{ "retry": { "retries": 0 } }"#;

fn no_retries() -> Value {
    serde_json::from_str(NO_RETRIES).expect("JSON")
}

/// Number, pauses before it and state of each record of the run.
fn records(world: &World, run: RunId) -> Vec<(u32, u32, StepStatus)> {
    rows(world, run).iter().map(|row| (row.attempt, row.pauses, row.status)).collect()
}

/// In how many seconds a run goes on.
fn seconds(world: &World, end: &End) -> i64 {
    let End::Suspended(due) = end else { panic!("it should be paused, not {end:?}") };
    (due.0 - world.bench.stores.clock.now().as_millisecond()) / 1_000
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_under_way_pause_the_run_without_a_call() {
    let mut world = World::new(|_| answer(200, json!({ "ok": true })));
    let integrations = world.bench.engine.integrations.as_mut().expect("a world has accounts");
    integrations.limits.calls_per_connector_max = 1;
    let of =
        Pool { project: world.bench.stores.project, integration: world.accounts[0].integration };
    let busy = integrations.slots.enter(of, 1, Duration::ZERO).await.expect("nobody calls");
    let program = program(json!([request("ask", "/me", no_retries())]));
    let run = world.accept(&json!({}));
    let end = world.bench.take_up(run, &program).await;
    assert!((0..=2).contains(&seconds(&world, &end)), "{end:?}");
    let error = rows(&world, run).pop().and_then(|row| row.error).expect("a reason");
    assert_eq!(error.code, "connector_busy");
    assert!(world.called().is_empty());
    drop(busy);
    world.bench.stores.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let waiting = StepStatus::Waiting;
    assert_eq!(records(&world, run), [(1, 0, waiting), (2, 1, StepStatus::Succeeded)]);
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_pause_the_run_as_often_as_it_takes() {
    let calls = Arc::new(AtomicU32::new(0));
    let world = World::new(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0..3 => answer_with(429, &[("retry-after", "60")], json!({ "message": "slow down" })),
        _ => answer(200, json!({ "ok": true })),
    });
    let program = program(json!([request("ask", "/me", no_retries())]));
    let run = world.accept(&json!({}));
    for pause in 0..3 {
        let end = world.bench.take_up(run, &program).await;
        assert!((60..=66).contains(&seconds(&world, &end)), "{end:?}");
        let End::Suspended(due) = end else { unreachable!("checked") };
        let row = rows(&world, run).pop().expect("a record");
        assert_eq!((row.status, row.pauses), (StepStatus::Waiting, pause));
        assert_eq!(row.retry_at.map(|at| at.as_millisecond()), Some(due.0));
        let error = row.error.expect("a reason");
        assert_eq!(error.code, "rate_limited");
        assert!(error.message.contains("the run goes on by itself at 2026-03-01T12:"), "{error:?}");
        world.bench.stores.clock.advance(SignedDuration::from_secs(30));
        assert_eq!(world.bench.take_up(run, &program).await, End::Suspended(due), "not sooner");
        world.bench.stores.clock.advance(SignedDuration::from_secs(40));
    }
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let waiting = StepStatus::Waiting;
    let expected =
        [(1, 0, waiting), (2, 1, waiting), (3, 2, waiting), (4, 3, StepStatus::Succeeded)];
    assert_eq!(records(&world, run), expected);
    assert_eq!(world.called().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_pause_leaves_the_retries_as_they_were() {
    let calls = Arc::new(AtomicU32::new(0));
    let world = World::new(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 | 2 => answer_with(429, &[("retry-after", "60")], json!({})),
        _ => answer(503, json!({})),
    });
    let retry =
        json!({ "retry": { "retries": 1, "jitter": "none", "backoff": { "schedule": [5] } } });
    let program = program(json!([request("ask", "/me", retry)]));
    let run = world.accept(&json!({}));
    for expected in [60..=66, 5..=5, 60..=66] {
        let end = world.bench.take_up(run, &program).await;
        assert!(expected.contains(&seconds(&world, &end)), "{end:?}");
        world.bench.stores.clock.advance(SignedDuration::from_secs(70));
    }
    let End::Finished { error: Some(error), .. } = world.bench.take_up(run, &program).await else {
        panic!("the one retry is used up");
    };
    assert_eq!(error.code, "provider_error");
    let states: Vec<_> = records(&world, run).into_iter().map(|(_, _, state)| state).collect();
    let expected =
        [StepStatus::Waiting, StepStatus::Retrying, StepStatus::Waiting, StepStatus::Failed];
    assert_eq!(states, expected);
}

#[tokio::test(start_paused = true)]
async fn runs_share_the_limit_of_an_account() {
    let world = World::new(|_| answer(200, json!({})));
    let ping = program(json!([action("ask", "ping", json!({}))]));
    for _ in 0..2 {
        let run = world.accept(&json!({}));
        assert_eq!(world.bench.take_up(run, &ping).await, SUCCEEDED);
    }
    let third = world.accept(&json!({}));
    let end = world.bench.take_up(third, &ping).await;
    assert!((60..=73).contains(&seconds(&world, &end)), "{end:?}");
    assert_eq!(world.called().len(), 2, "no call is made beyond the limit");
    let other = program(json!([action("ask", "ping", json!({ "account": "second" }))]));
    let fourth = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(fourth, &other).await, SUCCEEDED, "it has a limit of its own");
    let unlimited = program(json!([request("ask", "/me", json!({}))]));
    let fifth = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(fifth, &unlimited).await, SUCCEEDED, "another path");
    world.bench.stores.clock.advance(SignedDuration::from_secs(75));
    assert_eq!(world.bench.take_up(third, &ping).await, SUCCEEDED);
}

#[tokio::test(start_paused = true)]
async fn one_runs_429_holds_up_the_others() {
    let world = World::new(|_| answer_with(429, &[("retry-after", "60")], json!({})));
    let program = program(json!([request("ask", "/me", json!({}))]));
    for _ in 0..3 {
        let run = world.accept(&json!({}));
        assert!(matches!(world.bench.take_up(run, &program).await, End::Suspended(_)));
    }
    assert_eq!(world.called().len(), 1, "the provider was asked once");
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_begins_nothing_more_while_it_is_paused() {
    let world = World::new(|_| answer(200, json!({})));
    let steps = json!([
        { "id": "all", "type": "fan_out", "over": "{{trigger.event.items}}", "each": "ask",
          "parallelism": 1 },
        action("ask", "ping", no_retries()),
    ]);
    let program = program(steps);
    let items: Vec<u32> = (0..7).collect();
    let run = world.accept(&json!({ "items": items }));
    let waiting = |world: &World| {
        records(world, run).iter().filter(|(_, _, state)| *state == StepStatus::Waiting).count()
    };
    for windows in 1..=3 {
        let end = world.bench.take_up(run, &program).await;
        assert!(matches!(end, End::Suspended(_)), "{end:?}");
        assert_eq!(world.called().len(), 2 * windows);
        assert_eq!(waiting(&world), windows, "one record a pause, not one an item");
        world.bench.stores.clock.advance(SignedDuration::from_secs(75));
    }
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(world.called().len(), 7, "each item once");
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_is_waited_in_place() {
    let calls = Arc::new(AtomicU32::new(0));
    let world = World::on(
        Bench::ticking(|_, _| Ok(Value::Null)),
        |_| {},
        move |_| match calls.fetch_add(1, Ordering::SeqCst) {
            0 => answer_with(429, &[("retry-after", "1")], json!({})),
            _ => answer(200, json!({ "ok": true })),
        },
    );
    let program = program(json!([request("ask", "/me", no_retries())]));
    let run = world.accept(&json!({}));
    let began = tokio::time::Instant::now();
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    assert!(began.elapsed().as_millis() >= 1_000);
    assert_eq!(records(&world, run), [(1, 0, StepStatus::Succeeded)]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_being_read_waits_longer_so_that_it_ends() {
    let calls = Arc::new(AtomicU32::new(0));
    let world = World::on(
        Bench::ticking(|_, _| Ok(Value::Null)),
        |_| {},
        move |request| {
            let count = calls.fetch_add(1, Ordering::SeqCst);
            if count % 2 == 1 {
                return answer_with(429, &[("retry-after", "20")], json!({}));
            }
            let cursor = request.url.query_pairs().find(|(name, _)| name == "cursor");
            let page = cursor.and_then(|(_, value)| value.parse::<u32>().ok()).unwrap_or(0);
            let next = (page < 3).then(|| (page + 1).to_string());
            answer(200, json!({ "items": [page], "next": next }))
        },
    );
    let program = program(json!([action("contacts", "list_contacts", no_retries())]));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let output = json_of(rows(&world, run)[0].output.as_ref());
    assert_eq!(output["result"], json!([0, 1, 2, 3]));
    assert_eq!(world.called().len(), 7);
}

/// Counters that cannot be reached.
struct Away;

#[async_trait]
impl Quotas for Away {
    async fn take(&self, _: &[Bucket]) -> Result<Taken, QuotaError> {
        Err(QuotaError("away, as the test asked".into()))
    }

    async fn block(&self, _: &str, _: Timestamp) -> Result<(), QuotaError> {
        Err(QuotaError("away, as the test asked".into()))
    }
}

#[tokio::test(start_paused = true)]
async fn without_counters_the_providers_own_answer_still_holds() {
    let calls = Arc::new(AtomicU32::new(0));
    let mut world = World::new(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => answer(200, json!({})),
        _ => answer_with(429, &[("retry-after", "60")], json!({})),
    });
    let integrations = world.bench.engine.integrations.as_mut().expect("set");
    integrations.quotas = Arc::new(Away);
    let ping = program(json!([action("ask", "ping", json!({}))]));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &ping).await, SUCCEEDED);
    let run = world.accept(&json!({}));
    let end = world.bench.take_up(run, &ping).await;
    assert!((60..=66).contains(&seconds(&world, &end)), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_does_not_wait() {
    let world = World::new(|_| answer_with(429, &[("retry-after", "1")], json!({})));
    world.bench.stopping.cancel();
    let program = program(json!([request("ask", "/me", no_retries())]));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program).await, End::Yielded);
    assert_eq!(world.called().len(), 0);
}
