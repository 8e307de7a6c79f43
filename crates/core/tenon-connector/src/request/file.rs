//! File values: `{data, dataType: "FILE", encoding, mimeType, name, size}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::BuildError;

/// A file that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What is in it.
    pub bytes: Bytes,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its type, where it is known.
    pub mime_type: Option<String>,
}

/// The file of a value; `None` when the value is something else.
///
/// # Errors
/// When it is a file value whose data cannot be read.
pub fn read(value: &Value) -> Result<Option<File>, BuildError> {
    if value.get("dataType").and_then(Value::as_str) != Some("FILE") {
        return Ok(None);
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let Some(data) = text("data") else {
        return Err(BuildError::new("request_body", "a file value has no text at `data`"));
    };
    let bytes = match text("encoding").unwrap_or("base64") {
        "base64" => STANDARD.decode(data).map_err(|_| {
            BuildError::new("request_body", "the `data` of a file value is not base64")
        })?,
        "utf8" | "utf-8" => data.as_bytes().to_vec(),
        other => {
            let message = format!("a file value has the unknown encoding `{other}`; use base64");
            return Err(BuildError::new("request_body", message));
        }
    };
    Ok(Some(File {
        bytes: Bytes::from(bytes),
        name: text("name").map(str::to_owned),
        mime_type: text("mimeType").map(str::to_owned),
    }))
}

/// A file value.
pub fn value(bytes: &[u8], mime_type: &str, name: &str) -> Value {
    json!({
        "data": STANDARD.encode(bytes),
        "dataType": "FILE",
        "encoding": "base64",
        "mimeType": mime_type,
        "name": name,
        "size": bytes.len(),
    })
}

/// What history keeps of a file that goes out: everything but its bytes.
pub fn record(file: &File) -> Value {
    json!({
        "dataType": "FILE",
        "mimeType": file.mime_type,
        "name": file.name,
        "size": file.bytes.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let written = value(b"\x00\xff%PDF", "application/pdf", "a.pdf");
        let file = read(&written).expect("valid").expect("a file");
        assert_eq!(file.bytes.as_ref(), b"\x00\xff%PDF");
        assert_eq!(file.name.as_deref(), Some("a.pdf"));
        assert_eq!(file.mime_type.as_deref(), Some("application/pdf"));
        assert_eq!(written["size"], 6);
    }

    #[test]
    fn other_values_are_no_files() {
        for other in [json!(null), json!("FILE"), json!({"dataType": "STRING"}), json!([])] {
            assert_eq!(read(&other), Ok(None));
        }
    }

    #[test]
    fn a_broken_file_value_says_what_is_wrong() {
        let broken = [
            (json!({"dataType": "FILE"}), "has no text at `data`"),
            (json!({"dataType": "FILE", "data": "%%"}), "is not base64"),
            (json!({"dataType": "FILE", "data": "", "encoding": "hex"}), "encoding `hex`"),
        ];
        for (value, expected) in broken {
            let failure = read(&value).expect_err("broken");
            assert!(failure.message.contains(expected), "{}", failure.message);
        }
    }
}
