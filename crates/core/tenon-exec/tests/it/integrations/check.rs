//! What the catalog says of a workflow before it runs.

use std::sync::Arc;

use serde_json::{Value, json};
use tenon_connector::catalog::Catalog;
use tenon_connector::connector::Connector;
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::{load, load_value};
use tenon_exec::steps::integration::check::{
    ConnectorLookup, ProjectConnectors, check_integrations,
};

use super::world::{CONNECTOR, manifest};
use super::{action, request};

struct One(Arc<Connector>);

impl ConnectorLookup for One {
    fn connector(&self, name: &str) -> Option<Arc<Connector>> {
        (name == CONNECTOR).then(|| self.0.clone())
    }

    fn names(&self) -> Vec<String> {
        vec![CONNECTOR.to_owned()]
    }
}

/// Pointer, code and help of what is wrong with a step.
fn findings(step: Value) -> Vec<(String, &'static str, Option<String>)> {
    let document = json!({
        "version": 1, "name": "tested", "steps": [step],
        "triggers": [{ "type": "app_event", "event": "happened" }],
    });
    let workflow = load_value(document, &DocumentLimits::default()).expect("a good document");
    let connector = Arc::new(Connector::from_value(&manifest()).expect("a good manifest"));
    let found = check_integrations(&workflow, &One(connector));
    found
        .into_iter()
        .map(|it| {
            assert_eq!(it.step.as_ref().map(|step| step.as_str()), Some("a"));
            (it.pointer, it.code, it.help)
        })
        .collect()
}

fn codes(step: Value) -> Vec<(String, &'static str)> {
    findings(step).into_iter().map(|(pointer, code, _)| (pointer, code)).collect()
}

fn at(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(format!("/steps/0{pointer}"), code)]
}

#[test]
fn what_exists_and_fits_is_fine() {
    assert_eq!(codes(request("a", "/me", json!({}))), []);
    for input in [
        json!({ "email": "ada@example.com" }),
        json!({ "email": "{{trigger.event.email}}", "name": "Ada" }),
        json!("{{trigger.event}}"),
    ] {
        assert_eq!(codes(action("a", "create_contact", json!({ "input": input }))), []);
    }
}

#[test]
fn a_slip_in_a_name_is_recognised() {
    let step = json!({ "id": "a", "type": "action", "connector": "custom.acmee", "action": "b" });
    let found = findings(step);
    assert_eq!(found[0].0, "/steps/0/connector");
    assert_eq!(found[0].1, "unknown_connector");
    assert_eq!(found[0].2.as_deref(), Some("did you mean \"custom.acme\"?"));
    let found = findings(action("a", "create_contacts", json!({})));
    assert_eq!((found[0].0.as_str(), found[0].1), ("/steps/0/action", "unknown_action"));
    assert_eq!(found[0].2.as_deref(), Some("did you mean \"create_contact\"?"));
}

#[test]
fn an_input_that_is_written_out_must_fit() {
    let check = |input: Value| codes(action("a", "create_contact", json!({ "input": input })));
    assert_eq!(check(json!({ "email": 5 })), at("/input/email", "invalid_input"));
    assert_eq!(check(json!({})), at("/input", "invalid_input"));
    assert_eq!(check(json!({ "name": "{{run.id}}" })), at("/input", "invalid_input"));
    let mistyped = json!({ "email": "{{run.id}}", "nmae": "Ada" });
    assert_eq!(check(mistyped), at("/input/nmae", "unknown_input"));
}

/// The examples of the repository fit the connectors that come with Tenon.
#[test]
fn the_examples_fit_their_connectors() {
    let catalog = Catalog::default();
    let connectors = ProjectConnectors { catalog: &catalog, plan: None };
    for (name, text) in [
        ("action.yaml", include_str!("../../../../../../examples/steps/action.yaml")),
        (
            "integration_request.yaml",
            include_str!("../../../../../../examples/steps/integration_request.yaml"),
        ),
    ] {
        let workflow = load(name, text, &DocumentLimits::default()).expect("a good document");
        let uses = workflow.steps.iter().filter(|step| step.kind.connector().is_some()).count();
        assert!(uses > 0, "{name} uses no account");
        assert_eq!(check_integrations(&workflow, &connectors), [], "{name}");
    }
}
