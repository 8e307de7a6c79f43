//! Priority, concurrency and the ordering key.

use tenon_domain::workflow::{Priority, canonical_json, fingerprint};

use crate::documents::{diagnostics, lines, loaded};

fn with(fields: &str) -> String {
    format!(
        "version: 1\nname: a\n{fields}\ntriggers: [{{type: app_event, event: x}}]\n\
         steps: [{{id: a, type: delay, seconds: 1}}]\n"
    )
}

fn codes(fields: &str) -> Vec<&'static str> {
    diagnostics(&with(fields)).iter().map(|it| it.code).collect()
}

#[test]
fn a_document_says_how_its_runs_go() {
    let plain = loaded(&with(""));
    assert!(plain.order().is_default());
    assert_eq!(loaded(&with("priority: high")).priority, Priority::High);
    assert_eq!(loaded(&with("priority: low")).order().priority, Priority::Low);
    assert_eq!(loaded(&with("concurrency: 3")).order().concurrency, Some(3));
    let keyed = loaded(&with("ordering_key: 'customer {{trigger.event.id}}'"));
    assert!(keyed.order().ordering_key.is_some());
}

#[test]
fn saying_nothing_is_no_change_of_a_document() {
    let plain = loaded(&with(""));
    assert_eq!(fingerprint(&plain), fingerprint(&loaded(&with("priority: normal"))));
    for word in ["priority", "concurrency", "ordering_key"] {
        assert!(!canonical_json(&plain).contains(word), "{word} would make every version anew");
    }
}

#[test]
fn wrong_words_and_numbers_are_refused() {
    assert_eq!(codes("priority: urgent"), ["invalid_value"]);
    assert_eq!(codes("concurrency: 0"), ["out_of_range"]);
    assert_eq!(codes("concurrency: 10001"), ["out_of_range"]);
    assert_eq!(codes("concurrency: 10000"), [""; 0]);
    assert_eq!(codes("ordering_key: '{{trigger.event.'"), ["invalid_template"]);
}

#[test]
fn an_order_and_a_limit_do_not_stand_together() {
    let text = with("concurrency: 2\nordering_key: '{{trigger.event.id}}'");
    assert_eq!(
        lines(&diagnostics(&text)),
        ["welcome.yaml:3:14: concurrency and ordering_key cannot stand together: runs of one key \
          go one at a time anyway, and runs of different keys do not wait for each other; keep \
          ordering_key for an order, or concurrency for a limit [order_conflict]"]
    );
}

#[test]
fn the_key_knows_only_what_is_known_before_a_run() {
    for good in [
        "{{trigger.event.customer}}",
        "{{trigger}}",
        "{{user.id}}",
        "{{run.account}}",
        "{{run.configuration}}",
        "{{trigger?.request.params.id}}",
        "fixed",
    ] {
        assert_eq!(codes(&format!("ordering_key: '{good}'")), [""; 0], "{good}");
    }
    for (wrong, code) in [
        ("{{a.until}}", "unknown_reference"),
        ("{{settings.x}}", "unknown_reference"),
        ("{{secrets.KEY}}", "unknown_reference"),
        ("{{trigger.evnt.id}}", "unknown_field"),
        ("{{trigger.request.params.id}}", "unknown_field"),
        ("{{user.meta.plan}}", "unknown_field"),
        ("{{user}}", "unknown_field"),
        ("{{run.id}}", "unknown_field"),
    ] {
        assert_eq!(codes(&format!("ordering_key: '{wrong}'")), [code], "{wrong}");
    }
}

#[test]
fn a_wrong_reference_has_its_line() {
    assert_eq!(
        lines(&diagnostics(&with("ordering_key: 'c {{trigger.evnt.id}}'"))),
        ["welcome.yaml:3:20: \"trigger\" has no \"evnt\"; did you mean \"event\"? [unknown_field]"]
    );
}
