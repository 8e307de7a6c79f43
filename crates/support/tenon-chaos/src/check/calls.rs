//! Calls that were made again, and which fault explains each.

use std::collections::BTreeMap;

use super::Limits;
use super::report::Violation;
use super::seen::{Call, Fault, Seen};
use crate::history::Phase;

/// A call that was made again after a fault cut it, or its result, off.
pub(super) struct Repeat {
    /// The place of the fault.
    pub fault: usize,
    /// From the fault, or the call if that came later, until it was made again.
    pub takeover_ms: u64,
    /// Whether another fault began before it was made again.
    pub is_disturbed: bool,
}

impl Seen<'_> {
    /// A call is made again only when a fault cut it off, or its result, before the commit; a
    /// call that was answered as failed may be.
    pub(super) fn check_repeats(
        &self,
        limits: &Limits,
        violations: &mut Vec<Violation>,
    ) -> Vec<Repeat> {
        for call in self.calls.iter().filter(|call| call.is_after_end) {
            violations.push(Violation::RanAgain(call.step.to_owned()));
        }
        let mut by_step: BTreeMap<&str, Vec<&Call<'_>>> = BTreeMap::new();
        for call in &self.calls {
            by_step.entry(call.step).or_default().push(call);
        }
        let mut repeats = Vec::new();
        let mut counts = vec![0_usize; self.faults.len()];
        for pair in by_step.values().flat_map(|calls| calls.windows(2)) {
            let (former, next) = (pair[0], pair[1]);
            if former.end.is_some_and(|(_, phase)| phase == Phase::Fail) {
                continue;
            }
            let Some(fault) = self.cause(former, next, limits, &counts) else {
                violations.push(Violation::Unexplained(next.step.to_owned()));
                continue;
            };
            counts[fault] += 1;
            let since = former.at_ms.max(self.faults[fault].at_ms);
            let takeover_ms = next.at_ms.saturating_sub(since);
            let is_disturbed =
                self.faults.get(fault + 1).is_some_and(|other| other.at_ms < next.at_ms);
            repeats.push(Repeat { fault, takeover_ms, is_disturbed });
        }
        for (fault, repeats) in counts.into_iter().enumerate() {
            if repeats > limits.repeats_max {
                let id = self.faults[fault].id.to_owned();
                violations.push(Violation::ManyRepeats { fault: id, repeats });
            }
        }
        repeats
    }

    /// The fault that made a call come again: the first that hit it under way, else the last that
    /// came before it. One that has used up its slots is passed over where another explains it too.
    fn cause(
        &self,
        former: &Call<'_>,
        next: &Call<'_>,
        limits: &Limits,
        counts: &[usize],
    ) -> Option<usize> {
        let places = self.faults.iter().enumerate();
        let mut causes: Vec<usize> = places
            .filter(|(_, fault)| explains(fault, former, next, limits))
            .map(|(place, _)| place)
            .collect();
        let before = causes.partition_point(|place| self.faults[*place].at_ms < former.at_ms);
        causes[..before].reverse();
        causes.rotate_left(before);
        let has_room = |place: &&usize| counts[**place] < limits.repeats_max;
        causes.iter().find(has_room).or(causes.first()).copied()
    }
}

/// The fault came before the second call, and the first one, or the wait for its commit, lay in it
/// or in the time that it takes to show.
fn explains(fault: &Fault<'_>, former: &Call<'_>, next: &Call<'_>, limits: &Limits) -> bool {
    let over = former.end.map_or(u64::MAX, |(at_ms, _)| at_ms);
    fault.at_ms <= next.at_ms
        && fault.until_ms.saturating_add(limits.settle_ms) >= former.at_ms
        && fault.at_ms <= over.saturating_add(limits.commit_lag_ms)
}
