//! Judges a record: which promises were broken, and the figures of each fault.

mod calls;
mod report;
mod seen;
mod worth;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use seen::Seen;

use crate::history::Op;
pub use report::{Row, Verdict, Violation, percentile};

/// Status of `run` that is success.
const SUCCEEDED: i64 = 3;

/// What a record must hold, and what is allowed.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Calls that one fault may repeat: the slots of all workers.
    pub repeats_max: usize,
    /// A call answered longer ago than this before a fault has its result committed.
    pub commit_lag_ms: u64,
    /// How long after its end a fault may show: a lease, a sweep, a look.
    pub settle_ms: u64,
    /// Requests that must have been accepted.
    pub accepted_min: usize,
    /// Faults that must have come.
    pub faults_min: usize,
    /// Share of the undisturbed tries that must succeed, in percent.
    pub progress_percent_min: usize,
    /// The last tries of each client that must succeed.
    pub last_tries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            repeats_max: 128,
            commit_lag_ms: 3_000,
            settle_ms: 6_000,
            accepted_min: 1,
            faults_min: 1,
            progress_percent_min: 80,
            last_tries: 5,
        }
    }
}

/// Checks a record against the promises.
#[must_use]
pub fn check(ops: &[Op], limits: &Limits) -> Verdict {
    let seen = Seen::read(ops);
    let mut verdict = Verdict::default();
    seen.check_runs(&mut verdict.violations);
    seen.check_stale(&mut verdict.violations);
    seen.check_doubles(&mut verdict.violations);
    seen.check_generations(&mut verdict.violations);
    seen.check_ticks(&mut verdict.violations);
    seen.check_order(&mut verdict.violations);
    seen.check_results(&mut verdict.violations);
    seen.check_keys(&mut verdict.violations);
    let repeats = seen.check_repeats(limits, &mut verdict.violations);
    seen.check_worth(limits, &mut verdict);
    verdict.rows = seen.rows(&repeats, &verdict.violations);
    verdict
}

/// Whether the last tries of every client were accepted.
#[must_use]
pub fn is_alive(ops: &[Op], limits: &Limits) -> bool {
    Seen::read(ops).dead_clients(limits).is_empty()
}

impl Seen<'_> {
    /// Every accepted run ended well, and what had ended stayed as it was.
    fn check_runs(&self, violations: &mut Vec<Violation>) {
        let Some(last) = &self.last else { return violations.push(Violation::NoEnd) };
        for (run, request) in &self.run_of {
            let expects_well = self.requests.get(request).is_none_or(|asked| asked.expects_well);
            match last.ended.get(run) {
                Some(&(SUCCEEDED, _)) => {}
                Some(_) if !expects_well => {}
                Some((status, _)) => {
                    violations.push(Violation::NotWell { run: run.to_string(), status: *status });
                }
                None if last.open.contains(run) => {
                    violations.push(Violation::Unfinished(run.to_string()));
                }
                None => violations.push(Violation::Lost(run.to_string())),
            }
        }
        // Runs whose answer was lost in a fault were not promised, but they are to end all the same.
        for run in last.open.iter().filter(|run| !self.run_of.contains_key(*run)) {
            violations.push(Violation::Unfinished(run.to_string()));
        }
        for (run, (_, digest)) in &self.ended {
            if last.ended.get(run).is_none_or(|(_, now)| now != digest) {
                violations.push(Violation::Changed(run.to_string()));
            }
        }
    }

    /// What was accepted is found by whoever looks afterwards.
    fn check_stale(&self, violations: &mut Vec<Violation>) {
        for (run, accepted_ns) in &self.accepted_ns {
            let next = self.reads.partition_point(|(begun, _)| begun <= accepted_ns);
            let Some((_, read_ns)) = self.reads.get(next) else { continue };
            if self.found_ns.get(run).is_none_or(|found| found > read_ns) {
                violations.push(Violation::Stale(run.to_string()));
            }
        }
    }

    /// One request is one run: by what was answered, and by what was done.
    fn check_doubles(&self, violations: &mut Vec<Violation>) {
        for (request, runs) in &self.runs_of {
            if runs.len() > 1 {
                let runs = runs.iter().map(|run| (*run).to_owned()).collect();
                violations.push(Violation::Doubled { request: (*request).to_owned(), runs });
            }
        }
    }

    /// The generation of the queues never falls, and rises when they lost everything.
    fn check_generations(&self, violations: &mut Vec<Violation>) {
        let pairs = self.generations.windows(2);
        for pair in pairs.filter(|pair| pair[1].1 < pair[0].1) {
            violations.push(Violation::FenceFell { from: pair[0].1, to: pair[1].1 });
        }
        let lost = self.faults.iter().rfind(|fault| fault.loses_all && fault.is_done);
        let Some(lost) = lost else { return };
        let before = self.generations.iter().rfind(|(at, _)| *at <= lost.at_ms);
        let after = self.generations.last();
        if let (Some((_, before)), Some((_, after))) = (before, after)
            && after <= before
        {
            violations.push(Violation::GenerationKept { generation: *before });
        }
    }

    /// Every tick of the schedule between the first and the last had its run.
    fn check_ticks(&self, violations: &mut Vec<Violation>) {
        let mut ticks: Vec<i64> = self.ticks.iter().copied().collect();
        ticks.sort_unstable();
        for pair in ticks.windows(2) {
            let missing = (pair[1] - pair[0]) / seen::TICK_SECONDS - 1;
            if missing > 0 {
                violations.push(Violation::TicksMissed { after: pair[0], missing });
            }
        }
    }

    /// Runs of a lane begin and end one after another, in the order in which they were accepted.
    /// Calls that are made again are judged elsewhere.
    fn check_order(&self, violations: &mut Vec<Violation>) {
        for (lane, calls) in &self.lanes {
            for pair in calls.windows(2).filter(|pair| pair[1] < pair[0]) {
                let (first, second) = (pair[0], pair[1]);
                violations.push(Violation::OutOfOrder { lane: (*lane).to_owned(), first, second });
            }
        }
    }

    /// Results are single, and tell what was done.
    fn check_results(&self, violations: &mut Vec<Violation>) {
        let Some(last) = &self.last else { return };
        let mut rows = std::collections::HashSet::new();
        for result in &last.results {
            if !rows.insert(result) {
                violations.push(Violation::DuplicateResult((*result.0).to_owned()));
            }
        }
        // Where an attempt was begun again elsewhere, the first commit won: that of the refusal.
        let refused: std::collections::HashSet<&str> =
            self.calls.iter().filter(|call| call.is_refused()).map(|call| call.step).collect();
        let recorded: std::collections::HashSet<&str> =
            last.results.iter().map(|(step, _)| *step).collect();
        for call in self.calls.iter().filter(|call| call.is_done()) {
            let was_refused = refused.contains(call.step) && recorded.contains(call.step);
            if !last.finished.contains(call.step) && !was_refused {
                violations.push(Violation::Unrecorded(call.step.to_owned()));
            }
        }
        let called: std::collections::HashSet<&str> =
            self.calls.iter().filter(|call| call.is_done()).map(|call| call.step).collect();
        for (run, request) in &self.run_of {
            let Some(asked) = self.requests.get(request) else { continue };
            if last.ended.get(run).is_none_or(|(status, _)| *status != SUCCEEDED) {
                continue;
            }
            for step in &asked.steps {
                let step = format!("{run}/{step}");
                if !called.contains(&*step) {
                    violations.push(Violation::Unseen(step));
                }
            }
        }
    }

    /// One key a step, over all its calls, and no other step's.
    fn check_keys(&self, violations: &mut Vec<Violation>) {
        let mut of_step: BTreeMap<&str, &str> = BTreeMap::new();
        let mut of_key: BTreeMap<&str, &str> = BTreeMap::new();
        for call in &self.calls {
            let kept = *of_step.entry(call.step).or_insert(call.key);
            if kept != call.key || call.key.is_empty() {
                violations.push(Violation::KeyChanged(call.step.to_owned()));
            }
            let owner = *of_key.entry(call.key).or_insert(call.step);
            if owner != call.step {
                violations.push(Violation::KeyShared(call.key.to_owned()));
            }
        }
    }
}
