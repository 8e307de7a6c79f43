//! `multipart/form-data` bodies (RFC 7578), as browsers write them.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;
use tenon_domain::workflow::steps::request::MultipartPart;
use tenon_expr::Scope;

use super::body::{self, Body};
use super::file::File;
use super::headers::parse_value;
use super::template::{eval, eval_text, text_of};
use super::{BuildError, file};
use crate::encoding;

/// A part whose value is known.
struct Part<'a> {
    name: &'a str,
    file: File,
    record: Value,
}

/// Builds a multipart body. A part whose value or file is null is left out. The boundary comes
/// from `key` and the contents, so that every attempt sends the same bytes.
pub(super) fn build(
    parts: &[MultipartPart],
    scope: &(dyn Scope + Sync),
    key: &str,
    bytes_max: usize,
) -> Result<Body, BuildError> {
    let mut found = Vec::with_capacity(parts.len());
    let mut size: usize = 0;
    for part in parts {
        let Some(part) = resolve(part, scope)? else { continue };
        size = size.saturating_add(part.file.bytes.len());
        if size > bytes_max {
            return Err(body::too_large(bytes_max));
        }
        found.push(part);
    }
    let boundary = boundary(key, &found);
    let mut bytes = Vec::with_capacity(size + found.len() * 200);
    for part in &found {
        write(&mut bytes, part, &boundary);
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(Body {
        bytes: bytes.into(),
        content_type: Some(format!("multipart/form-data; boundary={boundary}")),
        record: Value::Array(found.into_iter().map(|part| part.record).collect()),
    })
}

fn resolve<'a>(
    part: &'a MultipartPart,
    scope: &(dyn Scope + Sync),
) -> Result<Option<Part<'a>>, BuildError> {
    let name = part.name.as_str();
    let what = format!("the part `{name}`");
    if let Some(content_type) = &part.content_type {
        parse_value("content-type", content_type)?;
    }
    let ((Some(source), None) | (None, Some(source))) = (&part.value, &part.file) else {
        return Err(BuildError::new(
            "request_body",
            format!("{what} needs either `value` or `file`"),
        ));
    };
    let value = eval(source, scope, &what)?;
    if value.is_null() {
        return Ok(None);
    }
    let mut file = match file::read(&value)? {
        Some(file) => file,
        None if part.file.is_some() => {
            return Err(BuildError::new("request_body", format!("{what} is not a file value")));
        }
        None => field(value),
    };
    if let Some(filename) = &part.filename {
        file.name = Some(eval_text(filename, scope, &format!("the file name of {what}"))?);
    }
    if part.file.is_some() && file.name.is_none() {
        file.name = Some("file".to_owned());
    }
    if let Some(content_type) = &part.content_type {
        file.mime_type = Some(content_type.clone());
    }
    let is_file = file.name.is_some();
    if is_file && file.mime_type.is_none() {
        file.mime_type = Some("application/octet-stream".to_owned());
    }
    if let Some(mime_type) = &file.mime_type {
        parse_value("content-type", mime_type)?;
    }
    let content = if is_file {
        file::record(&file)
    } else {
        Value::String(String::from_utf8_lossy(&file.bytes).into_owned())
    };
    let record = serde_json::json!({ "name": name, "value": content });
    Ok(Some(Part { name, file, record }))
}

/// A text field; what is not text is JSON.
fn field(value: Value) -> File {
    let is_text = !value.is_object() && !value.is_array();
    let mime_type = (!is_text).then(|| "application/json".to_owned());
    File { bytes: text_of(value).into(), name: None, mime_type }
}

fn write(bytes: &mut Vec<u8>, part: &Part<'_>, boundary: &str) {
    let mut head =
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(part.name));
    if let Some(name) = &part.file.name {
        head.push_str(&format!("; filename=\"{}\"", quoted(name)));
    }
    if let Some(mime_type) = &part.file.mime_type {
        head.push_str(&format!("\r\nContent-Type: {mime_type}"));
    }
    head.push_str("\r\n\r\n");
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(&part.file.bytes);
    bytes.extend_from_slice(b"\r\n");
}

/// A name inside quotes, escaped as the HTML standard says; other control characters go.
fn quoted(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '"' => quoted.push_str("%22"),
            '\r' => quoted.push_str("%0D"),
            '\n' => quoted.push_str("%0A"),
            other if other.is_control() => {}
            other => quoted.push(other),
        }
    }
    quoted
}

/// A boundary that stands in no part. One that does, because somebody who could foresee it put
/// it there, is replaced by the next.
fn boundary(key: &str, parts: &[Part<'_>]) -> String {
    (0_u32..)
        .map(|round| {
            let mut digest = Context::new(&SHA256);
            digest.update(key.as_bytes());
            digest.update(&round.to_be_bytes());
            format!("tenon-{}", encoding::hex(&digest.finish().as_ref()[..16]))
        })
        .find(|boundary| {
            let finder = memchr::memmem::Finder::new(boundary.as_bytes());
            parts.iter().all(|part| finder.find(&part.file.bytes).is_none())
        })
        .expect("a body is shorter than all boundaries together")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(quoted("a\"; filename=\"x\r\nY: z\0"), "a%22; filename=%22x%0D%0AY: z");
    }

    #[test]
    fn a_boundary_that_stands_in_a_part_is_replaced() {
        let first = boundary("run:step", &[]);
        assert_eq!(boundary("run:step", &[]), first);
        assert_ne!(boundary("run:other", &[]), first);
        let file = File { bytes: format!("x--{first}--").into(), name: None, mime_type: None };
        let part = Part { name: "a", file, record: Value::Null };
        let second = boundary("run:step", std::slice::from_ref(&part));
        assert_ne!(second, first);
        assert_eq!(boundary("run:step", &[part]), second);
    }
}
