//! What a builder applies: workflows and integrations, each in a document of its own.

use crate::document::{Diagnostic, Document};
use crate::limits::DocumentLimits;
use crate::portal::{self, IntegrationDocument};
use crate::workflow::{self, Workflow};

/// A checked document of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum AppliedDocument {
    /// A document without a `kind`.
    Workflow(Box<Workflow>),
    /// `kind: integration`.
    Integration(Box<IntegrationDocument>),
}

/// Loads a document of whichever kind it says it is: `kind: integration`, or a workflow where there is none.
///
/// # Errors
/// Every problem that was found, in the order of the text. At most 100.
pub fn load_any(
    file: &str,
    text: &str,
    limits: &DocumentLimits,
) -> Result<AppliedDocument, Vec<Diagnostic>> {
    let document = Document::read(file, text, portal::read_limits(limits))?;
    if document.value().get("kind").is_some() {
        let loaded = portal::check_document(document, limits)?;
        return Ok(AppliedDocument::Integration(Box::new(loaded)));
    }
    let loaded = workflow::load(file, text, limits)?;
    Ok(AppliedDocument::Workflow(Box::new(loaded)))
}
