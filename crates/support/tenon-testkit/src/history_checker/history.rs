//! What is recorded, in the order in which it was seen.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use tenon_domain::RunId;

/// One step of one run, in one place of the fan-outs around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct StepKey {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: String,
    /// Positions in the fan-outs, outermost first.
    pub iteration: Vec<u32>,
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{:?}", self.run, self.step, self.iteration)
    }
}

/// A result as it is stored at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultRow {
    /// Of which step.
    pub key: StepKey,
    /// Which attempt.
    pub attempt: i32,
    /// Whether the step ended with it; false while it is to be tried again.
    pub is_final: bool,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndedRun {
    /// The run.
    pub run: RunId,
    /// Whether it ended well.
    pub is_success: bool,
    /// Its whole row, or a digest of it.
    pub row: String,
}

/// What the database holds when everything has come to rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Final {
    /// All results.
    pub results: Vec<ResultRow>,
    /// All ended runs.
    pub ended: Vec<EndedRun>,
    /// Runs that have not ended.
    pub open: Vec<RunId>,
}

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Event {
    /// A client asks; `request` stays the same over all tries of one request.
    Invoked {
        /// The client's own id.
        request: String,
    },
    /// The product promised to run these.
    Accepted {
        /// The client's own id.
        request: String,
        /// What was promised.
        runs: Vec<RunId>,
    },
    /// No promise: refused, or the answer never came.
    Unknown {
        /// The client's own id.
        request: String,
    },
    /// A step called the outside.
    Effect {
        /// Numbers the calls.
        call: u64,
        /// Which step.
        key: StepKey,
        /// For which request of a client.
        request: String,
        /// What the call named as its key.
        idempotency_key: String,
    },
    /// A call was answered.
    Answered {
        /// Which.
        call: u64,
        /// Whether as done.
        is_success: bool,
    },
    /// The caller went away before its answer.
    Broken {
        /// Which.
        call: u64,
    },
    /// A fault begins.
    Fault {
        /// What is done.
        kind: String,
    },
    /// What the last fault broke is started again.
    Recovered,
    /// Steps whose end the database held at this moment.
    Committed {
        /// Those not reported before.
        finished: Vec<StepKey>,
    },
    /// Runs that the database held as ended at this moment.
    Ended {
        /// Those not reported before.
        runs: Vec<EndedRun>,
    },
    /// The end.
    Final(Final),
}

/// An event and its moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timed {
    /// Milliseconds since the record began.
    pub at_ms: u64,
    /// What was seen.
    pub event: Event,
}

/// A growing record; shared by everything that sees something.
#[derive(Debug)]
pub struct History {
    began: Instant,
    events: Mutex<Vec<Timed>>,
}

impl Default for History {
    fn default() -> Self {
        Self { began: Instant::now(), events: Mutex::new(Vec::new()) }
    }
}

impl History {
    /// Appends an event, as seen now.
    pub fn push(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that the times rise with the places.
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        events.push(Timed { at_ms, event });
    }

    /// Everything so far.
    #[must_use]
    pub fn events(&self) -> Vec<Timed> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes everything so far, one JSON object a line.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write_to(&self, mut out: impl Write) -> std::io::Result<()> {
        for event in self.events() {
            serde_json::to_writer(&mut out, &event)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}
