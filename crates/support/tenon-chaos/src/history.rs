//! The record: what every process of the trial saw, in the order in which it was seen.
//!
//! One JSON object a line, in the manner of Jepsen's histories: who, what, on which thing, and
//! whether it began, was done, was refused, or may or may not have happened.

use std::io::{BufRead, Write};
use std::time::Instant;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether an operation began, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It begins.
    Invoke,
    /// It is done.
    Ok,
    /// It did not happen.
    Fail,
    /// It may or may not have happened.
    Info,
}

/// What is done or seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Function {
    /// A client asks for work; `id` is its own id of the request, the same over all its tries.
    Accept,
    /// A step calls the outside; `id` is the step, `val` the call.
    Effect,
    /// The database holds a result; `id` is the step.
    Result,
    /// The database holds a run as open; `id` is the run.
    Open,
    /// The database holds a run as ended; `id` is the run.
    End,
    /// The database was read.
    Read,
    /// The generation of the queues; `fence` is its number.
    Generation,
    /// A fault; `id` is its name in the matrix.
    Fault,
    /// What the database holds at the very end, as `open`, `end` and `result` before.
    Last,
}

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Op {
    /// Nanoseconds since the record began.
    pub mono_ns: u64,
    /// Who saw it.
    #[serde(rename = "proc")]
    pub process: String,
    /// Beginning or end.
    #[serde(rename = "type")]
    pub phase: Phase,
    /// What.
    #[serde(rename = "f")]
    pub function: Function,
    /// On which thing.
    pub id: String,
    /// A number that may only grow, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// The rest.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub val: Value,
}

impl Op {
    /// Milliseconds since the record began.
    #[must_use]
    pub const fn at_ms(&self) -> u64 {
        self.mono_ns / 1_000_000
    }
}

/// A growing record, shared by everything that sees something.
#[derive(Debug)]
pub struct History {
    began: Instant,
    ops: Mutex<Vec<Op>>,
}

impl Default for History {
    fn default() -> Self {
        Self { began: Instant::now(), ops: Mutex::default() }
    }
}

impl History {
    /// Appends what is seen now.
    pub fn push(&self, process: &str, phase: Phase, function: Function, id: &str, val: Value) {
        self.push_fenced(process, (phase, function), id, None, val);
    }

    /// Appends what is seen now, with a number that may only grow.
    pub fn push_fenced(
        &self,
        process: &str,
        (phase, function): (Phase, Function),
        id: &str,
        fence: Option<u64>,
        val: Value,
    ) {
        let mut ops = self.ops.lock();
        // Read under the lock, so that the times rise with the places.
        let mono_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let (process, id) = (process.to_owned(), id.to_owned());
        ops.push(Op { mono_ns, process, phase, function, id, fence, val });
    }

    /// Everything so far.
    #[must_use]
    pub fn ops(&self) -> Vec<Op> {
        self.ops.lock().clone()
    }

    /// Writes everything so far.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_to(&self, mut out: impl Write) -> std::io::Result<()> {
        for op in self.ops.lock().iter() {
            serde_json::to_writer(&mut out, op)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}

/// Reads a record back.
///
/// # Errors
/// When a line is no operation.
pub fn read(input: impl BufRead) -> anyhow::Result<Vec<Op>> {
    input.lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
