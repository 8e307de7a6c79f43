//! From text, or a JSON value, to a checked [`IntegrationDocument`], or to everything that is
//! wrong with it.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{IntegrationDocument, rules, schema};
use crate::document::{Diagnostic, Document, Finding, ReadLimits, check_shape};
use crate::limits::DocumentLimits;
use crate::workflow::connector_name_problem;

/// Reports beyond this are cut.
const DIAGNOSTICS_MAX: usize = 100;
/// The longest overview, in bytes.
const OVERVIEW_BYTES_MAX: usize = 16 << 10;
/// The longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 2_000;

/// Loads an integration document in YAML or JSON. `file` tells the language by its ending, and is
/// shown in diagnostics.
///
/// # Errors
/// Every problem that was found, in the order of the text. At most 100.
pub fn load(
    file: &str,
    text: &str,
    limits: &DocumentLimits,
) -> Result<IntegrationDocument, Vec<Diagnostic>> {
    check(Document::read(file, text, read_limits(limits))?, limits)
}

/// Loads an integration document that arrived as a JSON value.
///
/// # Errors
/// Every problem that was found. At most 100.
pub fn load_value(
    value: Value,
    limits: &DocumentLimits,
) -> Result<IntegrationDocument, Vec<Diagnostic>> {
    check(Document::of_value("", value, read_limits(limits))?, limits)
}

pub(crate) fn read_limits(limits: &DocumentLimits) -> ReadLimits {
    ReadLimits {
        bytes_max: limits.document_bytes_max,
        depth_max: limits.depth_max,
        diagnostics_max: DIAGNOSTICS_MAX,
    }
}

/// Checks a document that was read.
pub(crate) fn check(
    document: Document<'_>,
    limits: &DocumentLimits,
) -> Result<IntegrationDocument, Vec<Diagnostic>> {
    let value = document.value();
    if let Some(finding) = other_version(&value) {
        return document.finish(None, vec![finding]);
    }
    let shaped = check_shape(value, schema::schema());
    let mut findings = shaped.findings;
    if shaped.is_beyond_repair {
        return document.finish(None, findings);
    }
    match serde_json::from_value::<IntegrationDocument>(shaped.value) {
        Ok(integration) => {
            let broken = broken_rules(&integration, limits);
            // What was said about a value's shape is not said again in other words.
            let known: HashSet<String> =
                findings.iter().map(|finding| finding.pointer.clone()).collect();
            findings.extend(broken.into_iter().filter(|finding| !known.contains(&finding.pointer)));
            document.finish(Some(integration), findings)
        }
        Err(error) => {
            findings.push(Finding::new("invalid_document", "", error.to_string()));
            document.finish(None, findings)
        }
    }
}

fn other_version(value: &Value) -> Option<Finding> {
    let version = value.get("version").filter(|version| version.is_number())?;
    (version.as_u64() != Some(1)).then(|| {
        let message = format!("documents of version {version} are not known here");
        Finding::new("unsupported_version", "/version", message).help("write version: 1")
    })
}

fn broken_rules(integration: &IntegrationDocument, limits: &DocumentLimits) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(problem) = connector_name_problem(&integration.connector) {
        findings.push(problem.into_finding("/connector"));
    }
    if integration.inputs.len() > limits.inputs_max {
        let message = format!(
            "{} inputs, at most {} are allowed",
            integration.inputs.len(),
            limits.inputs_max
        );
        findings.push(Finding::new("too_many", "/inputs", message));
        return findings;
    }
    let texts = &integration.portal;
    let mut text = |text: &Option<String>, name: &str, bytes_max| {
        rules::check_text(text.as_deref(), &format!("/portal/{name}"), bytes_max, &mut findings);
    };
    text(&texts.description, "description", DESCRIPTION_BYTES_MAX);
    text(&texts.overview, "overview", OVERVIEW_BYTES_MAX);
    if texts.accent_color.as_deref().is_some_and(|color| !is_color(color)) {
        findings.push(
            Finding::new("invalid_color", "/portal/accent_color", "this is no colour")
                .help("write it as \"#rrggbb\", such as \"#0a7cff\""),
        );
    }
    rules::check_inputs(&integration.inputs, "/inputs", &Map::new(), &mut findings);
    findings
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}
