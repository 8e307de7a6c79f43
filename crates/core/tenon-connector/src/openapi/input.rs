//! Parameters of the path, the query and headers: properties of an action's input.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schemas::Converter;
use super::spec::{Operation, Spec, Version};
use crate::load::access::is_settable;

/// Headers that other parts of the description are about.
const OTHER_HEADERS: [&str; 3] = ["accept", "content-type", "authorization"];

/// What an action's input is made of, and the request with it.
#[derive(Default)]
pub(super) struct Input {
    pub properties: Map<String, Value>,
    pub required: Vec<String>,
    pub query: Map<String, Value>,
    pub headers: Map<String, Value>,
    /// Path parameters by name, as templates.
    pub path: Map<String, Value>,
    /// What is not in the action, with its reason.
    pub notes: BTreeSet<String>,
}

/// The operation cannot be called without what is missing.
pub(super) struct Impossible(pub String);

impl Input {
    /// Adds a property under a free name, and gives the template that reads it.
    pub fn property(&mut self, name: &str, schema: Value, is_required: bool) -> String {
        let mut free = name.to_owned();
        let mut number = 2;
        while self.properties.contains_key(&free) {
            free = format!("{name}_{number}");
            number += 1;
        }
        self.properties.insert(free.clone(), schema);
        if is_required {
            self.required.push(free.clone());
        }
        template(&free)
    }
}

/// `{{input.name}}`, in brackets where the name is none of the expression language.
pub(super) fn template(name: &str) -> String {
    let reference = json!(name);
    let plain = format!("{{{{input.{name}}}}}");
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_plain { plain } else { format!("{{{{input[{reference}]}}}}") }
}

/// The parameters of an operation: its own, and the path's that it does not replace.
pub(super) fn parameters<'s>(
    spec: &'s Spec,
    operation: &Operation<'s>,
    notes: &mut BTreeSet<String>,
) -> Vec<&'s Value> {
    let mut found: Vec<&Value> = Vec::new();
    for list in [&operation.operation["parameters"], &operation.item["parameters"]] {
        for parameter in list.as_array().into_iter().flatten() {
            match spec.resolve(parameter) {
                Ok(parameter) => {
                    let is_known = found.iter().any(|known| {
                        known["name"] == parameter["name"] && known["in"] == parameter["in"]
                    });
                    if !is_known {
                        found.push(parameter);
                    }
                }
                Err(reason) => {
                    notes.insert(format!("a parameter: {reason}"));
                }
            }
        }
    }
    found
}

/// Takes one parameter that is not in the body.
pub(super) fn take<'s>(
    spec: &'s Spec,
    parameter: &'s Value,
    converter: &mut Converter<'s>,
    input: &mut Input,
) -> Result<(), Impossible> {
    let name = parameter["name"].as_str().unwrap_or_default();
    let place = parameter["in"].as_str().unwrap_or_default();
    let is_required = parameter["required"] == true || place == "path";
    let refuse = |input: &mut Input, reason: &str| {
        let text = format!("{place} parameter \"{name}\": {reason}");
        if is_required {
            return Err(Impossible(text));
        }
        input.notes.insert(format!("{text}; it is left out"));
        Ok(())
    };
    if name.is_empty() {
        return refuse(input, "it has no name");
    }
    let lower = name.to_ascii_lowercase();
    match place {
        "header" if OTHER_HEADERS.contains(&lower.as_str()) => return Ok(()),
        "header" if !is_settable(name) => {
            return refuse(input, "this header cannot be set");
        }
        "cookie" => return refuse(input, "cookies are not sent"),
        "path" | "query" | "header" => {}
        _ => return refuse(input, "its place is not known"),
    }
    let schema = match value_of(spec, parameter, converter) {
        Ok(schema) => schema,
        Err(reason) => return refuse(input, &reason),
    };
    let read = input.property(name, schema, is_required);
    match place {
        "path" => input.path.insert(name.to_owned(), json!(read)),
        "query" => input.query.insert(name.to_owned(), json!(read)),
        _ => input.headers.insert(name.to_owned(), json!(read)),
    };
    Ok(())
}

/// The schema of a parameter's value, as it can be written in its place.
fn value_of<'s>(
    spec: &'s Spec,
    parameter: &'s Value,
    converter: &mut Converter<'s>,
) -> Result<Value, String> {
    let mut schema = match spec.version {
        Version::V2 => converter.schema(parameter),
        Version::V3 if parameter.get("schema").is_some() => converter.schema(&parameter["schema"]),
        Version::V3 => return Err("its value is a document of its own".to_owned()),
    };
    let target = resolved(spec, parameter);
    let is = |kind: &str| match &target["type"] {
        Value::String(own) => own == kind,
        Value::Array(kinds) => kinds.iter().any(|own| own == kind),
        _ => false,
    };
    let place = parameter["in"].as_str().unwrap_or_default();
    if is("object") || target["properties"].is_object() || parameter["style"] == "deepObject" {
        return Err("objects in this place are not written".to_owned());
    }
    if is("array")
        && let Some(separator) = separator(spec, parameter, place)
    {
        schema = json!({ "type": "string", "minLength": 1 });
        let text = parameter["description"].as_str().unwrap_or_default().trim();
        let text = [text, &format!("Several values with {separator} between them.")].join(" ");
        schema["description"] = json!(text.trim());
        return Ok(schema);
    }
    if let (Some(text), Some(members)) = (
        parameter["description"].as_str().filter(|text| !text.trim().is_empty()),
        schema.as_object_mut(),
    ) {
        members.insert("description".to_owned(), json!(super::brief(text, 500)));
    }
    Ok(schema)
}

fn resolved<'s>(spec: &'s Spec, parameter: &'s Value) -> &'s Value {
    match parameter.get("schema") {
        Some(schema) => spec.resolve(schema).unwrap_or(schema),
        None => parameter,
    }
}

/// What is between the values of a list that is written as one text; none where the name is
/// repeated for each value.
fn separator(spec: &Spec, parameter: &Value, place: &str) -> Option<&'static str> {
    if spec.version == Version::V2 {
        return match parameter["collectionFormat"].as_str() {
            Some("multi") => None,
            Some("ssv") => Some("a space"),
            Some("tsv") => Some("a tab"),
            Some("pipes") => Some("a vertical bar"),
            _ => Some("a comma"),
        };
    }
    let style = parameter["style"].as_str();
    match (place, style) {
        ("query", None | Some("form")) if parameter["explode"] != false => None,
        (_, Some("spaceDelimited")) => Some("a space"),
        (_, Some("pipeDelimited")) => Some("a vertical bar"),
        _ => Some("a comma"),
    }
}
