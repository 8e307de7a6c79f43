//! Templates of a request: evaluated to a value or to text, with errors that say where.

use std::borrow::Cow;

use serde_json::Value;
use tenon_expr::{EvalError, Scope, Source};

use super::BuildError;

/// Evaluates a source; `what` names it in the error.
///
/// # Errors
/// When it has no value.
pub fn eval(source: &Source, scope: &(dyn Scope + Sync), what: &str) -> Result<Value, BuildError> {
    source.eval(scope).map_err(|error| failed(&error, what))
}

/// Evaluates a source to text, as [`text_of`].
///
/// # Errors
/// When it has no value.
pub fn eval_text(
    source: &Source,
    scope: &(dyn Scope + Sync),
    what: &str,
) -> Result<String, BuildError> {
    eval(source, scope, what).map(text_of)
}

/// Evaluates a source to text; `encode` gets the text so far and the text of a value, and gives
/// what is inserted, or why it cannot be.
///
/// # Errors
/// When it has no value, or `encode` refuses one.
pub fn eval_encoded(
    source: &Source,
    scope: &(dyn Scope + Sync),
    what: &str,
    mut encode: impl FnMut(&str, &str) -> Result<String, BuildError>,
) -> Result<String, BuildError> {
    let mut refused = None;
    let text = source
        .eval_text(scope, &mut |so_far, value| match encode(so_far, value) {
            Ok(encoded) => Cow::Owned(encoded),
            Err(failure) => {
                refused.get_or_insert(failure);
                Cow::Borrowed("")
            }
        })
        .map_err(|error| failed(&error, what))?;
    refused.map_or(Ok(text), Err)
}

/// The text of a value where text is wanted: text as it is, null as nothing, others as JSON.
#[must_use]
pub fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The values that one name gets: an array gives several, null gives none.
pub fn texts_of(value: Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => {
            items.into_iter().filter(|item| !item.is_null()).map(text_of).collect()
        }
        other => vec![text_of(other)],
    }
}

/// The error of an expression.
#[must_use]
pub fn failed(error: &EvalError, what: &str) -> BuildError {
    let help = error.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    BuildError::new("request_template", format!("{what}: {error}{help}"))
}
