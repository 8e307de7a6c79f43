//! From text, or a JSON value, to a checked [`Workflow`], or to everything that is wrong with it.

use std::collections::HashSet;

use serde_json::Value;

use super::diagnostic::{Diagnostic, Finding, Spot};
use super::document::Workflow;
use super::text::{self, Node, NodeKind, Position, locate};
use super::{schema, shape, validate};
use crate::ids::StepId;
use crate::limits::DocumentLimits;

/// Reports beyond this are cut: they help nobody, and a document may break a rule anywhere.
const DIAGNOSTICS_MAX: usize = 100;

/// Findings beyond this are dropped before they get a place: placing one reads the text.
const PLACED_MAX: usize = 3 * DIAGNOSTICS_MAX;

/// Loads a document in YAML or JSON. `file_name` decides which (`.json`, `.yaml`, `.yml`; for
/// others the first character does), and is shown in diagnostics.
///
/// # Errors
/// Every problem that was found, in the order of the text. At most 100.
pub fn load(
    file_name: &str,
    text: &str,
    limits: &DocumentLimits,
) -> Result<Workflow, Vec<Diagnostic>> {
    let mut placer = Placer { file: file_name, source: text, root: None };
    if text.len() > limits.document_bytes_max {
        return Err(vec![placer.too_large(text.len(), limits)]);
    }
    let reading = text::read(file_name, text, limits.depth_max);
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let is_whole = !reading.problems.iter().any(|problem| problem.loses_value);
    for problem in reading.problems {
        diagnostics.push(Diagnostic {
            file: file_name.to_owned(),
            line: problem.at.line,
            column: problem.at.column,
            pointer: String::new(),
            step: None,
            code: problem.code,
            message: problem.message,
            help: problem.help,
        });
    }
    let Some(root) = reading.root.filter(|_| is_whole) else {
        return finish(None, diagnostics);
    };
    let (workflow, findings) = check(root.clone(), limits);
    placer.root = Some(&root);
    let findings = findings.into_iter().take(PLACED_MAX);
    diagnostics.extend(findings.map(|finding| placer.place(finding)));
    finish(workflow, diagnostics)
}

/// Loads a document that arrived as a JSON value. Diagnostics carry a pointer and no line.
///
/// # Errors
/// Every problem that was found. At most 100.
pub fn load_value(value: Value, limits: &DocumentLimits) -> Result<Workflow, Vec<Diagnostic>> {
    let mut placer = Placer { file: "", source: "", root: None };
    let bytes = written_bytes(&value);
    if bytes > limits.document_bytes_max {
        return Err(vec![placer.too_large(bytes, limits)]);
    }
    let root = Node::of_value(value);
    if root.depth() > limits.depth_max {
        let message = format!("values are nested more than {} deep", limits.depth_max);
        return Err(vec![placer.place(Finding::new("too_deep", "", message))]);
    }
    let (workflow, findings) = check(root.clone(), limits);
    placer.root = Some(&root);
    let findings = findings.into_iter().take(PLACED_MAX);
    let diagnostics = findings.map(|finding| placer.place(finding)).collect();
    finish(workflow, diagnostics)
}

fn written_bytes(value: &Value) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

fn finish(
    workflow: Option<Workflow>,
    mut diagnostics: Vec<Diagnostic>,
) -> Result<Workflow, Vec<Diagnostic>> {
    match workflow {
        Some(workflow) if diagnostics.is_empty() => Ok(workflow),
        _ => {
            diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
            diagnostics.truncate(DIAGNOSTICS_MAX);
            Err(diagnostics)
        }
    }
}

/// The typed document if it can be had at all, and every rule it breaks. Without findings there
/// is always a document.
fn check(mut root: Node, limits: &DocumentLimits) -> (Option<Workflow>, Vec<Finding>) {
    if let Some(finding) = other_version(&root) {
        return (None, vec![finding]);
    }
    let shape = shape::check(&mut root, schema::schema());
    let mut findings = shape.findings;
    if shape.is_beyond_repair {
        return (None, findings);
    }
    match serde_json::from_value::<Workflow>(root.to_value()) {
        Ok(workflow) => {
            let broken = validate::validate(&workflow, limits);
            // What was said about a value's shape is not said again in other words.
            let known: HashSet<String> =
                findings.iter().map(|finding| finding.pointer.clone()).collect();
            findings.extend(broken.into_iter().filter(|finding| !known.contains(&finding.pointer)));
            (Some(workflow), findings)
        }
        Err(error) => {
            findings.push(Finding::new("invalid_document", "", error.to_string()));
            (None, findings)
        }
    }
}

/// A document of another version has other rules; one message is enough.
fn other_version(root: &Node) -> Option<Finding> {
    let version = match &root.get("version")?.kind {
        NodeKind::Scalar(Value::Number(number)) => number,
        _ => return None,
    };
    (version.as_u64() != Some(1)).then(|| {
        Finding::new(
            "unsupported_version",
            "/version",
            format!("documents of version {version} are not known here"),
        )
        .help("write version: 1")
    })
}

/// Gives findings their place in a text.
pub(super) struct Placer<'a> {
    pub(super) file: &'a str,
    pub(super) source: &'a str,
    pub(super) root: Option<&'a Node>,
}

impl Placer<'_> {
    pub(super) fn place(&self, finding: Finding) -> Diagnostic {
        let at = self.root.map(|root| self.position(root, &finding)).unwrap_or_default();
        Diagnostic {
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            step: self.root.and_then(|root| step_of(root, &finding.pointer)),
            pointer: finding.pointer,
            code: finding.code,
            message: finding.message,
            help: finding.help,
        }
    }

    fn position(&self, root: &Node, finding: &Finding) -> Position {
        let found = locate::find(root, &finding.pointer);
        match &finding.spot {
            Spot::Value => found.node.at,
            Spot::Key => found.member.map_or(found.node.at, |member| member.key_at),
            Spot::Offset(offset) => locate::place(self.source, found.node, *offset),
            Spot::Reference { root, is_optional } => {
                match locate::mention(found.node, root, *is_optional) {
                    Some((node, offset)) => locate::place(self.source, node, offset),
                    None => found.node.at,
                }
            }
        }
    }

    fn too_large(&self, bytes: usize, limits: &DocumentLimits) -> Diagnostic {
        let bytes_max = limits.document_bytes_max;
        let message = format!("the document has {bytes} bytes, at most {bytes_max} are allowed");
        let mut diagnostic = self.place(Finding::new("too_large", "", message));
        if !self.file.is_empty() {
            (diagnostic.line, diagnostic.column) = (1, 1);
        }
        diagnostic
    }
}

fn step_of(root: &Node, pointer: &str) -> Option<StepId> {
    let index: usize = pointer.strip_prefix("/steps/")?.split('/').next()?.parse().ok()?;
    match &root.get("steps")?.kind {
        NodeKind::Array(steps) => steps.get(index)?.get("id")?.as_str().map(StepId::new),
        _ => None,
    }
}
