//! Each rule: a sound record passes, and one change of it is caught.

use tenon_domain::RunId;

use super::{EndedRun, Event, Final, Limits, ResultRow, StepKey, Timed, Violation, check};

struct Record {
    run: RunId,
    events: Vec<(u64, Event)>,
}

impl Record {
    /// One request, one run, one call cut off by a kill and made again, all as promised.
    fn sound() -> Self {
        let run = RunId::new();
        let mut record = Self { run, events: Vec::new() };
        record.at(0, Event::Invoked { request: "a".to_owned() });
        record.at(5, record.accepted(run));
        record.at(10, record.call(1));
        record.at(30, Event::Fault { kind: "kill".to_owned() });
        record.at(31, Event::Broken { call: 1 });
        record.at(32, Event::Committed { finished: Vec::new() });
        record.at(500, Event::Recovered);
        record.at(600, record.call(2));
        record.at(620, Event::Answered { call: 2, is_success: true });
        record.at(700, Event::Ended { runs: vec![record.ended(true, "row")] });
        let last = Final {
            results: vec![record.result(1)],
            ended: vec![record.ended(true, "row")],
            open: Vec::new(),
        };
        record.at(900, Event::Final(last));
        record
    }

    fn at(&mut self, at_ms: u64, event: Event) {
        self.events.push((at_ms, event));
        self.events.sort_by_key(|(at_ms, _)| *at_ms);
    }

    fn key(&self) -> StepKey {
        StepKey { run: self.run, step: "pay".to_owned(), iteration: vec![2] }
    }

    fn accepted(&self, run: RunId) -> Event {
        Event::Accepted { request: "a".to_owned(), runs: vec![run] }
    }

    fn call(&self, call: u64) -> Event {
        Event::Effect {
            call,
            key: self.key(),
            request: "a".to_owned(),
            idempotency_key: "k".to_owned(),
        }
    }

    fn result(&self, attempt: i32) -> ResultRow {
        ResultRow { key: self.key(), attempt, is_final: true }
    }

    fn ended(&self, is_success: bool, row: &str) -> EndedRun {
        EndedRun { run: self.run, is_success, row: row.to_owned() }
    }

    fn last(&mut self) -> &mut Final {
        let found = self.events.iter_mut().find_map(|(_, event)| match event {
            Event::Final(last) => Some(last),
            _ => None,
        });
        found.expect("the record has an end")
    }

    fn violations(self) -> Vec<Violation> {
        let limits = Limits {
            steps: vec![("pay".to_owned(), vec![2])],
            accepted_min: 1,
            faults_min: 1,
            commit_lag_ms: 100,
            repeats_max: 1,
            progress_percent_min: 80,
            disturbed_ms: 0,
        };
        let events: Vec<Timed> =
            self.events.into_iter().map(|(at_ms, event)| Timed { at_ms, event }).collect();
        check(&events, &limits).violations
    }
}

#[test]
fn a_sound_record_passes() {
    assert_eq!(Record::sound().violations(), []);
}

#[test]
fn an_accepted_run_that_is_nowhere_is_lost() {
    let mut record = Record::sound();
    let lost = RunId::new();
    record.at(6, Event::Invoked { request: "b".to_owned() });
    record.at(7, Event::Accepted { request: "b".to_owned(), runs: vec![lost] });
    assert_eq!(record.violations(), [Violation::Lost(lost)]);
}

#[test]
fn an_open_run_is_unfinished_whether_promised_or_not() {
    let mut record = Record::sound();
    let open = RunId::new();
    record.last().open.push(open);
    assert_eq!(record.violations(), [Violation::Unfinished(open)]);
}

#[test]
fn a_run_that_fails_is_not_well() {
    let mut record = Record::sound();
    let run = record.run;
    record.last().ended[0].is_success = false;
    assert_eq!(record.violations(), [Violation::NotWell(run)]);
}

#[test]
fn a_second_run_of_a_request_is_a_double() {
    let mut record = Record::sound();
    let second = RunId::new();
    record.at(800, record.accepted(second));
    record.last().ended.push(EndedRun { run: second, is_success: false, row: String::new() });
    let doubled = |v: &Violation| matches!(v, Violation::Doubled { runs, .. } if runs.len() == 2);
    assert!(record.violations().iter().any(doubled));
}

#[test]
fn a_call_after_its_result_was_committed_ran_again() {
    let mut record = Record::sound();
    let key = record.key();
    record.at(550, Event::Committed { finished: vec![key.clone()] });
    assert_eq!(record.violations(), [Violation::RanAgain(key)]);
}

#[test]
fn a_call_before_the_commit_is_no_second_run() {
    let mut record = Record::sound();
    let key = record.key();
    record.at(650, Event::Committed { finished: vec![key] });
    assert_eq!(record.violations(), []);
}

#[test]
fn a_second_row_of_an_attempt_is_caught() {
    let mut record = Record::sound();
    let (key, row) = (record.key(), record.result(1));
    record.last().results.push(row);
    assert_eq!(record.violations(), [Violation::DuplicateResult(key, 1)]);
}

#[test]
fn work_without_a_final_result_is_unrecorded() {
    let mut record = Record::sound();
    let key = record.key();
    record.last().results[0].is_final = false;
    assert_eq!(record.violations(), [Violation::Unrecorded(key)]);
}

#[test]
fn a_run_that_ended_well_without_its_work_skipped_it() {
    let mut record = Record::sound();
    let key = record.key();
    record.events.retain(|(_, event)| !matches!(event, Event::Answered { .. }));
    assert_eq!(record.violations(), [Violation::Skipped(key)]);
}

#[test]
fn an_ended_run_does_not_change() {
    let mut record = Record::sound();
    let run = record.run;
    record.last().ended[0].row = "another row".to_owned();
    assert_eq!(record.violations(), [Violation::Changed(run)]);
}

#[test]
fn all_calls_of_a_step_carry_its_own_key() {
    let mut record = Record::sound();
    let key = record.key();
    for (_, event) in &mut record.events {
        if let Event::Effect { call: 2, idempotency_key, .. } = event {
            *idempotency_key = "other".to_owned();
        }
    }
    assert_eq!(record.violations(), [Violation::KeyChanged(key)]);
}

#[test]
fn two_steps_never_share_a_key() {
    let mut record = Record::sound();
    let key = StepKey { step: "ship".to_owned(), ..record.key() };
    let (request, idempotency_key) = ("a".to_owned(), "k".to_owned());
    record.at(640, Event::Effect { call: 3, key, request, idempotency_key });
    assert_eq!(record.violations(), [Violation::KeyShared("k".to_owned())]);
}

#[test]
fn a_repeat_without_a_fault_is_unexplained() {
    let mut record = Record::sound();
    let key = record.key();
    record.at(660, record.call(3));
    record.at(670, Event::Answered { call: 3, is_success: true });
    assert_eq!(record.violations(), [Violation::Unexplained(key)]);
}

#[test]
fn a_call_answered_long_before_the_fault_was_to_be_committed() {
    let mut record = Record::sound();
    let key = record.key();
    record.events.retain(|(_, event)| !matches!(event, Event::Broken { .. }));
    record.at(20, Event::Answered { call: 1, is_success: true });
    for (at_ms, _) in &mut record.events {
        if *at_ms >= 30 {
            *at_ms += 1_000;
        }
    }
    assert_eq!(record.violations(), [Violation::Unexplained(key)]);
}

#[test]
fn a_failed_call_may_be_made_again() {
    let mut record = Record::sound();
    record.at(640, record.call(3));
    for (_, event) in &mut record.events {
        if let Event::Answered { is_success, .. } = event {
            *is_success = false;
        }
    }
    record.at(660, Event::Answered { call: 3, is_success: true });
    assert_eq!(record.violations(), []);
}

#[test]
fn one_fault_repeats_no_more_than_was_under_way() {
    let mut record = Record::sound();
    // A second cut-off call of the same fault.
    let key = StepKey { iteration: vec![3], ..record.key() };
    for (call, at_ms) in [(8, 12), (9, 610)] {
        let (key, request) = (key.clone(), "a".to_owned());
        record.at(at_ms, Event::Effect { call, key, request, idempotency_key: "k3".to_owned() });
    }
    assert_eq!(record.violations(), [Violation::ManyRepeats { fault: 0, repeats: 2 }]);
}

#[test]
fn a_record_without_an_end_fails() {
    let mut record = Record::sound();
    record.events.retain(|(_, event)| !matches!(event, Event::Final(_)));
    assert!(record.violations().contains(&Violation::NoEnd));
}

#[test]
fn a_record_without_work_or_faults_fails() {
    let found = Record { run: RunId::new(), events: vec![(0, Event::Final(Final::default()))] };
    let expected = [
        Violation::LittleWork { accepted: 0 },
        Violation::FewFaults { faults: 0 },
        Violation::LittleProgress { succeeded: 0, tries: 0 },
    ];
    assert_eq!(found.violations(), expected);
}

#[test]
fn tries_that_fail_while_nothing_is_broken_are_counted() {
    let mut record = Record::sound();
    record.at(800, Event::Invoked { request: "b".to_owned() });
    record.at(810, Event::Unknown { request: "b".to_owned() });
    assert_eq!(record.violations(), [Violation::LittleProgress { succeeded: 1, tries: 2 }]);
}
