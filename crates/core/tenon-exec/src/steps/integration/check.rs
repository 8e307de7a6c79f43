//! What the catalog of connectors says of a workflow, before it runs: whether connectors and
//! actions exist, and whether an input that is written out fits.
//!
//! Whether a project has switched an integration on is not looked at: that may come later.

use std::sync::Arc;

use serde_json::Value;
use tenon_connector::catalog::Catalog;
use tenon_connector::connector::Connector;
use tenon_contract::plan::ProjectPlan;
use tenon_domain::document::did_you_mean;
use tenon_domain::workflow::steps::action::ActionStep;
use tenon_domain::workflow::{Diagnostic, Step, StepKind, Workflow};

/// Faults of one input that are reported.
const FAULTS_MAX: usize = 10;

/// Finds connectors by the names that workflows use.
pub trait ConnectorLookup {
    /// A connector; `None`: there is none of this name.
    fn connector(&self, name: &str) -> Option<Arc<Connector>>;

    /// All names, for a hint at what was meant.
    fn names(&self) -> Vec<String>;
}

/// The connectors of one project: those that come with Tenon, and its own.
pub struct ProjectConnectors<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// The project; `None` where its own connectors are not known.
    pub plan: Option<&'a ProjectPlan>,
}

impl ConnectorLookup for ProjectConnectors<'_> {
    fn connector(&self, name: &str) -> Option<Arc<Connector>> {
        let own = self.plan.and_then(|plan| {
            let manifest = plan.integration(name)?.manifest.as_ref()?;
            self.catalog.custom(plan.project, name, manifest).ok()
        });
        own.or_else(|| self.catalog.get(name))
    }

    fn names(&self) -> Vec<String> {
        let own = self.plan.into_iter().flat_map(|plan| &plan.integrations);
        let own = own.filter(|it| it.manifest.is_some()).map(|it| it.connector.clone());
        self.catalog.names().map(ToString::to_string).chain(own).collect()
    }
}

/// Every step that the connectors do not fit. Diagnostics carry a pointer and no line.
#[must_use]
pub fn check_integrations(
    workflow: &Workflow,
    connectors: &dyn ConnectorLookup,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, step) in workflow.steps.iter().enumerate() {
        let Some(name) = step.kind.connector() else { continue };
        let report = Report { step, index };
        let Some(connector) = connectors.connector(name) else {
            let names = connectors.names();
            let help = did_you_mean(name, names.iter().map(String::as_str))
                .unwrap_or_else(|| "`tenon connector list` shows all connectors".to_owned());
            let message = format!("there is no connector \"{name}\"");
            found.push(report.of("unknown_connector", "/connector", message, Some(help)));
            continue;
        };
        if let StepKind::Action(action) = &step.kind {
            check_action(action, &connector, &report, &mut found);
        }
    }
    found
}

fn check_action(
    step: &ActionStep,
    connector: &Connector,
    report: &Report<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(action) = connector.action(&step.action) else {
        let actions = &connector.manifest().actions;
        let help = did_you_mean(&step.action, actions.iter().map(|it| it.id.as_str()));
        let message = format!("\"{}\" has no action \"{}\"", step.connector, step.action);
        found.push(report.of("unknown_action", "/action", message, help));
        return;
    };
    match step.input.as_literal() {
        Some(input) => {
            let Some(validator) = connector.input_validator(&action.id) else { return };
            for error in validator.iter_errors(input).take(FAULTS_MAX) {
                let pointer = format!("/input{}", error.instance_path());
                found.push(report.of("invalid_input", &pointer, error.to_string(), None));
            }
        }
        None => check_members(step.input.raw(), &action.input, report, found),
    }
}

/// What can be said of an input that holds templates: which members there are.
fn check_members(input: &Value, schema: &Value, report: &Report<'_>, found: &mut Vec<Diagnostic>) {
    let Value::Object(members) = input else { return };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !members.contains_key(*name)) {
        let message = format!("the action needs \"{name}\" in its input");
        found.push(report.of("invalid_input", "/input", message, None));
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    if schema["additionalProperties"] != Value::Bool(false) {
        return;
    }
    for name in members.keys().filter(|name| !properties.contains_key(*name)).take(FAULTS_MAX) {
        let help = did_you_mean(name, properties.keys().map(String::as_str));
        let message = format!("the action's input has no \"{name}\"");
        let pointer = format!("/input/{}", name.replace('~', "~0").replace('/', "~1"));
        found.push(report.of("unknown_input", &pointer, message, help));
    }
}

/// Places diagnostics in a step.
struct Report<'a> {
    step: &'a Step,
    index: usize,
}

impl Report<'_> {
    fn of(
        &self,
        code: &'static str,
        pointer: &str,
        message: String,
        help: Option<String>,
    ) -> Diagnostic {
        Diagnostic {
            file: String::new(),
            line: 0,
            column: 0,
            pointer: format!("/steps/{}{pointer}", self.index),
            step: Some(self.step.id.clone()),
            code,
            message,
            help,
        }
    }
}
