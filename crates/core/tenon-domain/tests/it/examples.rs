//! The example workflows of the repository: each loads, and together they show every step type
//! and every trigger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tenon_domain::applied::{AppliedDocument, load_any};
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::{Priority, StepKind, Trigger, Workflow, json_schema};

use crate::documents::lines;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples").join(name)
}

/// The documents of a folder by file stem; every file in it must be one.
fn documents(name: &str) -> BTreeMap<String, AppliedDocument> {
    let entries = std::fs::read_dir(folder(name)).expect("the folder of examples is there");
    entries
        .map(|entry| {
            let path = entry.expect("the folder can be read").path();
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(&path).expect("an example is a text file");
            let stem = path.file_stem().expect("an example has a name").to_string_lossy();
            match load_any(&shown, &text, &DocumentLimits::default()) {
                Ok(document) => (stem.into_owned(), document),
                Err(diagnostics) => panic!("{}", lines(&diagnostics).join("\n")),
            }
        })
        .collect()
}

/// The workflows of a folder by file stem.
fn workflows(name: &str) -> BTreeMap<String, Workflow> {
    let only = |(stem, document)| match document {
        AppliedDocument::Workflow(workflow) => Some((stem, *workflow)),
        AppliedDocument::Integration(_) => None,
    };
    documents(name).into_iter().filter_map(only).collect()
}

#[test]
fn the_connect_example_has_an_integration_with_its_workflows() {
    let connectors: Vec<String> = documents("connect")
        .into_values()
        .filter_map(|document| match document {
            AppliedDocument::Integration(integration) => Some(integration.connector),
            AppliedDocument::Workflow(_) => None,
        })
        .collect();
    assert_eq!(connectors, ["slack"]);
    let workflows = workflows("connect");
    assert_eq!(workflows.len(), 3);
    for (stem, workflow) in workflows {
        assert_eq!(workflow.name, stem);
        assert_eq!(workflow.integration.as_deref(), Some("slack"));
    }
}

#[test]
fn every_example_loads_under_the_name_of_its_file() {
    for (stem, workflow) in workflows("quickstart") {
        assert_eq!(workflow.name, stem);
        assert!(workflow.description.is_some(), "{stem} has no description");
    }
    for (stem, workflow) in workflows("steps") {
        assert_eq!(workflow.name, format!("step-{}", stem.replace('_', "-")));
    }
}

#[test]
fn the_examples_of_order_say_how_their_runs_go() {
    let workflows = workflows("order");
    assert_eq!(workflows.len(), 2);
    for (stem, workflow) in &workflows {
        assert_eq!(workflow.name, *stem);
        assert!(workflow.description.is_some(), "{stem} has no description");
    }
    assert!(workflows["customer-sync"].ordering_key.is_some());
    let export = workflows["nightly-export"].order();
    assert_eq!((export.priority, export.concurrency), (Priority::Low, Some(2)));
}

#[test]
fn each_step_type_has_an_example_of_its_own() {
    let examples = workflows("steps");
    let stems: BTreeSet<String> = examples.keys().cloned().collect();
    assert_eq!(stems, step_types());
    for (stem, workflow) in &examples {
        let shown = workflow.steps.iter().filter(|step| step.kind.name() == stem).count();
        assert!(shown > 0, "steps/{stem}.yaml has no {stem} step");
    }
}

#[test]
fn each_trigger_has_an_example() {
    let (quickstart, connect) = (workflows("quickstart"), workflows("connect"));
    let triggers: BTreeSet<&str> = quickstart
        .values()
        .chain(connect.values())
        .flat_map(|workflow| &workflow.triggers)
        .map(|trigger| match trigger {
            Trigger::AppEvent { .. } => "app_event",
            Trigger::Request {} => "request",
            Trigger::Schedule { .. } => "schedule",
            Trigger::IntegrationEnabled {} => "integration_enabled",
            Trigger::Webhook { .. } => "webhook",
        })
        .collect();
    assert_eq!(
        triggers,
        BTreeSet::from(["app_event", "integration_enabled", "request", "schedule", "webhook"])
    );
}

/// The examples are shown to people who watch them run.
#[test]
fn no_example_waits_for_long() {
    let examples = workflows("quickstart").into_iter().chain(workflows("steps"));
    for (stem, workflow) in examples {
        let policies = workflow.steps.iter().filter_map(|step| step.retry.as_ref());
        for policy in policies.chain(&workflow.settings.retry) {
            for attempt in 1..=policy.retries {
                assert!(policy.backoff.delay(attempt).as_secs() <= 3, "{stem} retries slowly");
            }
        }
        for step in &workflow.steps {
            let StepKind::Delay(delay) = &step.kind else { continue };
            assert!(delay.minutes.is_none() && delay.hours.is_none() && delay.days.is_none());
            let seconds = delay.seconds.as_ref().and_then(|seconds| seconds.as_literal());
            assert!(seconds.is_none_or(|seconds| seconds.as_f64() <= Some(2.0)), "{stem} waits");
        }
    }
}

/// The step types that the published schema knows.
fn step_types() -> BTreeSet<String> {
    let schema = json_schema();
    let steps = schema["$defs"]["Step"]["oneOf"].as_array().expect("a step is one of its types");
    let name =
        |step: &serde_json::Value| step["properties"]["type"]["const"].as_str().map(str::to_owned);
    steps.iter().map(|step| name(step).expect("a step type has a name")).collect()
}
