//! The engine: what is recorded is not run again, and what cannot go on now waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tenon_domain::Clock;
use tenon_exec::engine::End;
use tenon_exec::ports::history::{Payload, RunStatus, StepStatus};
use tenon_exec::ports::queue::DueMs;
use tenon_exec::ports::queue::{Fence, Generation, Lease};
use tenon_exec::ports::script::FunctionErrorKind;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, fault, program};

pub const SUCCEEDED: End = End::Finished { status: RunStatus::Succeeded, error: None };

/// A function step whose code is its name.
pub fn function(id: &str, more: Value) -> Value {
    let mut step = json!({ "id": id, "type": "function", "code": id });
    let more = more.as_object().expect("an object").clone();
    step.as_object_mut().expect("an object").extend(more);
    step
}

/// How each recorded attempt of each step ended.
fn states(bench: &Bench, run: tenon_domain::RunId) -> Vec<(String, u32, StepStatus)> {
    let rows = bench.stores.store.rows_of(run).into_iter();
    rows.map(|row| (row.step.as_str().to_owned(), row.attempt, row.status)).collect()
}

fn in_seconds(bench: &Bench, due: DueMs) -> i64 {
    (due.0 - bench.stores.clock.now().as_millisecond()) / 1_000
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_the_step_end_and_what_is_recorded_is_not_run_again() {
    let stopping = CancellationToken::new();
    let stop = stopping.clone();
    let mut bench = Bench::new(move |code, parameters| {
        if code == "first" {
            stop.cancel();
            return Ok(json!({ "n": 7 }));
        }
        Ok(json!(parameters["n"].as_i64().map(|n| n + 1)))
    });
    bench.stopping = stopping;
    let program = program(json!([
        function("first", json!({ "next": "second" })),
        function("second", json!({ "parameters": { "n": "{{first.result.n}}" } })),
    ]));
    let run = bench.accept(&json!({}));
    assert_eq!(bench.take_up(run, &program).await, End::Yielded);
    assert_eq!(bench.called(), ["first"]);
    assert_eq!(states(&bench, run), [("first".to_owned(), 1, StepStatus::Succeeded)]);
    bench.stopping = CancellationToken::new();
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(bench.called(), ["first", "second"]);
    let output = bench.stores.store.rows_of(run)[1].output.clone();
    let Some(Payload::Inline(output)) = output else { unreachable!("a small output") };
    assert_eq!(output, r#"{"result":8}"#);
}

#[tokio::test(start_paused = true)]
async fn a_delay_suspends_once_and_goes_on_when_it_is_due() {
    let bench = Bench::new(|_, _| Ok(Value::Null));
    let program = program(json!([
        { "id": "wait", "type": "delay", "hours": 1, "next": "after" },
        function("after", json!({ "parameters": { "at": "{{wait.until}}" } })),
    ]));
    let run = bench.accept(&json!({}));
    let due = DueMs((bench.stores.clock.now() + SignedDuration::from_hours(1)).as_millisecond());
    assert_eq!(bench.take_up(run, &program).await, End::Suspended(due));
    bench.stores.clock.advance(SignedDuration::from_mins(59));
    assert_eq!(bench.take_up(run, &program).await, End::Suspended(due), "the moment stays");
    assert_eq!(bench.called(), [""; 0]);
    bench.stores.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(
        bench.runner.calls(),
        [("after".to_owned(), json!({ "at": "2026-03-01T13:00:00Z" }))]
    );
    let expected = [
        ("after".to_owned(), 1, StepStatus::Succeeded),
        ("wait".to_owned(), 0, StepStatus::Waiting),
        ("wait".to_owned(), 1, StepStatus::Succeeded),
    ];
    assert_eq!(states(&bench, run), expected);
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_waits_its_delay_and_the_last_one_fails_the_run() {
    let bench = Bench::new(|_, _| Err(fault(FunctionErrorKind::Thrown)));
    let retry = json!({ "retries": 1, "jitter": "none", "backoff": { "schedule": [30] } });
    let program = program(json!([
        function("breaks", json!({ "retry": retry, "next": "never" })),
        function("never", json!({})),
    ]));
    let run = bench.accept(&json!({}));
    let End::Suspended(due) = bench.take_up(run, &program).await else {
        panic!("a retry is left");
    };
    assert_eq!(in_seconds(&bench, due), 30);
    bench.stores.clock.advance(SignedDuration::from_secs(29));
    assert_eq!(bench.take_up(run, &program).await, End::Suspended(due));
    assert_eq!(bench.called(), ["breaks"], "not before it is due");
    bench.stores.clock.advance(SignedDuration::from_secs(1));
    let End::Finished { status, error } = bench.take_up(run, &program).await else {
        panic!("no retry is left");
    };
    assert_eq!(status, RunStatus::Failed);
    assert_eq!(error.expect("a reason").code, "function_threw");
    let expected = [
        ("breaks".to_owned(), 1, StepStatus::Retrying),
        ("breaks".to_owned(), 2, StepStatus::Failed),
    ];
    assert_eq!(states(&bench, run), expected);
    let again = bench.take_up(run, &program).await;
    assert!(matches!(again, End::Finished { status: RunStatus::Failed, .. }));
    assert_eq!(bench.called(), ["breaks", "breaks"], "a failure that is recorded stays one");
}

#[tokio::test(start_paused = true)]
async fn an_ignored_failure_is_an_output_of_the_step() {
    let bench = Bench::new(|code, _| match code {
        "breaks" => Err(fault(FunctionErrorKind::Syntax)),
        _ => Ok(Value::Null),
    });
    let program = program(json!([
        function("breaks", json!({ "ignore_failure": true, "next": "after" })),
        function("after", json!({ "parameters": { "why": "{{breaks.error.code}}" } })),
    ]));
    let run = bench.accept(&json!({}));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(bench.runner.calls()[1], ("after".to_owned(), json!({ "why": "function_syntax" })));
    assert_eq!(states(&bench, run)[1], ("breaks".to_owned(), 1, StepStatus::Failed));
}

#[tokio::test(start_paused = true)]
async fn faults_of_our_own_use_up_no_attempt() {
    let calls = Arc::new(AtomicU32::new(0));
    let bench = Bench::new(move |_, _| match calls.fetch_add(1, Ordering::SeqCst) {
        0..3 => Err(fault(FunctionErrorKind::Unavailable)),
        _ => Ok(Value::Null),
    });
    let program = program(json!([function("only", json!({ "retry": { "retries": 0 } }))]));
    let run = bench.accept(&json!({}));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(bench.called().len(), 4);
    assert_eq!(states(&bench, run), [("only".to_owned(), 1, StepStatus::Succeeded)]);
}

#[tokio::test(start_paused = true)]
async fn faults_of_our_own_that_last_suspend_the_run_without_a_trace() {
    let bench = Bench::new(|_, _| Err(fault(FunctionErrorKind::Unavailable)));
    let program = program(json!([function("only", json!({}))]));
    let run = bench.accept(&json!({}));
    assert!(matches!(bench.take_up(run, &program).await, End::Suspended(_)));
    assert_eq!(states(&bench, run), []);
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_run_stops_where_it_is() {
    let bench = Bench::new(|_, _| Err(fault(FunctionErrorKind::Unavailable)));
    let program = program(json!([function("patient", json!({}))]));
    let run = bench.accept(&json!({}));
    let abandon = bench.abandon.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        abandon.cancel();
    });
    assert_eq!(bench.take_up(run, &program).await, End::Abandoned);
    assert_eq!(bench.called().len(), 2, "at once and after 50 ms; the next try was at 250 ms");
    assert_eq!(bench.take_up(run, &program).await, End::Abandoned);
    assert_eq!(bench.called().len(), 2, "nothing is begun under a lost lease");
    assert_eq!(states(&bench, run), []);
}

/// A process that stood still goes on before its beat has found that the lease is over.
#[tokio::test]
async fn nothing_is_called_under_a_lease_whose_time_is_over() {
    let mut bench = Bench::new(|_, _| Ok(Value::Null));
    let program = program(json!([function("late", json!({}))]));
    let run = bench.accept(&json!({}));
    let lease = Lease { run, fence: Fence::new(Generation(1), 1) };
    let name = bench.stores.queue_name();
    bench.abandon = bench.stores.leases.hold(&name, lease, Duration::ZERO);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(!bench.abandon.is_cancelled(), "no beat has looked");
    assert_eq!(bench.take_up(run, &program).await, End::Abandoned);
    assert!(bench.called().is_empty());
    assert!(states(&bench, run).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_condition_takes_one_branch_and_then_what_follows_it() {
    let bench = Bench::new(|_, _| Ok(Value::Null));
    let program = program(json!([
        { "id": "asks", "type": "conditional", "then": "yes", "else": "no", "next": "after",
          "if": { "operator": "$booleanTrue", "variable": "{{trigger.event.wanted}}" } },
        function("yes", json!({})),
        function("no", json!({})),
        function("after", json!({})),
    ]));
    for (wanted, branch) in [(true, "yes"), (false, "no")] {
        let before = bench.called().len();
        let run = bench.accept(&json!({ "wanted": wanted }));
        assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
        assert_eq!(bench.called()[before..], [branch, "after"]);
    }
}
