//! The JSON Schemas of the manifest and of fixtures, generated from their types. They are
//! published for editors, and the loader checks the shape of documents with them, so there is one
//! truth.

use std::sync::OnceLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::fixture::Fixture;
use crate::manifest::Manifest;

const MANIFEST_ID: &str = "https://github.com/tenon/tenon/blob/main/connectors/schema.json";
const FIXTURE_ID: &str = "https://github.com/tenon/tenon/blob/main/connectors/fixture.schema.json";

/// The JSON Schema (2020-12) of a connector's manifest, format 1.
#[must_use]
pub fn manifest_schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut schema = generate::<Manifest>(MANIFEST_ID, "Tenon connector, format 1");
        for (pointer, key, value) in [
            ("/properties/format", "const", json!(1)),
            ("/properties/name", "pattern", json!("^[a-z0-9][a-z0-9-]{0,62}$")),
            ("/properties/version", "pattern", json!(r"^\d+\.\d+\.\d+$")),
            ("/$defs/Field/properties/name", "pattern", json!("^[a-z][a-z0-9_]{0,62}$")),
            ("/$defs/Action/properties/id", "pattern", json!("^[a-z][a-z0-9_]{0,62}$")),
            (
                "/properties/data_sources",
                "propertyNames",
                json!({ "pattern": "^[a-z][a-z0-9_]{0,62}$" }),
            ),
            ("/$defs/Webhook/properties/id", "pattern", json!("^[a-z][a-z0-9_]{0,62}$")),
        ] {
            schema.pointer_mut(pointer).expect("the types have this place")[key] = value;
        }
        schema
    })
}

/// The JSON Schema (2020-12) of a fixture.
#[must_use]
pub fn fixture_schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| generate::<Fixture>(FIXTURE_ID, "Fixture of a Tenon connector"))
}

fn generate<T: JsonSchema>(id: &str, title: &str) -> Value {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    let definitions = schema["$defs"].clone();
    unfold(&mut schema, &definitions);
    let mut first = Map::new();
    first.insert("$schema".to_owned(), schema["$schema"].take());
    first.insert("$id".to_owned(), json!(id));
    first.insert("title".to_owned(), json!(title));
    if let Value::Object(members) = schema {
        for (key, value) in members {
            first.entry(key).or_insert(value);
        }
    }
    Value::Object(first)
}

/// Makes every mapping one closed object: generated are a reference beside further properties
/// (`type` and the members of that type), and properties beside a choice (a flattened enum).
/// Neither leaves a place to say that there are no other members.
fn unfold(schema: &mut Value, definitions: &Value) {
    match schema {
        Value::Object(members) => {
            for (key, value) in members.iter_mut() {
                match value {
                    // Descriptions come from doc comments, whose line breaks mean nothing.
                    Value::String(text) if key == "description" => *text = text.replace('\n', " "),
                    _ => unfold(value, definitions),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| unfold(item, definitions)),
        _ => return,
    }
    if schema.get("properties").is_some() && schema.get("$ref").is_some() {
        *schema = joined(std::slice::from_ref(schema), definitions);
    }
    if schema.get("properties").is_some()
        && let Some(Value::Array(choices)) = schema.get("oneOf").cloned()
    {
        let mut common = schema.clone();
        common.as_object_mut().expect("it has properties").shift_remove("oneOf");
        let choices: Vec<Value> = choices
            .into_iter()
            .map(|choice| joined(&[choice, common.clone()], definitions))
            .collect();
        *schema = json!({ "description": schema["description"], "oneOf": choices });
    }
    join_constants(schema);
}

/// One closed object with the properties of several; the first description counts.
fn joined(parts: &[Value], definitions: &Value) -> Value {
    let mut resolved: Vec<Value> = Vec::new();
    for part in parts {
        resolved.push(part.clone());
        if let Some(name) = reference(part) {
            let mut own = definitions[name].clone();
            unfold(&mut own, definitions);
            resolved.push(own);
        }
    }
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for part in &resolved {
        for (name, of) in part["properties"].as_object().into_iter().flatten() {
            properties.entry(name.clone()).or_insert_with(|| of.clone());
        }
        for name in part["required"].as_array().into_iter().flatten() {
            if !required.contains(name) {
                required.push(name.clone());
            }
        }
    }
    let description = resolved.iter().find_map(|part| part["description"].as_str());
    json!({
        "description": description.unwrap_or_default().replace('\n', " "),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Constants among the alternatives become one enumeration, so that what is wrong with a text is
/// said about all of them.
fn join_constants(schema: &mut Value) {
    let Some(Value::Array(choices)) = schema.get("oneOf") else { return };
    let is_text =
        |choice: &&Value| choice["const"].is_string() && choice.get("properties").is_none();
    let texts: Vec<&Value> = choices.iter().filter(is_text).collect();
    if texts.len() < 2 || texts.len() == choices.len() {
        return;
    }
    let lines: Vec<String> = texts
        .iter()
        .map(|text| {
            let name = text["const"].as_str().unwrap_or_default();
            format!("{name}: {}", text["description"].as_str().unwrap_or_default())
        })
        .collect();
    let joined = json!({
        "description": lines.join(" "),
        "type": "string",
        "enum": texts.iter().map(|text| text["const"].clone()).collect::<Vec<_>>(),
    });
    let others = choices.iter().filter(|choice| !is_text(choice)).cloned();
    let choices: Vec<Value> = std::iter::once(joined).chain(others).collect();
    schema["oneOf"] = Value::Array(choices);
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}
