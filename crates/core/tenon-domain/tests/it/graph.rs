//! Edges: where steps lead, and what does not hang together.

use crate::documents::{diagnostics, document, expect_places, lines, loaded, step};
use tenon_domain::StepId;
use tenon_domain::workflow::Graph;
use tenon_domain::workflow::graph::After;

/// A conditional step.
fn condition(id: &str, rest: &str) -> String {
    format!("  - {{id: {id}, type: conditional, if: {{operator: $exists, variable: 1}}, {rest}}}\n")
}

/// A fan-out step.
fn fan_out(id: &str, rest: &str) -> String {
    format!("  - {{id: {id}, type: fan_out, over: [1], {rest}}}\n")
}

#[test]
fn ids_are_unique_well_formed_and_not_reserved() {
    expect_places(&[
        (
            &(step("a", "next: a2") + &step("a2", "next: b") + &step("b", "") + &step("a", "")),
            &["13:10 duplicate_step_id"],
        ),
        (&step("Lookup", ""), &["10:10 invalid_step_id"]),
        (&step("9a", ""), &["10:10 invalid_step_id"]),
        (&step(&"a".repeat(64), ""), &["10:10 invalid_step_id"]),
        (&step(&"a".repeat(63), ""), &[]),
        (&step("trigger", ""), &["10:10 reserved_step_id"]),
        (&step("run", ""), &["10:10 reserved_step_id"]),
        (&step("'null'", ""), &["10:10 reserved_step_id"]),
    ]);
}

#[test]
fn edges_lead_to_steps() {
    expect_places(&[
        (&step("a", "next: b"), &["10:46 unknown_step"]),
        (&condition("a", "then: b, else: c"), &["10:76 unknown_step", "10:85 unknown_step"]),
        (&fan_out("a", "each: b"), &["10:45 unknown_step"]),
        (&(step("a", "") + "start: b\n"), &["11:8 unknown_step"]),
    ]);
}

#[test]
fn a_circle_is_named() {
    let text = document(&(step("a", "next: b") + &step("b", "next: c") + &step("c", "next: a")));
    assert_eq!(
        lines(&diagnostics(&text)),
        [
            "welcome.yaml:12:46: step \"c\": the steps go in a circle: a -> b -> c -> a; a workflow has no loops; use a fan_out step to repeat steps for each item [cycle]"
        ]
    );
    expect_places(&[
        (&step("a", "next: a"), &["10:46 cycle"]),
        (&(condition("a", "then: b") + &step("b", "next: a")), &["11:46 cycle"]),
        (&(fan_out("a", "each: b") + &step("b", "next: a")), &["11:46 cycle"]),
    ]);
}

#[test]
fn steps_that_nothing_leads_to_are_refused() {
    expect_places(&[
        (&(step("a", "") + &step("b", "")), &["11:10 unreachable_step"]),
        (&(step("a", "next: b") + &step("b", "") + "start: b\n"), &["10:10 unreachable_step"]),
        // One broken edge is one message.
        (&(step("a", "next: c") + &step("b", "")), &["10:46 unknown_step"]),
    ]);
}

#[test]
fn a_branch_of_a_fan_out_is_closed() {
    expect_places(&[
        (
            &(fan_out("f", "each: a, next: b") + &step("a", "next: b") + &step("b", "")),
            &["11:46 crosses_fan_out"],
        ),
        (
            &(step("s", "next: f")
                + &fan_out("f", "each: a, next: b")
                + &step("a", "")
                + &step("b", "next: a")),
            &["13:46 crosses_fan_out"],
        ),
        (
            &(fan_out("f", "each: a, next: g")
                + &fan_out("g", "each: b")
                + &step("a", "next: b")
                + &step("b", "")),
            &["11:45 crosses_fan_out"],
        ),
    ]);
}

#[test]
fn a_step_is_in_a_branch_or_after_it_but_not_both() {
    expect_places(&[
        (
            &(condition("c", "then: a, next: b") + &step("a", "next: b") + &step("b", "")),
            &["11:46 ambiguous_path"],
        ),
        // Branches may meet, and without a next of its own a conditional may be left.
        (
            &(condition("c", "then: a, else: b")
                + &step("a", "next: d")
                + &step("b", "next: d")
                + &step("d", "")),
            &[],
        ),
        (&(condition("c", "then: a, else: b") + &step("a", "next: b") + &step("b", "")), &[]),
        (&(condition("c", "then: d, else: b") + &condition("d", "then: b") + &step("b", "")), &[]),
    ]);
}

#[test]
fn fan_outs_nest_only_so_deep() {
    let nest = |depth: usize| {
        let mut steps: String =
            (0..depth).map(|n| fan_out(&format!("f{n}"), &format!("each: f{}", n + 1))).collect();
        steps.push_str(&step(&format!("f{depth}"), ""));
        steps
    };
    expect_places(&[(&nest(4), &[]), (&nest(5), &["14:46 fan_out_too_deep"])]);
}

#[test]
fn too_many_steps_are_refused() {
    let steps: String =
        (0..501).map(|n| step(&format!("s{n}"), &format!("next: s{}", n + 1))).collect();
    expect_places(&[(&steps, &["10:3 too_many"]), ("  []\n", &["10:3 no_steps"])]);
}

#[test]
fn the_graph_knows_edges_scopes_and_returns() {
    let workflow = loaded(&document(
        &(condition("c", "then: f, next: z")
            + &fan_out("f", "each: g, next: y")
            + &fan_out("g", "each: d")
            + &condition("d", "then: e")
            + &step("e", "")
            + &step("y", "")
            + &step("z", "")),
    ));
    let graph = Graph::of(&workflow);
    let index = |id: &str| graph.index_of(&StepId::new(id)).expect("it is in the document");
    assert_eq!(graph.start(), Some(index("c")));
    assert_eq!(graph.node(index("c")).then, Some(index("f")));
    assert_eq!(graph.node(index("f")).each, Some(index("g")));
    assert_eq!(graph.scope_of(index("e")), [index("f"), index("g")]);
    assert!(graph.scope_of(index("y")).is_empty());
    assert_eq!(graph.after(index("e")), After::Join(index("g")));
    assert_eq!(graph.after(index("g")), After::Join(index("f")));
    assert_eq!(graph.after(index("f")), After::Step(index("y")));
    assert_eq!(graph.after(index("y")), After::Step(index("z")));
    assert_eq!(graph.after(index("z")), After::End);
    assert_eq!(graph.index_of(&StepId::new("nowhere")), None);
}
