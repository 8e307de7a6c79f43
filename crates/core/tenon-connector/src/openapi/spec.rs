//! The description as it was read: its version, its operations, and what references lead to.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use tenon_domain::document::escape_pointer;

/// References that lead to references.
const CHAIN_MAX: usize = 16;

/// Methods that actions can have.
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// An OpenAPI description.
pub(super) struct Spec {
    pub root: Value,
    pub version: Version,
}

/// The versions that differ here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 2.0, once called Swagger.
    V2,
    /// 3.0 and 3.1.
    V3,
}

/// One operation.
pub(super) struct Operation<'s> {
    pub path: &'s str,
    pub method: &'s str,
    pub pointer: String,
    /// The path's own members, which all its operations share.
    pub item: &'s Value,
    pub operation: &'s Value,
}

impl Spec {
    pub fn of(root: Value) -> Result<Self, String> {
        let text = |key: &str| match &root[key] {
            Value::String(text) => text.clone(),
            // YAML reads 2.0 and 3.1 as numbers.
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let (swagger, openapi) = (text("swagger"), text("openapi"));
        let version = match (swagger.as_str(), openapi.as_str()) {
            ("2" | "2.0" | "2.0.0", _) => Version::V2,
            (_, version) if version == "3.0" || version.starts_with("3.0.") => Version::V3,
            (_, version) if version == "3.1" || version.starts_with("3.1.") => Version::V3,
            ("", "") => return Err("it has neither \"openapi\" nor \"swagger\"".to_owned()),
            (swagger, openapi) => return Err(format!("it says \"{swagger}{openapi}\"")),
        };
        match root["paths"].is_object() || root["webhooks"].is_object() {
            true => Ok(Self { root, version }),
            false => Err("it has no paths".to_owned()),
        }
    }

    /// What a value is, after references.
    pub fn resolve<'s>(&'s self, value: &'s Value) -> Result<&'s Value, String> {
        let mut value = value;
        for _ in 0..CHAIN_MAX {
            match value.get("$ref").and_then(Value::as_str) {
                Some(reference) => value = self.target(reference)?,
                None => return Ok(value),
            }
        }
        Err("the reference leads in a circle".to_owned())
    }

    /// What a reference leads to.
    pub fn target(&self, reference: &str) -> Result<&Value, String> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!("\"{reference}\" is in another file"));
        };
        let pointer: Cow<'_, str> = percent_decode_str(pointer).decode_utf8_lossy();
        self.root.pointer(&pointer).ok_or_else(|| format!("\"{reference}\" leads nowhere"))
    }

    /// Every operation that an action could be made of, in the order of the description.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut found = Vec::new();
        for (path, item) in self.root["paths"].as_object().into_iter().flatten() {
            let item = self.resolve(item).unwrap_or(item);
            for (method, operation) in item.as_object().into_iter().flatten() {
                if METHODS.contains(&method.as_str()) && operation.is_object() {
                    let pointer = format!("/paths/{}/{method}", escape_pointer(path));
                    found.push(Operation { path, method, pointer, item, operation });
                }
            }
        }
        found
    }
}
