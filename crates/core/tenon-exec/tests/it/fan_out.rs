//! The fan-out: every item once, however often the run is taken up; joined before what follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use serde_json::{Value, json};
use tenon_domain::Clock;
use tenon_exec::engine::End;
use tenon_exec::ports::history::RunStatus;
use tenon_exec::ports::script::{FunctionError, FunctionErrorKind};
use tenon_exec::program::Program;
use tenon_exec::settings::Settings;
use tenon_testkit::fakes::Entry;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, fault, program};
use crate::engine::{SUCCEEDED, function};

/// A function over each item of the trigger's list, and one that sees all results.
fn over_list(parallelism: u32, work: Value) -> Arc<Program> {
    let mut work = work;
    work["parameters"] = json!({ "item": "{{each.instance}}" });
    program(json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.list}}", "each": "work",
          "parallelism": parallelism, "next": "after" },
        function("work", work),
        function("after", json!({ "parameters": { "all": "{{work.result}}" } })),
    ]))
}

/// The items that were worked on, in order.
fn worked(bench: &Bench) -> Vec<Value> {
    let calls = bench.runner.calls().into_iter();
    calls.filter(|(code, _)| code == "work").map(|(_, mut given)| given["item"].take()).collect()
}

/// What the step after the fan-out was given.
fn joined(bench: &Bench) -> Option<Value> {
    let mut calls = bench.runner.calls().into_iter();
    calls.find(|(code, _)| code == "after").map(|(_, mut given)| given["all"].take())
}

fn tenfold(code: &str, given: &Value) -> Result<Value, FunctionError> {
    Ok(match code {
        "work" => json!(given["item"].as_i64().map(|item| item * 10)),
        _ => Value::Null,
    })
}

#[tokio::test(start_paused = true)]
async fn steps_after_it_see_the_results_in_the_order_of_the_items() {
    let bench = Bench::new(tenfold);
    let run = bench.accept(&json!({ "list": [3, 1, 2] }));
    let program = over_list(2, json!({}));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(joined(&bench), Some(json!([30, 10, 20])));
}

#[tokio::test(start_paused = true)]
async fn an_array_too_large_to_hold_gives_the_same() {
    let small = Settings { fan_out_memory_max: 64, inline_bytes_max: 64, ..Settings::default() };
    let bench = Bench::with(small, tenfold);
    let list: Vec<i64> = (0..500).collect();
    let run = bench.accept(&json!({ "list": list }));
    let program = over_list(7, json!({}));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    let expected: Vec<i64> = list.iter().map(|item| item * 10).collect();
    assert_eq!(joined(&bench), Some(json!(expected)));
    assert_eq!(worked(&bench).len(), 500);
}

#[tokio::test(start_paused = true)]
async fn iterations_that_ended_are_passed_over_when_it_is_taken_up_again() {
    let stopping = CancellationToken::new();
    let stop = stopping.clone();
    let mut bench = Bench::new(move |code, given| {
        if given["item"] == 2 {
            stop.cancel();
        }
        tenfold(code, given)
    });
    bench.stopping = stopping;
    let program = over_list(1, json!({}));
    let run = bench.accept(&json!({ "list": [1, 2, 3, 4] }));
    assert_eq!(bench.take_up(run, &program).await, End::Yielded);
    assert_eq!(worked(&bench), [json!(1), json!(2)], "the one under way ends, no other begins");
    bench.stopping = CancellationToken::new();
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(worked(&bench), [json!(1), json!(2), json!(3), json!(4)]);
    assert_eq!(joined(&bench), Some(json!([10, 20, 30, 40])));
    let read = bench.stores.journal.entries().into_iter();
    let read: Vec<Entry> = read.filter(|entry| matches!(entry, Entry::IterationRead(_))).collect();
    assert_eq!(read, [], "what has ended is not even read");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_iteration_holds_up_only_the_join() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = is_well.clone();
    let bench = Bench::new(move |code, given| {
        if given["item"] == 2 && !well.load(Ordering::SeqCst) {
            return Err(fault(FunctionErrorKind::Thrown));
        }
        tenfold(code, given)
    });
    let retry = json!({ "jitter": "none", "backoff": { "schedule": [20] } });
    let program = over_list(1, json!({ "retry": retry }));
    let run = bench.accept(&json!({ "list": [1, 2, 3] }));
    let End::Suspended(due) = bench.take_up(run, &program).await else {
        panic!("an iteration waits for its retry");
    };
    assert_eq!(due.0 - bench.stores.clock.now().as_millisecond(), 20_000);
    assert_eq!(worked(&bench), [json!(1), json!(2), json!(3)]);
    assert_eq!(joined(&bench), None);
    is_well.store(true, Ordering::SeqCst);
    bench.stores.clock.advance(SignedDuration::from_secs(20));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(worked(&bench), [json!(1), json!(2), json!(3), json!(2)]);
    assert_eq!(joined(&bench), Some(json!([10, 20, 30])));
}

#[tokio::test(start_paused = true)]
async fn a_failed_iteration_fails_the_run_even_while_another_waits() {
    let bench = Bench::new(|_, given| match given["item"].as_i64() {
        Some(1) => Err(fault(FunctionErrorKind::Thrown)),
        Some(2) => Err(fault(FunctionErrorKind::Syntax)),
        _ => Ok(Value::Null),
    });
    let program = over_list(1, json!({}));
    let run = bench.accept(&json!({ "list": [1, 2, 3] }));
    let End::Finished { status, error } = bench.take_up(run, &program).await else {
        panic!("a failure weighs more than a wait");
    };
    assert_eq!(
        (status, error.expect("a reason").code.as_str()),
        (RunStatus::Failed, "function_syntax")
    );
    assert_eq!(worked(&bench), [json!(1), json!(2)], "no iteration begins after a failure");
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_that_ignores_failures_goes_on_with_a_gap() {
    let bench = Bench::new(|code, given| match given["item"].as_i64() {
        Some(2) => Err(fault(FunctionErrorKind::Syntax)),
        _ => tenfold(code, given),
    });
    let program = program(json!([
        { "id": "each", "type": "fan_out", "over": "{{trigger.event.list}}", "each": "work",
          "ignore_failure": true, "next": "after" },
        function("work", json!({ "parameters": { "item": "{{each.instance}}" } })),
        function("after", json!({ "parameters": { "all": "{{work.result}}" } })),
    ]));
    let run = bench.accept(&json!({ "list": [1, 2, 3] }));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(joined(&bench), Some(json!([10, null, 30])));
}

#[tokio::test(start_paused = true)]
async fn nested_fan_outs_give_nested_arrays() {
    let bench = Bench::new(tenfold);
    let program = program(json!([
        { "id": "outer", "type": "fan_out", "over": "{{trigger.event.lists}}", "each": "inner",
          "next": "after" },
        { "id": "inner", "type": "fan_out", "over": "{{outer.instance}}", "each": "work" },
        function("work", json!({ "parameters": { "item": "{{inner.instance}}" } })),
        function("after", json!({ "parameters": { "all": "{{work.result}}" } })),
    ]));
    let run = bench.accept(&json!({ "lists": [[1, 2], [], [3]] }));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(joined(&bench), Some(json!([[10, 20], [], [30]])));
}
