//! The body of the call, of every kind.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tenon_domain::workflow::steps::request::{GraphqlBody, RawBody, RequestBody};
use tenon_expr::{Scope, Source};
use url::form_urlencoded;

use super::template::{eval, eval_encoded, text_of, texts_of};
use super::{BuildError, file, multipart};

/// A body that is ready to go.
pub struct Body {
    /// As it goes out.
    pub bytes: Bytes,
    /// Its type, unless the step's headers say otherwise.
    pub content_type: Option<String>,
    /// What history keeps of it.
    pub record: Value,
}

/// What becomes of members whose value is a template that gives null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// They are sent as null.
    Kept,
    /// They are left out of JSON objects. Forms and lists of parts never hold them.
    LeftOut,
}

/// Builds a body. `key` makes the boundary of a multipart body the same for every attempt.
///
/// # Errors
/// When a template has no value, a value does not fit, or the body is too large.
pub fn build(
    body: &RequestBody,
    scope: &(dyn Scope + Sync),
    key: &str,
    bytes_max: usize,
    nulls: Nulls,
) -> Result<Body, BuildError> {
    let built = match body {
        RequestBody::Json(source) => {
            let mut value = eval(source, scope, "the JSON body")?;
            if nulls == Nulls::LeftOut {
                leave_out(source.raw(), &mut value);
            }
            json_body(value, "application/json")
        }
        RequestBody::Form(fields) => form(fields, scope)?,
        RequestBody::Multipart(parts) => multipart::build(parts, scope, key, bytes_max)?,
        RequestBody::Graphql(graphql) => graphql_body(graphql, scope, nulls)?,
        RequestBody::Xml(source) => xml(source, scope)?,
        RequestBody::Raw(raw_body) => raw(raw_body, scope)?,
    };
    if built.bytes.len() > bytes_max {
        return Err(too_large(bytes_max));
    }
    Ok(built)
}

pub(super) fn too_large(bytes_max: usize) -> BuildError {
    BuildError::new("request_too_large", format!("the body is larger than {bytes_max} bytes"))
}

fn json_body(value: Value, content_type: &str) -> Body {
    let bytes = serde_json::to_vec(&value).expect("a JSON value always serialises");
    Body { bytes: bytes.into(), content_type: Some(content_type.to_owned()), record: value }
}

fn form(fields: &BTreeMap<String, Source>, scope: &(dyn Scope + Sync)) -> Result<Body, BuildError> {
    let mut text = form_urlencoded::Serializer::new(String::new());
    let mut record = Map::new();
    for (name, source) in fields {
        let value = eval(source, scope, &format!("the form field `{name}`"))?;
        record.insert(name.clone(), value.clone());
        for value in texts_of(value) {
            text.append_pair(name, &value);
        }
    }
    Ok(Body {
        bytes: text.finish().into(),
        content_type: Some("application/x-www-form-urlencoded".to_owned()),
        record: Value::Object(record),
    })
}

/// Takes members out of objects where a template stands alone and gave null; a null that is
/// written as such stays.
fn leave_out(raw: &Value, value: &mut Value) {
    match (raw, value) {
        (Value::Object(raw), Value::Object(members)) => {
            for (key, raw) in raw {
                let is_null = members.get(key.as_str()).is_some_and(Value::is_null);
                if raw.is_string() && is_null {
                    members.shift_remove(key.as_str());
                } else if let Some(member) = members.get_mut(key.as_str()) {
                    leave_out(raw, member);
                }
            }
        }
        (Value::Array(raw), Value::Array(items)) => {
            raw.iter().zip(items).for_each(|(raw, item)| leave_out(raw, item));
        }
        _ => {}
    }
}

fn graphql_body(
    graphql: &GraphqlBody,
    scope: &(dyn Scope + Sync),
    nulls: Nulls,
) -> Result<Body, BuildError> {
    let mut variables = Map::new();
    for (name, source) in &graphql.variables {
        let mut value = eval(source, scope, &format!("the GraphQL variable `{name}`"))?;
        if nulls == Nulls::LeftOut {
            if value.is_null() && source.raw().is_string() {
                continue;
            }
            leave_out(source.raw(), &mut value);
        }
        variables.insert(name.clone(), value);
    }
    let mut body = json!({ "query": graphql.query, "variables": variables });
    if let Some(name) = &graphql.operation_name {
        body["operationName"] = Value::from(name.as_str());
    }
    Ok(json_body(body, "application/json"))
}

/// Text with its values escaped. A template that is one value and nothing else is a document
/// that is there already: it goes as it is.
fn xml(source: &Source, scope: &(dyn Scope + Sync)) -> Result<Body, BuildError> {
    if !source.raw().is_string() {
        return Err(BuildError::new("request_body", "the XML body is not text"));
    }
    let mut values = 0;
    let mut only = None;
    let mut text = eval_encoded(source, scope, "the XML body", |so_far, value| {
        values += 1;
        only = (values == 1 && so_far.is_empty()).then(|| value.to_owned());
        Ok(value.to_owned())
    })?;
    // The first pass finds out what is there; only a mixed text needs the second.
    if values > 0 && only.as_ref() != Some(&text) {
        text = eval_encoded(source, scope, "the XML body", |_, value| escaped(value))?;
    }
    Ok(Body {
        record: Value::String(text.clone()),
        bytes: text.into(),
        content_type: Some("application/xml".to_owned()),
    })
}

/// Escapes for an element's text and for an attribute in quotes of either kind. Line breaks and
/// tabs become references, or an attribute would turn them into spaces.
fn escaped(value: &str) -> Result<String, BuildError> {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&apos;"),
            '\t' => text.push_str("&#9;"),
            '\n' => text.push_str("&#10;"),
            '\r' => text.push_str("&#13;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                let message = format!(
                    "a value in the XML body holds U+{:04X}, which XML cannot carry",
                    u32::from(character)
                );
                return Err(BuildError::new("request_body", message));
            }
            other => text.push(other),
        }
    }
    Ok(text)
}

fn raw(body: &RawBody, scope: &(dyn Scope + Sync)) -> Result<Body, BuildError> {
    let value = eval(&body.content, scope, "the raw body")?;
    if let Some(file) = file::read(&value)? {
        let content_type = body.content_type.clone().or_else(|| file.mime_type.clone());
        return Ok(Body {
            record: file::record(&file),
            bytes: file.bytes,
            content_type: Some(
                content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
            ),
        });
    }
    let is_empty = value.is_null();
    let text = text_of(value);
    let content_type = body
        .content_type
        .clone()
        .or_else(|| (!is_empty).then(|| "text/plain; charset=utf-8".to_owned()));
    Ok(Body { record: Value::String(text.clone()), bytes: text.into(), content_type })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_element_or_attribute() {
        let text = escaped("</a><b c=\"'&\r\n\té").expect("allowed characters");
        assert_eq!(text, "&lt;/a&gt;&lt;b c=&quot;&apos;&amp;&#13;&#10;&#9;é");
    }

    #[test]
    fn what_xml_cannot_carry_is_refused() {
        for character in ['\0', '\u{1}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            let value = format!("a{character}b");
            let failure = escaped(&value).expect_err("refused");
            assert!(failure.message.contains("XML cannot carry"), "{}", failure.message);
        }
    }
}
