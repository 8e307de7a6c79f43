//! Values of inputs: which are taken, what is filled in, what is missing.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tenon_domain::SecretId;
use tenon_domain::portal::{
    FILE_BYTES_MAX, Input, VALUE_BYTES_MAX, check_settings, filled, missing, secret_of_setting,
    secret_setting,
};

fn inputs(values: Value) -> Vec<Input> {
    serde_json::from_value(values).expect("they are inputs")
}

fn one(mut kind: Value) -> Vec<Input> {
    kind["id"] = json!("a");
    kind["title"] = json!("A");
    inputs(json!([kind]))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

/// The code for a value of an input of this kind; empty where it is taken.
fn code(kind: Value, value: Value) -> &'static str {
    let checked = check_settings(&one(kind), &object(json!({"a": value})));
    checked.err().map_or("", |faults| faults[0].code)
}

#[test]
fn values_are_checked_by_kind() {
    let select = json!({"type": "select", "options": [{"label": "X", "value": "x"}]});
    let source = json!({"type": "dynamic_select", "source": "s"});
    let scopes = json!({"type": "permission", "scopes": ["read", "write"]});
    let long = "x".repeat(VALUE_BYTES_MAX + 1);
    for (kind, value, expected) in [
        (json!({"type": "text"}), json!("hello"), ""),
        (json!({"type": "text"}), json!(""), ""),
        (json!({"type": "text"}), Value::Null, ""),
        (json!({"type": "text"}), json!(1), "wrong_type"),
        (json!({"type": "text"}), json!("a\0b"), "wrong_type"),
        (json!({"type": "text_area"}), json!(long), "too_long"),
        (json!({"type": "number"}), json!(1.5), ""),
        (json!({"type": "number"}), json!("1"), "wrong_type"),
        (json!({"type": "email"}), json!("ann@mail.example.com"), ""),
        (json!({"type": "email"}), json!("ann"), "invalid_email"),
        (json!({"type": "email"}), json!("ann@example"), "invalid_email"),
        (json!({"type": "email"}), json!("a b@example.com"), "invalid_email"),
        (json!({"type": "email"}), json!("a@b@example.com"), "invalid_email"),
        (json!({"type": "url"}), json!("https://example.com/x?y"), ""),
        (json!({"type": "url"}), json!("javascript:alert(1)"), "invalid_url"),
        (json!({"type": "url"}), json!("example.com"), "invalid_url"),
        (json!({"type": "password"}), json!("secret"), ""),
        (json!({"type": "password"}), json!({"$secret": SecretId::new()}), "wrong_type"),
        (
            json!({"type": "dynamic_combo", "source": "s"}),
            json!({"$secret": SecretId::new()}),
            "wrong_type",
        ),
        (json!({"type": "boolean"}), json!(false), ""),
        (json!({"type": "switch"}), json!("on"), "wrong_type"),
        (select.clone(), json!("x"), ""),
        (select, json!("y"), "not_an_option"),
        (source.clone(), json!("C1"), ""),
        (source.clone(), json!(7), ""),
        (source, json!({"value": "C1"}), "wrong_type"),
        (json!({"type": "custom_dropdown", "key": "k"}), json!(["a"]), "wrong_type"),
        (scopes.clone(), json!(true), ""),
        (scopes.clone(), json!(["write"]), ""),
        (scopes, json!(["admin"]), "not_an_option"),
        (json!({"type": "copyable"}), json!("https://x.example"), ""),
    ] {
        assert_eq!(code(kind.clone(), value.clone()), expected, "{kind} {value}");
    }
}

#[test]
fn mappings_and_combos_have_the_shape_of_the_protocol() {
    let mapper = json!({"type": "field_mapper", "fields": ["Title"]});
    let combo = json!({"type": "combo", "source": "s"});
    let dynamic = json!({"type": "dynamic_combo", "source": "s"});
    for (kind, value, expected) in [
        (
            &mapper,
            json!({"objectMapping": "Contact", "fieldMappings": {"Title": "title"},
                   "dynamicMappings": {"k": {"applicationField": "a", "integrationField": "b"}},
                   "userCreatedFields": [], "mappingType": "STATIC"}),
            "",
        ),
        (&mapper, json!({}), ""),
        (&mapper, json!({"objectMapping": 1}), "wrong_type"),
        (&mapper, json!({"fieldMappings": {"Title": {}}}), "wrong_type"),
        (&mapper, json!({"dynamicMappings": {"k": {"other": "a"}}}), "wrong_type"),
        (&mapper, json!({"mappingType": "OTHER"}), "not_an_option"),
        (&mapper, json!({"more": 1}), "wrong_type"),
        (&mapper, json!("x"), "wrong_type"),
        (&mapper, json!({"objectMapping": "x".repeat(VALUE_BYTES_MAX)}), "too_long"),
        (&combo, json!({"mainInput": "base", "dependentInput": "table", "fieldMappings": {}}), ""),
        (&combo, json!({"mainInput": {}}), "wrong_type"),
        (&combo, json!({"variableInput": "x"}), "wrong_type"),
        (&dynamic, json!({"mainInput": "base", "variableInput": "x"}), ""),
    ] {
        assert_eq!(code(kind.clone(), value.clone()), expected, "{kind} {value}");
    }
}

#[test]
fn files_are_small_and_in_base64() {
    let file = json!({"type": "file"});
    let with = |data: &str| json!({"name": "logo.png", "contentType": "image/png", "data": data});
    for (value, expected) in [
        (with("aGVsbG8="), ""),
        (with(""), ""),
        (with("aGVsbG8"), "wrong_type"),
        (with("a=b="), "wrong_type"),
        (with("!!!!"), "wrong_type"),
        (with(&"A".repeat(FILE_BYTES_MAX)), ""),
        (with(&"A".repeat(FILE_BYTES_MAX + 4)), "too_long"),
        (json!({"name": "../x", "data": "aGVsbG8="}), "wrong_type"),
        (json!({"name": "x"}), "wrong_type"),
        (json!({"name": "x", "data": "", "more": 1}), "wrong_type"),
        (json!({"name": "x", "data": "", "contentType": 1}), "wrong_type"),
        // As the published SDK writes one.
        (
            json!({"id": "f", "name": "x", "mimeType": "image/png", "size": 5, "data": "aGVsbG8=",
                "encoding": "base64", "dataType": "FILE"}),
            "",
        ),
        (json!({"name": "x", "data": "hello", "encoding": "utf-8"}), "wrong_type"),
    ] {
        assert_eq!(code(file.clone(), value), expected);
    }
}

#[test]
fn every_fault_is_told_and_holds_no_value() {
    let inputs = inputs(json!([
        {"id": "n", "title": "N", "type": "number"},
        {"id": "u", "title": "U", "type": "url"},
    ]));
    let given = object(json!({"n": "canary", "u": "canary", "other": "canary"}));
    let faults = check_settings(&inputs, &given).expect_err("nothing fits");
    let told: Vec<_> = faults.iter().map(|fault| (fault.input.as_str(), fault.code)).collect();
    assert_eq!(
        told,
        [("n", "wrong_type"), ("u", "invalid_url"), ("other", "unknown_setting")],
        "in the order in which they were given"
    );
    assert!(!format!("{faults:?}").contains("canary"));
}

#[test]
fn what_is_stored_counts_as_long_as_it_fits() {
    let inputs = inputs(json!([
        {"id": "n", "title": "N", "type": "number", "default": 3},
        {"id": "t", "title": "T", "type": "text"},
        {"id": "p", "title": "P", "type": "password"},
        {"id": "o", "title": "O", "type": "text", "required": false},
    ]));
    let names = |stored: Value| -> Vec<String> {
        let missing = missing(&inputs, &object(stored));
        missing.into_iter().map(|input| input.id.clone()).collect()
    };
    assert_eq!(names(json!({})), ["t", "p"]);
    let secret = SecretId::new();
    assert_eq!(names(json!({"t": "x", "p": secret_setting(secret)})), [""; 0]);
    assert_eq!(names(json!({"t": "", "p": "in the clear"})), ["t", "p"]);
    let stored = object(json!({"n": "was text once", "gone": 1, "t": "x"}));
    assert_eq!(filled(&inputs, &stored), object(json!({"n": 3, "t": "x"})));
    assert_eq!(secret_of_setting(&secret_setting(secret)), Some(secret));
    assert_eq!(secret_of_setting(&json!({"$secret": secret, "more": 1})), None);
}

fn any_kind() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"type": "text"})),
        Just(json!({"type": "number", "default": 1})),
        Just(json!({"type": "email"})),
        Just(json!({"type": "url", "default": "https://x.example"})),
        Just(json!({"type": "password"})),
        Just(json!({"type": "boolean"})),
        Just(json!({"type": "select", "options": [{"label": "X", "value": "x"}], "default": "x"})),
        Just(json!({"type": "dynamic_select", "source": "s"})),
        Just(json!({"type": "combo", "source": "s"})),
        Just(json!({"type": "field_mapper", "fields": ["a"]})),
        Just(json!({"type": "permission", "scopes": ["read"]})),
        Just(json!({"type": "file"})),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just(json!("x")),
        Just(json!("")),
        Just(json!("a@b.example")),
        Just(json!("https://y.example")),
        "[ -~]{0,8}".prop_map(Value::from),
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text,
        Just(json!({"mainInput": "m"})),
        Just(json!({"fieldMappings": {"a": "b"}})),
        Just(json!({"name": "f", "data": "aGVsbG8="})),
        Just(json!(["read"])),
        Just(secret_setting(SecretId::new())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What is filled in is taken again, lacks what it lacked, and fills to itself.
    #[test]
    fn filled_missing_and_check_agree(
        kinds in proptest::collection::vec((any_kind(), any::<bool>()), 1..5),
        values in proptest::collection::vec(any_value(), 1..5),
    ) {
        let inputs: Vec<Input> = kinds
            .into_iter()
            .enumerate()
            .map(|(n, (mut kind, required))| {
                kind["id"] = json!(format!("i{n}"));
                kind["title"] = json!("T");
                kind["required"] = json!(required);
                serde_json::from_value(kind).expect("it is an input")
            })
            .collect();
        let stored: Map<String, Value> =
            values.into_iter().enumerate().map(|(n, value)| (format!("i{n}"), value)).collect();
        let full = filled(&inputs, &stored);
        let open: Map<String, Value> = full
            .iter()
            .filter(|(_, value)| secret_of_setting(value).is_none())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        prop_assert_eq!(check_settings(&inputs, &open), Ok(()));
        prop_assert_eq!(&filled(&inputs, &full), &full);
        prop_assert_eq!(missing(&inputs, &full), missing(&inputs, &stored));
        for input in &inputs {
            let is_missing = missing(&inputs, &stored).contains(&input);
            prop_assert_eq!(is_missing, input.required && !full.contains_key(&input.id));
        }
    }
}
