//! Members of a JSON or form body that are set after it was built.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{self, HeaderMap};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::request::BuildError;

/// What kind of body it is.
#[derive(PartialEq, Eq)]
enum Shape {
    Json,
    Form,
    Empty,
}

/// Sets members of a JSON object or form: names may go deeper with dots in JSON. Members of the
/// same name are replaced. An empty body becomes a form.
pub(crate) fn set_members(
    body: &mut Bytes,
    headers: &mut HeaderMap,
    members: Vec<(String, String)>,
) -> Result<(), BuildError> {
    let values = members.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
    set_values(body, headers, values)
}

/// As [`set_members`], with values of any kind.
pub(crate) fn set_values(
    body: &mut Bytes,
    headers: &mut HeaderMap,
    members: Vec<(String, Value)>,
) -> Result<(), BuildError> {
    match kind(body, headers)? {
        Shape::Json => {
            let mut value: Value = serde_json::from_slice(body).map_err(|_| no_object())?;
            for (name, member) in members {
                set_path(&mut value, &name, member)?;
            }
            *body = serde_json::to_vec(&value).expect("a JSON value always serialises").into();
        }
        Shape::Form | Shape::Empty => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, value) in form_urlencoded::parse(body) {
                if !members.iter().any(|(set, _)| *set == name) {
                    form.append_pair(&name, &value);
                }
            }
            for (name, value) in &members {
                match value {
                    Value::String(text) => form.append_pair(name, text),
                    other => form.append_pair(name, &other.to_string()),
                };
            }
            *body = form.finish().into();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
        }
    }
    Ok(())
}

fn kind(body: &Bytes, headers: &HeaderMap) -> Result<Shape, BuildError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let subtype = essence.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    match subtype.as_str() {
        "json" => Ok(Shape::Json),
        subtype if subtype.ends_with("+json") => Ok(Shape::Json),
        "x-www-form-urlencoded" => Ok(Shape::Form),
        _ if body.is_empty() => Ok(Shape::Empty),
        "" if body.first() == Some(&b'{') => Ok(Shape::Json),
        _ => Err(no_object()),
    }
}

fn set_path(value: &mut Value, path: &str, member: Value) -> Result<(), BuildError> {
    let mut names = path.split('.').peekable();
    let mut place = value;
    while let Some(name) = names.next() {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let members = place.as_object_mut().ok_or_else(no_object)?;
        if names.peek().is_none() {
            members.insert(name.to_owned(), member);
            return Ok(());
        }
        place = members.entry(name).or_insert(Value::Null);
    }
    Ok(())
}

fn no_object() -> BuildError {
    BuildError::new("request_body", "the body is no JSON object or form to set a member of")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(content_type: &str, body: &str, members: &[(&str, Value)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, content_type.parse().expect("a value"));
        }
        let mut bytes = Bytes::copy_from_slice(body.as_bytes());
        let members = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        set_values(&mut bytes, &mut headers, members.collect()).ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    #[test]
    fn members_replace_those_of_the_same_name() {
        let json = "application/json; charset=utf-8";
        for (content_type, body, name, value, expected) in [
            (json, r#"{"a":1,"key":"x"}"#, "key", json!("k"), r#"{"a":1,"key":"k"}"#),
            (json, "{}", "variables.after", json!("c"), r#"{"variables":{"after":"c"}}"#),
            ("application/vnd.api+json", "{}", "a", json!(2), r#"{"a":2}"#),
            ("application/x-www-form-urlencoded", "a=1&key=x", "key", json!("k&"), "a=1&key=k%26"),
            ("", "", "key", json!(7), "key=7"),
        ] {
            let got = set(content_type, body, &[(name, value)]);
            assert_eq!(got.as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn other_bodies_have_no_members() {
        assert_eq!(set("application/json", "[1]", &[("a", json!(1))]), None);
        assert_eq!(set("application/json", "{\"a\":", &[("a", json!(1))]), None);
        assert_eq!(set("application/json", r#"{"a":1}"#, &[("a.b", json!(1))]), None);
        assert_eq!(set("text/plain", "hello", &[("a", json!(1))]), None);
    }
}
