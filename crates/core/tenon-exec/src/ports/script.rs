//! Runs a function step's JavaScript, somewhere it can do no harm.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tenon_domain::ProjectId;

/// One call of a function.
#[derive(Debug, Clone)]
pub struct FunctionCall {
    /// Whose code it is: two projects never share a process.
    pub project: ProjectId,
    /// The source text; the same `Arc` for the same version, so it may be cached by its text.
    pub code: Arc<str>,
    /// The parameters, a JSON object.
    pub parameters: Bytes,
    /// Wall-clock limit of the call.
    pub timeout: Duration,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionOutcome {
    /// What it returned, JSON text; `null` for `undefined`.
    pub output: Bytes,
    /// What it wrote to the console, bounded.
    pub console: Vec<ConsoleLine>,
    /// Lines that did not fit.
    pub console_dropped: u32,
}

/// A line of console output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleLine {
    /// `log`, `info`, `warn`, `error`, `debug`.
    pub level: String,
    /// The text, bounded.
    pub message: String,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct FunctionError {
    /// What kind.
    pub kind: FunctionErrorKind,
    /// For people: the exception's text with its line, or which limit was passed.
    pub message: String,
    /// What it wrote to the console before.
    pub console: Vec<ConsoleLine>,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionErrorKind {
    /// The code does not parse.
    Syntax,
    /// The code threw, or its promise was rejected.
    Thrown,
    /// Wall-clock or CPU limit.
    Timeout,
    /// Memory limit.
    Memory,
    /// The result is not JSON or too large.
    Result,
    /// Infrastructure: the runner could not be started or died for no reason of the code's.
    /// Does not use up the step's retries.
    Unavailable,
}

impl std::fmt::Display for FunctionErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Syntax => "syntax error",
            Self::Thrown => "the function threw",
            Self::Timeout => "time limit",
            Self::Memory => "memory limit",
            Self::Result => "unusable result",
            Self::Unavailable => "function runner unavailable",
        })
    }
}

/// Runs functions.
#[async_trait]
pub trait FunctionRunner: Send + Sync + 'static {
    /// Runs one call to its end or its limit. Dropping the future abandons the call.
    async fn run(&self, call: FunctionCall) -> Result<FunctionOutcome, FunctionError>;

    /// Checks that code parses and has a `run` function, without running it.
    async fn check(&self, code: &str) -> Result<(), FunctionError>;
}
