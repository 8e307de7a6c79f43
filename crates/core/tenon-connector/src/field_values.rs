//! Checks what people filled in: each value against its field.
//!
//! Some values become part of a host name, so this is one of the places where a request to a
//! host that nobody meant is prevented. It does not store anything.

mod host;

use std::collections::{HashMap, HashSet};

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use url::Url;

use crate::manifest::fields::{Field, FieldKind};

pub use host::{is_host, is_private_host};

/// The longest text of one line, in bytes.
const LINE_BYTES_MAX: usize = 4_096;
/// The longest text of several lines, in bytes.
const MULTILINE_BYTES_MAX: usize = 65_536;
/// The most memory that a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Values that fit, apart by whether they are secret.
#[derive(Clone, Default, PartialEq)]
pub struct Checked {
    /// Those that may be shown again.
    pub public: Map<String, Value>,
    /// Those for the vault.
    pub secret: Map<String, Value>,
}

/// What is wrong with one field, for the person who filled it in. Never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldFault {
    /// The field's name; for an unknown one, as it was given.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// Checks what was given. A field that is not visible, or filled in by Tenon, takes no value;
/// null and empty text count as left out.
///
/// # Errors
/// What is wrong with each field.
pub fn check(fields: &[&Field], given: &Map<String, Value>) -> Result<Checked, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, message: &str| {
        faults.push(FieldFault { field: field.to_owned(), message: message.to_owned() });
    };
    let asked: Vec<&Field> = fields.iter().copied().filter(|field| !field.automated).collect();
    let known: HashSet<&str> = asked.iter().map(|field| field.name.as_str()).collect();
    for name in given.keys().filter(|name| !known.contains(name.as_str())) {
        fault(&name.chars().take(80).collect::<String>(), "there is no such field");
    }
    let mut values: HashMap<&str, Value> = HashMap::new();
    let mut wrong: HashSet<&str> = HashSet::new();
    for field in &asked {
        match given.get(&field.name).filter(|value| !is_left_out(value)) {
            Some(value) => match check_one(field, value) {
                Ok(value) => drop(values.insert(&field.name, value)),
                Err(message) => {
                    wrong.insert(&field.name);
                    fault(&field.name, &message);
                }
            },
            None => {
                if let Some(default) = &field.default {
                    values.insert(&field.name, default.clone());
                }
            }
        }
    }
    let mut checked = Checked::default();
    for field in asked.iter().filter(|field| is_visible(field, &asked, &values)) {
        match values.get(field.name.as_str()) {
            Some(value) => {
                let place = match is_secret(field) {
                    true => &mut checked.secret,
                    false => &mut checked.public,
                };
                place.insert(field.name.clone(), value.clone());
            }
            None if field.optional || wrong.contains(field.name.as_str()) => {}
            None => fault(&field.name, "this is needed"),
        }
    }
    if faults.is_empty() { Ok(checked) } else { Err(faults) }
}

/// Whether a field's value belongs in the vault.
#[must_use]
pub fn is_secret(field: &Field) -> bool {
    field.secret || field.kind == FieldKind::Password
}

fn is_left_out(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// A field is asked for when the one that it depends on has the value, and is itself asked for.
fn is_visible(field: &Field, fields: &[&Field], values: &HashMap<&str, Value>) -> bool {
    let mut current = field;
    // Conditions may form a circle; nothing in it is then asked for.
    for _ in 0..fields.len() + 1 {
        let Some(condition) = &current.visible_when else { return true };
        if values.get(condition.field.as_str()) != Some(&condition.equals) {
            return false;
        }
        match fields.iter().find(|other| other.name == condition.field) {
            Some(other) => current = other,
            None => return false,
        }
    }
    false
}

/// Checks one value, and gives it as it is kept: text is trimmed and stripped, and numbers and
/// truth values may be given as text.
pub(crate) fn check_one(field: &Field, value: &Value) -> Result<Value, String> {
    let refused = |message: &str| field.message.clone().unwrap_or_else(|| message.to_owned());
    match field.kind {
        FieldKind::Number => number(value).ok_or_else(|| refused("this must be a number")),
        FieldKind::Boolean => boolean(value).ok_or_else(|| refused("this must be yes or no")),
        FieldKind::Select => {
            let text = value.as_str().unwrap_or_default();
            match field.options.iter().any(|option| option.value == text) {
                true => Ok(value.clone()),
                false => Err(refused("this is none of the choices")),
            }
        }
        _ => {
            let Some(given) = value.as_str() else {
                return Err("this must be text".to_owned());
            };
            let text = checked_text(field, given).map_err(|fault| match fault {
                TextFault::Size(message) => message,
                TextFault::Form(message) => refused(message),
            })?;
            Ok(Value::String(text))
        }
    }
}

fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) if text.len() <= 64 => {
            let text = text.trim();
            if let Ok(whole) = text.parse::<i64>() {
                return Some(whole.into());
            }
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
            serde_json::Number::from_f64(number).map(Value::Number)
        }
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(value.clone()),
        Value::String(text) if text == "true" => Some(true.into()),
        Value::String(text) if text == "false" => Some(false.into()),
        _ => None,
    }
}

enum TextFault {
    Size(String),
    Form(&'static str),
}

fn checked_text(field: &Field, given: &str) -> Result<String, TextFault> {
    let is_multiline = field.kind == FieldKind::Multiline;
    let bytes_max = if is_multiline { MULTILINE_BYTES_MAX } else { LINE_BYTES_MAX };
    if given.len() > bytes_max {
        return Err(TextFault::Size(format!("this is longer than {bytes_max} bytes")));
    }
    // A secret is kept as it was given, but for what pasting adds around it.
    let text = stripped(field, given.trim());
    if text.chars().any(|c| c.is_control() && !(is_multiline && matches!(c, '\n' | '\r' | '\t'))) {
        return Err(TextFault::Form("this holds a line break or another control character"));
    }
    let text = match field.kind {
        FieldKind::Subdomain => {
            let label = text.to_ascii_lowercase();
            if !host::is_label(&label) {
                return Err(TextFault::Form(
                    "this must be the part before the first dot: letters, digits and hyphens",
                ));
            }
            label
        }
        FieldKind::Host => {
            let name = text.to_ascii_lowercase();
            if !is_host(&name) {
                return Err(TextFault::Form(
                    "this must be a host name such as shop.example.com, without https:// and path",
                ));
            }
            name
        }
        FieldKind::Url => checked_url(&text)?,
        FieldKind::Email if !is_email(&text) => {
            return Err(TextFault::Form("this must be an e-mail address"));
        }
        _ => text,
    };
    if let Some(pattern) = &field.pattern {
        // The loader refuses patterns that do not compile; if one is here, nothing fits it.
        if !compile(pattern).is_ok_and(|pattern| pattern.is_match(&text)) {
            return Err(TextFault::Form("this does not look right"));
        }
    }
    Ok(text)
}

/// What a person pasted, without what the field takes off.
fn stripped(field: &Field, given: &str) -> String {
    let mut text = given;
    if let Some(rest) = field.strip_prefix.iter().find_map(|prefix| strip_start(text, prefix)) {
        text = rest;
    }
    if !field.strip_suffix.is_empty() || !field.strip_prefix.is_empty() {
        text = text.trim_end_matches('/');
    }
    if let Some(rest) = field.strip_suffix.iter().find_map(|suffix| strip_end(text, suffix)) {
        text = rest;
    }
    text.to_owned()
}

/// Host names and schemes do not care for case, and nothing else is stripped.
fn strip_start<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn strip_end<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let start = text.len().checked_sub(suffix.len())?;
    let tail = text.get(start..)?;
    tail.eq_ignore_ascii_case(suffix).then(|| &text[..start])
}

/// An absolute https URL (http for self-hosted services; whether that is allowed is the
/// connector's to say), without user, query and fragment, and without a trailing slash.
fn checked_url(text: &str) -> Result<String, TextFault> {
    const MESSAGE: &str = "this must be a URL such as https://shop.example.com";
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'{' | b'}'));
    // Parsers take `https:///host` and `https:host`; people do not mean it.
    let is_absolute = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
    let url = Url::parse(text)
        .ok()
        .filter(|_| is_plain && is_absolute)
        .ok_or(TextFault::Form(MESSAGE))?;
    let host = url.host_str().unwrap_or_default();
    let is_wanted = matches!(url.scheme(), "https" | "http")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && !url.cannot_be_a_base()
        && !host.is_empty()
        && !host.ends_with('.');
    if !is_wanted {
        return Err(TextFault::Form(MESSAGE));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.rsplit_once('@') else { return false };
    !name.is_empty()
        && name.len() <= 64
        && !text.contains(char::is_whitespace)
        && !name.contains('@')
        && is_host(&domain.to_ascii_lowercase())
}

/// A pattern that the whole value must match.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    // Line by line mistakes inside the group must not change what surrounds it.
    if let Err(error) = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build() {
        return Err(brief(&error));
    }
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|error| brief(&error))
}

/// The last line of the library's message says what is wrong.
fn brief(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests;
