//! The recorder: order, patience, and one bad row among good ones.

use std::time::Duration;

use bytes::Bytes;
use tenon_domain::{Clock, RunId, StepId};
use tenon_exec::ports::history::{Payload, RunStatus, StepStatus};
use tenon_exec::ports::queue::JobQueue;
use tenon_exec::ports::store::{Finish, Iteration, StepRow};
use tenon_exec::recorder::{Leave, RecorderHandle};
use tenon_exec::settings::Settings;
use tenon_testkit::fakes::Entry;
use tokio::time::timeout;

use crate::bench::Stores;

fn row(stores: &Stores, run: RunId, step: &str, output: &str) -> StepRow {
    StepRow {
        run,
        project: stores.project,
        step: StepId::new(step),
        kind: "function",
        iteration: Iteration::new(),
        attempt: 1,
        pauses: 0,
        status: StepStatus::Succeeded,
        started_at: stores.clock.now(),
        duration_us: 1,
        input: None,
        output: Some(Payload::Inline(Bytes::from(format!("\"{output}\"")))),
        error: None,
        retry_at: None,
        logs: None,
        logs_dropped: 0,
    }
}

fn finish(stores: &Stores, run: RunId) -> Leave {
    Leave::Finish(Finish {
        run,
        status: RunStatus::Succeeded,
        error: None,
        started_at: None,
        finished_at: stores.clock.now(),
    })
}

fn steps_of(stores: &Stores, run: RunId) -> Vec<String> {
    stores.store.rows_of(run).into_iter().map(|row| row.step.as_str().to_owned()).collect()
}

/// Waits, on a clock that does not cost time, for what comes after a barrier.
async fn settle(recorder: &RecorderHandle) {
    recorder.barrier().await.expect("a recorder");
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn values_come_before_rows_and_rows_before_the_queue() {
    let stores = Stores::new(Settings { inline_bytes_max: 10, ..Settings::default() });
    let recorder = stores.record();
    let job = stores.job(&serde_json::json!({}));
    let run = job.run;
    stores.store.put(job);
    let lease = stores.claim(run).await;
    recorder.record(row(&stores, run, "a", "longer than ten bytes")).await.expect("a recorder");
    recorder.record(row(&stores, run, "b", "short")).await.expect("a recorder");
    let name = stores.queue_name();
    recorder.leave(name.clone(), lease, finish(&stores, run)).await.expect("a recorder");
    settle(&recorder).await;
    let entries = stores.journal.entries();
    assert_eq!(entries, [Entry::Blobs(1), Entry::Committed(3), Entry::Acked(vec![run])]);
    let rows = stores.store.rows_of(run);
    assert!(matches!(rows[0].output, Some(Payload::Blob(_))));
    assert!(matches!(rows[1].output, Some(Payload::Inline(_))));
    assert!(stores.store.end_of(run).is_some());
    assert!(stores.leases.is_empty());
    assert_eq!(stores.local.known(&name, &[run]).await.expect("in memory"), [false]);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_results_are_kept_and_then_committed_once() {
    let stores = Stores::new(Settings::default());
    let recorder = stores.record();
    let job = stores.job(&serde_json::json!({}));
    let run = job.run;
    stores.store.put(job);
    let lease = stores.claim(run).await;
    stores.store.set_away(true);
    recorder.record(row(&stores, run, "a", "x")).await.expect("a recorder");
    let end = finish(&stores, run);
    recorder.leave(stores.queue_name(), lease, end).await.expect("a recorder");
    let waiting = timeout(Duration::from_secs(60), recorder.barrier()).await;
    assert!(waiting.is_err(), "nothing can be committed");
    assert_eq!(stores.journal.entries(), []);
    assert_eq!(stores.leases.len(), 1, "an uncommitted run is still ours");
    stores.store.set_away(false);
    settle(&recorder).await;
    assert_eq!(stores.journal.entries(), [Entry::Committed(2), Entry::Acked(vec![run])]);
    assert_eq!(steps_of(&stores, run), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_was_lost_is_repeated_and_counts_once() {
    let stores = Stores::new(Settings::default());
    let recorder = stores.record();
    let run = RunId::new();
    stores.store.lose_replies(2);
    recorder.record(row(&stores, run, "a", "x")).await.expect("a recorder");
    settle(&recorder).await;
    assert_eq!(
        stores.journal.entries(),
        [Entry::Committed(1), Entry::Committed(1), Entry::Committed(1)]
    );
    assert_eq!(steps_of(&stores, run), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_refused_does_not_hold_up_its_neighbours() {
    let stores = Stores::new(Settings::default());
    let recorder = stores.record();
    let run = RunId::new();
    stores.store.refuse_step("bad");
    for step in ["first", "bad", "second"] {
        recorder.record(row(&stores, run, step, "x")).await.expect("a recorder");
    }
    settle(&recorder).await;
    assert_eq!(steps_of(&stores, run), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_barrier_returns_after_the_commit_and_waits_for_no_company() {
    let linger = Duration::from_secs(3_600);
    let stores = Stores::new(Settings { record_linger: linger, ..Settings::default() });
    let recorder = stores.record();
    let run = RunId::new();
    recorder.record(row(&stores, run, "a", "x")).await.expect("a recorder");
    let begun = tokio::time::Instant::now();
    recorder.barrier().await.expect("a recorder");
    assert_eq!(steps_of(&stores, run), ["a"]);
    assert!(begun.elapsed() < linger);
}

#[tokio::test(start_paused = true)]
async fn results_that_wait_for_the_store_make_the_recorder_congested_until_they_are_gone() {
    let stores = Stores::new(Settings { record_waiting_max: 3, ..Settings::default() });
    let recorder = stores.record();
    let run = RunId::new();
    stores.store.set_away(true);
    for (index, step) in ["a", "b", "c"].into_iter().enumerate() {
        assert!(!recorder.is_congested(), "after {index}");
        recorder.record(row(&stores, run, step, "x")).await.expect("a recorder");
    }
    assert!(recorder.is_congested());
    stores.store.set_away(false);
    settle(&recorder).await;
    assert!(!recorder.is_congested());
    assert_eq!(steps_of(&stores, run), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_handed_over_is_committed_when_the_handles_are_gone() {
    let stores = Stores::new(Settings::default());
    let recorder = stores.record();
    let run = RunId::new();
    recorder.record(row(&stores, run, "a", "x")).await.expect("a recorder");
    drop(recorder);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(steps_of(&stores, run), ["a"]);
}
