//! Integration documents, and telling them from workflows.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;
use tenon_domain::applied::{AppliedDocument, load_any};
use tenon_domain::limits::DocumentLimits;
use tenon_domain::portal::{json_schema, load, load_value};

use crate::documents::{document, lines, step};

const PUBLISHED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../schemas/integration.v1.schema.json");

const VALID: &str = "\
kind: integration
version: 1
connector: slack
portal:
  description: Post messages
  accent_color: '#4a154b'
inputs:
  - {id: channel, title: Channel, type: dynamic_select, source: channels}
  - {id: prefix, title: Prefix, type: text, required: false, default: Hi}
";

fn places(text: &str) -> Vec<String> {
    let found = load("slack.yaml", text, &DocumentLimits::default()).err().unwrap_or_default();
    found.iter().map(|it| format!("{}:{} {}", it.line, it.column, it.code)).collect()
}

/// Run with `UPDATE_SCHEMA=1` to write the file anew.
#[test]
fn the_published_schema_of_integrations_is_current() {
    let current = serde_json::to_string_pretty(&json_schema()).expect("it is JSON") + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(Path::new(PUBLISHED), &current).expect("the schema can be written");
    }
    let published = std::fs::read_to_string(PUBLISHED).expect("the schema is published");
    assert_eq!(published, current, "run: UPDATE_SCHEMA=1 cargo test -p tenon-domain schema");
}

#[test]
fn the_schema_is_a_schema_and_its_example_is_a_document() {
    let schema = json_schema();
    jsonschema::meta::validate(&schema).expect("it is a valid schema");
    let example = schema["examples"][0].clone();
    let validator = jsonschema::validator_for(&schema).expect("it compiles");
    validator.validate(&example).expect("the example keeps the schema");
    load_value(example, &DocumentLimits::default()).expect("the example loads");
}

#[test]
fn a_document_is_read_with_its_defaults() {
    let loaded = load("slack.yaml", VALID, &DocumentLimits::default()).expect("it is valid");
    assert!(loaded.active && loaded.inputs[0].required && !loaded.inputs[1].required);
    let again = serde_json::to_value(&loaded).expect("it is JSON");
    assert_eq!(load_value(again, &DocumentLimits::default()), Ok(loaded));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (from, to, expected) in [
        ("version: 1", "version: 2", &["2:10 unsupported_version"][..]),
        ("connector: slack", "connector: Slack!", &["3:12 invalid_name"]),
        ("'#4a154b'", "blue", &["6:17 invalid_color"]),
        ("Post messages", "''", &["5:16 invalid_text"]),
        ("id: prefix", "id: channel", &["9:10 duplicate_input"]),
        ("default: Hi", "default: 1", &["9:71 invalid_default"]),
        ("source: channels", "sauce: channels", &["8:5 missing_field", "8:57 unknown_field"]),
        ("active: 1", "active: 1", &[]),
        ("kind: integration", "kind: thing", &["1:7 invalid_value"]),
        ("portal:", "active: maybe\nportal:", &["4:9 wrong_type"]),
        ("inputs:", "triggers: []\ninputs:", &["7:1 unknown_field"]),
    ] {
        assert_eq!(places(&VALID.replace(from, to)), expected, "{to}");
    }
}

#[test]
fn a_document_is_of_the_kind_that_it_says() {
    let limits = DocumentLimits::default();
    let integration = load_any("slack.yaml", VALID, &limits).expect("it is valid");
    assert!(matches!(integration, AppliedDocument::Integration(_)));
    let workflow = load_any("a.yaml", &document(&step("a", "")), &limits).expect("it is valid");
    assert!(matches!(workflow, AppliedDocument::Workflow(_)));
    let json = json!({"kind": "integration", "version": 1, "connector": "slack"}).to_string();
    assert!(load_any("slack.json", &json, &limits).is_ok());
    let broken = load_any("a.yaml", "version: [", &limits).expect_err("it is no YAML");
    assert!(!lines(&broken).is_empty());
    let neither = load_any("a.yaml", "[]", &limits).expect_err("it is a list");
    assert_eq!(neither[0].code, "wrong_type");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spoiled_document_is_answered(
        start in 0usize..260,
        len in 0usize..20,
        insert in "[ -~\n]{0,8}",
    ) {
        let (start, end) = (start.min(VALID.len()), (start + len).min(VALID.len()));
        let text = format!("{}{insert}{}", &VALID[..start], &VALID[end..]);
        match load_any("a.yaml", &text, &DocumentLimits::default()) {
            Ok(AppliedDocument::Integration(loaded)) => {
                let again = serde_json::to_value(&*loaded).expect("it is JSON");
                prop_assert_eq!(load_value(again, &DocumentLimits::default()), Ok(*loaded));
            }
            Ok(AppliedDocument::Workflow(_)) => prop_assert!(false, "it has no steps"),
            Err(found) => prop_assert!(!found.is_empty()),
        }
    }
}
