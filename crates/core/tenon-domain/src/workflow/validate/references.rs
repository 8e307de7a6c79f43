//! What templates may refer to, from where.

use std::collections::HashSet;

use tenon_expr::{Reference, Segment};

use super::flow::Flow;
use super::names::RESERVED;
use crate::portal::{Input, InputKind};
use crate::secrets::{InvalidSecretKey, SecretKey};
use crate::workflow::diagnostic::{Finding, Spot};
use crate::workflow::document::{Step, StepKind, Trigger, Workflow};
use crate::workflow::graph::{Graph, StepIndex};
use crate::workflow::references::Site;
use crate::workflow::suggest::{did_you_mean, expected, one_of};

/// Checks every reference of every step. Without a flow (the graph is broken) it leaves out
/// whether a step has run before.
pub(super) fn check(
    workflow: &Workflow,
    graph: &Graph,
    flow: Option<&Flow>,
    findings: &mut Vec<Finding>,
) {
    for (index, step) in (0..StepIndex::MAX).zip(&workflow.steps) {
        // A second step of the same id is not in the flow.
        let flow = flow.filter(|_| graph.node(index).is_reached);
        let reader = Reader { workflow, graph, flow, index, step };
        for site in step.kind.sites() {
            let mut seen = HashSet::new();
            for reference in site.references() {
                let Some(finding) = reader.check(reference, &site) else { continue };
                if seen.insert((reference.root.as_str(), finding.message.clone())) {
                    findings.push(finding);
                }
            }
        }
    }
}

/// The step whose references are checked.
struct Reader<'a> {
    workflow: &'a Workflow,
    graph: &'a Graph,
    flow: Option<&'a Flow>,
    index: StepIndex,
    step: &'a Step,
}

/// What is wrong, and what to do.
pub(in crate::workflow) type Problem = (&'static str, String, Option<String>);

impl Reader<'_> {
    fn check(&self, reference: &Reference, site: &Site<'_>) -> Option<Finding> {
        let problem = match reference.root.as_str() {
            "trigger" => trigger_problem(&self.workflow.triggers, reference),
            "settings" => self.check_setting(reference, site),
            "shared" => self.check_shared(reference),
            "secrets" => check_secret(reference, site),
            "self" => self.check_self(reference, site),
            "user" | "run" => None,
            _ => self.check_step(reference),
        };
        let (code, message, help) = problem?;
        let spot =
            Spot::Reference { root: reference.root.clone(), is_optional: reference.is_optional };
        let pointer = format!("/steps/{}{}", self.index, site.pointer);
        Some(Finding::new(code, pointer, message).maybe_help(help).at(spot))
    }

    fn check_setting(&self, reference: &Reference, site: &Site<'_>) -> Option<Problem> {
        let name = first_key(reference)?;
        let is_password =
            |input: &Input| input.id == name && matches!(input.kind, InputKind::Password {});
        if !site.takes_secrets && self.workflow.inputs.iter().any(is_password) {
            return Some(not_allowed(&format!("settings.{name}")));
        }
        let values = self.workflow.settings.values.keys().map(String::as_str);
        let inputs = self.workflow.inputs.iter().map(|input| input.id.as_str());
        let known: Vec<&str> = values.chain(inputs).collect();
        if known.contains(&name) || reference.is_optional {
            return None;
        }
        let help = did_you_mean(name, known)
            .unwrap_or_else(|| "define it in settings.values, or as an input".to_owned());
        Some(("unknown_setting", format!("no setting is called \"{name}\""), Some(help)))
    }

    /// Which settings an integration has is in another document, so any name may be there.
    fn check_shared(&self, reference: &Reference) -> Option<Problem> {
        if self.workflow.integration.is_some() || reference.is_optional {
            return None;
        }
        let message = "\"shared\" is only there in a workflow of an integration".to_owned();
        Some(("needs_integration", message, Some("write integration: <connector>".to_owned())))
    }

    fn check_self(&self, reference: &Reference, site: &Site<'_>) -> Option<Problem> {
        if self.step.kind.pagination().is_none() {
            let message = "\"self\" is only there in a request with pagination".to_owned();
            return Some(("self_without_pagination", message, None));
        }
        let fields: &[&str] =
            if site.is_per_page { &["response", "page", "pageToken"] } else { &["pageToken"] };
        let field = first_key(reference)?;
        (!fields.contains(&field)).then(|| unknown_field("self", field, fields))
    }

    fn check_step(&self, reference: &Reference) -> Option<Problem> {
        let root = reference.root.as_str();
        let Some(target) = self.graph.by_id.get(&crate::ids::StepId::new(root)).copied() else {
            let names: Vec<&str> = self
                .workflow
                .steps
                .iter()
                .map(|step| step.id.as_str())
                .chain(RESERVED.into_iter().filter(|name| *name != "self"))
                .collect();
            let message = format!("\"{root}\" is neither a step nor one of the given names");
            return Some(("unknown_reference", message, Some(one_of(root, names))));
        };
        if target == self.index {
            let message = "a step cannot read its own output".to_owned();
            return Some(("own_output", message, None));
        }
        self.check_order(reference, target).or_else(|| self.check_output(reference, target))
    }

    fn check_order(&self, reference: &Reference, target: StepIndex) -> Option<Problem> {
        let (flow, root) = (self.flow?, reference.root.as_str());
        if flow.has_run(target, self.index) {
            return None;
        }
        if flow.may_have_run(target, self.index) {
            return (!reference.is_optional).then(|| {
                let message = format!("step \"{root}\" may not have run when this step does");
                let help = format!("write {root}? to get null then");
                ("may_not_have_run", message, Some(help))
            });
        }
        let mine = self.graph.scope_of(self.index);
        let around = self.graph.scope_of(target).iter().find(|fan_out| !mine.contains(fan_out));
        Some(match around {
            Some(fan_out) => {
                let fan_out = &self.workflow.steps[usize::from(*fan_out)].id;
                let message =
                    format!("step \"{root}\" runs inside the branch of fan_out \"{fan_out}\"");
                let help = format!("its outputs are there, as a list, after \"{fan_out}\"");
                ("inside_fan_out", message, Some(help))
            }
            None => {
                let message = format!("step \"{root}\" never runs before this step");
                ("runs_later", message, Some("refer to an earlier step".to_owned()))
            }
        })
    }

    /// The first key of a step's output.
    fn check_output(&self, reference: &Reference, target: StepIndex) -> Option<Problem> {
        let mine = self.graph.scope_of(self.index);
        let step = &self.workflow.steps[usize::from(target)];
        let mut fields = match &step.kind {
            StepKind::Request(_) | StepKind::IntegrationRequest(_) => vec!["response"],
            StepKind::Function(_) | StepKind::Conditional(_) => vec!["result"],
            // Whether it reads a list is known to its connector.
            StepKind::Action(_) => vec!["result", "pages", "hasMore"],
            StepKind::FanOut(_) if mine.contains(&target) => vec!["instance", "index"],
            StepKind::FanOut(_) => vec!["count"],
            StepKind::Delay(_) => vec!["until"],
            StepKind::Response(_) => vec!["statusCode"],
        };
        if step.kind.pagination().is_some() {
            fields.extend(["pages", "hasMore"]);
        }
        if step.ignore_failure {
            fields.push("error");
        }
        // The provider's answer, and what the connector takes it for.
        match &step.kind {
            StepKind::Action(_) if step.ignore_failure => fields.extend(["response", "kind"]),
            StepKind::IntegrationRequest(_) if step.ignore_failure => fields.push("kind"),
            _ => {}
        }
        let root = reference.root.as_str();
        match reference.path.first()? {
            Segment::Key(field) if fields.contains(&field.as_str()) => None,
            Segment::Key(field) => Some(unknown_field(root, field, &fields)),
            // After a fan-out a path leads into each output of the list, not into the list.
            Segment::Index(index) => {
                let is_list = self.graph.scope_of(target).iter().any(|out| !mine.contains(out));
                let field = fields[0];
                let help = match is_list {
                    true => format!("write at({root}.{field}, {index}) for one of the list"),
                    false => expected(fields.iter().copied()),
                };
                let message = format!("the output of \"{root}\" has names, not positions");
                Some(("unknown_field", message, Some(help)))
            }
        }
    }
}

/// What is wrong with a reference to what started the run.
pub(super) fn trigger_problem(triggers: &[Trigger], reference: &Reference) -> Option<Problem> {
    const FIELDS: [&str; 4] = ["event", "request", "schedule", "webhook"];
    let field = first_key(reference)?;
    if !FIELDS.contains(&field) {
        return Some(unknown_field("trigger", field, &FIELDS));
    }
    let is_set = |trigger: &Trigger| match trigger {
        Trigger::AppEvent { .. } => field == "event",
        Trigger::Request {} => field == "request",
        Trigger::Schedule { .. } => field == "schedule",
        Trigger::Webhook { .. } => field == "webhook",
        Trigger::IntegrationEnabled {} => false,
    };
    if triggers.is_empty() || triggers.iter().any(is_set) || reference.is_optional {
        return None;
    }
    let message = format!("trigger.{field} is never there: no trigger of this workflow sets it");
    Some(("unknown_field", message, Some(format!("write trigger?.{field} for null"))))
}

fn check_secret(reference: &Reference, site: &Site<'_>) -> Option<Problem> {
    let Some(key) = first_key(reference) else {
        let message = "secrets are used one by one".to_owned();
        return Some(("invalid_secret", message, Some("write secrets.KEY".to_owned())));
    };
    if key.parse::<SecretKey>().is_err() {
        let message = format!("\"{key}\" is not the key of a secret");
        let help = format!("a key is {InvalidSecretKey}");
        return Some(("invalid_secret", message, Some(help)));
    }
    if reference.path.len() > 1 {
        let message = format!("the secret \"{key}\" is a text and has no members");
        let help = format!("write parse_json(secrets.{key}) and the path after it");
        return Some(("invalid_secret", message, Some(help)));
    }
    (!site.takes_secrets).then(|| not_allowed(&format!("secrets.{key}")))
}

/// A secret where it would not stay one.
pub(in crate::workflow) fn not_allowed(written: &str) -> Problem {
    let message = format!("the secret {written} cannot stand here: it would not stay one");
    let help = "secrets go into requests, inputs of actions and parameters of functions; not into \
                accounts and pagination"
        .to_owned();
    ("secret_not_allowed", message, Some(help))
}

fn first_key(reference: &Reference) -> Option<&str> {
    match reference.path.first() {
        Some(Segment::Key(key)) => Some(key),
        _ => None,
    }
}

pub(super) fn unknown_field(root: &str, field: &str, fields: &[&str]) -> Problem {
    let help = did_you_mean(field, fields.iter().copied())
        .unwrap_or_else(|| expected(fields.iter().copied()));
    ("unknown_field", format!("\"{root}\" has no \"{field}\""), Some(help))
}
