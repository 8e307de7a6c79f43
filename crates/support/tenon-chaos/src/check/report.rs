//! What a check found.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A promise that was not kept, or a record that proves nothing. Ids are runs and steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Violation {
    /// An accepted run is neither open nor ended.
    Lost(String),
    /// A run never ended.
    Unfinished(String),
    /// An accepted run ended, but not well.
    NotWell {
        /// The run.
        run: String,
        /// How it ended.
        status: i64,
    },
    /// An accepted run was not there for who looked after it was accepted.
    Stale(String),
    /// One request became several runs.
    Doubled {
        /// The client's own id.
        request: String,
        /// The runs.
        runs: Vec<String>,
    },
    /// A step ran although its end was committed.
    RanAgain(String),
    /// An attempt has several results.
    DuplicateResult(String),
    /// A step did its work and no result says so.
    Unrecorded(String),
    /// A run ended well without the call of a step.
    Unseen(String),
    /// An ended run changed.
    Changed(String),
    /// The calls of one step carried different keys.
    KeyChanged(String),
    /// Two steps shared a key.
    KeyShared(String),
    /// A call was repeated, and no fault explains it.
    Unexplained(String),
    /// One fault repeated more calls than can have been under way.
    ManyRepeats {
        /// Which.
        fault: String,
        /// How many.
        repeats: usize,
    },
    /// A number that only grows fell.
    FenceFell {
        /// What it was.
        from: u64,
        /// What it became.
        to: u64,
    },
    /// The queues lost everything, and their generation stayed: old fences hold again.
    GenerationKept {
        /// The generation.
        generation: u64,
    },
    /// Ticks of the schedule had no run.
    TicksMissed {
        /// The tick before, in Unix seconds.
        after: i64,
        /// How many.
        missing: i64,
    },
    /// A run of a lane called before one that was accepted earlier had made its calls.
    OutOfOrder {
        /// Which lane.
        lane: String,
        /// The number of the request that called first.
        first: u64,
        /// The one that should have.
        second: u64,
    },
    /// A client was still turned away after the last fault was over.
    Dead {
        /// Which.
        client: String,
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

impl Violation {
    /// Whether it is the loss of this run.
    pub(super) fn loses(&self, lost: &str) -> bool {
        matches!(self, Self::Lost(run) | Self::Unfinished(run) if run == lost)
    }
}

/// The figures of one kind of fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its name in the matrix.
    pub fault: String,
    /// How often it took place.
    pub injected: usize,
    /// How often it could not.
    pub left_out: usize,
    /// Runs accepted from it to the next fault.
    pub accepted: usize,
    /// Of these, lost or never ended.
    pub lost: usize,
    /// Calls that were made again because of it.
    pub duplicated: usize,
    /// From the fault until what a worker had in its hands was called again elsewhere, sorted;
    /// where nothing else broke meanwhile.
    pub takeover_ms: Vec<u64>,
    /// The same where the next fault began before.
    #[serde(default)]
    pub disturbed_takeover_ms: Vec<u64>,
    /// From its end until a request that was made after it was at work, sorted.
    pub recovery_ms: Vec<u64>,
}

impl Row {
    /// Takes over the figures of the same fault in another record.
    pub fn add(&mut self, other: Self) {
        self.injected += other.injected;
        self.left_out += other.left_out;
        self.accepted += other.accepted;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.takeover_ms.extend(other.takeover_ms);
        self.disturbed_takeover_ms.extend(other.disturbed_takeover_ms);
        self.recovery_ms.extend(other.recovery_ms);
        self.takeover_ms.sort_unstable();
        self.disturbed_takeover_ms.sort_unstable();
        self.recovery_ms.sort_unstable();
    }
}

/// The value below which `percent` of the sorted values lie.
#[must_use]
pub fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied()
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Broken promises; none in a sound product.
    pub violations: Vec<Violation>,
    /// Faults that took place.
    pub faults: usize,
    /// Runs that were accepted.
    pub accepted: usize,
    /// Calls that steps made.
    pub effects: usize,
    /// Ticks of the schedule that had a run.
    pub ticks: usize,
    /// Tries while nothing was broken, and those of them that succeeded.
    pub undisturbed: (usize, usize),
    /// By fault.
    pub rows: Vec<Row>,
}

impl Verdict {
    /// Takes over what another record shows.
    pub fn add(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.faults += other.faults;
        self.accepted += other.accepted;
        self.effects += other.effects;
        self.ticks += other.ticks;
        self.undisturbed.0 += other.undisturbed.0;
        self.undisturbed.1 += other.undisturbed.1;
        for row in other.rows {
            match self.rows.iter_mut().find(|mine| mine.fault == row.fault) {
                Some(mine) => mine.add(row),
                None => self.rows.push(row),
            }
        }
    }

    /// How many violations are of a kind.
    #[must_use]
    pub fn count(&self, is_meant: impl Fn(&Violation) -> bool) -> usize {
        self.violations.iter().filter(|violation| is_meant(violation)).count()
    }

    /// Runs that are lost or never ended.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.count(|v| matches!(v, Violation::Lost(_) | Violation::Unfinished(_)))
    }

    /// Calls that were made again.
    #[must_use]
    pub fn duplicated(&self) -> usize {
        self.rows.iter().map(|row| row.duplicated).sum()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = self.rows.clone();
        let place =
            |id: &str| crate::faults::Fault::all().iter().position(|fault| fault.id() == id);
        rows.sort_by_key(|row| place(&row.fault));
        writeln!(
            f,
            "| Fault | injected | accepted | lost | duplicated | takeover p50 / p99, ms | amid the next fault p50 / max, ms | recovery p50 / max, ms |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|---:|")?;
        let mut all = Row { fault: "all".to_owned(), ..Row::default() };
        for row in rows {
            write_row(f, &row)?;
            all.add(row);
        }
        write_row(f, &all)?;
        let bound = 3.0 / (self.accepted.max(1) as f64);
        let share = 100.0 * self.duplicated() as f64 / (self.effects.max(1) as f64);
        writeln!(f)?;
        writeln!(
            f,
            "{} faults, {} runs accepted and {} ticks; {} lost (95 % bound {bound:.1e}); {} of {} calls \
             repeated ({share:.2} %); {} of {} undisturbed requests succeeded.",
            self.faults,
            self.accepted,
            self.ticks,
            self.lost(),
            self.duplicated(),
            self.effects,
            self.undisturbed.1,
            self.undisturbed.0,
        )?;
        for violation in self.violations.iter().take(20) {
            writeln!(f, "violation: {violation:?}")?;
        }
        if self.violations.len() > 20 {
            writeln!(f, "... and {} violations more", self.violations.len() - 20)?;
        }
        Ok(())
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
    let title = crate::faults::Fault::all().iter().find(|fault| fault.id() == row.fault);
    let title = title.map_or(row.fault.clone(), ToString::to_string);
    let text = |ms: Option<u64>| ms.map_or("-".to_owned(), |ms| ms.to_string());
    writeln!(
        f,
        "| {title} | {} | {} | {} | {} | {} / {} | {} / {} | {} / {} |",
        row.injected,
        row.accepted,
        row.lost,
        row.duplicated,
        text(percentile(&row.takeover_ms, 50)),
        text(percentile(&row.takeover_ms, 99)),
        text(percentile(&row.disturbed_takeover_ms, 50)),
        text(row.disturbed_takeover_ms.last().copied()),
        text(percentile(&row.recovery_ms, 50)),
        text(row.recovery_ms.last().copied()),
    )
}
