//! Faults of our own: the job is tried again and uses up no attempt of its step, and once whatever
//! was away is back, it succeeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tenon_domain::RunId;
use tenon_exec::engine::End;
use tenon_exec::ports::history::{RunStatus, StepStatus};
use tenon_exec::ports::script::FunctionErrorKind;

use crate::bench::{Bench, fault, program};
use crate::engine::{SUCCEEDED, function};
use crate::integrations::world::{World, answer};
use crate::worker::Workshop;

/// How long whatever is away stays away.
const OUTAGE: Duration = Duration::from_secs(4);

/// The step `only`, which may be tried once.
fn once() -> Arc<tenon_exec::program::Program> {
    program(json!([function("only", json!({ "retry": { "retries": 0 } }))]))
}

/// That a run succeeds, with one attempt of its only step on record.
async fn succeeds_with_one_attempt(shop: &Workshop, run: RunId) {
    assert_eq!(shop.end_of(run).await, RunStatus::Succeeded);
    let rows = shop.stores.store.rows_of(run);
    let rows: Vec<_> = rows.iter().map(|row| (row.attempt, row.pauses, row.status)).collect();
    assert_eq!(rows, [(1, 0, StepStatus::Succeeded)]);
}

/// Something that is not there yet when a bench is made.
fn later<T>() -> Arc<Mutex<Option<T>>> {
    Arc::new(Mutex::new(None))
}

#[tokio::test(start_paused = true)]
async fn the_database_is_away_when_the_job_is_claimed() {
    let shop = Workshop::open(Bench::ticking(|_, _| Ok(Value::Null))).await;
    shop.stores.store.set_away(true);
    let run = shop.push(&once(), 0).await;
    tokio::time::sleep(OUTAGE).await;
    assert!(shop.stores.store.end_of(run).is_none());
    shop.stores.store.set_away(false);
    succeeds_with_one_attempt(&shop, run).await;
}

#[tokio::test(start_paused = true)]
async fn the_database_is_away_when_the_result_is_committed() {
    let store = later::<Arc<tenon_testkit::fakes::MemoryStore>>();
    let seen = store.clone();
    let bench = Bench::ticking(move |_, _| {
        seen.lock().as_ref().expect("the store is there").set_away(true);
        Ok(Value::Null)
    });
    *store.lock() = Some(bench.stores.store.clone());
    let runner = bench.runner.clone();
    let shop = Workshop::open(bench).await;
    let run = shop.push(&once(), 0).await;
    tokio::time::sleep(OUTAGE).await;
    assert!(shop.stores.store.end_of(run).is_none());
    shop.stores.store.set_away(false);
    succeeds_with_one_attempt(&shop, run).await;
    assert_eq!(runner.calls().len(), 1, "what was done is kept, not done again");
}

#[tokio::test(start_paused = true)]
async fn the_blob_store_is_away_when_a_large_result_is_committed() {
    let bench = Bench::ticking(|_, _| Ok(json!("x".repeat(100_000))));
    bench.stores.blobs.set_away(true);
    let runner = bench.runner.clone();
    let shop = Workshop::open(bench).await;
    let run = shop.push(&once(), 0).await;
    tokio::time::sleep(OUTAGE).await;
    assert!(shop.stores.store.end_of(run).is_none());
    shop.stores.blobs.set_away(false);
    succeeds_with_one_attempt(&shop, run).await;
    assert_eq!(runner.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_away_while_the_run_is_under_way() {
    let queue = later::<Arc<tenon_testkit::fakes::WatchedQueue>>();
    let seen = queue.clone();
    let bench = Bench::ticking(move |_, _| {
        seen.lock().as_ref().expect("the queue is there").set_away(true);
        Ok(Value::Null)
    });
    *queue.lock() = Some(bench.stores.queue.clone());
    let shop = Workshop::open(bench).await;
    let run = shop.push(&once(), 0).await;
    succeeds_with_one_attempt(&shop, run).await;
    tokio::time::sleep(OUTAGE).await;
    shop.stores.queue.set_away(false);
    let rows = shop.stores.store.rows_of(run).len();
    tokio::time::sleep(OUTAGE).await;
    assert_eq!(shop.stores.store.rows_of(run).len(), rows, "it is not run again");
}

#[tokio::test(start_paused = true)]
async fn the_function_process_dies_for_longer_than_one_execution_is_patient() {
    let calls = Arc::new(AtomicU32::new(0));
    let tries = calls.clone();
    // More than `infrastructure_retries` of one execution: the job comes back for more.
    let bench = Bench::ticking(move |_, _| match tries.fetch_add(1, Ordering::SeqCst) {
        0..15 => Err(fault(FunctionErrorKind::Unavailable)),
        _ => Ok(Value::Null),
    });
    let shop = Workshop::open(bench).await;
    let run = shop.push(&once(), 0).await;
    succeeds_with_one_attempt(&shop, run).await;
    assert_eq!(calls.load(Ordering::SeqCst), 16);
}

#[tokio::test(start_paused = true)]
async fn the_vault_is_away_when_an_account_is_opened() {
    let world = World::new(|_| answer(200, json!({ "ok": true })));
    world.vault.set_away(true);
    let program = program(json!([{
        "id": "only", "type": "integration_request", "connector": "custom.acme", "path": "/me",
        "retry": { "retries": 0 },
    }]));
    let run = world.accept(&json!({}));
    let end = world.bench.take_up(run, &program).await;
    assert!(matches!(end, End::Suspended(_)), "{end:?}");
    assert!(world.bench.stores.store.rows_of(run).is_empty(), "no attempt is on record");
    world.vault.set_away(false);
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let rows = world.bench.stores.store.rows_of(run);
    let rows: Vec<_> = rows.iter().map(|row| (row.attempt, row.status)).collect();
    assert_eq!(rows, [(1, StepStatus::Succeeded)]);
}
