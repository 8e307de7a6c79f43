//! What a document asks of the project that it is applied to: which secrets there are, and which
//! settings of its integration are secret. [`super::load`] knows the document only.

use std::collections::BTreeSet;

use tenon_expr::{Reference, Segment};

use super::diagnostic::{Diagnostic, Finding, Spot};
use super::document::Workflow;
use super::load::Placer;
use super::references::{Site, secret_key};
use super::suggest::did_you_mean;
use super::text;
use super::validate::not_allowed;
use crate::limits::DocumentLimits;
use crate::secrets::SecretKey;

/// Keys that a message lists.
const LISTED_MAX: usize = 20;

/// What is around a workflow.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Keys of the project's environment secrets.
    pub secrets: &'a BTreeSet<SecretKey>,
    /// Ids of the integration's inputs that are passwords.
    pub shared_passwords: &'a BTreeSet<String>,
}

/// Everything that a loaded workflow refers to and that is not there, or may not be used there.
/// `text` is what it was loaded from.
#[must_use]
pub fn check_surroundings(
    file_name: &str,
    text: &str,
    workflow: &Workflow,
    surroundings: Surroundings<'_>,
    limits: &DocumentLimits,
) -> Vec<Diagnostic> {
    let findings = findings(workflow, surroundings);
    if findings.is_empty() {
        return Vec::new();
    }
    let reading = text::read(file_name, text, limits.depth_max);
    let placer = Placer { file: file_name, source: text, root: reading.root.as_ref() };
    findings.into_iter().map(|finding| placer.place(finding)).collect()
}

fn findings(workflow: &Workflow, surroundings: Surroundings<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, step) in workflow.steps.iter().enumerate() {
        for site in step.kind.sites() {
            let mut seen = BTreeSet::new();
            for reference in site.references() {
                let Some((code, message, help)) = problem(reference, &site, surroundings) else {
                    continue;
                };
                if !seen.insert(message.clone()) {
                    continue;
                }
                let (root, is_optional) = (reference.root.clone(), reference.is_optional);
                let pointer = format!("/steps/{index}{}", site.pointer);
                findings.push(
                    Finding::new(code, pointer, message)
                        .maybe_help(help)
                        .at(Spot::Reference { root, is_optional }),
                );
            }
        }
    }
    findings
}

fn problem(
    reference: &Reference,
    site: &Site<'_>,
    surroundings: Surroundings<'_>,
) -> Option<(&'static str, String, Option<String>)> {
    if let Some(key) = secret_key(reference) {
        let is_known = surroundings.secrets.iter().any(|known| known.as_str() == key);
        return (!is_known && !reference.is_optional).then(|| unknown(key, surroundings.secrets));
    }
    let Some(Segment::Key(name)) = reference.path.first() else { return None };
    let is_password = reference.root == "shared" && surroundings.shared_passwords.contains(name);
    (is_password && !site.takes_secrets).then(|| not_allowed(&format!("shared.{name}")))
}

fn unknown(key: &str, known: &BTreeSet<SecretKey>) -> (&'static str, String, Option<String>) {
    let names = || known.iter().map(SecretKey::as_str);
    let set = format!("`tenon secrets set {key}` keeps one");
    let help = match (did_you_mean(key, names()), known.len()) {
        (Some(meant), _) => meant,
        (None, 0) => format!("the project has none; {set}"),
        (None, count) => {
            let listed: Vec<&str> = names().take(LISTED_MAX).collect();
            let more = if count > LISTED_MAX { " and others" } else { "" };
            format!("the project has {}{more}; {set}", listed.join(", "))
        }
    };
    ("unknown_secret", format!("the project has no secret \"{key}\""), Some(help))
}
