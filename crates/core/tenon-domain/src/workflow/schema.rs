//! The JSON Schema of the document, generated from its types. It is published for editors, and
//! the loader checks the shape of documents with it, so there is one truth.

use std::sync::OnceLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::document::Workflow;

/// Where the schema is published.
const ID: &str = "https://github.com/tenon/tenon/blob/main/schemas/workflow.v1.schema.json";

/// The JSON Schema (2020-12) of a workflow document, version 1.
#[must_use]
pub fn json_schema() -> Value {
    schema().clone()
}

/// The same, generated once.
pub(crate) fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(generate)
}

fn generate() -> Value {
    let mut schema = schema_of::<Workflow>(ID, "Tenon workflow, version 1", &["Step", "Input"]);
    set(&mut schema, "/$defs/StepId", "pattern", json!("^[a-z][a-z0-9_]{0,62}$"));
    set(&mut schema, "/properties/name", "pattern", json!("^[a-z0-9][a-z0-9-]{0,62}$"));
    set(&mut schema, "/properties/version", "const", json!(1));
    set(&mut schema, "", "examples", json!([example()]));
    schema
}

/// The schema of a kind of document. `unfolded` are the definitions that are common properties
/// beside a choice of kinds.
pub(crate) fn schema_of<T: JsonSchema>(id: &str, title: &str, unfolded: &[&str]) -> Value {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    join_lines(&mut schema);
    for name in unfolded {
        unfold_kinds(&mut schema, name);
    }
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

fn set(schema: &mut Value, pointer: &str, key: &str, value: Value) {
    let target = schema.pointer_mut(pointer).expect("the types have this place");
    target[key] = value;
}

/// Descriptions come from doc comments, whose line breaks mean nothing.
fn join_lines(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if key == "description" => *text = text.replace('\n', " "),
                    _ => join_lines(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}

/// A step, or an input, is generated as common properties beside a choice of kinds, which leaves
/// no place to say that there are no others. Here each kind becomes one closed object.
fn unfold_kinds(schema: &mut Value, name: &str) {
    let whole = schema["$defs"][name].clone();
    let kinds = whole["oneOf"].as_array().expect("it is a choice of kinds").clone();
    let unfolded: Vec<Value> = kinds.iter().map(|kind| unfold(&whole, kind, schema)).collect();
    schema["$defs"][name] = json!({ "description": whole["description"], "oneOf": unfolded });
    let definitions = schema["$defs"].as_object_mut().expect("definitions are an object");
    for kind in &kinds {
        if let Some(name) = reference(kind) {
            definitions.remove(name);
        }
    }
}

fn unfold(whole: &Value, kind: &Value, schema: &Value) -> Value {
    let own = match reference(kind) {
        Some(name) => &schema["$defs"][name],
        None => kind,
    };
    let mut properties = Map::new();
    for part in [whole, kind, own] {
        if let Some(members) = part["properties"].as_object() {
            properties.extend(members.clone());
        }
    }
    let mut required: Vec<Value> = Vec::new();
    for name in [whole, kind, own].iter().filter_map(|part| part["required"].as_array()).flatten() {
        if !required.contains(name) {
            required.push(name.clone());
        }
    }
    json!({
        "description": own["description"].as_str().or(kind["description"].as_str()),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn example() -> Value {
    json!({
        "version": 1,
        "name": "welcome",
        "triggers": [{ "type": "app_event", "event": "contact.created" }],
        "steps": [
            {
                "id": "lookup",
                "type": "request",
                "url": "https://api.example.com/contacts/{{trigger.event.id}}",
                "next": "is_customer",
            },
            {
                "id": "is_customer",
                "type": "conditional",
                "if": {
                    "operator": "$booleanTrue",
                    "variable": "{{lookup.response.body.customer}}",
                },
                "then": "greet",
            },
            {
                "id": "greet",
                "type": "request",
                "method": "POST",
                "url": "https://api.example.com/messages",
                "body": { "json": { "to": "{{lookup.response.body.email}}", "text": "Welcome" } },
            },
        ],
    })
}
