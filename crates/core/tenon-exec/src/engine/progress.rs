//! What is recorded of a run already.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use tenon_domain::{RunId, StepId};

use super::{Engine, Error};
use crate::ports::history::{Payload, StepError, StepStatus};
use crate::ports::store::{Iteration, ResultScope, StoredResult};

/// Which record of a step comes next. Every record has a number of its own; pauses are numbered
/// but are no attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The number of the record.
    pub number: u32,
    /// How many records before it were pauses.
    pub pauses: u32,
}

impl Turn {
    /// Nothing is recorded yet.
    pub const FIRST: Self = Self { number: 1, pauses: 0 };
}

/// The latest record of a step in an iteration.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub attempt: u32,
    pub pauses: u32,
    pub status: StepStatus,
    pub retry_at: Option<Timestamp>,
    pub output: Option<Payload>,
    pub error: Option<StepError>,
}

impl Recorded {
    /// What comes after it.
    pub fn next(&self) -> Turn {
        let is_pause = self.status == StepStatus::Waiting && self.attempt > 0;
        Turn { number: self.attempt + 1, pauses: self.pauses + u32::from(is_pause) }
    }
}

/// Results read back when a run is taken up again.
#[derive(Debug, Default)]
pub struct Progress {
    /// Outside of fan-outs.
    root: HashMap<StepId, Recorded>,
    /// Iterations of which anything is recorded.
    touched: HashSet<Iteration>,
    /// Iterations that ended, by fan-out: their marker is a row of the fan-out itself.
    done: HashSet<(StepId, Iteration)>,
}

/// Results of one scope: the root's, or one iteration's.
#[derive(Debug, Default)]
pub struct ScopeProgress(HashMap<StepId, Recorded>);

impl ScopeProgress {
    pub fn get(&self, step: &StepId) -> Option<&Recorded> {
        self.0.get(step)
    }
}

impl Progress {
    /// Of a run that never ran.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads what is recorded: the root with outputs, iterations as keys only, so that a
    /// fan-out over many items is taken up without reading its outputs.
    pub async fn read(engine: &Engine, run: RunId) -> Result<Self, Error> {
        let mut progress = Self::default();
        let root = engine.store.results(run, ResultScope::Root).await?;
        progress.root = latest(root);
        let keys = engine.store.results(run, ResultScope::IterationKeys).await?;
        for key in keys {
            progress.touched.insert(key.iteration.clone());
            if key.status == StepStatus::Succeeded {
                progress.done.insert((key.step, key.iteration));
            }
        }
        Ok(progress)
    }

    /// Whether nothing is recorded at all.
    pub fn is_untouched(&self) -> bool {
        self.root.is_empty() && self.touched.is_empty()
    }

    /// Whether an iteration of a fan-out ended.
    pub fn is_done(&self, fan_out: &StepId, iteration: &Iteration) -> bool {
        !self.done.is_empty() && self.done.contains(&(fan_out.clone(), iteration.clone()))
    }

    /// The results of one scope; reads an iteration's from the store if there are any.
    pub async fn of_scope(
        &self,
        engine: &Engine,
        run: RunId,
        iteration: &Iteration,
    ) -> Result<ScopeProgress, Error> {
        if iteration.is_empty() {
            return Ok(ScopeProgress(self.root.clone()));
        }
        if !self.touched.contains(iteration) {
            return Ok(ScopeProgress::default());
        }
        let rows = engine.store.results(run, ResultScope::Iteration(iteration.clone())).await?;
        Ok(ScopeProgress(latest(rows)))
    }
}

fn latest(rows: Vec<StoredResult>) -> HashMap<StepId, Recorded> {
    let mut found: HashMap<StepId, Recorded> = HashMap::with_capacity(rows.len());
    for row in rows {
        let recorded = Recorded {
            attempt: row.attempt,
            pauses: row.pauses,
            status: row.status,
            retry_at: row.retry_at,
            output: row.output,
            error: row.error,
        };
        match found.get(&row.step) {
            Some(known) if known.attempt >= recorded.attempt => {}
            _ => {
                found.insert(row.step, recorded);
            }
        }
    }
    found
}
