//! What each step type does, one file each. A step takes resolved values in and gives a value
//! out; it knows nothing of queues, retries or the database.

pub mod conditional;
pub mod delay;
pub mod fan_out;
pub mod function;
pub mod integration;
pub mod request;
pub mod response;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::ports::script::ConsoleLine;

/// What an attempt produced.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The resolved configuration, for history; secrets replaced by `"***"`.
    pub input: Option<Value>,
    /// The output that later steps see.
    pub output: Value,
    /// Console output.
    pub console: Vec<ConsoleLine>,
    /// Console lines that were dropped.
    pub console_dropped: u32,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// A code with a page in `docs/errors/`.
    pub code: &'static str,
    /// For people: what happened and what to do; no secrets.
    pub message: String,
    /// What may be done about it.
    pub class: FailureClass,
    /// The resolved configuration, as in [`Outcome::input`], as far as it got. Boxed, as
    /// `output`, because every step function carries a failure in its result.
    pub input: Option<Box<Value>>,
    /// What the other side answered, for history and for steps after `ignore_failure`.
    pub output: Option<Box<Value>>,
    /// Console output before the failure.
    pub console: Vec<ConsoleLine>,
}

/// What may be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// An HTTP answer with this status: the step's retry policy decides.
    Status {
        /// The status.
        status: u16,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// May go away (no connection, time-out, an exception in a function): the policy's retries.
    Transient,
    /// Will not go away (a bad template, a refused address): fails at once.
    Permanent,
    /// Our own fault (a runner that died): tried again without using up the step's retries.
    Infrastructure,
    /// A provider wants no more calls before a moment: the run waits for it, uses up no retry and
    /// does not fail.
    Paused {
        /// When there will be room.
        until: Timestamp,
    },
}

impl Failure {
    /// A template of the step could not be evaluated with this run's values.
    #[must_use]
    pub fn template(field: &str, error: &tenon_expr::EvalError) -> Self {
        let help = error.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
        let message = format!("`{field}` could not be evaluated: {}{help}", error.message);
        Self::new("template", message, FailureClass::Permanent)
    }

    /// A failure without details beyond code and message.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>, class: FailureClass) -> Self {
        Self {
            code,
            message: message.into(),
            class,
            input: None,
            output: None,
            console: Vec::new(),
        }
    }
}
