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

/// A queue that holds so many, with the run in a place.
fn queue(place: Whereabouts, ready: u64, running: u64) -> Option<QueueFacts> {
    let depth = Depth { ready, running, ..Depth::default() };
    Some(QueueFacts { place, worker: None, depth })
}

fn ready(holdup: Option<Holdup>) -> Whereabouts {
    Whereabouts::Ready { before: Some(3), holdup }
}

fn due(at: Timestamp) -> DueMs {
    DueMs(at.as_millisecond())
}

fn running() -> Whereabouts {
    Whereabouts::Running { member: None, until: due(at(3)) }
}

fn reasons(run: &RunSummary, steps: &[StepRecord], queue: Option<QueueFacts>) -> Vec<Reason> {
    explain(&Facts { run, steps, queue, running_max: None, now: at(0) }).reasons
}

fn codes(run: &RunSummary, steps: &[StepRecord], queue: Option<QueueFacts>) -> Vec<&'static str> {
    reasons(run, steps, queue).iter().map(Reason::code).collect()
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
    let asked = queue(Whereabouts::Delayed { due: due(at(20)) }, 0, 0);
    assert_eq!(codes(&waiting, &steps, asked.clone()), ["retry", "delay", "provider_limit"]);
    let said = reasons(&waiting, &steps, asked)[0].to_string();
    assert!(said.contains("attempt 2 of step `again` failed (request_status: the answer was 500)"));
    assert_eq!(codes(&waiting, &steps[4..], None), ["system_retry", "queue_away"]);
}

#[test]
fn a_wait_that_is_over_is_no_reason_any_more() {
    let mut due = run(RunStatus::Running);
    due.resumes_at = Some(at(-1));
    let steps = [record("pause", "delay", StepStatus::Waiting, Some(-1))];
    assert_eq!(codes(&due, &steps, queue(ready(None), 3, 0)), ["no_worker"]);
}

#[test]
fn the_queue_says_where_a_run_is_that_waits_for_nothing() {
    let queued = run(RunStatus::Queued);
    assert_eq!(codes(&queued, &[], None), ["queue_away"]);
    assert_eq!(codes(&queued, &[], queue(Whereabouts::Unknown, 9, 9)), ["missing"]);
    assert_eq!(codes(&queued, &[], queue(ready(None), 4, 0)), ["no_worker"]);
    let turn = reasons(&queued, &[], queue(ready(None), 4, 2));
    assert_eq!(turn, [Reason::Queued { before: Some(3), ready: 4, running: 2 }]);
    let said = turn[0].to_string();
    assert!(said.ends_with("3 before it, 4 jobs of its project ready, 2 running"), "{said}");
    let far = Whereabouts::Ready { before: None, holdup: None };
    let said = reasons(&queued, &[], queue(far, 4_000, 2))[0].to_string();
    assert!(said.contains("more than 1000 before it"), "{said}");
    let later = Whereabouts::Delayed { due: due(at(9)) };
    assert_eq!(reasons(&queued, &[], queue(later, 0, 0)), [Reason::Delayed { until: at(9) }]);
}

#[test]
fn a_run_that_a_worker_has_says_which_and_until_when() {
    let begun = [record("a", "request", StepStatus::Succeeded, None)];
    let mut facts = queue(running(), 4, 2);
    let said = reasons(&run(RunStatus::Running), &begun, facts.clone())[0].to_string();
    assert!(said.starts_with("a worker has it until 2027-01-15T08:00:03Z"), "{said}");
    assert!(said.contains("its last recorded step, `a`, ended at"), "{said}");
    if let Some(facts) = &mut facts {
        facts.worker = Some("host:7".to_owned());
    }
    let said = reasons(&run(RunStatus::Running), &[], facts)[0].to_string();
    assert!(said.starts_with("the worker host:7 has it"), "{said}");
    assert!(said.ends_with("no step has been recorded yet"), "{said}");
}

#[test]
fn workers_that_died_are_told_too() {
    let mut unlucky = run(RunStatus::Running);
    unlucky.crashes = 2;
    assert_eq!(codes(&unlucky, &[], queue(running(), 0, 1)), ["running", "taken_over"]);
}

#[test]
fn a_lane_names_who_is_before() {
    let (queued, first) = (run(RunStatus::Queued), RunId::new());
    let held = |rule| Whereabouts::Held { rule, before: 2, ahead: vec![first] };
    let said = reasons(&queued, &[], queue(held(LaneRule::InOrder), 0, 1))[0].to_string();
    assert!(said.contains("ordering key; 2 more wait before it"), "{said}");
    assert!(said.ends_with(&format!("now it is the turn of {first}")), "{said}");
    let said = reasons(&queued, &[], queue(held(LaneRule::AtMost(4)), 0, 1))[0].to_string();
    assert!(said.contains("as many runs as it may have at a time, 4;"), "{said}");
}

#[test]
fn what_holds_a_queue_up_comes_before_the_turn() {
    let queued = run(RunStatus::Queued);
    let told = |holdup| codes(&queued, &[], queue(ready(Some(holdup)), 2, 0));
    assert_eq!(told(Holdup::Paused), ["queue_paused", "queued"]);
    assert_eq!(told(Holdup::RunningMax(3)), ["at_cap", "queued"]);
    assert_eq!(told(Holdup::Rate(due(at(1)))), ["rate_cap", "queued"]);
    assert_eq!(told(Holdup::UnknownLanes), ["lanes_unknown", "queued"]);
}

#[test]
fn a_project_that_has_all_it_may_have_is_told_so() {
    let queued = run(RunStatus::Queued);
    let of = |queue, running_max| {
        let facts = Facts { run: &queued, steps: &[], queue, running_max, now: at(0) };
        explain(&facts).reasons
    };
    let capped = of(queue(ready(None), 4, 2), Some(2));
    assert_eq!(capped[0], Reason::AtCap { running: 2, running_max: 2 });
    assert_eq!(capped[1].code(), "queued");
    assert_eq!(of(queue(ready(None), 4, 2), Some(3))[0].code(), "queued");
    assert_eq!(of(queue(running(), 0, 2), Some(2))[0].code(), "running");
}
