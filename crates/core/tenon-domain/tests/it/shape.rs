//! The shape: fields, types and choices.

use crate::documents::{diagnostics, document, lines, places};

fn messages(text: &str) -> Vec<String> {
    lines(&diagnostics(text))
}

#[test]
fn unknown_fields_are_refused_with_what_was_meant() {
    let text = document("  - {id: a, type: function, code: x, nxt: b}\n");
    assert_eq!(
        messages(&text),
        [
            "welcome.yaml:10:38: step \"a\": unknown field \"nxt\"; did you mean \"next\"? [unknown_field]"
        ]
    );
    let text = document("  - {id: a, type: response, sidecar: 1}\n");
    assert_eq!(
        messages(&text),
        [
            "welcome.yaml:10:29: step \"a\": unknown field \"sidecar\"; expected \"id\", \"description\", \"next\", \"retry\", \"ignore_failure\", \"type\", \"status\", \"headers\" or \"body\" [unknown_field]"
        ]
    );
}

#[test]
fn every_level_is_closed() {
    let table = [
        "version: 1\nname: a\nowner: me\n",
        "version: 1\nname: a\ntriggers:\n  - {type: request, path: /x}\n",
        "version: 1\nname: a\nsettings: {retries: 3}\n",
        "version: 1\nname: a\nsettings: {retry: {attempts: 3}}\n",
    ];
    for text in table {
        let found = places(text);
        assert!(found.iter().any(|place| place.ends_with("unknown_field")), "{text}: {found:?}");
    }
    let steps = [
        "  - {id: a, type: request, url: 'https://x', auth: {type: bearer, token: x, realm: y}}\n",
        "  - {id: a, type: request, url: 'https://x', auth: {type: none, token: x}}\n",
        "  - {id: a, type: request, url: 'https://x', body: {jsn: {}}}\n",
        "  - {id: a, type: request, url: 'https://x', body: {multipart: [{name: a, value: b, type: c}]}}\n",
        "  - {id: a, type: request, url: 'https://x', pagination: {page_token: x, items: y, pages: 3}}\n",
        "  - {id: a, type: function, code: x, retry: {backoff: {exponential: {initial: 1, factor: 2, max: 3, min: 1}}}}\n",
    ];
    for text in steps {
        let found = places(&document(text));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].ends_with("unknown_field"), "{text}: {found:?}");
    }
}

#[test]
fn wrong_types_name_the_path_and_the_line() {
    let table = [
        ("code: [x]", "code must be text, not a list [wrong_type]"),
        ("code: x, timeout_ms: fast", "timeout_ms must be a whole number, not text [wrong_type]"),
        ("code: x, timeout_ms: 1.5", "timeout_ms must be a whole number, not 1.5 [wrong_type]"),
        ("code: x, timeout_ms: -5", "the number must be 0 to 4294967295, not -5 [out_of_range]"),
        (
            "code: x, timeout_ms: 9999999999",
            "the number must be 0 to 4294967295, not 9999999999 [out_of_range]",
        ),
        (
            "code: x, ignore_failure: 'yes'",
            "ignore_failure must be true or false, not text [wrong_type]",
        ),
        (
            "code: x, retry: {on_status: [4xx, true]}",
            "retry.on_status[1] must be a whole number or text, not true or false [wrong_type]",
        ),
        (
            "code: x, retry: {on_status: [6xx]}",
            "retry.on_status[0] cannot be \"6xx\"; did you mean \"4xx\"? [invalid_value]",
        ),
        (
            "code: x, retry: {jitter: ful}",
            "retry.jitter cannot be \"ful\"; did you mean \"full\"? [invalid_value]",
        ),
        (
            "code: x, retry: {backoff: {}}",
            "retry.backoff is empty; expected \"schedule\" or \"exponential\" [missing_field]",
        ),
        ("code: x, parameters: [1]", "parameters must be a mapping, not a list [wrong_type]"),
        ("parameters: {a: 1}", "the step needs \"code\" [missing_field]"),
    ];
    for (fields, expected) in table {
        let text = document(&format!("  - {{id: a, type: function, {fields}}}\n"));
        let found = messages(&text);
        assert_eq!(found.len(), 1, "{fields}: {found:?}");
        assert!(found[0].starts_with("welcome.yaml:10:"), "{}", found[0]);
        assert!(found[0].ends_with(expected), "{}", found[0]);
    }
}

#[test]
fn choices_say_what_is_to_choose_from() {
    let table = [
        (
            "  - {id: a, type: reqest}\n",
            "type cannot be \"reqest\"; did you mean \"request\"? [invalid_value]",
        ),
        (
            "  - {id: a}\n",
            "the step needs \"type\"; expected \"request\", \"function\", \"conditional\", \"fan_out\", \"delay\", \"response\", \"action\" or \"integration_request\" [missing_field]",
        ),
        (
            "  - {id: a, type: request, url: 'https://x', method: get}\n",
            "method cannot be \"get\"; did you mean \"GET\"? [invalid_value]",
        ),
        (
            "  - {id: a, type: request, url: 'https://x', body: {json: 1, raw: 2}}\n",
            "body must have exactly one key; expected \"json\", \"form\", \"multipart\", \"graphql\", \"xml\" or \"raw\" [not_exactly_one]",
        ),
        (
            "  - {id: a, type: request, url: 'https://x', auth: bearer}\n",
            "auth must be a mapping, not text [wrong_type]",
        ),
        ("  - just text\n", "the step must be a mapping, not text [wrong_type]"),
    ];
    for (steps, expected) in table {
        let found = messages(&document(steps));
        assert_eq!(found.len(), 1, "{steps}: {found:?}");
        assert!(found[0].ends_with(expected), "{}", found[0]);
    }
}

#[test]
fn another_version_is_one_message() {
    assert_eq!(
        messages("version: 2\nnom: a\n"),
        [
            "welcome.yaml:1:10: documents of version 2 are not known here; write version: 1 [unsupported_version]"
        ]
    );
}

#[test]
fn a_document_that_is_no_mapping_is_refused() {
    for text in ["[]", "5", "text"] {
        assert_eq!(places(text), ["1:1 wrong_type"], "{text}");
    }
}

#[test]
fn conditions_are_checked_inside() {
    let table = [
        (
            "{operator: $exist, variable: x}",
            "10:48: step \"a\": if.operator cannot be \"$exist\"; did you mean \"$exists\"? [invalid_value]",
        ),
        (
            "{all: [{operator: $exists, variable: x, value: y}]}",
            "10:77: step \"a\": unknown field \"value\"; expected \"operator\", \"variable\" or \"argument\" [unknown_field]",
        ),
        ("{any: [{operator: $exists, variable: '{{oops'}]}", "10:75: step \"a\": "),
        (
            "{}",
            "10:37: step \"a\": if has none of the keys that tell what it is; expected \"any\", \"all\", \"operator\" or \"type\" [missing_field]",
        ),
        ("{all: x}", "10:43: step \"a\": if.all must be a list, not text [wrong_type]"),
        ("{operator: $exists}", "10:37: step \"a\": "),
    ];
    for (condition, expected) in table {
        let found =
            messages(&document(&format!("  - {{id: aa, type: conditional, if: {condition}}}\n")));
        let expected = format!("welcome.yaml:{}", expected.replace("step \"a\"", "step \"aa\""));
        assert_eq!(found.len(), 1, "{condition}: {found:?}");
        assert!(found[0].starts_with(&expected), "{}\n{expected}", found[0]);
    }
}
