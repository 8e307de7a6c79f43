//! One content, one fingerprint.

use crate::documents::{document, loaded};
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::{canonical_json, fingerprint, load, load_value};

const STEPS: &str = "  - {id: a, type: request, url: 'https://x/{{trigger.event.id}}', headers: {B: 1, A: 2}, next: b}\n  - {id: b, type: delay, seconds: 5}\n";

#[test]
fn the_canonical_form_loads_to_the_same_workflow() {
    let workflow = loaded(&document(STEPS));
    let text = canonical_json(&workflow);
    let again = load("a.json", &text, &DocumentLimits::default()).expect("it was valid");
    assert_eq!(again, workflow);
    assert_eq!(canonical_json(&again), text);
    let value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(load_value(value, &DocumentLimits::default()).expect("it was valid"), workflow);
}

#[test]
fn writing_it_otherwise_changes_nothing() {
    let one = fingerprint(&loaded(&document(STEPS)));
    let comments = document(STEPS).replace("name: welcome", "# hello\nname: \"welcome\"");
    let defaults = document(
        &STEPS.replace("type: request,", "method: GET, type: request, ignore_failure: false,"),
    );
    let order = document(&STEPS.replace("headers: {B: 1, A: 2}", "headers: {A: 2, B: 1}"));
    for text in [comments, defaults, order] {
        assert_eq!(fingerprint(&loaded(&text)), one, "{text}");
    }
    assert_eq!(one.to_string().len(), 64);
}

#[test]
fn the_order_of_keys_inside_values_does_not_count() {
    let body = |json: &str| {
        let steps =
            format!("  - {{id: a, type: request, url: 'https://x', body: {{json: {json}}}}}\n");
        fingerprint(&loaded(&document(&steps)))
    };
    assert_eq!(body("{b: [{d: 1, c: 2}], a: 3}"), body("{a: 3, b: [{c: 2, d: 1}]}"));
    assert_ne!(body("{a: [1, 2]}"), body("{a: [2, 1]}"));
}

#[test]
fn a_change_of_content_changes_it() {
    let one = fingerprint(&loaded(&document(STEPS)));
    for (from, to) in
        [("seconds: 5", "seconds: 6"), ("trigger.event.id", "trigger.event.no"), ("A: 2", "A: '2'")]
    {
        assert_ne!(fingerprint(&loaded(&document(&STEPS.replace(from, to)))), one, "{to}");
    }
}
