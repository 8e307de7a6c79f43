//! The text itself: what is refused before anything is known about workflows.

use crate::documents::{diagnostics, document, lines, loaded, places};
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::{load, load_value};

const MINIMAL: &str =
    "version: 1\nname: a\ntriggers: []\nsteps:\n  - {id: a, type: function, code: x}\n";

#[test]
fn what_yaml_has_beyond_json_is_refused_where_it_stands() {
    let table = [
        ("name: a\nname: b\n", "2:1 duplicate_key"),
        ("name: &x a\n", "1:10 anchor"),
        ("name: !!str a\n", "1:13 tag"),
        ("name: .nan\n", "1:7 number_not_finite"),
        ("name: -.inf\n", "1:7 number_not_finite"),
        ("name: 99999999999999999999\n", "1:7 number_out_of_range"),
        ("1: a\n", "1:1 key_not_text"),
        ("null: a\n", "1:1 key_not_text"),
        ("[a]: b\n", "1:1 key_not_text"),
        ("? {a: b}\n: c\n", "1:3 key_not_text"),
        ("{a: b\n", "2:1 syntax"),
        ("a: b\n c: d\n", "2:3 syntax"),
        ("", "1:1 empty_document"),
        ("# nothing\n", "1:1 empty_document"),
    ];
    for (text, expected) in table {
        let found = places(text);
        assert!(found.iter().any(|place| place == expected), "{text:?}: {found:?}");
    }
}

#[test]
fn a_second_document_is_refused() {
    let text = format!("{MINIMAL}---\n{MINIMAL}");
    assert_eq!(places(&text), ["6:1 several_documents"]);
}

#[test]
fn after_a_lost_value_only_the_text_is_reported() {
    let steps = |second: &str| {
        document(&format!(
            "  - {{id: a, type: delay, seconds: &n 5, next: b}}\n  - {{id: b, type: delay, seconds: {second}, next: c}}\n"
        ))
    };
    assert_eq!(places(&steps("*n")), ["10:38 anchor", "11:35 alias"]);
    assert_eq!(places(&steps("1e999")), ["10:38 anchor", "11:35 number_out_of_range"]);
    assert_eq!(places(&steps("1")), ["10:38 anchor", "11:44 unknown_step"]);
}

#[test]
fn depth_and_size_are_bounded() {
    let limits = DocumentLimits { depth_max: 10, document_bytes_max: 2_000, ..Default::default() };
    for (file, text) in [
        ("a.yaml", format!("a: {}{}", "[".repeat(30), "]".repeat(30))),
        ("a.json", format!("{}{}", "[".repeat(900), "]".repeat(900))),
        ("a.yaml", (0..30).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
    ] {
        let found = load(file, &text, &limits).expect_err("it is too deep");
        assert_eq!(found[0].code, "too_deep", "{file}: {}", found[0]);
    }
    let found = load("a.yaml", &"#".repeat(2_001), &limits).expect_err("it is too large");
    assert_eq!(
        found[0].to_string(),
        "a.yaml:1:1: the document has 2001 bytes, at most 2000 are allowed [too_large]"
    );
    let deep = (0..30).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    assert_eq!(load_value(deep, &limits).expect_err("it is too deep")[0].code, "too_deep");
}

#[test]
fn json_is_read_strictly_and_with_places() {
    let table = [
        ("{\"version\": 1,}", "1:15 syntax"),
        ("{\"version\": 01}", "1:13 syntax"),
        ("{\"version\": NaN}", "1:13 syntax"),
        ("{\"version\": +1}", "1:13 syntax"),
        ("{\"version\": 1e999}", "1:13 number_out_of_range"),
        ("{\"version\": 1} x", "1:16 syntax"),
        ("{\"version\": 'a'}", "1:13 syntax"),
        ("{version: 1}", "1:2 syntax"),
        ("{\"a\": 1,\n \"a\": 2}", "2:2 duplicate_key"),
        ("{\"a\": \"x\ny\"}", "1:9 syntax"),
        ("{\"a\": \"\\ud800\"}", "1:8 syntax"),
        ("{\"a\": \"\\x\"}", "1:8 syntax"),
        ("{\"a\": \"x", "1:7 syntax"),
        ("// a comment\n{}", "1:1 syntax"),
        ("[1, 2", "1:6 syntax"),
        ("", "1:1 syntax"),
    ];
    for (text, expected) in table {
        let found = load("a.json", text, &DocumentLimits::default()).expect_err("it is wrong");
        let places: Vec<String> =
            found.iter().map(|it| format!("{}:{} {}", it.line, it.column, it.code)).collect();
        assert!(places.iter().any(|place| place == expected), "{text:?}: {places:?}");
    }
}

#[test]
fn json_with_tabs_escapes_and_surrogates_is_read() {
    let text = "{\n\t\"version\": 1, \"name\": \"a\", \"triggers\": [],\n\t\"description\": \"\\ud83d\\ude00 \\/ \\u00e9\\t\",\n\t\"steps\": [{\"id\": \"a\", \"type\": \"function\", \"code\": \"x\"}]\n}";
    for file in ["a.json", "pasted"] {
        let workflow = load(file, text, &DocumentLimits::default()).expect("it is fine");
        assert_eq!(workflow.description.as_deref(), Some("😀 / é\t"));
    }
}

#[test]
fn yaml_words_keep_their_types() {
    let workflow = loaded(
        "version: 1\nname: '7'\ntriggers: []\nsettings:\n  values: {a: yes, b: 0x1F, c: 1.5, d: ~, e: '12', f: true, g: 2026-01-01}\nsteps:\n  - {id: a, type: function, code: |-\n      x\n    }\n".replace("|-\n      x\n    ", "x").as_str(),
    );
    let expected = serde_json::json!(
        {"a": "yes", "b": 31, "c": 1.5, "d": null, "e": "12", "f": true, "g": "2026-01-01"}
    );
    assert_eq!(serde_json::Value::Object(workflow.settings.values), expected);
}

#[test]
fn a_template_error_points_at_the_character() {
    let table = [
        // Plain, quoted, in a flow mapping, in a literal block, folded (the value's start).
        ("  - {id: a, type: delay, seconds: 5, description: x}\n", &[][..]),
        (
            "  - id: a\n    type: request\n    url: https://x/{{oops\n",
            &["12:20 invalid_template"][..],
        ),
        (
            "  - id: a\n    type: request\n    url: \"https://x/{{oops\"\n",
            &["12:21 invalid_template"][..],
        ),
        (
            "  - id: a\n    type: request\n    url: 'https://é/{{oops'\n",
            &["12:21 invalid_template"][..],
        ),
        (
            "  - id: a\n    type: request\n    url: https://x\n    body:\n      raw:\n        content: |\n          one\n          two {{oops\n",
            &["17:15 invalid_template"][..],
        ),
    ];
    for (steps, expected) in table {
        assert_eq!(places(&document(steps)), expected, "for the steps\n{steps}");
    }
}

#[test]
fn problems_come_in_the_order_of_the_text_and_all_at_once() {
    let text = document(
        "  - {id: a, type: request, url: /relative, next: b, colour: red}\n  - {id: b, type: delay, hour: 1, next: zz}\n  - {id: c, type: function, code: '', retry: {retries: 99}}\n",
    );
    let shown = lines(&diagnostics(&text));
    let codes: Vec<&str> =
        shown.iter().filter_map(|line| line.rsplit('[').next()?.strip_suffix(']')).collect();
    assert_eq!(
        codes,
        [
            "invalid_url",
            "unknown_field",
            "not_exactly_one",
            "unknown_field",
            "unknown_step",
            "empty_text",
            "out_of_range"
        ],
        "{}",
        shown.join("\n")
    );
}

#[test]
fn a_diagnostic_reads_as_documented() {
    let text = document(&(crate::documents::step("lookup", "next: lokup")));
    assert_eq!(
        lines(&diagnostics(&text)),
        [
            "welcome.yaml:10:51: step \"lookup\": unknown step \"lokup\" in next; did you mean \"lookup\"? [unknown_step]"
        ]
    );
    let value = serde_json::json!({"version": 1, "name": "a", "triggers": [], "steps": [
        {"id": "a", "type": "function", "code": "x", "next": "b"}]});
    let found = load_value(value, &DocumentLimits::default()).expect_err("b is not there");
    assert_eq!(
        lines(&found),
        ["/steps/0/next: step \"a\": unknown step \"b\" in next; expected \"a\" [unknown_step]"]
    );
}
