//! Turns what stopped a call into a kind and a message for people.

use rquickjs::{Coerced, Ctx, Object, Value};
use tenon_exec::ports::script::FunctionErrorKind;

use super::bytecode::USER_FILE;
use super::vm::CallState;
use crate::wire::Failure;

/// Longest message of a failure, in bytes.
const MESSAGE_MAX: usize = 4_096;

/// Why a call stopped: an exception that is pending in the context, or a failure of ours.
#[derive(Debug)]
pub enum Stop {
    Engine(rquickjs::Error),
    Failure(Failure),
}

impl From<rquickjs::Error> for Stop {
    fn from(error: rquickjs::Error) -> Self {
        Self::Engine(error)
    }
}

impl Stop {
    /// The result cannot be used.
    pub fn result(message: impl Into<String>) -> Self {
        Self::Failure(Failure { kind: FunctionErrorKind::Result, message: message.into() })
    }

    /// The failure to report. A limit that was passed wins over whatever exception it caused.
    pub fn into_failure(self, ctx: &Ctx<'_>, state: &CallState) -> Failure {
        let error = match self {
            Self::Failure(failure) if !state.has_timed_out() => return failure,
            Self::Failure(_) => rquickjs::Error::Exception,
            Self::Engine(error) => error,
        };
        // Read the exception even when a limit explains it: it must not stay pending.
        let thrown = ctx.catch();
        if state.has_timed_out() {
            return state.timeout_failure();
        }
        if state.is_memory_exhausted() && is_out_of_memory(&thrown) {
            return state.memory_failure();
        }
        // Showing what was thrown may run the user's code once more.
        let message = if error.is_exception() { describe(ctx, &thrown) } else { error.to_string() };
        if state.has_timed_out() {
            return state.timeout_failure();
        }
        Failure { kind: FunctionErrorKind::Thrown, message }
    }
}

/// A syntax error of the user's code, from the exception pending in the context.
pub fn syntax(ctx: &Ctx<'_>) -> Failure {
    let thrown = ctx.catch();
    Failure { kind: FunctionErrorKind::Syntax, message: describe(ctx, &thrown) }
}

/// Without memory the engine throws an `InternalError`, or `null` where not even that fits.
fn is_out_of_memory(thrown: &Value<'_>) -> bool {
    let Some(error) = thrown.as_object() else { return thrown.is_null() || thrown.is_undefined() };
    let message = error.get::<_, String>("message");
    message.is_ok_and(|message| message.starts_with("out of memory"))
}

/// `TypeError: message (line 3, column 12)`, from whatever was thrown.
fn describe(ctx: &Ctx<'_>, thrown: &Value<'_>) -> String {
    let mut text = match thrown.as_object().filter(|object| object.is_error()) {
        Some(error) => describe_error(error),
        None => describe_other(thrown),
    }
    .unwrap_or_else(|_| {
        drop(ctx.catch());
        format!("threw a value that cannot be shown ({})", thrown.type_name())
    });
    if text.len() > MESSAGE_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_MAX));
        text.push('…');
    }
    text
}

fn describe_error(error: &Object<'_>) -> rquickjs::Result<String> {
    let name = error.get::<_, Coerced<String>>("name")?.0;
    let message = error.get::<_, Coerced<String>>("message")?.0;
    let stack = error.get::<_, Coerced<String>>("stack")?.0;
    let mut text = if message.is_empty() { name } else { format!("{name}: {message}") };
    if let Some((line, column)) = position(&stack) {
        text.push_str(&format!(" (line {line}, column {column})"));
    }
    Ok(text)
}

fn describe_other(thrown: &Value<'_>) -> rquickjs::Result<String> {
    if thrown.is_object()
        && !thrown.is_function()
        && let Some(json) = thrown.ctx().json_stringify(thrown.clone())?
    {
        return json.to_string();
    }
    Ok(thrown.get::<Coerced<String>>()?.0)
}

/// Line and column of the first frame in the user's code.
fn position(stack: &str) -> Option<(u32, u32)> {
    let (_, rest) = stack.split_once(&format!("{USER_FILE}:"))?;
    let end = rest.find(|c: char| c != ':' && !c.is_ascii_digit()).unwrap_or(rest.len());
    let (line, column) = rest[..end].split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}
