//! What a check found.

use std::collections::BTreeMap;
use std::fmt;

use tenon_domain::RunId;

use super::history::StepKey;

/// A promise that was not kept, or a record that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// An accepted run is neither open nor ended.
    Lost(RunId),
    /// An accepted run never ended.
    Unfinished(RunId),
    /// An accepted run ended, but not well.
    NotWell(RunId),
    /// One request became several runs.
    Doubled {
        /// The client's own id.
        request: String,
        /// The runs.
        runs: Vec<RunId>,
    },
    /// A step ran although its end was committed.
    RanAgain(StepKey),
    /// An attempt has several results.
    DuplicateResult(StepKey, i32),
    /// A step did its work and no result says so.
    Unrecorded(StepKey),
    /// A run ended well without the work of a step.
    Skipped(StepKey),
    /// An ended run changed.
    Changed(RunId),
    /// The calls of one step carried different keys.
    KeyChanged(StepKey),
    /// Two steps shared a key.
    KeyShared(String),
    /// A call was repeated, and no fault explains it.
    Unexplained(StepKey),
    /// One fault repeated more calls than can have been under way.
    ManyRepeats {
        /// Which fault, counted from 0.
        fault: usize,
        /// How many.
        repeats: usize,
    },
    /// Fewer requests were accepted than the record must hold to prove anything.
    LittleWork {
        /// How many were.
        accepted: usize,
    },
    /// Fewer faults than the record must hold to prove anything.
    FewFaults {
        /// How many there were.
        faults: usize,
    },
    /// Too few tries succeeded while nothing was broken.
    LittleProgress {
        /// Tries that succeeded.
        succeeded: usize,
        /// All tries.
        tries: usize,
    },
    /// The record has no end.
    NoEnd,
}

/// Counts, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// How often each fault came.
    pub faults: BTreeMap<String, usize>,
    /// Requests that were accepted.
    pub accepted: usize,
    /// Runs that ended well.
    pub succeeded: usize,
    /// Calls that steps made.
    pub effects: usize,
    /// Calls repeated after a fault cut them off before their result was committed.
    pub repeats: usize,
    /// The same, by the fault that explains them.
    pub repeats_by_fault: BTreeMap<String, usize>,
    /// Tries while nothing was broken, and those of them that succeeded.
    pub tries_undisturbed: (usize, usize),
    /// From the moment a call was cut off until it was made again, sorted, in milliseconds.
    pub takeovers_ms: Vec<u64>,
}

impl Figures {
    /// The median takeover.
    #[must_use]
    pub fn takeover_p50_ms(&self) -> Option<u64> {
        self.takeovers_ms.get(self.takeovers_ms.len() / 2).copied()
    }

    /// The longest takeover.
    #[must_use]
    pub fn takeover_max_ms(&self) -> Option<u64> {
        self.takeovers_ms.last().copied()
    }
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Broken promises; none in a sound product.
    pub violations: Vec<Violation>,
    /// Counts.
    pub figures: Figures,
}

impl Report {
    /// How many violations a rule has.
    #[must_use]
    pub fn count(&self, is_meant: impl Fn(&Violation) -> bool) -> usize {
        self.violations.iter().filter(|violation| is_meant(violation)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        let lost = self.count(|v| matches!(v, Violation::Lost(_) | Violation::Unfinished(_)));
        let again = self.count(|v| matches!(v, Violation::RanAgain(_)));
        let doubled = self.count(|v| matches!(v, Violation::Doubled { .. }));
        let text = |ms: Option<u64>| ms.map_or("-".to_owned(), |ms| ms.to_string());
        writeln!(f, "| fault | times | repeated calls |")?;
        writeln!(f, "|---|---|---|")?;
        for (kind, times) in &figures.faults {
            let repeats = figures.repeats_by_fault.get(kind).copied().unwrap_or(0);
            writeln!(f, "| {kind} | {times} | {repeats} |")?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "| accepted | ended well | lost or never ended | doubled | finished steps run again | calls | \
             repeated calls | takeover p50 / max, ms | tries undisturbed, ok |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        writeln!(
            f,
            "| {} | {} | {lost} | {doubled} | {again} | {} | {} | {} / {} | {}, {} |",
            figures.accepted,
            figures.succeeded,
            figures.effects,
            figures.repeats,
            text(figures.takeover_p50_ms()),
            text(figures.takeover_max_ms()),
            figures.tries_undisturbed.0,
            figures.tries_undisturbed.1,
        )?;
        for violation in self.violations.iter().take(10) {
            writeln!(f, "violation: {violation:?}")?;
        }
        if self.violations.len() > 10 {
            writeln!(f, "... and {} violations more", self.violations.len() - 10)?;
        }
        Ok(())
    }
}
