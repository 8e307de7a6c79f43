//! The form of a workflow that the engine walks.

use std::sync::Arc;

use serde_json::json;
use tenon_contract::plan::WorkflowPlan;
use tenon_domain::{ProjectId, VersionId, WorkflowId};
use tenon_exec::program::Program;

use crate::bench::program;

fn code(id: &str) -> serde_json::Value {
    json!({ "id": id, "type": "function", "code": "function run() {}" })
}

#[test]
fn a_scope_is_the_fan_outs_around_a_step_through_branches_too() {
    let mut inner_body = code("inner_body");
    inner_body["parameters"] = json!({ "x": "{{inner.instance}}" });
    let program = program(json!([
        { "id": "outer", "type": "fan_out", "over": "{{trigger.event.list}}", "each": "asked",
          "next": "last" },
        { "id": "asked", "type": "conditional", "then": "inner", "next": "closing",
          "if": { "operator": "$booleanTrue", "variable": "{{trigger.event.x}}" } },
        { "id": "inner", "type": "fan_out", "over": "{{outer.instance}}", "each": "inner_body" },
        inner_body,
        code("closing"),
        code("last"),
    ]));
    let scope = |id: &str| {
        let index = program.index_of(id).expect("a step");
        let around = program.steps[index].scope.iter();
        around.map(|fan_out| program.steps[*fan_out].step.id.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(scope("outer"), [""; 0]);
    assert_eq!(scope("asked"), ["outer"]);
    assert_eq!(scope("inner"), ["outer"]);
    assert_eq!(scope("inner_body"), ["outer", "inner"]);
    assert_eq!(scope("closing"), ["outer"]);
    assert_eq!(scope("last"), [""; 0]);
}

#[test]
fn an_edge_to_a_missing_step_is_a_defect_that_names_both() {
    let document = serde_json::from_value(json!({
        "version": 1, "name": "broken", "triggers": [],
        "steps": [{ "id": "a", "type": "function", "code": "", "next": "gone" }],
    }))
    .expect("the right shape");
    let plan = WorkflowPlan {
        project: ProjectId::new(),
        workflow: WorkflowId::new(),
        version: VersionId::new(),
        number: 1,
        document,
    };
    let error = Program::compile(Arc::new(plan)).expect_err("broken");
    assert_eq!(error.to_string(), "step `a` names step `gone`, which is not in the document");
}
