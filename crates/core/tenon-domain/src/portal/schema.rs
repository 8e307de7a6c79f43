//! The JSON Schema of integration documents, generated from their types.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::IntegrationDocument;
use crate::workflow::schema_of;

/// Where the schema is published.
const ID: &str = "https://github.com/tenon/tenon/blob/main/schemas/integration.v1.schema.json";

/// The JSON Schema (2020-12) of an integration document, version 1.
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
    let mut schema =
        schema_of::<IntegrationDocument>(ID, "Tenon integration, version 1", &["Input"]);
    schema["properties"]["version"]["const"] = json!(1);
    schema["examples"] = json!([{
        "kind": "integration",
        "version": 1,
        "connector": "slack",
        "portal": {
            "description": "Post messages to your channels",
            "accent_color": "#4a154b",
        },
        "inputs": [
            {
                "id": "channel",
                "type": "dynamic_select",
                "source": "channels",
                "title": "Channel for messages",
            },
        ],
    }]);
    schema
}
