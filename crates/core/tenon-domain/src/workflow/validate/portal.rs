//! What a workflow has because it belongs to an integration: inputs, texts, who may use it.

use std::collections::HashSet;

use tenon_expr::{Reference, Segment};

use super::integrations::connector_name_problem;
use crate::portal::{WorkflowPortal, rules};
use crate::workflow::diagnostic::{Finding, Spot};
use crate::workflow::document::{Trigger, Workflow};

/// The longest text, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;

pub(super) fn check(workflow: &Workflow, findings: &mut Vec<Finding>) {
    match &workflow.integration {
        Some(name) => {
            if let Some(problem) = connector_name_problem(name) {
                findings.push(problem.into_finding("/integration"));
            }
        }
        None => check_needless(workflow, findings),
    }
    rules::check_inputs(&workflow.inputs, "/inputs", &workflow.settings.values, findings);
    if let Some(portal) = &workflow.portal {
        check_portal(portal, findings);
    }
}

/// What only a workflow of an integration can have.
fn check_needless(workflow: &Workflow, findings: &mut Vec<Finding>) {
    let mut refuse = |pointer: String, noun: &str| {
        let message = format!("{noun} only for a workflow of an integration");
        findings.push(
            Finding::new("needs_integration", pointer, message)
                .help("write integration: <connector>"),
        );
    };
    if !workflow.inputs.is_empty() {
        refuse("/inputs".to_owned(), "there are inputs");
    }
    if workflow.portal.is_some() {
        refuse("/portal".to_owned(), "there is a portal");
    }
    for (index, trigger) in workflow.triggers.iter().enumerate() {
        if matches!(trigger, Trigger::IntegrationEnabled {} | Trigger::Webhook { .. }) {
            refuse(format!("/triggers/{index}"), "this trigger is there");
        }
    }
}

fn check_portal(portal: &WorkflowPortal, findings: &mut Vec<Finding>) {
    for (name, text) in [("title", &portal.title), ("info", &portal.info)] {
        rules::check_text(text.as_deref(), &format!("/portal/{name}"), TEXT_BYTES_MAX, findings);
    }
    let Some(condition) = &portal.permissions else { return };
    let mut seen = HashSet::new();
    for reference in condition.references() {
        let Some(message) = permission_problem(reference) else { continue };
        if !seen.insert(message.clone()) {
            continue;
        }
        let spot =
            Spot::Reference { root: reference.root.clone(), is_optional: reference.is_optional };
        findings.push(
            Finding::new("invalid_permissions", "/portal/permissions", message)
                .help("refer to {{user.id}} or {{user.meta.<name>}}")
                .at(spot),
        );
    }
}

fn permission_problem(reference: &Reference) -> Option<String> {
    if reference.root != "user" {
        return Some(format!(
            "permissions know the user only, and nothing of \"{}\"",
            reference.root
        ));
    }
    match reference.path.first() {
        Some(Segment::Key(key)) if key == "id" || key == "meta" => None,
        None => None,
        Some(_) => Some("\"user\" has \"id\" and \"meta\"".to_owned()),
    }
}
