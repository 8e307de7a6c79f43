//! An answer as templates see it: `status`, `headers`, `body`.

use http::StatusCode;
use http::header::{self, HeaderMap};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::call::Answer;

/// An answer, decoded once.
#[derive(Clone)]
pub struct Reading {
    status: StatusCode,
    headers: HeaderMap,
    value: Value,
}

impl Reading {
    /// Reads an answer whole. The body is JSON where it says so or is, form fields where it says
    /// so, else text; bytes that are no text give null.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        Self::build(answer.status, &answer.headers, body_value(&answer.headers, &answer.body))
    }

    /// Reads the head of an answer whose body goes elsewhere; `body` is null.
    #[must_use]
    pub fn head(status: StatusCode, headers: &HeaderMap) -> Self {
        Self::build(status, headers, Value::Null)
    }

    fn build(status: StatusCode, headers: &HeaderMap, body: Value) -> Self {
        let value = json!({
            "status": status.as_u16(),
            "headers": header_values(headers),
            "body": body,
        });
        Self { status, headers: headers.clone(), value }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What templates see as `response`.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The body's value.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.value["body"]
    }

    /// The body's value, to keep.
    #[must_use]
    pub fn into_body(mut self) -> Value {
        self.value["body"].take()
    }
}

/// By lower-case name; several values are joined as HTTP allows.
pub(crate) fn header_values(headers: &HeaderMap) -> Value {
    let mut shown = Map::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let values: Vec<String> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        shown.insert(name.as_str().to_owned(), values.join(", ").into());
    }
    Value::Object(shown)
}

/// The value of a body, by its type and content.
pub(crate) fn body_value(headers: &HeaderMap, body: &[u8]) -> Value {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.is_empty() {
        return Value::Null;
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    if essence == "application/x-www-form-urlencoded" {
        return form_value(body);
    }
    let starts_like_json =
        matches!(body.iter().find(|it| !it.is_ascii_whitespace()), Some(b'{' | b'['));
    if (essence.ends_with("json") || starts_like_json)
        && let Ok(value) = serde_json::from_slice(body)
    {
        return value;
    }
    match std::str::from_utf8(body) {
        Ok(text) if !text.contains('\0') => Value::from(text),
        _ => Value::Null,
    }
}

/// Fields by name; a name that comes more than once gives a list.
pub(crate) fn form_value(body: &[u8]) -> Value {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let value = Value::from(value.into_owned());
        match members.get_mut(name.as_ref()) {
            None => {
                members.insert(name.into_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(members)
}
