//! The JSON Schemas of actions.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use tenon_domain::document::Finding;

use super::finder::{Finder, shown};
use crate::manifest::Manifest;

/// The most memory that a pattern in a schema may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

pub(super) fn check(manifest: &Manifest, finder: &mut Finder) {
    for (index, action) in manifest.actions.iter().enumerate() {
        let pointer = format!("/actions/{index}");
        check_schema(&format!("{pointer}/input"), &action.input, finder);
        check_schema(&format!("{pointer}/output"), &action.output, finder);
        if action.input.is_object() && action.input["type"] != "object" {
            let message = "an action's input is an object";
            finder.say(
                "invalid_schema",
                &format!("{pointer}/input"),
                message,
                "write type: object",
            );
        }
        check_required(&format!("{pointer}/input"), &action.input, finder);
    }
}

fn check_schema(pointer: &str, schema: &Value, finder: &mut Finder) {
    if !schema.is_object() {
        let message = "a JSON Schema is a mapping";
        return finder.say("invalid_schema", pointer, message, "write type: object");
    }
    if let Err(error) = jsonschema::draft202012::meta::validate(schema) {
        let place = format!("{pointer}{}", error.instance_path());
        let message = format!("not a JSON Schema: {}", shown(&error.to_string()));
        return finder.push(Finding::new("invalid_schema", place, message));
    }
    if let Err(message) = compile(schema) {
        let message = format!("the JSON Schema cannot be used: {}", shown(&message));
        let help = "references stay inside it, patterns are of linear time";
        finder.say("invalid_schema", pointer, message, help);
    }
}

/// What is required but not described is most often a slip.
fn check_required(pointer: &str, schema: &Value, finder: &mut Finder) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (index, name) in schema["required"].as_array().into_iter().flatten().enumerate() {
        let Some(name) = name.as_str().filter(|name| !properties.contains_key(*name)) else {
            continue;
        };
        let message = format!("\"{}\" is required and not described", shown(name));
        let pointer = format!("{pointer}/required/{index}");
        finder.say("unknown_name", &pointer, message, "add it to properties");
    }
}

/// Compiles a schema. Patterns take linear time, and nothing outside it is fetched.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .build(schema)
        .map_err(|error| error.to_string())
}
