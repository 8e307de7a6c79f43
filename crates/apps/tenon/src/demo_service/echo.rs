//! `/echo` and `/upload`: what arrived, told back.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Multipart, OriginalUri};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::refusal::Refusal;

/// The most parts of an upload.
const PARTS_MAX: usize = 1_000;

/// Any method on `/echo` and below: method, path, query, headers and body.
///
/// A body that says it is JSON is told as such, other UTF-8 as text, and the rest in Base64 at
/// `body.base64`. An empty body is null.
pub(super) async fn echo(
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let body = body?;
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    Ok(Json(json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": gathered(query.map(|(name, value)| (name.into_owned(), value.into_owned()))),
        "headers": gathered(headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })),
        "body": body_value(&headers, &body),
    })))
}

/// Names and values; a name that comes more than once has a list.
fn gathered(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut members = Map::new();
    for (name, value) in pairs {
        match members.get_mut(&name) {
            None => drop(members.insert(name, value.into())),
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    Value::Object(members)
}

fn body_value(headers: &HeaderMap, body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_json = essence == "application/json" || essence.ends_with("+json");
    if is_json && let Ok(value) = serde_json::from_slice(body) {
        return value;
    }
    match std::str::from_utf8(body) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": STANDARD.encode(body) }),
    }
}

/// `POST /upload`: the parts of a multipart body, without their content but with its hash.
pub(super) async fn upload(mut parts: Multipart) -> Result<Json<Value>, Refusal> {
    let refused = |error: axum::extract::multipart::MultipartError| {
        Refusal::bad_request("invalid_multipart", error.body_text())
    };
    let mut told = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(refused)? {
        if told.len() >= PARTS_MAX {
            return Err(Refusal::invalid(format!("an upload has at most {PARTS_MAX} parts")));
        }
        let name = part.name().map(str::to_owned);
        let filename = part.file_name().map(str::to_owned);
        let content_type = part.content_type().map(str::to_owned);
        let content = part.bytes().await.map_err(refused)?;
        // A part without a file name is a field; its text is worth telling.
        let text = std::str::from_utf8(&content).ok().filter(|_| filename.is_none());
        told.push(json!({
            "name": name,
            "filename": filename,
            "content_type": content_type,
            "size": content.len(),
            "sha256": format!("{:x}", Sha256::digest(&content)),
            "text": text,
        }));
    }
    Ok(Json(json!({ "parts": told })))
}
