//! Steps that use a connected account, as far as the document alone can tell. Whether the
//! connector and its action exist is for whoever has the catalog.

use serde_json::Value;
use tenon_expr::Source;

use super::http::check_headers;
use super::steps::{check_body, check_pagination, check_timeout};
use crate::limits::DocumentLimits;
use crate::workflow::diagnostic::Finding;
use crate::workflow::steps::action::ActionStep;
use crate::workflow::steps::integration_request::IntegrationRequestStep;

pub(super) fn check_action(action: &ActionStep, pointer: &str, findings: &mut Vec<Finding>) {
    check_connector(&action.connector, pointer, findings);
    if !is_action_id(&action.action) {
        let message = "this is not the id of an action";
        findings.push(
            Finding::new("invalid_name", format!("{pointer}/action"), message)
                .help("use 1 to 63 of a-z, 0-9 and _, starting with a letter"),
        );
    }
    check_account(action.account.as_ref(), pointer, findings);
    // A text that is one template may become an object; everything else that is no object never
    // will.
    let is_object = match action.input.raw() {
        Value::Object(_) => true,
        Value::String(text) => is_one_template(text) && action.input.as_literal().is_none(),
        _ => false,
    };
    if !is_object {
        findings.push(
            Finding::new("not_a_mapping", format!("{pointer}/input"), "an input is a mapping")
                .help("write the fields of the action's input, such as input: {text: Hello}"),
        );
    }
}

pub(super) fn check_integration_request(
    request: &IntegrationRequestStep,
    pointer: &str,
    limits: &DocumentLimits,
    findings: &mut Vec<Finding>,
) {
    check_connector(&request.connector, pointer, findings);
    check_account(request.account.as_ref(), pointer, findings);
    if let Some(message) = path_problem(&request.path) {
        findings.push(
            Finding::new("invalid_path", format!("{pointer}/path"), message)
                .help("write a path below the API's base URL, such as /contacts"),
        );
    }
    check_headers(&request.headers, &format!("{pointer}/headers"), findings);
    check_timeout(request.timeout_ms, pointer, findings);
    check_body(request.body.as_ref(), pointer, findings);
    check_pagination(request.pagination.as_ref(), pointer, limits, findings);
}

fn check_connector(name: &str, pointer: &str, findings: &mut Vec<Finding>) {
    if let Some(problem) = connector_name_problem(name) {
        findings.push(problem.into_finding(&format!("{pointer}/connector")));
    }
}

/// A text that is no connector's name.
pub(crate) struct ConnectorNameProblem;

impl ConnectorNameProblem {
    pub(crate) fn into_finding(self, pointer: &str) -> Finding {
        Finding::new("invalid_name", pointer, "this is not the name of a connector")
            .help("write a name such as slack, or custom.crm for one of the project's own")
    }
}

/// Whether a text has the form of a connector's name. Whether there is one is not known here.
pub(crate) fn connector_name_problem(name: &str) -> Option<ConnectorNameProblem> {
    let own = name.strip_prefix("custom.").unwrap_or(name);
    let is_fine = (1..=63).contains(&own.len())
        && !own.starts_with('-')
        && own.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (!is_fine).then_some(ConnectorNameProblem)
}

fn check_account(account: Option<&Source>, pointer: &str, findings: &mut Vec<Finding>) {
    let Some(literal) = account.and_then(Source::as_literal) else { return };
    let is_fine = match literal {
        Value::String(text) => !text.trim().is_empty(),
        Value::Null => true,
        _ => false,
    };
    if !is_fine {
        let message = "an account is named by text";
        findings.push(
            Finding::new("invalid_account", format!("{pointer}/account"), message)
                .help("write its id or its external id; leave it out for the oldest account"),
        );
    }
}

/// A path that is written out is relative; what a template makes of it is for the run to check.
fn path_problem(path: &Source) -> Option<String> {
    let Value::String(text) = path.raw() else { return Some("a path must be text".to_owned()) };
    let start = text.split("{{").next().unwrap_or_default();
    if start.contains("://") {
        return Some("the path is a whole URL; the account's base URL comes before it".to_owned());
    }
    if start.starts_with("//") || start.starts_with('\\') || start.starts_with("/\\") {
        return Some("the path would name another host".to_owned());
    }
    if text.contains('#') && path.as_literal().is_some() {
        return Some("a path has no fragment".to_owned());
    }
    None
}

fn is_action_id(id: &str) -> bool {
    (1..=63).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_one_template(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}")
}
