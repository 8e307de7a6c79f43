//! The published schema agrees with the loader, and the file in the repository with the schema.

use std::path::Path;

use crate::documents::{document, loaded};
use tenon_domain::workflow::{canonical_json, json_schema, load_value};

const PUBLISHED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../schemas/workflow.v1.schema.json");

/// Run with `UPDATE_SCHEMA=1` to write the file anew.
#[test]
fn the_published_schema_is_current() {
    let current = serde_json::to_string_pretty(&json_schema()).expect("it is JSON") + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        let folder = Path::new(PUBLISHED).parent().expect("it is in a folder");
        std::fs::create_dir_all(folder).expect("the folder can be made");
        std::fs::write(PUBLISHED, &current).expect("the schema can be written");
    }
    let published = std::fs::read_to_string(PUBLISHED).expect("the schema is published");
    assert_eq!(published, current, "run: UPDATE_SCHEMA=1 cargo test -p tenon-domain schema");
}

#[test]
fn the_schema_is_a_schema_and_its_example_is_a_workflow() {
    let schema = json_schema();
    jsonschema::meta::validate(&schema).expect("it is a valid schema");
    let example = schema["examples"][0].clone();
    let validator = jsonschema::validator_for(&schema).expect("it compiles");
    validator.validate(&example).expect("the example keeps the schema");
    load_value(example, &Default::default()).expect("the example loads");
}

#[test]
fn what_the_loader_takes_the_schema_takes() {
    let validator = jsonschema::validator_for(&json_schema()).expect("it compiles");
    let workflow = loaded(&document(
        "  - {id: a, type: request, url: 'https://x', retry: {on_status: [5xx, 429], backoff: {schedule: [1]}}, body: {form: {a: 1}}, auth: {type: basic, username: a, password: b}, next: f}\n  - {id: f, type: fan_out, over: '{{a.response.body}}', each: d, next: r}\n  - {id: d, type: delay, minutes: 5}\n  - {id: r, type: response, body: {json: {ok: true}}}\n",
    ));
    let value = serde_json::from_str(&canonical_json(&workflow)).expect("it is JSON");
    validator.validate(&value).expect("it keeps the schema");
}

#[test]
fn what_the_schema_refuses_the_loader_refuses() {
    let schema = json_schema();
    let validator = jsonschema::validator_for(&schema).expect("it compiles");
    let example = schema["examples"][0].clone();
    let spoiled = [
        ("/name", serde_json::json!("Not A Name")),
        ("/version", serde_json::json!(3)),
        ("/steps/0/type", serde_json::json!("unknown")),
        ("/steps/0/id", serde_json::json!("NOT")),
        ("/steps/0/url", serde_json::Value::Null),
        ("/triggers", serde_json::json!({})),
    ];
    for (pointer, value) in spoiled {
        let mut document = example.clone();
        *document.pointer_mut(pointer).expect("the example has it") = value;
        let is_refused = load_value(document.clone(), &Default::default()).is_err();
        assert!(is_refused, "{pointer}");
        // A URL may be any source for the schema.
        assert_eq!(validator.is_valid(&document), pointer == "/steps/0/url", "{pointer}");
    }
}
