//! The description fits the code, and its copy in the documentation is not stale.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tenon_api::{codes, openapi, openapi_text};

/// Set it to write the copy again: `UPDATE_OPENAPI=1 cargo nextest run -p tenon-api openapi`.
const UPDATE: &str = "UPDATE_OPENAPI";

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs")
}

#[test]
fn the_copy_in_the_documentation_is_the_description() {
    let path = folder().join("reference/openapi.json");
    let text = openapi_text();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &text).expect("the copy is writable");
    }
    let copy = std::fs::read_to_string(&path).expect("the copy is there");
    assert!(copy == text, "docs/reference/openapi.json is stale; run with {UPDATE}=1 to renew it");
}

fn operations(description: &Value) -> Vec<&Value> {
    let paths = description["paths"].as_object().expect("there are paths");
    paths.values().filter_map(Value::as_object).flat_map(|item| item.values()).collect()
}

#[test]
fn operations_have_unique_ids_a_summary_and_an_error() {
    let description = serde_json::to_value(openapi()).expect("it is JSON");
    let mut ids = BTreeSet::new();
    for operation in operations(&description) {
        let id = operation["operationId"].as_str().expect("it has an id");
        assert!(ids.insert(id.to_owned()), "{id} twice");
        assert!(operation["summary"].is_string(), "{id} has no summary");
        let schema =
            &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{id}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let description = serde_json::to_value(openapi()).expect("it is JSON");
    let mut open = vec![&description];
    let mut count = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').expect("it is local");
                    assert!(description.pointer(pointer).is_some(), "{reference}");
                    count += 1;
                }
                open.extend(fields.values());
            }
            Value::Array(values) => open.extend(values),
            _ => {}
        }
    }
    assert!(count > 20, "references were looked at");
}

#[test]
fn every_code_has_a_page_and_a_line_in_the_index() {
    let folder = folder().join("errors");
    let index = std::fs::read_to_string(folder.join("README.md")).expect("the index is there");
    for code in codes::ALL {
        let page = std::fs::read_to_string(folder.join(format!("{}.md", code.name)))
            .unwrap_or_else(|error| panic!("{}: {error}", code.name));
        assert!(page.contains(&code.status.to_string()), "{}: wrong status", code.name);
        assert!(index.contains(&format!("({}.md)", code.name)), "{} not in index", code.name);
    }
}
