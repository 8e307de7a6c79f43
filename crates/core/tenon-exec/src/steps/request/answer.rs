//! From an answer's bytes to the value that later steps see.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use tenon_connector::request::file;
use tenon_contract::egress::OutboundResponse;
use tenon_domain::workflow::steps::request::ResponseFormat;

use super::super::{Failure, FailureClass};
use super::permanent;

/// Bodies above this size are decoded on a thread of their own, in bytes: decoding them takes
/// longer than other tasks should wait.
const INLINE_BYTES_MAX: usize = 128 << 10;

/// The longest name of a file, in characters.
const NAME_CHARS_MAX: usize = 255;

/// An answer, decoded.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::steps) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Value,
    pub(super) body: Value,
    /// Size of the body as it came, in bytes.
    pub(super) bytes: usize,
}

impl Answer {
    /// `{"statusCode", "headers", "body"}`.
    pub(in crate::steps) fn into_value(self) -> Value {
        json!({ "statusCode": self.status, "headers": self.headers, "body": self.body })
    }
}

/// Decodes an answer. `url_path` names a file whose answer has no name for it.
pub(in crate::steps) async fn decode(
    response: OutboundResponse,
    format: ResponseFormat,
    url_path: &str,
) -> Result<Answer, Failure> {
    let OutboundResponse { status, headers, body } = response;
    let shown = header_values(&headers);
    let bytes = body.len();
    let decoded = if bytes <= INLINE_BYTES_MAX {
        body_value(&headers, &body, format, status, url_path)
    } else {
        let path = url_path.to_owned();
        tokio::task::spawn_blocking(move || body_value(&headers, &body, format, status, &path))
            .await
            .map_err(|_| {
                let message = "the answer could not be decoded";
                Failure::new("request_response", message, FailureClass::Infrastructure)
            })?
    };
    let (body, problem) = match decoded {
        Ok(body) => (body, None),
        Err((text, problem)) => (text, Some(problem)),
    };
    let answer = Answer { status: status.as_u16(), headers: shown, body, bytes };
    match problem {
        None => Ok(answer),
        Some(problem) => {
            let mut failure = permanent("request_response", problem);
            failure.output = Some(Box::new(json!({ "response": answer.into_value() })));
            Err(failure)
        }
    }
}

/// Header names are lower case already. Several values are joined as HTTP allows; `set-cookie`,
/// which it does not allow for, is always an array.
fn header_values(headers: &HeaderMap) -> Value {
    let mut shown = Map::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let mut values = headers.get_all(name).iter().map(|value| latin1_or_utf8(value.as_bytes()));
        let value = if *name == header::SET_COOKIE {
            Value::Array(values.map(Value::String).collect())
        } else {
            let mut joined = values.next().unwrap_or_default();
            for more in values {
                joined.push_str(", ");
                joined.push_str(&more);
            }
            Value::String(joined)
        };
        shown.insert(name.as_str().to_owned(), value);
    }
    Value::Object(shown)
}

fn latin1_or_utf8(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => latin1(bytes),
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The body's value, or its text and what is wrong with it. With a status of 400 or more the
/// answer is an error anyway: a body that is not as asked for is then read by its type.
fn body_value(
    headers: &HeaderMap,
    body: &Bytes,
    format: ResponseFormat,
    status: StatusCode,
    url_path: &str,
) -> Result<Value, (Value, String)> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    let media = MediaType::of(headers);
    let as_file = || file::value(body, media.name(), &file_name(headers, url_path));
    let by_type = || match media.kind() {
        Kind::Json => json_value(body).ok().or_else(|| media.text(body).map(Value::String)),
        Kind::Text => media.text(body).map(Value::String),
        Kind::Unknown => utf8(body).map(Value::String),
        Kind::Binary => None,
    };
    match format {
        ResponseFormat::Auto => Ok(by_type().unwrap_or_else(as_file)),
        ResponseFormat::Binary => Ok(as_file()),
        ResponseFormat::Text => Ok(Value::String(
            media.text(body).unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()),
        )),
        ResponseFormat::Json => json_value(body).or_else(|error| {
            let as_it_is = by_type().unwrap_or_else(as_file);
            if status.as_u16() >= 400 {
                return Ok(as_it_is);
            }
            Err((as_it_is, format!("the answer is not JSON: {error}")))
        }),
    }
}

fn json_value(body: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))
}

fn utf8(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).ok()?;
    // Bytes that are no text may be valid UTF-8 by chance; a NUL gives them away.
    (!text.contains('\0')).then(|| text.to_owned())
}

enum Kind {
    Json,
    Text,
    Binary,
    /// No content type: by the bytes.
    Unknown,
}

/// `type/subtype` in lower case, and the charset.
struct MediaType {
    essence: String,
    charset: Option<String>,
}

impl MediaType {
    fn of(headers: &HeaderMap) -> Self {
        let text = headers
            .get(header::CONTENT_TYPE)
            .map(|value| latin1_or_utf8(value.as_bytes()))
            .unwrap_or_default();
        let mut parts = text.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_charset = name.trim().eq_ignore_ascii_case("charset");
            is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        });
        Self { essence, charset }
    }

    fn name(&self) -> &str {
        if self.essence.is_empty() { "application/octet-stream" } else { &self.essence }
    }

    fn kind(&self) -> Kind {
        let Some((kind, subtype)) = self.essence.split_once('/') else { return Kind::Unknown };
        let is_json = subtype == "json" || subtype.ends_with("+json") || subtype == "x-json";
        if is_json && matches!(kind, "application" | "text" | "model" | "image") {
            return Kind::Json;
        }
        let is_text = kind == "text"
            || subtype.ends_with("+xml")
            || matches!(
                self.essence.as_str(),
                "application/xml"
                    | "application/x-www-form-urlencoded"
                    | "application/javascript"
                    | "application/x-ndjson"
                    | "application/jsonl"
                    | "application/yaml"
                    | "application/x-yaml"
                    | "application/toml"
                    | "application/graphql"
                    | "application/sql"
                    | "application/problem+xml"
            );
        if is_text && kind != "image" { Kind::Text } else { Kind::Binary }
    }

    /// The text of a body in this charset; `None` when it is not text in it, or the charset is
    /// not known.
    fn text(&self, body: &[u8]) -> Option<String> {
        match self.charset.as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii") => {
                let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
                std::str::from_utf8(body).ok().map(str::to_owned)
            }
            Some("iso-8859-1" | "latin1") => Some(latin1(body)),
            Some(_) => None,
        }
    }
}

/// A file's name: from `Content-Disposition` (RFC 6266), else the last segment of the path.
/// Folders in it are cut off: it is a name, never a place.
fn file_name(headers: &HeaderMap, url_path: &str) -> String {
    let disposition = headers
        .get(header::CONTENT_DISPOSITION)
        .map(|value| latin1_or_utf8(value.as_bytes()))
        .unwrap_or_default();
    let from_path = || {
        let last = url_path.rsplit('/').next().unwrap_or_default();
        percent_decode_str(last).decode_utf8_lossy().into_owned()
    };
    let named = disposition_name(&disposition).unwrap_or_else(from_path);
    let last = named.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    match clean.trim() {
        "" | "." | ".." => "file".to_owned(),
        name => name.to_owned(),
    }
}

fn disposition_name(disposition: &str) -> Option<String> {
    let parameters = split_outside_quotes(disposition);
    let find = |wanted: &str| {
        parameters.iter().find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    if let Some(extended) = find("filename*")
        && let Some((charset, rest)) = extended.split_once('\'')
        && let Some((_, encoded)) = rest.split_once('\'')
        && charset.eq_ignore_ascii_case("utf-8")
    {
        return Some(percent_decode_str(encoded).decode_utf8_lossy().into_owned());
    }
    let name = find("filename")?;
    let inner = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    Some(inner.map_or_else(|| name.to_owned(), |inner| inner.replace("\\\"", "\"")))
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    text.split(|character| {
        let was_escaped = std::mem::replace(&mut is_escaped, false);
        match character {
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            '"' if !was_escaped => is_quoted = !is_quoted,
            ';' => return !is_quoted,
            _ => {}
        }
        false
    })
    .collect()
}

#[cfg(test)]
mod tests;
