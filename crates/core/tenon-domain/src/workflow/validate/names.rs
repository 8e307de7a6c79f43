//! Names and counts.

use std::collections::HashSet;

use crate::limits::DocumentLimits;
use crate::workflow::diagnostic::Finding;
use crate::workflow::document::Workflow;
use crate::workflow::graph::StepIndex;

/// Words that templates use for something else.
pub(super) const RESERVED: [&str; 7] =
    ["trigger", "self", "user", "run", "settings", "shared", "secrets"];

/// Words that templates read as values.
const LITERALS: [&str; 3] = ["true", "false", "null"];

pub(super) fn check(workflow: &Workflow, limits: &DocumentLimits, findings: &mut Vec<Finding>) {
    if !is_workflow_name(&workflow.name) {
        findings.push(
            Finding::new("invalid_name", "/name", "this is not a workflow name")
                .help("use 1 to 63 of a-z, 0-9 and -, not starting with -"),
        );
    }
    let steps_max = limits.steps_max.min(usize::from(StepIndex::MAX));
    check_count("/steps", "steps", workflow.steps.len(), steps_max, findings);
    check_count("/triggers", "triggers", workflow.triggers.len(), limits.triggers_max, findings);
    check_count("/inputs", "inputs", workflow.inputs.len(), limits.inputs_max, findings);
    if workflow.steps.is_empty() {
        findings.push(Finding::new("no_steps", "/steps", "a workflow needs at least one step"));
    }
    let mut seen = HashSet::new();
    for (index, step) in workflow.steps.iter().enumerate() {
        let pointer = format!("/steps/{index}/id");
        let id = step.id.as_str();
        if !is_step_id(id) {
            findings.push(
                Finding::new(
                    "invalid_step_id",
                    pointer,
                    format!("\"{}\" is not a step id", shown(id)),
                )
                .help("use 1 to 63 of a-z, 0-9 and _, starting with a letter"),
            );
        } else if RESERVED.contains(&id) || LITERALS.contains(&id) {
            findings.push(
                Finding::new(
                    "reserved_step_id",
                    pointer,
                    format!("\"{id}\" has a meaning of its own in templates"),
                )
                .help("give the step another id"),
            );
        } else if !seen.insert(id) {
            findings.push(
                Finding::new(
                    "duplicate_step_id",
                    pointer,
                    format!("another step is called \"{id}\""),
                )
                .help("step ids are unique in a workflow"),
            );
        }
    }
}

fn check_count(
    pointer: &str,
    noun: &str,
    count: usize,
    count_max: usize,
    findings: &mut Vec<Finding>,
) {
    if count > count_max {
        findings.push(
            Finding::new(
                "too_many",
                pointer,
                format!("{count} {noun}, at most {count_max} are allowed"),
            )
            .help("split the workflow"),
        );
    }
}

fn is_workflow_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_step_id(id: &str) -> bool {
    (1..=63).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn shown(id: &str) -> String {
    id.chars().take(80).collect()
}
