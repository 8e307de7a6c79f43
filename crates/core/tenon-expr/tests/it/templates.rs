//! Templates: types, text, escapes, errors with places, limits.

use std::borrow::Cow;

use serde_json::{Value, json};
use tenon_expr::{Limits, ParseError, SOURCE_DEPTH_MAX, Source, TEMPLATE_BYTES_MAX};

use crate::scope::{Roots, compile, eval};

fn roots() -> Value {
    json!({
        "trigger": {"event": {"id": 17, "name": "Ada", "tags": ["a", "b"], "odd key": 1.5}},
        "step-2": {"ok": true},
        "nothing": null,
    })
}

fn value(text: &str) -> Value {
    match eval(&json!(text), &roots()) {
        Ok(value) => value,
        Err(error) => panic!("`{text}` has no value: {error}"),
    }
}

fn eval_message(text: &str) -> String {
    match eval(&json!(text), &roots()) {
        Ok(value) => panic!("`{text}` has the value {value}"),
        Err(error) => error.message,
    }
}

fn parse_error(text: &str) -> ParseError {
    match Source::compile(&json!(text)) {
        Ok(_) => panic!("`{text}` compiles"),
        Err(error) => error.error,
    }
}

#[test]
fn a_whole_value_keeps_its_type() {
    assert_eq!(value("{{trigger.event.id}}"), json!(17));
    assert_eq!(value("{{ trigger.event.tags }}"), json!(["a", "b"]));
    assert_eq!(value("{{trigger.event[\"odd key\"]}}"), json!(1.5));
    assert_eq!(value("{{trigger.event['tags'][1]}}"), json!("b"));
    assert_eq!(value("{{step-2.ok}}"), json!(true));
    assert_eq!(value("{{null}}"), json!(null));
}

#[test]
fn parts_are_joined_as_text() {
    assert_eq!(value("#{{trigger.event.id}} {{trigger.event.name}}"), json!("#17 Ada"));
    assert_eq!(value("{{trigger.event.tags}};{{step-2.ok}}"), json!(r#"["a","b"];true"#));
    assert_eq!(value("[{{nothing}}]"), json!("[]"));
    assert_eq!(value(" {{trigger.event.id}}"), json!(" 17"));
}

#[test]
fn braces_of_json_text_may_surround_a_hole() {
    assert_eq!(value(r#"{"id":{{trigger.event.id}}}"#), json!(r#"{"id":17}"#));
}

#[test]
fn what_is_not_there_is_null() {
    assert_eq!(value("{{trigger.event.missing.deeper}}"), json!(null));
    assert_eq!(value("{{trigger.event.tags[9]}}"), json!(null));
    assert_eq!(value("{{trigger.event.tags.name}}"), json!(null));
    assert_eq!(value("{{skipped?.output}}"), json!(null));
    assert_eq!(eval_message("{{skipped.output}}"), "`skipped` is not known");
}

#[test]
fn a_default_replaces_null_only() {
    assert_eq!(value("{{nothing ?? 'x'}}"), json!("x"));
    assert_eq!(value("{{nothing??false ?? 1}}"), json!(false));
    assert_eq!(value("{{skipped???1}}"), json!(1));
    assert_eq!(value("{{trigger.event.id ?? skipped}}"), json!(17), "the rest is not looked at");
}

#[test]
fn literals_are_written_as_in_json() {
    assert_eq!(value(r#"{{"a\"b\u00e4\ud83d\ude00\n"}}"#), json!("a\"bä😀\n"));
    assert_eq!(value(r"{{'it\'s }}'}}"), json!("it's }}"));
    assert_eq!(value("{{-1.5e1}}"), json!(-15.0));
    assert_eq!(value("{{true}}"), json!(true));
}

#[test]
fn a_path_goes_into_the_result_of_a_function() {
    assert_eq!(value(r#"{{parse_json("{\"a\":[1,2]}").a[1]}}"#), json!(2));
    assert_eq!(value("{{first(trigger.event.tags).x}}"), json!(null));
}

#[test]
fn a_backslash_makes_braces_text() {
    assert_eq!(value(r"\{{trigger}}"), json!("{{trigger}}"));
    assert_eq!(value(r"a\{{b}} {{trigger.event.id}}"), json!("a{{b}} 17"));
    assert_eq!(value(r"C:\\{{trigger.event.name}}"), json!(r"C:\Ada"));
    assert_eq!(value(r"\\\{{x"), json!(r"\{{x"));
    assert_eq!(value(r"no \holes\\ }} here"), json!(r"no \holes\\ }} here"));
}

#[test]
fn a_source_without_holes_is_a_literal() {
    let plain = json!({"a": ["x", 1, null]});
    assert_eq!(compile(&plain).as_literal(), Some(&plain));
    assert_eq!(compile(&json!(["\\{{x"])).as_literal(), Some(&json!(["{{x"])));
    assert_eq!(compile(&json!(["{{1}}"])).as_literal(), None);
}

#[test]
fn values_are_walked_and_keys_are_not() {
    let raw = json!({"{{k}}": [{"id": "{{trigger.event.id}}", "same": 1}, "\\{{", "{{nothing}}"]});
    let built = eval(&raw, &roots()).expect("all its references are known");
    assert_eq!(built, json!({"{{k}}": [{"id": 17, "same": 1}, "{{", null]}));
}

#[test]
fn references_come_in_the_order_of_the_text() {
    let source = compile(&json!({
        "z": "{{a.b}} {{upper(c?.d ?? e)}}",
        "a": ["{{parse_json(f[0]).x}}", "{{1}}", "{{a.b}}"],
    }));
    let found: Vec<String> = source.references().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["a.b", "c?.d", "e", "f[0]", "a.b"]);
}

#[test]
fn a_reference_is_lent_and_not_copied() {
    let scope = Roots(roots());
    let source = compile(&json!("{{trigger.event.tags}}"));
    let limits = Limits { output_bytes_max: 1, depth_max: 1 };
    let lent = source.eval_with(&scope, limits).expect("what exists is not counted");
    assert!(matches!(lent, Cow::Borrowed(_)));
}

#[test]
fn it_is_written_back_as_it_was_read() {
    let raw = json!({"a": "{{ trigger.event.id }}", "b": "\\{{"});
    let source: Source = serde_json::from_value(raw.clone()).expect("it is valid");
    assert_eq!(serde_json::to_value(&source).expect("a source is JSON"), raw);
    assert_eq!(source, compile(&raw));
}

#[test]
fn values_are_encoded_for_their_place() {
    let source = compile(&json!("https://x/{{trigger.event.name}}?t={{trigger.event.tags}}"));
    let mut places = Vec::new();
    let text = source.eval_text(&Roots(roots()), &mut |before, value| {
        places.push(before.to_owned());
        Cow::Owned(format!("<{value}>"))
    });
    assert_eq!(text.as_deref(), Ok(r#"https://x/<Ada>?t=<["a","b"]>"#));
    assert_eq!(places, ["https://x/", "https://x/<Ada>?t="]);
}

#[test]
fn an_error_points_at_the_place() {
    let cases = [
        ("ab {{x", (3, 2), "this `{{` is not closed"),
        ("{{ }}", (0, 5), "there is no expression here"),
        ("{{{x}}}", (2, 1), "an expression cannot start with `{`"),
        ("é{{a b}}", (6, 1), "expected `}}`, found 'b'"),
        ("{{a.}}", (4, 1), "expected a key, found '}'"),
        ("{{a.0}}", (4, 1), "expected a key, found '0'"),
        ("{{a[-1]}}", (4, 1), "expected a position, found '-'"),
        ("{{a[x]}}", (4, 1), "expected a position or a text, found 'x'"),
        ("{{a[1}}", (3, 2), "this `[` is not closed"),
        ("{{a[99999999999]}}", (4, 11), "this position is too large"),
        ("{{a.b?}}", (5, 1), "`?` stands only after the first word"),
        ("{{'ab}}", (2, 1), "this text is not closed"),
        (r#"{{"a\x"}}"#, (4, 2), "`\\x` is no escape"),
        (r#"{{"\ud800"}}"#, (3, 6), "this is no character"),
        ("{{1.2.3}}", (2, 5), "`1.2.3` is not a finite number"),
        ("{{1e999}}", (2, 5), "`1e999` is not a finite number"),
        ("{{upper(a}}", (9, 1), "expected `,` or `)`, found '}'"),
        ("{{upper(a", (7, 1), "this `(` is not closed"),
        ("{{upper()}}", (2, 7), "`upper` takes 1 argument, not 0"),
        ("{{join(a, b, c)}}", (2, 13), "`join` takes 1 to 2 arguments, not 3"),
        ("{{concat()}}", (2, 8), "`concat` takes at least 1 argument, not 0"),
        ("{{uper(a)}}", (2, 4), "there is no function `uper`"),
        ("{{a ?? }}", (7, 1), "expected a reference, a text, a number or a function, found '}'"),
        ("{{[1]}}", (2, 1), "expected an expression, found '['"),
    ];
    for (text, (offset, len), message) in cases {
        let error = parse_error(text);
        assert_eq!((error.offset, error.len, &*error.message), (offset, len, message), "{text}");
    }
}

#[test]
fn an_unknown_function_comes_with_a_suggestion() {
    let error = parse_error("{{ uper(a) }}");
    assert_eq!(error.help.as_deref(), Some("did you mean `upper`?"));
    assert_eq!(error.caret("{{ uper(a) }}"), "{{ uper(a) }}\n   ^^^^");
    assert!(parse_error("{{now()}}").message.contains("no function `now`"), "it is not pure");
}

#[test]
fn an_error_inside_a_value_has_a_pointer() {
    let raw = json!({"a/b": ["", {"c~": "{{"}]});
    let error = Source::compile(&raw).expect_err("a hole is open");
    assert_eq!(error.pointer, "/a~1b/1/c~0");
    let error = serde_json::from_value::<Source>(raw).expect_err("a hole is open").to_string();
    assert!(error.contains("at byte 0 of `/a~1b/1/c~0`; end it with"), "{error}");
}

#[test]
fn functions_refuse_wrong_kinds_by_name() {
    let cases = [
        (
            "{{upper(trigger.event.id)}}",
            "`upper`: argument 1 (`text`) must be a text, not a number",
        ),
        ("{{upper(nothing)}}", "`upper`: argument 1 (`text`) must be a text, not null"),
        (
            "{{slice('a', 1.5)}}",
            "`slice`: argument 2 (`start`) must be a whole number, not a fraction",
        ),
        ("{{split('a', '')}}", "`split`: argument 2 (`separator`) must not be empty"),
        ("{{replace('a', '', 'b')}}", "`replace`: argument 2 (`search`) must not be empty"),
        (
            "{{number('12px')}}",
            "`number`: argument 1 (`value`) is a text that spells no finite number",
        ),
        (
            "{{boolean(2)}}",
            "`boolean`: argument 1 (`value`) must be true, false, \"true\", \"false\", 1 or 0",
        ),
        (
            "{{parse_json('[1,')}}",
            "`parse_json`: argument 1 (`text`) is not valid JSON at line 1, column 3",
        ),
        ("{{base64_decode('*')}}", "`base64_decode`: argument 1 (`text`) is not valid Base64"),
        (
            "{{base64_decode('/w==')}}",
            "`base64_decode`: argument 1 (`text`) holds bytes that are no UTF-8 text",
        ),
        (
            "{{sum(trigger.event.tags)}}",
            "`sum`: argument 1 (`list`) must hold only numbers; it holds a text",
        ),
        (
            "{{max(1, trigger.event.tags)}}",
            "`max`: argument 2 (`number`) must hold only numbers; it holds a text",
        ),
        (
            "{{sort(parse_json('[1,\"a\"]'))}}",
            "`sort`: argument 1 (`list`) must hold only numbers or only texts; it holds a text",
        ),
        (
            "{{at(trigger.event.tags, 'a')}}",
            "`at`: argument 2 (`key`) must be a whole number when the first is a list",
        ),
        (
            "{{at(trigger, 1)}}",
            "`at`: argument 2 (`key`) must be a text when the first is an object",
        ),
        (
            "{{contains('a', 1)}}",
            "`contains`: argument 2 (`item`) must be a text when the first is no list",
        ),
        ("{{round(1.5, 16)}}", "`round`: argument 2 (`digits`) must be 0 to 15"),
        (
            "{{date_format('soon', '%F')}}",
            "`date_format`: argument 1 (`moment`) is no date or time",
        ),
        (
            "{{date_format('2026-01-01', '%')}}",
            "`date_format`: argument 2 (`format`) is no valid format; write `%%` for a percent sign",
        ),
        (
            "{{date_format('2026-01-01', '%F', 'Mars')}}",
            "`date_format`: argument 3 (`zone`) is no IANA time zone, such as `Europe/Berlin`",
        ),
        (
            "{{date_add('2026-01-01', 1e18)}}",
            "`date_add`: argument 2 (`seconds`) leads outside the years -9999 to 9999",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(eval_message(text), message, "{text}");
    }
}

#[test]
fn functions_keep_to_the_edges_of_their_values() {
    let cases = [
        ("{{slice('häuser', 1, 3)}}", json!("äu")),
        ("{{slice('abc', -9, 99)}}", json!("abc")),
        ("{{slice('abc', 2, 1)}}", json!("")),
        ("{{slice(trigger.event.tags, 1)}}", json!(["b"])),
        ("{{slice('abc', -9223372036854775808, 9223372036854775807)}}", json!("abc")),
        ("{{at(trigger.event.tags, -3)}}", json!(null)),
        ("{{at(trigger.event.tags, -9223372036854775808)}}", json!(null)),
        ("{{at(trigger.event.tags, 0.0)}}", json!("a")),
        ("{{last(parse_json('[]'))}}", json!(null)),
        ("{{abs(-9223372036854775808)}}", json!(9_223_372_036_854_775_808_u64)),
        (
            "{{sum(parse_json('[18446744073709551615, -1]'))}}",
            json!(18_446_744_073_709_551_614_u64),
        ),
        ("{{round(1e300, 15)}}", json!(1e300)),
        ("{{floor(9007199254740993)}}", json!(9_007_199_254_740_993_i64)),
        ("{{contains(trigger.event, 'odd key')}}", json!(true)),
        ("{{contains(parse_json('[1]'), 1.0)}}", json!(true)),
        ("{{contains(parse_json('[1]'), '1')}}", json!(false)),
        ("{{join(parse_json('[1,null,true]'))}}", json!("1,,true")),
        ("{{base64_decode('w7_Dvw')}}", json!("ÿÿ")),
        ("{{url_encode('~-._')}}", json!("~-._")),
        ("{{date_format('2026-01-01', '%F', null)}}", json!("2026-01-01")),
        ("{{date_add('2026-01-01', -0.5)}}", json!("2025-12-31T23:59:59.5Z")),
        ("{{boolean('false')}}", json!(false)),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn short_templates_cannot_build_large_values() {
    let mut roots = roots();
    roots["big"] = json!("x".repeat(1 << 20));
    roots["lists"] = json!([vec![0; 100_000]]);
    for text in [
        "{{replace(big, 'x', big)}}".to_owned(),
        "{{join(split(big, 'x'), big)}}".to_owned(),
        "{{split(big, 'x')}}".to_owned(),
        "{{big}}".repeat(9),
        format!("{{{{concat(big{})}}}}", ", big".repeat(9)),
        format!("{{{{concat(lists[0]{})}}}}", ", lists[0]".repeat(9)),
        "{{parse_json(concat('[0', replace(big, 'x', ',0'), ']'))}}".to_owned(),
    ] {
        let error = eval(&json!(text), &roots).expect_err("it is larger than 8 MB");
        assert!(error.message.contains("larger than 8388608 bytes"), "{text}: {error}");
    }
    let many = json!(vec!["{{big}}"; 9]);
    assert!(eval(&many, &roots).is_err());
    assert!(eval(&json!(vec!["{{big}}"; 7]), &roots).is_ok());
}

#[test]
fn one_evaluation_does_bounded_work() {
    let mut roots = roots();
    roots["big"] = json!("x".repeat(4 << 20));
    let text = "{{length(upper(big))}}".repeat(20);
    let error = eval(&json!(text), &roots).expect_err("it handles 160 MB");
    assert_eq!(error.message, "the expression handles too much data");
}

#[test]
fn output_is_not_nested_without_end() {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let raw = (0..40).fold(json!("{{deep}}"), |inner, _| json!([inner]));
    let error = eval(&raw, &json!({"deep": deep})).expect_err("it has 140 levels");
    assert_eq!(error.message, "the result is nested deeper than 128 levels");
}

#[test]
fn the_size_of_a_template_is_bounded() {
    let deep_calls = format!("{{{{{}1{}}}}}", "json(".repeat(33), ")".repeat(33));
    assert_eq!(parse_error(&deep_calls).message, "the text has calls nested more than 32 deep");
    assert!(parse_error(&"{{1}}".repeat(257)).message.contains("more than 256"));
    let many = format!("{{{{concat(1{})}}}}", ",1".repeat(1_000));
    assert_eq!(parse_error(&many).message, "the text has more than 1000 parts");
    let long = format!("{{{{1}}}}{}", "x".repeat(TEMPLATE_BYTES_MAX));
    assert!(parse_error(&long).message.contains("longer than 65536 bytes"));
    assert!(Source::compile(&json!("x".repeat(1 << 20))).is_ok(), "it is no template");
    let deep = (0..=SOURCE_DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
    assert!(Source::compile(&deep).is_err());
}
