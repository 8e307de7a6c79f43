//! What people type, paste and try.

use serde_json::json;

use super::*;

fn field(value: Value) -> Field {
    let mut field = json!({ "name": "x", "title": "X" });
    field.as_object_mut().expect("it is an object").extend(value.as_object().expect("so").clone());
    serde_json::from_value(field).expect("it is a field")
}

fn checked(kind: &str, text: &str) -> Result<Value, String> {
    check_one(&field(json!({ "type": kind })), &json!(text))
}

#[test]
fn a_subdomain_stays_one_label() {
    for good in ["acme", "Acme-2", "a", "xn--bcher-kva", &"a".repeat(63)] {
        assert_eq!(checked("subdomain", good), Ok(json!(good.to_lowercase())), "{good}");
    }
    for bad in [
        "a.b",
        "-a",
        "a-",
        "a_b",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "a@b",
        "a:1",
        "a\\b",
        "a%2eb",
        "ä",
        "a\u{3002}b",
        "a\u{200b}",
        "a\nb",
        "a\tb",
        "{{fields.y}}",
        "evil.com/",
        "..",
        ".",
        &"a".repeat(64),
    ] {
        assert!(checked("subdomain", bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_host_is_a_name_and_nothing_else() {
    for good in ["shop.example.com", "a.b", "x-1.example", "Shop.Example.COM"] {
        assert_eq!(checked("host", good), Ok(json!(good.to_lowercase())), "{good}");
    }
    for bad in [
        "localhost",
        "example",
        "example.com.",
        ".example.com",
        "a..b",
        "example.com:80",
        "example.com/",
        "https://example.com",
        "user@example.com",
        "127.0.0.1",
        "0x7f.1",
        "1.2.3",
        "10.0.0.0x1",
        "2130706433",
        "[::1]",
        "::1",
        "a.b?c",
        "a.b#c",
        "a.b\\c",
        "a b.c",
        "a%2e.b",
        "bücher.example",
        "a.b\u{ff0e}c",
        "a.b\u{0}",
        "-a.b",
        "a-.b",
    ] {
        assert!(checked("host", bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_url_is_plain() {
    for (given, kept) in [
        ("https://shop.example.com", "https://shop.example.com"),
        ("https://shop.example.com/", "https://shop.example.com"),
        ("https://shop.example.com/a/b/", "https://shop.example.com/a/b"),
        ("HTTPS://Shop.Example.com:8443/a", "https://shop.example.com:8443/a"),
        ("http://gitlab.corp.example", "http://gitlab.corp.example"),
    ] {
        assert_eq!(checked("url", given), Ok(json!(kept)), "{given}");
    }
    for bad in [
        "shop.example.com",
        "//shop.example.com",
        "ftp://a.b",
        "file:///etc/passwd",
        "javascript:a",
        "https://",
        "https:///a",
        "https://u:p@a.b",
        "https://u@a.b",
        "https://a.b?x=1",
        "https://a.b#x",
        "https://a.b\\@c.d",
        "https://a.b/{{x}}",
        "https://a b",
        "https://a.b/ä",
        "https://a.b./",
        "data:text/html,x",
    ] {
        assert!(checked("url", bad).is_err(), "{bad:?}");
    }
}

#[test]
fn what_is_pasted_around_a_value_comes_off() {
    let shop = field(json!({
        "type": "subdomain",
        "strip_prefix": ["https://", "http://"],
        "strip_suffix": [".myshop.example", ".myshop.example/admin"],
    }));
    for given in [
        "acme",
        " acme ",
        "ACME",
        "acme.myshop.example",
        "https://acme.myshop.example",
        "HTTPS://Acme.MyShop.example/",
        "http://acme.myshop.example/admin",
    ] {
        assert_eq!(check_one(&shop, &json!(given)), Ok(json!("acme")), "{given}");
    }
    for bad in ["https://evil.example", "acme.myshop.example.evil.example", "https://"] {
        assert!(check_one(&shop, &json!(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_pattern_must_match_all_of_it() {
    let id = field(json!({ "pattern": "[a-z]+|[0-9]+", "message": "letters or digits" }));
    assert_eq!(check_one(&id, &json!("abc")), Ok(json!("abc")));
    assert_eq!(check_one(&id, &json!("12")), Ok(json!("12")));
    for bad in ["abc1", "abc\n", "1a", "x/../y"] {
        let fault = check_one(&id, &json!(bad));
        let trimmed_is_good = bad == "abc\n";
        match trimmed_is_good {
            true => assert_eq!(fault, Ok(json!("abc"))),
            false => assert_eq!(fault, Err("letters or digits".to_owned()), "{bad:?}"),
        }
    }
    assert!(compile("(?=a)").is_err() && compile("(a").is_err() && compile("a)(b").is_err());
    assert!(compile("((a{200}){200}){200}").is_err(), "it would take too much memory");
}

#[test]
fn kinds_are_kept() {
    let of = |kind: &str, value: Value| check_one(&field(json!({ "type": kind })), &value);
    assert_eq!(of("number", json!(1.5)), Ok(json!(1.5)));
    assert_eq!(of("number", json!(" 42 ")), Ok(json!(42)));
    assert!(of("number", json!("1e999")).is_err() && of("number", json!("x")).is_err());
    assert_eq!(of("boolean", json!("true")), Ok(json!(true)));
    assert!(of("boolean", json!("yes")).is_err() && of("boolean", json!(1)).is_err());
    assert_eq!(of("email", json!("a.b@example.com")), Ok(json!("a.b@example.com")));
    for bad in ["a", "@b.c", "a@b", "a@b.c d", "a@b@c.d"] {
        assert!(of("email", json!(bad)).is_err(), "{bad}");
    }
    assert!(of("text", json!({})).is_err() && of("text", json!("a\nb")).is_err());
    let key = "-----BEGIN KEY-----\r\nabc\n-----END KEY-----\n";
    assert_eq!(of("multiline", json!(key)), Ok(json!(key.trim())));
    assert!(of("multiline", json!("a\u{0}b")).is_err());
    assert!(of("text", json!("a".repeat(4_096))).is_ok());
    assert!(of("text", json!("a".repeat(4_097))).is_err());
    assert!(of("multiline", json!("a".repeat(65_536))).is_ok());
    assert!(of("multiline", json!("a".repeat(65_537))).is_err());
    let choice = field(json!({
        "type": "select",
        "options": [{ "value": "eu", "label": "Europe" }],
    }));
    assert_eq!(check_one(&choice, &json!("eu")), Ok(json!("eu")));
    assert!(check_one(&choice, &json!("EU")).is_err() && check_one(&choice, &json!(null)).is_err());
}

fn form() -> Vec<Field> {
    vec![
        field(json!({ "name": "kind", "type": "select", "default": "cloud", "options": [
            { "value": "cloud", "label": "Cloud" }, { "value": "own", "label": "Own" },
        ] })),
        field(
            json!({ "name": "url", "type": "url", "visible_when": { "field": "kind", "equals": "own" } }),
        ),
        field(
            json!({ "name": "port", "type": "number", "optional": true, "visible_when": { "field": "url", "equals": "https://a.b" } }),
        ),
        field(json!({ "name": "key", "type": "password" })),
        field(json!({ "name": "note", "secret": true, "optional": true })),
        field(json!({ "name": "account", "automated": true })),
    ]
}

fn check_form(given: Value) -> Result<Checked, Vec<String>> {
    let form = form();
    let fields: Vec<&Field> = form.iter().collect();
    check(&fields, given.as_object().expect("it is an object")).map_err(|faults| {
        faults.into_iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect()
    })
}

#[test]
fn secrets_are_kept_apart() {
    let checked = check_form(json!({ "key": "k", "note": "n" })).expect("it fits");
    assert_eq!(Value::Object(checked.public), json!({ "kind": "cloud" }));
    assert_eq!(Value::Object(checked.secret), json!({ "key": "k", "note": "n" }));
}

#[test]
fn a_field_that_is_not_asked_for_takes_no_value() {
    let given = json!({ "kind": "cloud", "url": "https://a.b", "port": 1, "key": "k" });
    let checked = check_form(given).expect("it fits");
    assert_eq!(Value::Object(checked.public), json!({ "kind": "cloud" }));
    let given = json!({ "kind": "own", "url": "https://a.b", "port": 1, "key": "k" });
    let checked = check_form(given).expect("it fits");
    let public = json!({ "kind": "own", "url": "https://a.b", "port": 1 });
    assert_eq!(Value::Object(checked.public), public);
}

#[test]
fn every_fault_is_told_and_none_holds_the_value() {
    let given = json!({
        "kind": "own", "url": "hunter2", "key": " ", "account": "x", "extra": "hunter2",
    });
    let faults = check_form(given).err().expect("it does not fit");
    assert_eq!(
        faults,
        [
            "account: there is no such field",
            "extra: there is no such field",
            "url: this must be a URL such as https://shop.example.com",
            "key: this is needed",
        ]
    );
}

#[test]
fn conditions_in_a_circle_ask_for_nothing() {
    let one = field(json!({ "name": "a", "visible_when": { "field": "b", "equals": "1" } }));
    let two = field(json!({ "name": "b", "visible_when": { "field": "a", "equals": "1" } }));
    let given = json!({ "a": "1", "b": "1" });
    let checked = check(&[&one, &two], given.as_object().expect("so")).expect("it fits");
    assert!(checked.public.is_empty() && checked.secret.is_empty());
}

#[test]
fn private_hosts_are_recognised() {
    for private in [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "db.internal",
        "x.local",
        "127.0.0.1",
        "[::1]",
        "10.1.2.3",
        "8.8.8.8",
        "intranet",
        "2130706433",
        "0x7f000001",
        "a.1",
        "",
    ] {
        assert!(is_private_host(private), "{private}");
    }
    for public in ["example.com", "api.example.co.uk", "internal.example.com"] {
        assert!(!is_private_host(public), "{public}");
    }
}
