//! The rules that a document must keep beyond its shape.
//!
//! Each rule family has a file. They see the typed document, never its text, and report
//! [`Finding`]s by pointer; the loader places them.

mod flow;
mod http;
mod integrations;
mod names;
mod order;
mod portal;
mod references;
mod retry;
mod steps;
mod triggers;

use super::diagnostic::Finding;
use super::document::Workflow;
use super::graph::build::build;
use crate::limits::DocumentLimits;

pub(crate) use integrations::connector_name_problem;
pub(super) use references::not_allowed;

/// Every rule that the document breaks.
pub(crate) fn validate(workflow: &Workflow, limits: &DocumentLimits) -> Vec<Finding> {
    let mut findings = Vec::new();
    names::check(workflow, limits, &mut findings);
    if findings.iter().any(|finding| finding.code == "too_many") {
        // The other rules are not meant for documents of any size.
        return findings;
    }
    triggers::check(workflow, &mut findings);
    portal::check(workflow, &mut findings);
    order::check(workflow, limits, &mut findings);
    check_range(
        "/settings/response_timeout_seconds".to_owned(),
        "response_timeout_seconds",
        workflow.settings.response_timeout_seconds,
        1..=limits.response_timeout_seconds_max,
        &mut findings,
    );
    if let Some(policy) = &workflow.settings.retry {
        retry::check(policy, "/settings/retry", limits, &mut findings);
    }
    let (graph, broken) = build(workflow);
    let flow = broken.is_empty().then(|| flow::Flow::of(&graph));
    findings.extend(broken);
    for (index, step) in workflow.steps.iter().enumerate() {
        let pointer = format!("/steps/{index}");
        steps::check(step, &pointer, workflow, limits, &mut findings);
        if let Some(policy) = &step.retry {
            retry::check(policy, &format!("{pointer}/retry"), limits, &mut findings);
        }
    }
    steps::check_nesting(workflow, &graph, limits, &mut findings);
    references::check(workflow, &graph, flow.as_ref(), &mut findings);
    findings
}

/// Something that a rule wants in a range.
fn check_range<T: PartialOrd + std::fmt::Display>(
    pointer: String,
    name: &str,
    value: T,
    range: std::ops::RangeInclusive<T>,
    findings: &mut Vec<Finding>,
) {
    if !range.contains(&value) {
        findings.push(Finding::new(
            "out_of_range",
            pointer,
            format!("{name} must be {} to {}, not {value}", range.start(), range.end()),
        ));
    }
}
