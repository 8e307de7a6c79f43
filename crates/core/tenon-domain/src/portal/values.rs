//! Which values an input takes, kind by kind.

use serde_json::{Map, Value};

use super::inputs::InputKind;
use super::settings::SECRET_MEMBER;

/// The longest value other than a file, in bytes of its text or its JSON.
pub const VALUE_BYTES_MAX: usize = 64 << 10;
/// The largest file, in bytes as it is sent: base64.
pub const FILE_BYTES_MAX: usize = 256 << 10;
/// The longest e-mail address, in bytes (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;

/// Why a value does not fit its input. Never holds the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

type Fits = Result<(), Misfit>;

fn misfit<T>(code: &'static str, message: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit { code, message: message.into() })
}

/// Whether nothing was given: forms send the empty text for a field that was cleared.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a value that somebody gave fits.
pub(crate) fn check(kind: &InputKind, value: &Value) -> Fits {
    if value.is_null() || value.as_str() == Some("") {
        return Ok(());
    }
    match kind {
        InputKind::Text {} | InputKind::TextArea {} | InputKind::Password {} => {
            text(value).map(|_| ())
        }
        InputKind::Copyable {} => text(value).map(|_| ()),
        InputKind::Number {} => match value {
            Value::Number(_) => Ok(()),
            _ => misfit("wrong_type", "must be a number"),
        },
        InputKind::Email {} => email(text(value)?),
        InputKind::Url {} => web_address(text(value)?),
        InputKind::Boolean {} | InputKind::Switch {} => match value {
            Value::Bool(_) => Ok(()),
            _ => misfit("wrong_type", "must be true or false"),
        },
        InputKind::Select { options } => {
            let given = text(value)?;
            match options.iter().any(|option| option.value == given) {
                true => Ok(()),
                false => misfit("not_an_option", "must be one of the options"),
            }
        }
        InputKind::DynamicSelect { .. } | InputKind::CustomDropdown { .. } => scalar(value),
        InputKind::Combo { .. } => combo(value, &["mainInput", "dependentInput", "fieldMappings"]),
        InputKind::DynamicCombo { .. } => combo(value, &[]),
        InputKind::FieldMapper { .. } => mapping(value),
        InputKind::Permission { scopes } => permission(scopes, value),
        InputKind::File {} => file(value),
    }
}

fn text(value: &Value) -> Result<&str, Misfit> {
    let Some(text) = value.as_str() else { return misfit("wrong_type", "must be text") };
    if text.len() > VALUE_BYTES_MAX {
        return misfit("too_long", format!("must have at most {VALUE_BYTES_MAX} bytes"));
    }
    if text.contains('\0') {
        return misfit("wrong_type", "must be text without a null byte");
    }
    Ok(text)
}

fn scalar(value: &Value) -> Fits {
    match value {
        Value::String(_) => text(value).map(|_| ()),
        Value::Number(_) | Value::Bool(_) => Ok(()),
        _ => misfit("wrong_type", "must be text, a number, or true or false"),
    }
}

/// What mail servers take, roughly: one that is well formed may still not exist.
fn email(text: &str) -> Fits {
    let is_fine = text.len() <= EMAIL_BYTES_MAX
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && text.rsplit_once('@').is_some_and(|(local, host)| {
            (1..=64).contains(&local.len())
                && !local.contains('@')
                && host.contains('.')
                && host.split('.').all(|label| !label.is_empty() && !label.starts_with('-'))
        });
    if is_fine { Ok(()) } else { misfit("invalid_email", "must be an e-mail address") }
}

fn web_address(text: &str) -> Fits {
    let is_fine = url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_fine { Ok(()) } else { misfit("invalid_url", "must be an http or https URL") }
}

/// `{mainInput, dependentInput, fieldMappings}`; any further members where `known` is empty.
fn combo(value: &Value, known: &[&str]) -> Fits {
    let members = object(value, known)?;
    for name in ["mainInput", "dependentInput"] {
        if let Some(part) = members.get(name).filter(|part| !part.is_null()) {
            scalar(part).or_else(|_| {
                let message = format!("{name} must be text, a number, or true or false");
                misfit("wrong_type", message)
            })?;
        }
    }
    match members.get("fieldMappings") {
        Some(mappings) => texts_by_name("fieldMappings", mappings),
        None => Ok(()),
    }
}

/// `{objectMapping, fieldMappings, dynamicMappings, userCreatedFields, mappingType}`.
fn mapping(value: &Value) -> Fits {
    const MEMBERS: [&str; 5] =
        ["objectMapping", "fieldMappings", "dynamicMappings", "userCreatedFields", "mappingType"];
    let members = object(value, &MEMBERS)?;
    if members.get("objectMapping").is_some_and(|it| !(it.is_string() || it.is_null())) {
        return misfit("wrong_type", "objectMapping must be text");
    }
    if let Some(mappings) = members.get("fieldMappings") {
        texts_by_name("fieldMappings", mappings)?;
    }
    match members.get("dynamicMappings") {
        None | Some(Value::Null) => {}
        Some(Value::Object(mappings)) => {
            for mapping in mappings.values() {
                dynamic_mapping(mapping)?;
            }
        }
        Some(_) => return misfit("wrong_type", "dynamicMappings must be an object"),
    }
    if members.get("userCreatedFields").is_some_and(|it| !(it.is_array() || it.is_null())) {
        return misfit("wrong_type", "userCreatedFields must be a list");
    }
    match members.get("mappingType") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(kind)) if kind == "STATIC" || kind == "DYNAMIC" => Ok(()),
        Some(_) => misfit("not_an_option", "mappingType must be STATIC or DYNAMIC"),
    }
}

/// `{applicationField, integrationField}`.
fn dynamic_mapping(value: &Value) -> Fits {
    let members = object(value, &["applicationField", "integrationField"])?;
    match members.values().all(|part| part.is_string() || part.is_null()) {
        true => Ok(()),
        false => misfit("wrong_type", "applicationField and integrationField must be text"),
    }
}

fn texts_by_name(name: &str, value: &Value) -> Fits {
    let is_fine = match value {
        Value::Null => true,
        Value::Object(members) => {
            members.values().all(|part| matches!(part, Value::Null | Value::String(_)))
        }
        _ => false,
    };
    if is_fine { Ok(()) } else { misfit("wrong_type", format!("{name} must map names to text")) }
}

fn permission(scopes: &[String], value: &Value) -> Fits {
    match value {
        Value::Bool(_) => Ok(()),
        Value::Array(granted) => {
            let is_asked =
                |one: &Value| one.as_str().is_some_and(|one| scopes.iter().any(|it| it == one));
            match granted.len() <= scopes.len() && granted.iter().all(is_asked) {
                true => Ok(()),
                false => misfit("not_an_option", "must be some of the scopes that are asked for"),
            }
        }
        _ => misfit("wrong_type", "must be true or false, or a list of scopes"),
    }
}

/// `{name, contentType, data}`, data in base64; or what the published SDK calls a file:
/// `{name, mimeType, data, encoding: "base64", dataType: "FILE", id, size}`.
fn file(value: &Value) -> Fits {
    const SHAPE: &str = "must be a file: {name, contentType, data}";
    let Some(members) = value.as_object() else { return misfit("wrong_type", SHAPE) };
    let is_known = members.iter().all(|(member, part)| match member.as_str() {
        "name" | "data" => part.is_string(),
        "contentType" | "mimeType" | "id" => part.as_str().is_some_and(|it| it.len() <= 255),
        "encoding" => part == "base64",
        "dataType" => part == "FILE",
        "size" => part.is_u64(),
        _ => false,
    });
    let texts = |name: &str| members.get(name).and_then(Value::as_str);
    let (true, Some(name), Some(data)) = (is_known, texts("name"), texts("data")) else {
        return misfit("wrong_type", SHAPE);
    };
    if name.is_empty() || name.len() > 255 || name.contains(['/', '\\', '\0']) {
        return misfit("wrong_type", "the file's name must have 1 to 255 bytes and no slash");
    }
    if data.len() > FILE_BYTES_MAX {
        return misfit(
            "too_long",
            format!("the file must have at most {FILE_BYTES_MAX} bytes in base64"),
        );
    }
    let is_base64 = data.len().is_multiple_of(4)
        && data.trim_end_matches('=').len() + 2 >= data.len()
        && data
            .trim_end_matches('=')
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    if is_base64 { Ok(()) } else { misfit("wrong_type", "the file's data must be base64") }
}

/// An object of bounded size with these members only; any where `known` is empty.
fn object<'a>(value: &'a Value, known: &[&str]) -> Result<&'a Map<String, Value>, Misfit> {
    let Some(members) = value.as_object() else { return misfit("wrong_type", "must be an object") };
    if !known.is_empty() && members.keys().any(|name| !known.contains(&name.as_str())) {
        let message = format!("may have these members only: {}", known.join(", "));
        return misfit("wrong_type", message);
    }
    if members.contains_key(SECRET_MEMBER) {
        // Stored in place of a password: whoever could write it would name any secret.
        return misfit("wrong_type", format!("may have no member {SECRET_MEMBER}"));
    }
    let bytes = serde_json::to_string(value).map_or(usize::MAX, |text| text.len());
    match bytes <= VALUE_BYTES_MAX {
        true => Ok(members),
        false => misfit("too_long", format!("must have at most {VALUE_BYTES_MAX} bytes of JSON")),
    }
}
