//! The published schemas agree with the loader, and the files in the repository with the schemas.

use serde_json::{Value, json};
use tenon_connector::schema::{fixture_schema, manifest_schema};

use crate::manifests::{acme_value, custom};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../connectors/");

/// Run with `UPDATE_SCHEMA=1` to write the files anew.
#[test]
fn the_published_schemas_are_current() {
    for (file, schema) in
        [("schema.json", manifest_schema()), ("fixture.schema.json", fixture_schema())]
    {
        let path = format!("{FOLDER}{file}");
        let current = serde_json::to_string_pretty(schema).expect("it is JSON") + "\n";
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &current).expect("the schema can be written");
        }
        let published = std::fs::read_to_string(&path).expect("the schema is published");
        assert!(
            published == current,
            "{file}: run UPDATE_SCHEMA=1 cargo test -p tenon-connector schema"
        );
    }
}

#[test]
fn they_are_schemas() {
    for schema in [manifest_schema(), fixture_schema()] {
        jsonschema::meta::validate(schema).expect("it is a valid schema");
        jsonschema::validator_for(schema).expect("it compiles");
    }
}

#[test]
fn the_schema_takes_what_the_loader_takes() {
    let validator = jsonschema::validator_for(manifest_schema()).expect("it compiles");
    if let Err(error) = validator.validate(&acme_value()) {
        panic!("{} at {}", error, error.instance_path());
    }
}

#[test]
fn both_refuse_the_same_shapes() {
    let validator = jsonschema::validator_for(manifest_schema()).expect("it compiles");
    for (pointer, value) in [
        ("/name", json!("Not A Name")),
        ("/format", json!(2)),
        ("/auth", json!({})),
        ("/auth/0/type", json!("oauth3")),
        ("/auth/0/scopes", json!([])),
        ("/proxy/base_url", Value::Null),
        ("/actions/0/effect", json!("look")),
        ("/actions/0/id", json!("A")),
        ("/webhooks/0/verification/algorithm", json!("md5")),
        ("/webhooks/0/secret", json!("nothing")),
        ("/fields/0/type", json!("word")),
    ] {
        let mut manifest = acme_value();
        *manifest.pointer_mut(pointer).expect("the manifest has it") = value;
        assert!(!validator.is_valid(&manifest), "{pointer}: the schema takes it");
        assert!(custom(&manifest).is_err(), "{pointer}: the loader takes it");
    }
    for (pointer, name) in
        [("", "colour"), ("/auth/0", "token"), ("/auth/1", "scopes"), ("/proxy", "url")]
    {
        let mut manifest = acme_value();
        manifest.pointer_mut(pointer).expect("it is there")[name] = json!("x");
        assert!(!validator.is_valid(&manifest), "{pointer}/{name}: the schema takes it");
        assert!(custom(&manifest).is_err(), "{pointer}/{name}: the loader takes it");
    }
}
