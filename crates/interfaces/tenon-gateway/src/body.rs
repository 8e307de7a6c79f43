//! The body of a request trigger as a value: JSON, form, multipart with files, text, or bytes.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
use serde_json::{Map, Value, json};
use tenon_http_kit::extract::require_json;
use tenon_http_kit::{JsonLimits, Problem, codes, parse_strict};

/// The most parts of a multipart body.
const PARTS_MAX: usize = 100;

/// Reads a body by its content type; none is null.
pub async fn request_body(
    headers: &HeaderMap,
    bytes: &Bytes,
    limits: &JsonLimits,
) -> Result<Value, Problem> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let content_type =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => Ok(form(bytes)),
        "multipart/form-data" => multipart(headers, bytes).await,
        "application/octet-stream" => Ok(file(bytes, "application/octet-stream", None)),
        text if text.starts_with("text/") || text.ends_with("xml") => text_body(bytes),
        _ => {
            require_json(headers)?;
            parse_strict(bytes, limits)
        }
    }
}

fn text_body(bytes: &Bytes) -> Result<Value, Problem> {
    std::str::from_utf8(bytes)
        .map(Value::from)
        .map_err(|_| Problem::new(&codes::JSON_INVALID_UTF8).detail("a text body must be UTF-8"))
}

fn form(bytes: &Bytes) -> Value {
    let fields: Map<String, Value> = url::form_urlencoded::parse(bytes)
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    Value::Object(fields)
}

async fn multipart(headers: &HeaderMap, bytes: &Bytes) -> Result<Value, Problem> {
    let mut request = Request::new(Body::from(bytes.clone()));
    *request.headers_mut() = headers.clone();
    let malformed = |reason: String| Problem::new(&codes::INVALID_FIELD).detail(reason);
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|error| malformed(error.body_text()))?;
    let mut fields = Map::new();
    while let Some(part) = parts.next_field().await.map_err(|error| malformed(error.body_text()))? {
        if fields.len() >= PARTS_MAX {
            return Err(malformed(format!("at most {PARTS_MAX} parts are allowed")));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let mime = part.content_type().unwrap_or("application/octet-stream").to_owned();
        let data = part.bytes().await.map_err(|error| malformed(error.body_text()))?;
        let value = match file_name {
            Some(file_name) => file(&data, &mime, Some(file_name)),
            None => text_body(&data)?,
        };
        fields.insert(name, value);
    }
    Ok(Value::Object(fields))
}

/// A file value, as request steps give and take them.
fn file(bytes: &Bytes, mime: &str, name: Option<String>) -> Value {
    json!({
        "data": STANDARD.encode(bytes), "dataType": "FILE", "encoding": "base64",
        "mimeType": mime, "name": name, "size": bytes.len(),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    async fn read(content_type: &'static str, body: &'static str) -> Result<Value, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        request_body(&headers, &Bytes::from_static(body.as_bytes()), &JsonLimits::default()).await
    }

    #[tokio::test]
    async fn each_content_type_has_its_form() {
        assert_eq!(read("application/json", r#"{"a":1}"#).await.expect("json"), json!({"a": 1}));
        assert_eq!(
            read("application/x-www-form-urlencoded", "a=1&b=x+y").await.expect("form"),
            json!({"a": "1", "b": "x y"})
        );
        assert_eq!(read("text/plain", "hi").await.expect("text"), json!("hi"));
        assert_eq!(read("application/json", "").await.expect("none"), Value::Null);
    }

    #[tokio::test]
    async fn a_multipart_file_becomes_a_file_value() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"doc\"; filename=\"a.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\nhello\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n--x--\r\n";
        let value = read("multipart/form-data; boundary=x", body).await.expect("parts");
        assert_eq!(value["note"], "hi");
        assert_eq!(value["doc"]["data"], "aGVsbG8=");
        assert_eq!(value["doc"]["name"], "a.txt");
        assert_eq!(value["doc"]["size"], 5);
    }

    #[tokio::test]
    async fn what_is_not_what_it_says_is_refused() {
        assert!(read("application/json", "{").await.is_err());
        assert!(read("application/json", r#"{"a":1,"a":2}"#).await.is_err());
        assert!(read("multipart/form-data", "x").await.is_err());
        assert!(read("image/x-unknown", "x").await.is_err());
    }
}
