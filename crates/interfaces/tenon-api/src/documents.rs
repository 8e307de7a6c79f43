//! Turns the texts of a request into checked documents, or into one problem that names every
//! place in every document.

use std::collections::HashMap;

use serde::Deserialize;
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::{Diagnostic, Workflow, load};
use tenon_http_kit::{ErrorItem, Problem};
use utoipa::ToSchema;

use crate::codes;

/// The most faults that one answer names.
const ERRORS_MAX: usize = 200;

/// A workflow document as it is written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentText {
    /// What errors call it; `.yaml`, `.yml` or `.json` tells the language.
    #[schema(example = "workflows/welcome.yaml")]
    pub(crate) file: String,
    /// The document itself.
    pub(crate) text: String,
}

/// Loads all documents. Works the processor for a while: call it where blocking is fine.
pub(crate) fn load_all(
    documents: &[DocumentText],
    limits: &DocumentLimits,
) -> Result<Vec<Workflow>, Problem> {
    let mut workflows: Vec<Workflow> = Vec::with_capacity(documents.len());
    let mut errors = Vec::new();
    let mut file_of_name: HashMap<String, &str> = HashMap::new();
    for document in documents {
        match load(&document.file, &document.text, limits) {
            Ok(workflow) => {
                let former = file_of_name.insert(workflow.name.clone(), &document.file);
                errors.extend(former.map(|file| twice(&workflow.name, &document.file, file)));
                workflows.push(workflow);
            }
            Err(diagnostics) => errors.extend(diagnostics.into_iter().map(item)),
        }
    }
    if errors.is_empty() { Ok(workflows) } else { Err(invalid(errors, documents.len())) }
}

fn invalid(mut errors: Vec<ErrorItem>, documents: usize) -> Problem {
    let found = errors.len();
    errors.truncate(ERRORS_MAX);
    let faults = if found == 1 { "fault" } else { "faults" };
    let places = if documents == 1 { "document" } else { "documents" };
    Problem::new(&codes::INVALID_DOCUMENT)
        .detail(format!(
            "{found} {faults} in {documents} {places}; nothing was deployed; fix them and try again"
        ))
        .with_all(errors)
}

fn twice(name: &str, file: &str, former: &str) -> ErrorItem {
    ErrorItem {
        message: format!("the name `{name}` is used by another document of this request"),
        code: Some("duplicate_name".to_owned()),
        help: Some(format!("`{former}` has the same name; rename one of them")),
        pointer: Some("/name".to_owned()),
        file: Some(file.to_owned()),
        ..ErrorItem::default()
    }
}

fn item(diagnostic: Diagnostic) -> ErrorItem {
    let has_place = diagnostic.line > 0;
    ErrorItem {
        message: diagnostic.message,
        code: Some(diagnostic.code.to_owned()),
        help: diagnostic.help,
        pointer: Some(diagnostic.pointer),
        file: Some(diagnostic.file),
        line: has_place.then_some(diagnostic.line),
        column: has_place.then_some(diagnostic.column),
        step: diagnostic.step.map(|step| step.to_string()),
        ..ErrorItem::default()
    }
}
