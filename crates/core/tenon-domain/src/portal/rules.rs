//! The rules of inputs, wherever they are written: in a workflow or in an integration document.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::inputs::{Input, InputKind};
use super::values;
use crate::workflow::diagnostic::Finding;

/// The longest text that people read, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;

/// Checks a list of inputs at `pointer`. `taken` are names that mean something else already.
pub(crate) fn check_inputs(
    inputs: &[Input],
    pointer: &str,
    taken: &Map<String, Value>,
    findings: &mut Vec<Finding>,
) {
    let mut seen = HashSet::new();
    for (index, input) in inputs.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        check_id(input, &pointer, findings);
        if !seen.insert(input.id.as_str()) {
            let message = format!("another input is called \"{}\"", shown(&input.id));
            findings.push(
                Finding::new("duplicate_input", format!("{pointer}/id"), message)
                    .help("ids are unique in a document"),
            );
        } else if taken.contains_key(&input.id) {
            let message = format!("settings.values has a value called \"{}\"", shown(&input.id));
            findings.push(
                Finding::new("duplicate_input", format!("{pointer}/id"), message)
                    .help("rename one of them: both are read as {{settings.<name>}}"),
            );
        }
        check_texts(input, &pointer, findings);
        check_kind(&input.kind, &pointer, findings);
        check_default(input, &pointer, findings);
    }
}

/// Checks a text that people read.
pub(crate) fn check_text(
    text: Option<&str>,
    pointer: &str,
    bytes_max: usize,
    findings: &mut Vec<Finding>,
) {
    let Some(text) = text else { return };
    if text.trim().is_empty() || text.len() > bytes_max {
        let message = format!("a text has 1 to {bytes_max} bytes");
        findings.push(Finding::new("invalid_text", pointer, message));
    }
}

fn check_id(input: &Input, pointer: &str, findings: &mut Vec<Finding>) {
    let id = input.id.as_str();
    let is_fine = (1..=63).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_fine {
        let message = format!("\"{}\" is not the id of an input", shown(id));
        findings.push(
            Finding::new("invalid_input_id", format!("{pointer}/id"), message)
                .help("use 1 to 63 of a-z, 0-9 and _, starting with a letter"),
        );
    }
}

fn check_texts(input: &Input, pointer: &str, findings: &mut Vec<Finding>) {
    let texts = [
        ("title", Some(input.title.as_str())),
        ("subtitle", input.subtitle.as_deref()),
        ("placeholder", input.placeholder.as_deref()),
        ("tooltip", input.tooltip.as_deref()),
    ];
    for (name, text) in texts {
        check_text(text, &format!("{pointer}/{name}"), TEXT_BYTES_MAX, findings);
    }
    let Some(page) = &input.documentation_url else { return };
    let is_https = url::Url::parse(page).is_ok_and(|url| url.scheme() == "https");
    if !is_https {
        findings.push(
            Finding::new("invalid_url", format!("{pointer}/documentation_url"), "this is no page")
                .help("write a whole https URL"),
        );
    }
}

fn check_kind(kind: &InputKind, pointer: &str, findings: &mut Vec<Finding>) {
    match kind {
        InputKind::Select { options } => check_options(options, pointer, findings),
        InputKind::DynamicSelect { source }
        | InputKind::Combo { source }
        | InputKind::DynamicCombo { source } => check_name("source", source, pointer, findings),
        InputKind::CustomDropdown { key } => check_name("key", key, pointer, findings),
        InputKind::FieldMapper { source, object, fields } => {
            for (name, text) in [("source", source), ("object", object)] {
                if let Some(text) = text {
                    check_name(name, text, pointer, findings);
                }
            }
            check_each("fields", fields, pointer, findings);
            if object.is_none() && fields.is_empty() {
                findings.push(
                    Finding::new("nothing_to_map", pointer, "this mapper has no field to map")
                        .help("write fields, or the object whose fields the page hands in"),
                );
            }
        }
        InputKind::Permission { scopes } => {
            if scopes.is_empty() {
                let message = "a permission asks for at least one scope";
                findings.push(Finding::new("empty_list", format!("{pointer}/scopes"), message));
            }
            check_each("scopes", scopes, pointer, findings);
        }
        InputKind::Text {}
        | InputKind::TextArea {}
        | InputKind::Number {}
        | InputKind::Email {}
        | InputKind::Url {}
        | InputKind::Password {}
        | InputKind::Boolean {}
        | InputKind::Switch {}
        | InputKind::Copyable {}
        | InputKind::File {} => {}
    }
}

fn check_options(
    options: &[super::inputs::SelectOption],
    pointer: &str,
    findings: &mut Vec<Finding>,
) {
    if options.is_empty() {
        let message = "a select has at least one option";
        findings.push(Finding::new("empty_list", format!("{pointer}/options"), message));
    }
    let mut seen = HashSet::new();
    for (index, option) in options.iter().enumerate() {
        let pointer = format!("{pointer}/options/{index}");
        check_text(Some(&option.label), &format!("{pointer}/label"), TEXT_BYTES_MAX, findings);
        check_name("value", &option.value, &pointer, findings);
        if !seen.insert(option.value.as_str()) {
            let message = format!("another option has the value \"{}\"", shown(&option.value));
            findings.push(Finding::new("duplicate_option", format!("{pointer}/value"), message));
        }
    }
}

fn check_each(name: &str, texts: &[String], pointer: &str, findings: &mut Vec<Finding>) {
    let mut seen = HashSet::new();
    for (index, text) in texts.iter().enumerate() {
        let pointer = format!("{pointer}/{name}");
        check_name(&index.to_string(), text, &pointer, findings);
        if !seen.insert(text.as_str()) {
            let message = format!("\"{}\" is there twice", shown(text));
            findings.push(Finding::new("duplicate_option", format!("{pointer}/{index}"), message));
        }
    }
}

fn check_name(member: &str, text: &str, pointer: &str, findings: &mut Vec<Finding>) {
    if text.trim().is_empty() || text.len() > 255 || text.contains(char::is_control) {
        let message = "a name has 1 to 255 bytes and no control characters";
        findings.push(Finding::new("invalid_text", format!("{pointer}/{member}"), message));
    }
}

fn check_default(input: &Input, pointer: &str, findings: &mut Vec<Finding>) {
    let Some(default) = input.default.as_ref().filter(|default| !default.is_null()) else { return };
    let pointer = format!("{pointer}/default");
    if matches!(input.kind, InputKind::Password {}) {
        let message = "a password has no default: documents hold no secrets";
        findings.push(Finding::new("invalid_default", pointer, message));
        return;
    }
    if let Err(fault) = values::check(&input.kind, default) {
        let message = format!("the default does not fit: {}", fault.message);
        findings.push(Finding::new("invalid_default", pointer, message));
    }
}

/// Names in messages are cut, since a document may hold anything.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
