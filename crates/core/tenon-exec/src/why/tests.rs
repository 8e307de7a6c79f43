//! What is said of runs in every place that they can be in.

use tenon_domain::{VersionId, WorkflowId};

use super::*;
use crate::ports::history::TriggerKind;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn run(status: RunStatus) -> RunSummary {
    RunSummary {
        id: RunId::new(),
        workflow: WorkflowId::new(),
        version: VersionId::new(),
        user: None,
        credential: None,
        configuration: None,
        trigger: TriggerKind::AppEvent,
        status,
        error: None,
        attempts: 0,
        created_at: at(-60),
        started_at: None,
        finished_at: None,
        resumes_at: None,
        replay_of: None,
        crashes: 0,
    }
}

fn record(step: &str, kind: &str, status: StepStatus, retry_at: Option<i64>) -> StepRecord {
    StepRecord {
        step: StepId::new(step),
        kind: kind.to_owned(),
        iteration: Vec::new(),
        attempt: 2,
        status,
        started_at: at(-10),
        duration_us: 1_000_000,
        input: None,
        output: None,
        error: (status == StepStatus::Retrying).then(|| StepError {
            code: "request_status".to_owned(),
            message: "the answer was 500".to_owned(),
            step: None,
        }),
        retry_at: retry_at.map(at),
        logs: Vec::new(),
        logs_dropped: 0,
    }
}

fn depth(ready: u64, running: u64) -> Depth {
    Depth { ready, running, ..Depth::default() }
}

/// A queue that knows the run.
fn queue(ready: u64, running: u64) -> Option<QueueFacts> {
    Some(QueueFacts { is_known: true, depth: depth(ready, running), is_paused: false })
}

fn codes(run: &RunSummary, steps: &[StepRecord], queue: Option<QueueFacts>) -> Vec<&'static str> {
    let why = explain(&Facts { run, steps, queue, running_max: None, now: at(0) });
    why.reasons.iter().map(Reason::code).collect()
}

#[test]
fn a_run_that_ended_says_how() {
    let mut ended = run(RunStatus::Failed);
    ended.finished_at = Some(at(-5));
    ended.error =
        Some(StepError { code: "step_failed".into(), message: "it broke".into(), step: None });
    let why =
        explain(&Facts { run: &ended, steps: &[], queue: None, running_max: None, now: at(0) });
    let said = why.reasons[0].to_string();
    assert!(said.starts_with("it has ended: it failed at 2027-"), "{said}");
    assert!(said.ends_with("(step_failed: it broke)"), "{said}");
}

#[test]
fn what_a_run_waits_for_comes_in_the_order_in_which_it_goes_on() {
    let mut waiting = run(RunStatus::Waiting);
    waiting.resumes_at = Some(at(20));
    let steps = [
        record("calls", "request", StepStatus::Waiting, Some(90)),
        record("pause", "delay", StepStatus::Waiting, Some(60)),
        record("again", "request", StepStatus::Retrying, Some(20)),
        record("again", "request", StepStatus::Retrying, Some(500)),
        record("done", "request", StepStatus::Succeeded, None),
    ];
    let asked = queue(0, 0);
    assert_eq!(codes(&waiting, &steps, asked), ["retry", "delay", "provider_limit"]);
    let why = explain(&Facts {
        run: &waiting,
        steps: &steps,
        queue: asked,
        running_max: None,
        now: at(0),
    });
    let said = why.reasons[0].to_string();
    assert!(said.contains("attempt 2 of step `again` failed (request_status: the answer was 500)"));
    assert_eq!(codes(&waiting, &steps[4..], None), ["system_retry", "queue_away"]);
}

#[test]
fn a_wait_that_is_over_is_no_reason_any_more() {
    let mut due = run(RunStatus::Running);
    due.resumes_at = Some(at(-1));
    let steps = [record("pause", "delay", StepStatus::Waiting, Some(-1))];
    assert_eq!(codes(&due, &steps, queue(3, 0)), ["no_worker"]);
}

#[test]
fn the_queue_says_where_a_run_is_that_waits_for_nothing() {
    let queued = run(RunStatus::Queued);
    assert_eq!(codes(&queued, &[], None), ["queue_away"]);
    let unknown = queue(9, 9).map(|queue| QueueFacts { is_known: false, ..queue });
    assert_eq!(codes(&queued, &[], unknown), ["missing"]);
    assert_eq!(codes(&queued, &[], queue(0, 1)), ["running"]);
    assert_eq!(codes(&queued, &[], queue(4, 0)), ["no_worker"]);
    assert_eq!(codes(&queued, &[], queue(4, 2)), ["queued"]);
    assert_eq!(codes(&queued, &[], queue(0, 0)), ["moving"]);
    let begun = [record("a", "request", StepStatus::Succeeded, None)];
    let running = run(RunStatus::Running);
    assert_eq!(codes(&running, &begun, queue(4, 2)), ["queued_or_running"]);
    let why = explain(&Facts {
        run: &running,
        steps: &begun,
        queue: queue(0, 1),
        running_max: None,
        now: at(0),
    });
    assert!(why.reasons[0].to_string().contains("its last recorded step, `a`, ended at"));
}

#[test]
fn workers_that_died_are_told_too() {
    let mut unlucky = run(RunStatus::Running);
    unlucky.crashes = 2;
    assert_eq!(codes(&unlucky, &[], queue(0, 1)), ["running", "taken_over"]);
}

#[test]
fn a_lane_and_a_pause_are_told_apart_from_a_turn() {
    let queued = run(RunStatus::Queued);
    let with = |ready, held, running, is_paused| {
        let depth = Depth { ready, held, running, ..Depth::default() };
        Some(QueueFacts { is_known: true, depth, is_paused })
    };
    assert_eq!(codes(&queued, &[], with(0, 3, 1, false)), ["held"]);
    assert_eq!(codes(&queued, &[], with(2, 3, 1, false)), ["queued_or_running"]);
    assert_eq!(codes(&queued, &[], with(2, 0, 0, true)), ["queue_paused", "queued"]);
}

#[test]
fn a_project_that_has_all_it_may_have_is_told_so() {
    let queued = run(RunStatus::Queued);
    let of = |queue, running_max| {
        let facts = Facts { run: &queued, steps: &[], queue, running_max, now: at(0) };
        explain(&facts).reasons
    };
    let capped = of(queue(4, 2), Some(2));
    assert_eq!(capped[0], Reason::AtCap { running: 2, running_max: 2 });
    assert_eq!(capped[1].code(), "queued");
    assert_eq!(of(queue(4, 2), Some(3))[0].code(), "queued");
    assert_eq!(of(queue(0, 2), Some(2))[0].code(), "running");
}
