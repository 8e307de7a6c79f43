//! Templates: what they may refer to, and from where.

use crate::documents::{diagnostics, document, expect_places, lines};

/// A function step that reads a value.
fn reads(id: &str, template: &str, rest: &str) -> String {
    format!(
        "  - {{id: {id}, type: function, code: x, parameters: {{p: \"{{{{{template}}}}}\"}}, {rest}}}\n"
    )
}

fn plain(id: &str, rest: &str) -> String {
    format!("  - {{id: {id}, type: function, code: x, {rest}}}\n")
}

fn condition(id: &str, rest: &str) -> String {
    format!("  - {{id: {id}, type: conditional, if: {{operator: $exists, variable: 1}}, {rest}}}\n")
}

fn fan_out(id: &str, rest: &str) -> String {
    format!("  - {{id: {id}, type: fan_out, over: [1], {rest}}}\n")
}

fn codes(steps: &str) -> Vec<&'static str> {
    diagnostics(&document(steps)).iter().map(|it| it.code).collect()
}

fn expect_codes(table: &[(String, &[&str])]) {
    for (steps, expected) in table {
        assert_eq!(
            &codes(steps),
            expected,
            "for the steps\n{steps}{:#?}",
            lines(&diagnostics(&document(steps)))
        );
    }
}

#[test]
fn a_wrong_reference_is_shown_where_it_stands() {
    let steps = plain("lookup", "next: b") + &reads("b", "lokup.result", "");
    assert_eq!(
        lines(&diagnostics(&document(&steps))),
        [
            "welcome.yaml:11:57: step \"b\": \"lokup\" is neither a step nor one of the given names; did you mean \"lookup\"? [unknown_reference]"
        ]
    );
    expect_places(&[(
        "  - id: a\n    type: request\n    url: https://x/{{trigger.event.id}}/{{b.result}}\n    next: b\n  - {id: b, type: function, code: x}\n",
        &["12:43 runs_later"],
    )]);
}

#[test]
fn the_given_names_are_known() {
    expect_codes(&[
        (reads("a", "trigger.event.id", ""), &[]),
        (reads("a", "trigger.request.body.x", ""), &[]),
        (reads("a", "trigger", ""), &[]),
        (reads("a", "trigger.evnt.id", ""), &["unknown_field"]),
        (reads("a", "trigger.schedule.tick", ""), &["unknown_field"]),
        (reads("a", "trigger?.schedule.tick", ""), &[]),
        (reads("a", "user.id", ""), &[]),
        (reads("a", "run.id", ""), &[]),
        (reads("a", "settings.site", ""), &[]),
        (reads("a", "settings.sit", ""), &["unknown_setting"]),
        (reads("a", "settings?.sit", ""), &[]),
        (reads("a", "nobody.x", ""), &["unknown_reference"]),
        (reads("a", "nobody?.x", ""), &["unknown_reference"]),
    ]);
}

#[test]
fn a_step_reads_only_what_has_run() {
    expect_codes(&[
        (plain("a", "next: b") + &reads("b", "a.result", ""), &[]),
        (reads("a", "b.result", "next: b") + &plain("b", ""), &["runs_later"]),
        (reads("a", "b?.result", "next: b") + &plain("b", ""), &["runs_later"]),
        (reads("a", "a.result", ""), &["own_output"]),
    ]);
}

#[test]
fn a_branch_may_not_have_run() {
    let branches =
        |rest: &str, tail: String| condition("c", rest) + &plain("a", "") + &plain("b", "") + &tail;
    expect_codes(&[
        // Only one of the branches has run afterwards.
        (branches("then: a, else: b, next: z", reads("z", "a.result", "")), &["may_not_have_run"]),
        (branches("then: a, else: b, next: z", reads("z", "a?.result", "")), &[]),
        // The conditional itself has.
        (branches("then: a, else: b, next: z", reads("z", "c.result", "")), &[]),
        // One branch does not see the other.
        (
            condition("c", "then: a, else: b") + &plain("a", "") + &reads("b", "a?.result", ""),
            &["runs_later"],
        ),
        // Both branches lead through the same step.
        (
            condition("c", "then: a, else: b, next: z")
                + &plain("a", "next: d")
                + &plain("b", "next: d")
                + &plain("d", "next: e")
                + &reads("e", "d.result", "")
                + &reads("z", "d.result", ""),
            &[],
        ),
        // Without else the branch is skipped.
        (
            condition("c", "then: a, next: z") + &plain("a", "") + &reads("z", "a.result", ""),
            &["may_not_have_run"],
        ),
        // A branch of a nested conditional ends outwards.
        (
            condition("c", "then: d, next: z")
                + &condition("d", "then: a, else: b")
                + &plain("a", "")
                + &plain("b", "")
                + &reads("z", "d?.result", ""),
            &[],
        ),
    ]);
}

#[test]
fn a_fan_out_shows_its_branch_only_after_the_join() {
    expect_codes(&[
        (fan_out("f", "each: a") + &reads("a", "f.instance.id", ""), &[]),
        (fan_out("f", "each: a") + &reads("a", "f.index", ""), &[]),
        (fan_out("f", "each: a") + &reads("a", "f.count", ""), &["unknown_field"]),
        (fan_out("f", "each: a, next: z") + &plain("a", "") + &reads("z", "f.count", ""), &[]),
        (
            fan_out("f", "each: a, next: z") + &plain("a", "") + &reads("z", "f.instance", ""),
            &["unknown_field"],
        ),
        // Lists: a path leads into each of their elements.
        (fan_out("f", "each: a, next: z") + &plain("a", "") + &reads("z", "a", ""), &[]),
        (
            fan_out("f", "each: a, next: z") + &plain("a", "") + &reads("z", "at(a.result, 0)", ""),
            &[],
        ),
        (fan_out("f", "each: a, next: z") + &plain("a", "") + &reads("z", "a.result", ""), &[]),
        (
            fan_out("f", "each: a, next: z") + &plain("a", "") + &reads("z", "a[0].result", ""),
            &["unknown_field"],
        ),
        // Before the join, from outside.
        (
            reads("s", "a?.result", "next: f") + &fan_out("f", "each: a") + &plain("a", ""),
            &["inside_fan_out"],
        ),
        // A step behind a condition inside the branch is a list all the same.
        (
            fan_out("f", "each: c, next: z")
                + &condition("c", "then: a")
                + &plain("a", "")
                + &reads("z", "a.result", ""),
            &[],
        ),
        // In a later fan-out, an earlier one is over.
        (
            fan_out("f", "each: a, next: g")
                + &plain("a", "")
                + &fan_out("g", "each: b")
                + &reads("b", "a.result", ""),
            &[],
        ),
        // Nested: the outer item is seen inside.
        (fan_out("f", "each: g") + &fan_out("g", "each: b") + &reads("b", "f.instance.x", ""), &[]),
        // In a branch that may not have run, nor may the fan-out.
        (
            condition("c", "then: f, next: z")
                + &fan_out("f", "each: a")
                + &plain("a", "")
                + &reads("z", "a.result", ""),
            &["may_not_have_run"],
        ),
    ]);
}

#[test]
fn the_fields_of_outputs_are_known() {
    let request = "  - {id: a, type: request, url: 'https://x', next: z}\n".to_owned();
    let lenient =
        "  - {id: a, type: request, url: 'https://x', ignore_failure: true, next: z}\n".to_owned();
    expect_codes(&[
        (request.clone() + &reads("z", "a.response.body.x", ""), &[]),
        (request.clone() + &reads("z", "a.body.x", ""), &["unknown_field"]),
        (request + &reads("z", "a.error", ""), &["unknown_field"]),
        (lenient + &reads("z", "a.error.code", ""), &[]),
        (
            "  - {id: a, type: delay, seconds: 1, next: z}\n".to_owned()
                + &reads("z", "a.until", ""),
            &[],
        ),
        (
            "  - {id: a, type: response, next: z}\n".to_owned() + &reads("z", "a.statusCode", ""),
            &[],
        ),
    ]);
}

#[test]
fn self_belongs_to_pagination() {
    let paginated = |url: &str, token: &str| {
        format!(
            "  - {{id: a, type: request, url: \"https://x/{{{{{url}}}}}\", pagination: {{page_token: \"{{{{{token}}}}}\", items: []}}}}\n"
        )
    };
    expect_codes(&[
        (paginated("self.pageToken", "self.response.body.next"), &[]),
        (paginated("self.pageToken", "self.page"), &[]),
        (paginated("self.response.body", "self.page"), &["unknown_field"]),
        (paginated("self.pageToken", "self.pge"), &["unknown_field"]),
        (
            "  - {id: a, type: request, url: \"https://x/{{self.pageToken}}\"}\n".to_owned(),
            &["self_without_pagination"],
        ),
        (reads("a", "self.page", ""), &["self_without_pagination"]),
    ]);
}
