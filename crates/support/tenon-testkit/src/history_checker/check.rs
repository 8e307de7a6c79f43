//! The rules.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tenon_domain::RunId;

use super::history::{Event, Final, StepKey, Timed};
use super::report::{Figures, Report, Violation};

/// What a record must hold, and what is allowed.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Steps that call the outside in each run that ends well, with their iterations.
    pub steps: Vec<(String, Vec<u32>)>,
    /// Requests that must have been accepted.
    pub accepted_min: usize,
    /// Faults that must have come.
    pub faults_min: usize,
    /// A call answered longer ago than this before a fault has its result committed.
    pub commit_lag_ms: u64,
    /// Calls that one fault may repeat.
    pub repeats_max: usize,
    /// Share of the undisturbed tries that must succeed, in percent.
    pub progress_percent_min: usize,
    /// How long after a recovery tries still count as disturbed.
    pub disturbed_ms: u64,
}

/// A call of a step.
struct Call<'a> {
    key: &'a StepKey,
    request: &'a str,
    idempotency_key: &'a str,
    at_ms: u64,
    /// When it was answered, and whether as done.
    answered: Option<(u64, bool)>,
    broken_at_ms: Option<u64>,
}

struct Fault<'a> {
    kind: &'a str,
    at_ms: u64,
    /// When what it broke ran again.
    until_ms: u64,
}

/// The record, sorted by subject.
#[derive(Default)]
struct Seen<'a> {
    calls: Vec<Call<'a>>,
    faults: Vec<Fault<'a>>,
    /// Runs by request.
    accepted: BTreeMap<&'a str, BTreeSet<RunId>>,
    /// Tries as (from, until, whether accepted).
    tries: Vec<(u64, u64, bool)>,
    ran_again: Vec<&'a StepKey>,
    ended: Vec<(RunId, &'a str)>,
    last: Option<&'a Final>,
}

/// Checks a record against the promises.
#[must_use]
pub fn check(events: &[Timed], limits: &Limits) -> Report {
    let seen = Seen::read(events);
    let mut report = Report::default();
    let violations = &mut report.violations;
    seen.check_runs(violations);
    seen.check_doubles(violations);
    violations.extend(seen.ran_again.iter().map(|key| Violation::RanAgain((*key).clone())));
    seen.check_results(limits, violations);
    seen.check_keys(violations);
    seen.check_repeats(limits, violations, &mut report.figures);
    seen.check_worth(limits, violations, &mut report.figures);
    report
}

impl<'a> Seen<'a> {
    fn read(events: &'a [Timed]) -> Self {
        let mut seen = Self::default();
        let mut places: HashMap<u64, usize> = HashMap::new();
        let mut asked: HashMap<&str, u64> = HashMap::new();
        let mut committed: HashSet<&StepKey> = HashSet::new();
        for Timed { at_ms, event } in events {
            let at_ms = *at_ms;
            match event {
                Event::Invoked { request } => {
                    asked.insert(request, at_ms);
                }
                Event::Accepted { request, runs } => {
                    seen.accepted.entry(request).or_default().extend(runs);
                    seen.tries.extend(asked.remove(&**request).map(|from| (from, at_ms, true)));
                }
                Event::Unknown { request } => {
                    seen.tries.extend(asked.remove(&**request).map(|from| (from, at_ms, false)));
                }
                Event::Effect { call, key, request, idempotency_key } => {
                    if committed.contains(key) {
                        seen.ran_again.push(key);
                    }
                    places.insert(*call, seen.calls.len());
                    let (answered, broken_at_ms) = (None, None);
                    seen.calls.push(Call {
                        key,
                        request,
                        idempotency_key,
                        at_ms,
                        answered,
                        broken_at_ms,
                    });
                }
                Event::Answered { call, is_success } => {
                    if let Some(place) = places.get(call) {
                        seen.calls[*place].answered = Some((at_ms, *is_success));
                    }
                }
                Event::Broken { call } => {
                    if let Some(place) = places.get(call) {
                        seen.calls[*place].broken_at_ms = Some(at_ms);
                    }
                }
                Event::Fault { kind } => {
                    seen.faults.push(Fault { kind, at_ms, until_ms: u64::MAX });
                }
                Event::Recovered => {
                    if let Some(fault) = seen.faults.last_mut() {
                        fault.until_ms = at_ms;
                    }
                }
                Event::Committed { finished } => committed.extend(finished),
                Event::Ended { runs } => {
                    seen.ended.extend(runs.iter().map(|ended| (ended.run, &*ended.row)));
                }
                Event::Final(last) => seen.last = Some(last),
            }
        }
        seen
    }

    /// Every accepted run ended well, and what had ended stayed as it was.
    fn check_runs(&self, violations: &mut Vec<Violation>) {
        let Some(last) = self.last else { return violations.push(Violation::NoEnd) };
        let ended: HashMap<RunId, _> = last.ended.iter().map(|ended| (ended.run, ended)).collect();
        let open: HashSet<RunId> = last.open.iter().copied().collect();
        for run in self.accepted.values().flatten() {
            match ended.get(run) {
                Some(ended) if ended.is_success => {}
                Some(_) => violations.push(Violation::NotWell(*run)),
                None if open.contains(run) => violations.push(Violation::Unfinished(*run)),
                None => violations.push(Violation::Lost(*run)),
            }
        }
        // Runs whose answer was lost in a fault were not promised, but they are to end all the same.
        let promised: HashSet<RunId> = self.accepted.values().flatten().copied().collect();
        let unpromised = last.open.iter().filter(|run| !promised.contains(*run));
        violations.extend(unpromised.map(|run| Violation::Unfinished(*run)));
        for (run, row) in &self.ended {
            if ended.get(run).is_none_or(|ended| ended.row != *row) {
                violations.push(Violation::Changed(*run));
            }
        }
    }

    /// One request is one run: by what was answered, and by what was done.
    fn check_doubles(&self, violations: &mut Vec<Violation>) {
        let mut runs = self.accepted.clone();
        for call in &self.calls {
            runs.entry(call.request).or_default().insert(call.key.run);
        }
        for (request, runs) in runs {
            if runs.len() > 1 {
                violations.push(Violation::Doubled {
                    request: request.to_owned(),
                    runs: runs.into_iter().collect(),
                });
            }
        }
    }

    /// Results are single, and tell what was done.
    fn check_results(&self, limits: &Limits, violations: &mut Vec<Violation>) {
        let Some(last) = self.last else { return };
        let mut rows = HashSet::new();
        let mut finished = HashSet::new();
        for row in &last.results {
            if !rows.insert((&row.key, row.attempt)) {
                violations.push(Violation::DuplicateResult(row.key.clone(), row.attempt));
            }
            if row.is_final {
                finished.insert(&row.key);
            }
        }
        let is_done = |call: &&Call<'_>| call.answered.is_some_and(|(_, is_success)| is_success);
        let done: BTreeSet<&StepKey> =
            self.calls.iter().filter(is_done).map(|call| call.key).collect();
        for key in &done {
            if !finished.contains(*key) {
                violations.push(Violation::Unrecorded((*key).clone()));
            }
        }
        for ended in last.ended.iter().filter(|ended| ended.is_success) {
            for (step, iteration) in &limits.steps {
                let (step, iteration) = (step.clone(), iteration.clone());
                let key = StepKey { run: ended.run, step, iteration };
                if !done.contains(&key) {
                    violations.push(Violation::Skipped(key));
                }
            }
        }
    }

    /// One key a step, over all its calls, and no other step's.
    fn check_keys(&self, violations: &mut Vec<Violation>) {
        let mut by_step: BTreeMap<&StepKey, BTreeSet<&str>> = BTreeMap::new();
        let mut by_key: BTreeMap<&str, BTreeSet<&StepKey>> = BTreeMap::new();
        for call in &self.calls {
            by_step.entry(call.key).or_default().insert(call.idempotency_key);
            by_key.entry(call.idempotency_key).or_default().insert(call.key);
        }
        for (step, keys) in by_step {
            if keys.len() > 1 || keys.contains("") {
                violations.push(Violation::KeyChanged(step.clone()));
            }
        }
        for (key, steps) in by_key {
            if steps.len() > 1 {
                violations.push(Violation::KeyShared(key.to_owned()));
            }
        }
    }

    /// A call is made again only when a fault cut it off, or its result, before the commit; a
    /// call that was answered as failed may be.
    fn check_repeats(
        &self,
        limits: &Limits,
        violations: &mut Vec<Violation>,
        figures: &mut Figures,
    ) {
        let mut by_step: BTreeMap<&StepKey, Vec<&Call<'_>>> = BTreeMap::new();
        for call in &self.calls {
            by_step.entry(call.key).or_default().push(call);
        }
        let mut repeats_of = vec![0_usize; self.faults.len()];
        for calls in by_step.values() {
            for pair in calls.windows(2) {
                let (former, next) = (pair[0], pair[1]);
                if former.answered.is_some_and(|(_, is_success)| !is_success) {
                    continue;
                }
                figures.repeats += 1;
                if let Some(broken_at) = former.broken_at_ms {
                    figures.takeovers_ms.push(next.at_ms.saturating_sub(broken_at));
                }
                let answered_at = former.answered.map(|(at_ms, _)| at_ms);
                let over = answered_at.or(former.broken_at_ms).unwrap_or(u64::MAX);
                let explains = |fault: &Fault<'_>| {
                    fault.at_ms <= next.at_ms
                        && fault.until_ms >= former.at_ms
                        && fault.at_ms <= over.saturating_add(limits.commit_lag_ms)
                };
                match self.faults.iter().position(explains) {
                    Some(place) => {
                        repeats_of[place] += 1;
                        let kind = self.faults[place].kind.to_owned();
                        *figures.repeats_by_fault.entry(kind).or_default() += 1;
                    }
                    None => violations.push(Violation::Unexplained(next.key.clone())),
                }
            }
        }
        for (fault, repeats) in repeats_of.into_iter().enumerate() {
            if repeats > limits.repeats_max {
                violations.push(Violation::ManyRepeats { fault, repeats });
            }
        }
        figures.takeovers_ms.sort_unstable();
    }

    /// A record without work, faults or progress proves nothing.
    fn check_worth(&self, limits: &Limits, violations: &mut Vec<Violation>, figures: &mut Figures) {
        for fault in &self.faults {
            *figures.faults.entry(fault.kind.to_owned()).or_default() += 1;
        }
        figures.accepted = self.accepted.len();
        figures.effects = self.calls.len();
        let ended = self.last.map_or(&[][..], |last| &last.ended);
        figures.succeeded = ended.iter().filter(|ended| ended.is_success).count();
        if figures.accepted < limits.accepted_min {
            violations.push(Violation::LittleWork { accepted: figures.accepted });
        }
        if self.faults.len() < limits.faults_min {
            violations.push(Violation::FewFaults { faults: self.faults.len() });
        }
        let is_undisturbed = |from: u64, until: u64| {
            self.faults.iter().all(|fault| {
                fault.at_ms > until || fault.until_ms.saturating_add(limits.disturbed_ms) < from
            })
        };
        let undisturbed =
            self.tries.iter().filter(|(from, until, _)| is_undisturbed(*from, *until));
        let (mut tries, mut succeeded) = (0, 0);
        for (_, _, is_accepted) in undisturbed {
            tries += 1;
            succeeded += usize::from(*is_accepted);
        }
        figures.tries_undisturbed = (tries, succeeded);
        if tries == 0 || succeeded * 100 < tries * limits.progress_percent_min {
            violations.push(Violation::LittleProgress { succeeded, tries });
        }
    }
}
