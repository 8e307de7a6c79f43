//! Each rule finds what it is for, and nothing in a sound record.

use serde_json::{Value, json};

use super::{Limits, Verdict, Violation, check};
use crate::history::{Function, Op, Phase};

const RUN: &str = "run-1";

/// A record that is written by hand: an operation every ten milliseconds unless it says more.
#[derive(Default)]
struct Record {
    ops: Vec<Op>,
    at_ms: u64,
}

impl Record {
    fn op(mut self, phase: Phase, function: Function, id: &str, val: Value) -> Self {
        self.at_ms += 10;
        self.ops.push(Op {
            mono_ns: self.at_ms * 1_000_000,
            process: "client-1".to_owned(),
            phase,
            function,
            id: id.to_owned(),
            fence: None,
            val,
        });
        self
    }

    fn later(mut self, ms: u64) -> Self {
        self.at_ms += ms;
        self
    }

    fn fault(self, id: &str) -> Self {
        let val = json!({ "loses_all": id == "F5", "takes_workers": true });
        self.op(Phase::Invoke, Function::Fault, id, val)
    }

    fn healed(self, id: &str) -> Self {
        self.op(Phase::Ok, Function::Fault, id, json!(null))
    }

    fn asked(self) -> Self {
        let val = json!({ "expects": "well", "steps": ["step"] });
        self.op(Phase::Invoke, Function::Accept, "request-1", val)
    }

    fn accepted(self) -> Self {
        self.op(Phase::Ok, Function::Accept, "request-1", json!({ "runs": [RUN] }))
    }

    fn called(self, number: u64, key: &str) -> Self {
        let val = json!({ "call": number, "request": "request-1", "key": key });
        self.op(Phase::Invoke, Function::Effect, "run-1/step", val)
    }

    fn answered(self, number: u64) -> Self {
        self.op(Phase::Ok, Function::Effect, "run-1/step", json!({ "call": number }))
    }

    fn broken(self, number: u64) -> Self {
        self.op(Phase::Info, Function::Effect, "run-1/step", json!({ "call": number }))
    }

    fn read(self) -> Self {
        self.op(Phase::Invoke, Function::Read, "all", json!(null))
    }

    fn read_over(self) -> Self {
        self.op(Phase::Ok, Function::Read, "all", json!(null))
    }

    fn found(self) -> Self {
        self.op(Phase::Ok, Function::Open, RUN, json!(null))
    }

    fn committed(self) -> Self {
        self.op(Phase::Ok, Function::Result, "run-1/step", json!(null))
    }

    fn ended(self, digest: &str) -> Self {
        self.op(Phase::Ok, Function::End, RUN, json!({ "status": 3, "digest": digest }))
    }

    fn generation(mut self, number: u64) -> Self {
        self = self.op(Phase::Ok, Function::Generation, "queues", json!(null));
        self.ops.last_mut().expect("it was pushed").fence = Some(number);
        self
    }

    fn last(self, val: Value) -> Verdict {
        let record = self.op(Phase::Ok, Function::Last, "all", val);
        check(&record.ops, &Limits { faults_min: 0, ..Limits::default() })
    }

    /// The end as it is to be.
    fn well(self) -> Verdict {
        self.last(end())
    }
}

fn end() -> Value {
    json!({
        "open": [],
        "ended": { RUN: { "status": 3, "digest": "a" } },
        "results": [["run-1/step", 1, true]],
    })
}

fn sound() -> Record {
    Record::default().asked().accepted().called(1, "k").answered(1)
}

#[test]
fn a_sound_record_has_no_violations() {
    let verdict = sound().read().found().read_over().committed().ended("a").well();
    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.accepted, verdict.effects), (1, 1));
}

#[test]
fn a_run_that_is_nowhere_is_lost() {
    let verdict =
        sound().last(json!({ "open": [], "ended": {}, "results": [["run-1/step", 1, true]] }));
    assert_eq!(verdict.violations, [Violation::Lost(RUN.to_owned())]);
}

#[test]
fn a_run_that_stays_open_is_unfinished_even_when_it_was_not_promised() {
    let val = json!({ "open": [RUN, "run-2"], "ended": {}, "results": [["run-1/step", 1, true]] });
    let verdict = sound().last(val);
    let unfinished = ["run-1", "run-2"].map(|run| Violation::Unfinished(run.to_owned()));
    assert_eq!(verdict.violations, unfinished);
    assert_eq!(verdict.lost(), 2);
}

#[test]
fn a_run_that_failed_did_not_end_well() {
    let mut val = end();
    val["ended"][RUN]["status"] = json!(4);
    let verdict = sound().last(val);
    assert_eq!(verdict.violations, [Violation::NotWell { run: RUN.to_owned(), status: 4 }]);
}

#[test]
fn what_was_accepted_and_is_found_late_is_stale() {
    let verdict = sound().read().read_over().read().found().read_over().well();
    assert_eq!(verdict.violations, [Violation::Stale(RUN.to_owned())]);
}

#[test]
fn a_step_that_runs_after_its_end_ran_again() {
    let verdict = sound().fault("F1").committed().called(2, "k").answered(2).healed("F1").well();
    assert_eq!(verdict.violations, [Violation::RanAgain("run-1/step".to_owned())]);
}

#[test]
fn a_fault_explains_that_a_call_is_repeated() {
    let record = Record::default().asked().accepted().called(1, "k").fault("F1").broken(1);
    let verdict = record.later(2_000).called(2, "k").answered(2).healed("F1").well();
    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.rows[0].duplicated, verdict.duplicated()), (1, 1));
    assert_eq!(verdict.rows[0].takeover_ms, [2_020]);
}

#[test]
fn a_takeover_amid_the_next_fault_is_counted_apart() {
    let record = Record::default().asked().accepted().called(1, "k").fault("F1").broken(1);
    let record = record.healed("F1").later(1_000).fault("F15").later(4_000);
    let verdict = record.called(2, "k").answered(2).healed("F15").well();
    assert_eq!(verdict.violations, []);
    assert_eq!(verdict.rows[0].duplicated, 1);
    assert!(verdict.rows[0].takeover_ms.is_empty());
    assert_eq!(verdict.rows[0].disturbed_takeover_ms, [5_040]);
}

#[test]
fn without_a_fault_nothing_explains_it() {
    let verdict = sound().called(2, "k").answered(2).well();
    assert_eq!(verdict.violations, [Violation::Unexplained("run-1/step".to_owned())]);
    let late = sound().later(60_000).fault("F1").called(2, "k").answered(2).healed("F1").well();
    assert_eq!(late.violations, [Violation::Unexplained("run-1/step".to_owned())]);
}

#[test]
fn a_call_that_was_refused_may_be_repeated() {
    let record = Record::default().asked().accepted().called(1, "k");
    let refused = record.op(Phase::Fail, Function::Effect, "run-1/step", json!({ "call": 1 }));
    assert_eq!(refused.called(2, "k").answered(2).well().violations, []);
}

#[test]
fn more_repeats_than_slots_are_too_many() {
    let mut record = sound().fault("F1");
    for number in 2..132 {
        record = record.called(number, "k").answered(number);
    }
    let many = Violation::ManyRepeats { fault: "F1".to_owned(), repeats: 130 };
    assert_eq!(record.healed("F1").well().violations, [many]);
}

#[test]
fn a_request_that_became_two_runs_is_doubled() {
    let record = sound().op(Phase::Ok, Function::Accept, "request-1", json!({ "runs": ["run-2"] }));
    let mut val = end();
    val["ended"]["run-2"] = json!({ "status": 3, "digest": "b" });
    let verdict = record.last(val);
    assert_eq!(verdict.count(|v| matches!(v, Violation::Doubled { .. })), 1, "{verdict}");
}

#[test]
fn keys_belong_to_steps() {
    let changed = sound().fault("F1").called(2, "other").answered(2).healed("F1").well();
    assert_eq!(changed.violations, [Violation::KeyChanged("run-1/step".to_owned())]);
    let val = json!({ "call": 2, "request": "request-1", "key": "k" });
    let shared = sound().op(Phase::Invoke, Function::Effect, "run-1/next", val).well();
    assert_eq!(shared.violations, [Violation::KeyShared("k".to_owned())]);
}

#[test]
fn an_ended_run_does_not_change() {
    let verdict = sound().ended("before").well();
    assert_eq!(verdict.violations, [Violation::Changed(RUN.to_owned())]);
}

#[test]
fn results_are_single_and_complete() {
    let mut val = end();
    val["results"] = json!([["run-1/step", 1, true], ["run-1/step", 1, true]]);
    let doubled = sound().last(val.clone());
    assert_eq!(doubled.violations, [Violation::DuplicateResult("run-1/step".to_owned())]);
    val["results"] = json!([]);
    let missing = sound().last(val);
    assert_eq!(missing.violations, [Violation::Unrecorded("run-1/step".to_owned())]);
    let unseen = Record::default().asked().accepted().well();
    assert_eq!(unseen.violations, [Violation::Unseen("run-1/step".to_owned())]);
}

#[test]
fn generations_rise_when_all_was_lost_and_never_fall() {
    let fell = sound().generation(5).generation(4).well();
    assert_eq!(fell.violations, [Violation::FenceFell { from: 5, to: 4 }]);
    let kept = sound().generation(5).fault("F5").healed("F5").generation(5).well();
    assert_eq!(kept.violations, [Violation::GenerationKept { generation: 5 }]);
    let raised = sound().generation(5).fault("F5").healed("F5").generation(6).well();
    assert_eq!(raised.violations, []);
}

#[test]
fn a_tick_without_a_run_is_missed() {
    let tick = |record: Record, call: u64, second: &str| {
        let request = format!("tick 2026-01-01T00:00:{second}Z");
        let id = format!("tick-{second}/tick");
        let val = json!({ "call": call, "request": request, "key": second });
        record.op(Phase::Invoke, Function::Effect, &id, val)
    };
    let every = tick(tick(sound(), 7, "02"), 8, "04");
    assert_eq!(every.well().violations, []);
    let gap = tick(tick(sound(), 7, "02"), 8, "08").well();
    let missed = gap.violations.first().expect("a violation");
    assert!(matches!(missed, Violation::TicksMissed { missing: 2, .. }), "{gap}");
}

#[test]
fn a_lane_keeps_its_order() {
    let lane = |calls: &[(&str, &str)]| {
        let numbered = calls.iter().zip(10_u64..);
        numbered.fold(sound(), |record, ((request, step), call)| {
            let val =
                json!({ "call": call, "request": request, "key": format!("{request}{step}") });
            record.op(Phase::Invoke, Function::Effect, &format!("{request}/{step}"), val)
        })
    };
    let kept = lane(&[("order-0-1", "begin"), ("order-0-1", "end"), ("order-0-2", "begin")]);
    assert_eq!(kept.well().violations, []);
    let beside = lane(&[("order-0-9", "begin"), ("order-1-1", "begin")]);
    assert_eq!(beside.well().violations, []);
    let passed = lane(&[("order-0-1", "begin"), ("order-0-2", "begin"), ("order-0-1", "end")]);
    let violation = Violation::OutOfOrder { lane: "0".to_owned(), first: 2, second: 1 };
    assert_eq!(passed.well().violations, [violation]);
}

#[test]
fn a_product_that_stays_dead_or_turns_most_away_is_found() {
    let mut record = sound();
    for _ in 0..6 {
        let val = json!({ "expects": "well", "steps": [] });
        record = record.op(Phase::Invoke, Function::Accept, "request-2", val);
        record = record.op(Phase::Fail, Function::Accept, "request-2", json!(null));
    }
    let verdict = record.well();
    assert_eq!(verdict.count(|v| matches!(v, Violation::Dead { .. })), 1, "{verdict}");
    assert_eq!(verdict.count(|v| matches!(v, Violation::LittleProgress { .. })), 1, "{verdict}");
}

#[test]
fn a_record_without_work_or_an_end_proves_nothing() {
    let verdict = check(&[], &Limits::default());
    let worthless = [
        Violation::NoEnd,
        Violation::LittleWork { accepted: 0 },
        Violation::FewFaults { faults: 0 },
    ];
    assert_eq!(verdict.violations, worthless);
}

#[test]
fn verdicts_add_up() {
    let one = || {
        let record = Record::default().asked().accepted().called(1, "k").fault("F1").broken(1);
        record.called(2, "k").answered(2).healed("F1").well()
    };
    let mut both = one();
    both.add(one());
    assert_eq!((both.accepted, both.faults, both.rows.len()), (2, 2, 1));
    assert_eq!((both.rows[0].injected, both.rows[0].takeover_ms.len()), (2, 2));
    assert!(both.to_string().contains("2 faults, 2 runs accepted"), "{both}");
}
