//! A record without work, faults or progress proves nothing; what it proves otherwise, in figures.

use std::collections::BTreeMap;

use super::Limits;
use super::calls::Repeat;
use super::report::{Row, Verdict, Violation};
use super::seen::{Seen, Try};

/// How a client is called that is part of the load, not of a fault.
const CLIENT: &str = "client-";

impl Seen<'_> {
    pub(super) fn check_worth(&self, limits: &Limits, verdict: &mut Verdict) {
        verdict.faults = self.faults.iter().filter(|fault| fault.is_done).count();
        verdict.accepted = self.run_of.len();
        verdict.effects = self.calls.len();
        verdict.ticks = self.ticks.len();
        let violations = &mut verdict.violations;
        if verdict.accepted < limits.accepted_min {
            violations.push(Violation::LittleWork { accepted: verdict.accepted });
        }
        if verdict.faults < limits.faults_min {
            violations.push(Violation::FewFaults { faults: verdict.faults });
        }
        let calm: Vec<&Try<'_>> =
            self.tries.iter().filter(|tried| self.is_undisturbed(tried, limits)).collect();
        let succeeded = calm.iter().filter(|tried| tried.is_accepted).count();
        verdict.undisturbed = (calm.len(), succeeded);
        if !calm.is_empty() && succeeded * 100 < calm.len() * limits.progress_percent_min {
            violations.push(Violation::LittleProgress { succeeded, tries: calm.len() });
        }
        let dead = self.dead_clients(limits);
        violations.extend(dead.into_iter().map(|client| Violation::Dead { client }));
    }

    /// Clients whose last tries were not all accepted.
    pub(super) fn dead_clients(&self, limits: &Limits) -> Vec<String> {
        let mut by_client: BTreeMap<&str, Vec<&Try<'_>>> = BTreeMap::new();
        for tried in self.tries.iter().filter(|tried| tried.client.starts_with(CLIENT)) {
            by_client.entry(tried.client).or_default().push(tried);
        }
        let mut dead = Vec::new();
        for (client, mut tries) in by_client {
            // As asked, not as answered: a try of a fault's time may be answered after later ones.
            tries.sort_by_key(|tried| tried.from_ms);
            let last = &tries[tries.len().saturating_sub(limits.last_tries)..];
            if last.iter().any(|tried| !tried.is_accepted) {
                dead.push(client.to_owned());
            }
        }
        dead
    }

    fn is_undisturbed(&self, tried: &Try<'_>, limits: &Limits) -> bool {
        self.faults.iter().all(|fault| {
            fault.at_ms > tried.until_ms
                || fault.until_ms.saturating_add(limits.settle_ms) < tried.from_ms
        })
    }

    /// The table: a row for each kind of fault.
    pub(super) fn rows(&self, repeats: &[Repeat], violations: &[Violation]) -> Vec<Row> {
        let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
        let mut order: Vec<&str> = Vec::new();
        for (place, fault) in self.faults.iter().enumerate() {
            let row = rows.entry(fault.id).or_insert_with(|| {
                order.push(fault.id);
                Row { fault: fault.id.to_owned(), ..Row::default() }
            });
            if !fault.is_done {
                row.left_out += 1;
                continue;
            }
            row.injected += 1;
            let next_ms = self.faults.get(place + 1).map_or(u64::MAX, |next| next.at_ms);
            // What comes before the first fault belongs to nobody, and so to the first.
            let from_ms = if place == 0 { 0 } else { fault.at_ms };
            for (run, request) in &self.run_of {
                let asked = self.accepted_ns.get(run).map_or(0, |ns| ns / 1_000_000);
                let is_here = (from_ms..next_ms).contains(&asked);
                if is_here && self.requests.contains_key(request) {
                    row.accepted += 1;
                    row.lost += usize::from(violations.iter().any(|v| v.loses(run)));
                }
            }
            for repeat in repeats.iter().filter(|repeat| repeat.fault == place) {
                row.duplicated += 1;
                match (fault.takes_workers, repeat.is_disturbed) {
                    (true, false) => row.takeover_ms.push(repeat.takeover_ms),
                    (true, true) => row.disturbed_takeover_ms.push(repeat.takeover_ms),
                    (false, _) => {}
                }
            }
            row.recovery_ms.extend(self.recovery(fault.until_ms));
        }
        for row in rows.values_mut() {
            row.takeover_ms.sort_unstable();
            row.disturbed_takeover_ms.sort_unstable();
            row.recovery_ms.sort_unstable();
        }
        order.into_iter().filter_map(|id| rows.remove(id)).collect()
    }

    /// From the end of a fault to the first call for a request that was made after it.
    fn recovery(&self, until_ms: u64) -> Option<u64> {
        let calls = self.calls.iter().filter(|call| call.at_ms >= until_ms);
        calls
            .filter(|call| {
                let run = call.step.split_once('/').map(|(run, _)| run);
                let request = run.and_then(|run| self.run_of.get(run));
                let asked = request.and_then(|request| self.requests.get(request));
                asked.is_some_and(|asked| asked.first_ms >= until_ms)
            })
            .map(|call| call.at_ms - until_ms)
            .min()
    }
}
