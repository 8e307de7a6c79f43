//! What a document may say of the order of its runs.

use tenon_expr::{Reference, Segment};

use super::check_range;
use super::references::{Problem, trigger_problem, unknown_field};
use crate::limits::DocumentLimits;
use crate::workflow::diagnostic::{Finding, Spot};
use crate::workflow::document::Workflow;
use crate::workflow::suggest::one_of;

/// What is known of a run before it is accepted.
const ROOTS: [&str; 3] = ["trigger", "user", "run"];
const USER_FIELDS: [&str; 1] = ["id"];
const RUN_FIELDS: [&str; 2] = ["account", "configuration"];

pub(super) fn check(workflow: &Workflow, limits: &DocumentLimits, findings: &mut Vec<Finding>) {
    if let Some(concurrency) = workflow.concurrency {
        let range = 1..=limits.concurrency_max;
        check_range("/concurrency".to_owned(), "concurrency", concurrency, range, findings);
    }
    let Some(key) = &workflow.ordering_key else { return };
    let pointer = "/ordering_key";
    if workflow.concurrency.is_some() {
        let message = "concurrency and ordering_key cannot stand together: runs of one key go one \
                       at a time anyway, and runs of different keys do not wait for each other";
        findings.push(
            Finding::new("order_conflict", "/concurrency", message)
                .help("keep ordering_key for an order, or concurrency for a limit"),
        );
    }
    for reference in key.references() {
        let Some((code, message, help)) = problem(workflow, reference) else { continue };
        let spot =
            Spot::Reference { root: reference.root.clone(), is_optional: reference.is_optional };
        findings.push(Finding::new(code, pointer, message).maybe_help(help).at(spot));
    }
}

fn problem(workflow: &Workflow, reference: &Reference) -> Option<Problem> {
    let root = reference.root.as_str();
    let fields: &[&str] = match root {
        "trigger" => return trigger_problem(&workflow.triggers, reference),
        "user" => &USER_FIELDS,
        "run" => &RUN_FIELDS,
        _ => {
            let message = format!("\"{root}\" is not known yet when the ordering key is looked at");
            let help = one_of(root, ROOTS.to_vec());
            return Some(("unknown_reference", message, Some(help)));
        }
    };
    match reference.path.first() {
        Some(Segment::Key(field)) if fields.contains(&field.as_str()) => None,
        Some(Segment::Key(field)) => Some(unknown_field(root, field, fields)),
        Some(Segment::Index(_)) | None => {
            let message = format!("the ordering key cannot be all of \"{root}\"");
            Some(("unknown_field", message, Some(format!("write {root}.{}", fields[0]))))
        }
    }
}
