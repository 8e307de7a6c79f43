//! The response step: what the waiting caller of a request trigger gets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use tenon_domain::workflow::steps::response::{ResponseBody, ResponseStep};
use tenon_expr::Scope;

use super::{Failure, FailureClass, Outcome};
use crate::answer::Answer;

/// Headers that the server sets itself.
const RESERVED: [&str; 5] =
    ["connection", "content-length", "transfer-encoding", "upgrade", "trailer"];

/// Output: `{"statusCode": n}`; the answer goes to the caller.
///
/// # Errors
/// When the status, a header or the file is not usable.
pub fn run(step: &ResponseStep, scope: &dyn Scope) -> Result<(Outcome, Answer), Failure> {
    let status = status(step, scope)?;
    let mut headers = headers(step, scope)?;
    let (body, content_type, shown) = match &step.body {
        None => (Bytes::new(), None, Value::Null),
        Some(ResponseBody::Json(source)) => {
            let value =
                source.eval(scope).map_err(|error| Failure::template("body.json", &error))?;
            let text = serde_json::to_vec(&value).expect("a JSON value always serialises");
            (Bytes::from(text), Some("application/json".to_owned()), value)
        }
        Some(ResponseBody::File(source)) => {
            let value =
                source.eval(scope).map_err(|error| Failure::template("body.file", &error))?;
            let (bytes, mime) = file(&value)?;
            (bytes, Some(mime), serde_json::json!({ "file": value.get("name") }))
        }
    };
    if let Some(content_type) = content_type
        && !headers.iter().any(|(name, _)| name == "content-type")
    {
        headers.push(("content-type".to_owned(), content_type));
    }
    let input =
        serde_json::json!({ "status": status, "headers": shown_headers(&headers), "body": shown });
    let outcome = Outcome {
        input: Some(input),
        output: serde_json::json!({ "statusCode": status }),
        ..Outcome::default()
    };
    Ok((outcome, Answer { status, headers, body, is_from_step: true }))
}

fn status(step: &ResponseStep, scope: &dyn Scope) -> Result<u16, Failure> {
    let value = step.status.eval(scope).map_err(|error| Failure::template("status", &error))?;
    let number = match &value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .filter(|status| (200..=599).contains(status))
        .and_then(|status| u16::try_from(status).ok())
        .ok_or_else(|| permanent(format!("`status` is {value}; it must be 200 to 599")))
}

fn headers(step: &ResponseStep, scope: &dyn Scope) -> Result<Vec<(String, String)>, Failure> {
    let mut headers = Vec::with_capacity(step.headers.len());
    for (name, source) in &step.headers {
        let field = format!("headers.{name}");
        let value = source.eval(scope).map_err(|error| Failure::template(&field, &error))?;
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            other => other.to_string(),
        };
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| permanent(format!("`{field}` is not a header name")))?;
        if RESERVED.contains(&name.as_str()) {
            return Err(permanent(format!("`{field}` is set by the server")));
        }
        HeaderValue::try_from(text.as_str())
            .map_err(|_| permanent(format!("the value of `{field}` cannot be in a header")))?;
        headers.push((name.as_str().to_owned(), text));
    }
    Ok(headers)
}

fn file(value: &Value) -> Result<(Bytes, String), Failure> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let data = text("data").filter(|_| text("dataType") == Some("FILE")).ok_or_else(|| {
        permanent("`body.file` is not a file value with `data` and `dataType: \"FILE\"`".to_owned())
    })?;
    let bytes = match text("encoding").unwrap_or("base64") {
        "base64" => STANDARD
            .decode(data)
            .map_err(|_| permanent("the `data` of `body.file` is not base64".to_owned()))?,
        "utf8" | "utf-8" => data.as_bytes().to_vec(),
        other => return Err(permanent(format!("`body.file` has an unknown encoding `{other}`"))),
    };
    let mime = text("mimeType").unwrap_or("application/octet-stream");
    HeaderValue::try_from(mime)
        .map_err(|_| permanent("the `mimeType` of `body.file` cannot be in a header".to_owned()))?;
    Ok((Bytes::from(bytes), mime.to_owned()))
}

fn shown_headers(headers: &[(String, String)]) -> Value {
    let map: Map<String, Value> =
        headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    Value::Object(map)
}

fn permanent(message: String) -> Failure {
    Failure::new("response_step", message, FailureClass::Permanent)
}
