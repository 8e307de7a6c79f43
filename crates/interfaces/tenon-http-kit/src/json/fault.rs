//! Turns a failed parse into a problem. Runs on failures only, so it may be slow.

use std::borrow::Cow;
use std::str::Utf8Error;

use serde_json::error::Category;
use serde_path_to_error::Segment;

use super::visitor::{Context, Refusal};
use crate::codes::{self, Code};
use crate::problem::{ErrorItem, Problem};

/// A name as one word of an RFC 6901 pointer.
pub(super) fn escape(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) {
        Cow::Owned(key.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(key)
    }
}

pub(super) fn utf8(bytes: &[u8], error: Utf8Error) -> Problem {
    let valid = &bytes[..error.valid_up_to()];
    let line_start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
    let item = ErrorItem {
        message: format!("byte {} is not part of valid UTF-8", valid.len()),
        help: Some("send the body encoded as UTF-8".to_owned()),
        line: u32::try_from(line).ok(),
        column: u32::try_from(valid.len() - line_start + 1).ok(),
        ..ErrorItem::default()
    };
    Problem::new(&codes::JSON_INVALID_UTF8).detail(item.message.clone()).with(item)
}

pub(super) fn syntax(text: &str, error: &serde_json::Error, context: &Context) -> Problem {
    let (code, message) = classify(text, error, context);
    let pointer = context.pointer();
    let place = if pointer.is_empty() { String::new() } else { format!(", at `{pointer}`") };
    let (line, column) = line_and_column(text, error);
    Problem::new(code).detail(format!("{message} (line {line}, column {column}{place})")).with(
        ErrorItem {
            message,
            pointer: Some(pointer).filter(|_| code != &codes::JSON_TRAILING_DATA),
            line: u32::try_from(line).ok(),
            column: u32::try_from(column).ok(),
            ..ErrorItem::default()
        },
    )
}

/// Where the parser stopped, both from 1. Where it stopped behind a line break, the place is the
/// end of the line before.
fn line_and_column(text: &str, error: &serde_json::Error) -> (usize, usize) {
    if error.column() > 0 || error.line() < 2 {
        return (error.line(), error.column().max(1));
    }
    let line = error.line() - 1;
    (line, text.split('\n').nth(line - 1).map_or(1, |text| text.len() + 1))
}

fn classify(text: &str, error: &serde_json::Error, context: &Context) -> (&'static Code, String) {
    match context.refusal() {
        Some(Refusal::DuplicateKey) => {
            return (&codes::JSON_DUPLICATE_KEY, "the name occurs twice in this object".to_owned());
        }
        Some(Refusal::TooDeep) => {
            return (&codes::JSON_TOO_DEEP, "arrays and objects are nested too deeply".to_owned());
        }
        None => {}
    }
    let full = error.to_string();
    let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(message, _)| message);
    if message == "recursion limit exceeded" {
        (&codes::JSON_TOO_DEEP, "arrays and objects are nested too deeply".to_owned())
    } else if message == "number out of range" {
        (&codes::JSON_INVALID_NUMBER, "the number is too large for a 64-bit float".to_owned())
    } else if let Some(word) = word_at(text, error).filter(|word| is_no_number(word)) {
        (&codes::JSON_INVALID_NUMBER, format!("`{word}` is not JSON; send null or text instead"))
    } else if message == "trailing characters" {
        (&codes::JSON_TRAILING_DATA, "there is more after the first JSON value".to_owned())
    } else if error.classify() == Category::Eof {
        (&codes::JSON_SYNTAX, format!("the text ends too early: {message}"))
    } else {
        (&codes::JSON_SYNTAX, message.to_owned())
    }
}

/// The word around the place of an error.
fn word_at<'t>(text: &'t str, error: &serde_json::Error) -> Option<&'t str> {
    let line = text.split('\n').nth(error.line().checked_sub(1)?)?;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    let bytes = line.as_bytes();
    let at = error.column().saturating_sub(1).min(bytes.len().checked_sub(1)?);
    let start = bytes[..at].iter().rposition(|byte| !is_word(*byte)).map_or(0, |before| before + 1);
    let end = bytes[at..].iter().position(|byte| !is_word(*byte)).map_or(bytes.len(), |n| at + n);
    line.get(start..end)
}

fn is_no_number(word: &str) -> bool {
    let bare = word.trim_start_matches(['-', '+']).to_ascii_lowercase();
    matches!(bare.as_str(), "nan" | "inf" | "infinity")
}

pub(super) fn shape(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let message = error.inner().to_string();
    let mut pointer = String::new();
    let mut last = None;
    for segment in error.path() {
        let word = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.clone(),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&escape(&word));
        last = Some(word);
    }
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    let Some((field, rest)) = unknown else {
        return Problem::new(&codes::INVALID_FIELD)
            .detail(format!("{message}{}", place(&pointer)))
            .with(ErrorItem { message, pointer: Some(pointer), ..ErrorItem::default() });
    };
    if last.as_deref() != Some(field) {
        pointer.push('/');
        pointer.push_str(&escape(field));
    }
    let allowed: Vec<String> = rest.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Problem::new(&codes::UNKNOWN_FIELD)
        .detail(format!("there is no field `{field}`{}", place(&pointer)))
        .with(ErrorItem {
            message: format!("there is no field `{field}`"),
            pointer: Some(pointer),
            allowed,
            ..ErrorItem::default()
        })
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(" (at `{pointer}`)") }
}
