use serde_json::{Value, json};

use super::*;
use crate::request::tests::Values;

const BYTES_MAX: usize = 1_000;

fn joined(parts: &[Value]) -> Result<String, BuildError> {
    // Texts at even places are the template's, the rest are values.
    let mut template = String::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Value::String(text) if index % 2 == 0 => template.push_str(text),
            _ => template.push_str(&format!("{{{{values[{index}]}}}}")),
        }
    }
    let source = Source::compile(&template.into()).expect("a template");
    let scope = Values(json!({ "values": parts }));
    build(&source, None, &scope, "the URL", BYTES_MAX).map(String::from)
}

#[test]
fn a_value_stays_in_its_path_segment() {
    let tricky = "a/b?c=d#e%2f é\\..;&";
    assert_eq!(
        joined(&[json!("https://h.example/x/"), json!(tricky), json!("/y?z=1")]),
        Ok("https://h.example/x/a%2Fb%3Fc%3Dd%23e%252f%20%C3%A9%5C..%3B%26/y?z=1".to_owned())
    );
}

#[test]
fn a_value_stays_in_its_query_value() {
    assert_eq!(
        joined(&[json!("https://h.example/x?a="), json!("1&b=2#c+ d"), json!("&e=f")]),
        Ok("https://h.example/x?a=1%26b%3D2%23c%2B%20d&e=f".to_owned())
    );
}

#[test]
fn a_leading_value_may_be_the_whole_url_or_its_base() {
    let whole = "https://h.example/a?b=c&d=%20";
    assert_eq!(joined(&[json!(""), json!(whole)]), Ok(whole.to_owned()));
    assert_eq!(
        joined(&[json!(""), json!("https://h.example/v1"), json!("/users/"), json!(7)]),
        Ok("https://h.example/v1/users/7".to_owned())
    );
    assert_eq!(
        joined(&[json!("https://"), json!("h.example:8443"), json!("/a")]),
        Ok("https://h.example:8443/a".to_owned())
    );
}

#[test]
fn a_value_in_the_host_cannot_leave_it() {
    for value in
        ["evil.example/", "evil.example?", "evil.example#", "u@evil.example", "a\\b", "a b", "%2f"]
    {
        let failure = joined(&[json!("https://"), json!(value), json!(".vendor.example/x")])
            .expect_err(value);
        assert_eq!(failure.code, "request_url", "{value}");
    }
}

#[test]
fn a_value_cannot_climb_out_of_the_path() {
    for (before, value, after) in [
        ("https://h.example/a/", "..", "/b"),
        ("https://h.example/a/", ".", ""),
        ("https://h.example/a/.", ".", "/b"),
        ("https://h.example/a/%2e", ".", "/b"),
        ("https://h.example/a/", "..", "?x=1"),
        ("https://h.example/a/", ".", "%2E"),
    ] {
        let failure = joined(&[json!(before), json!(value), json!(after)]).expect_err(value);
        assert!(failure.message.contains("would leave the path"), "{}", failure.message);
    }
    // Dots that are part of a name are names, and encoded dots are text.
    assert_eq!(
        joined(&[json!("https://h.example/a/"), json!("..b"), json!("/c")]),
        Ok("https://h.example/a/..b/c".to_owned())
    );
    assert_eq!(
        joined(&[json!("https://h.example/a/"), json!("%2e%2e"), json!("/c")]),
        Ok("https://h.example/a/%252e%252e/c".to_owned())
    );
}

#[test]
fn a_value_that_is_missing_does_not_change_the_resource() {
    for empty in [json!(null), json!("")] {
        let failure = joined(&[json!("https://h.example/users/"), empty]).expect_err("empty");
        assert!(failure.message.contains("is empty"), "{}", failure.message);
    }
    assert_eq!(
        joined(&[json!("https://h.example/users"), json!("")]),
        Ok("https://h.example/users".to_owned())
    );
}

#[test]
fn only_absolute_http_urls_without_credentials_pass() {
    for (url, expected) in [
        ("/items", "must be absolute"),
        ("ftp://h.example/", "scheme is `ftp`"),
        ("file:///etc/passwd", "scheme is `file`"),
        ("javascript:alert(1)", "scheme is `javascript`"),
        ("https://user:pass@h.example/", "user name or password"),
        ("https://user@h.example/", "user name or password"),
        ("https://", "not valid"),
        ("https://h.example:99999/", "not valid"),
    ] {
        let failure = joined(&[json!(url)]).expect_err(url);
        assert!(failure.message.contains(expected), "{url}: {}", failure.message);
    }
}

#[test]
fn a_url_that_is_too_long_is_refused_before_it_is_built() {
    let long = "x".repeat(BYTES_MAX);
    let failure = joined(&[json!("https://h.example/"), json!(long)]).expect_err("long");
    assert_eq!(failure.code, "request_too_large");
}

#[test]
fn parameters_come_after_those_of_the_url() {
    let mut url = Url::parse("https://h.example/?a=1").expect("a URL");
    let pairs = [("b".to_owned(), "x y&z".to_owned()), ("b".to_owned(), "é".to_owned())];
    append(&mut url, &pairs, BYTES_MAX).expect("short");
    assert_eq!(url.as_str(), "https://h.example/?a=1&b=x+y%26z&b=%C3%A9");
}

#[test]
fn a_path_is_joined_to_the_base_and_its_prefix() {
    let base = Url::parse("https://h.example/api/v1/?key=1").expect("a URL");
    for (target, expected) in [
        ("/users?a=b", "https://h.example/api/v1/users?key=1&a=b"),
        ("users/", "https://h.example/api/v1/users/?key=1"),
        ("", "https://h.example/api/v1/?key=1"),
        ("?a=b", "https://h.example/api/v1/?key=1&a=b"),
        ("projects/group%2Fname/x", "https://h.example/api/v1/projects/group%2Fname/x?key=1"),
        ("files/..a/b..", "https://h.example/api/v1/files/..a/b..?key=1"),
        ("a/%252e%252e/b", "https://h.example/api/v1/a/%252e%252e/b?key=1"),
        ("a//b", "https://h.example/api/v1/a//b?key=1"),
        ("a b#part", "https://h.example/api/v1/a%20b?key=1"),
        ("/go/http://x.example/", "https://h.example/api/v1/go/http://x.example/?key=1"),
        ("https://o.example/x", "https://o.example/x"),
    ] {
        assert_eq!(join(&base, target).map(String::from), Ok(expected.to_owned()), "{target}");
    }
}

#[test]
fn a_path_cannot_leave_the_base() {
    let base = Url::parse("https://h.example/api/v1").expect("a URL");
    for target in [
        "..",
        "../x",
        "a/../../x",
        "/%2e%2e/x",
        "/%2E./x",
        "a/..%2fx",
        "a/%2e%2e%2fx",
        "a%2f..%2fx",
        "a%5c..%5cx",
        "./x",
        "//evil.example/x",
        "\\\\evil.example",
        "/\\evil.example",
        "a\tb",
        "a\nb",
        "a/%0d%0a/b",
        "a/%00",
        "ftp://evil.example/x",
        "https://user@evil.example/x",
    ] {
        assert!(join(&base, target).is_err(), "{target:?}");
    }
}

#[test]
fn values_in_a_relative_url_stay_in_their_segment() {
    let base = Url::parse("https://h.example/v1").expect("a URL");
    let source = Source::compile(&json!("/users/{{values[0]}}/x")).expect("a template");
    let on_base = |value: Value| {
        let scope = Values(json!({ "values": [value] }));
        build(&source, Some(&base), &scope, "the URL", BYTES_MAX).map(String::from)
    };
    assert_eq!(on_base(json!("a/b?c")), Ok("https://h.example/v1/users/a%2Fb%3Fc/x".to_owned()));
    for value in [json!(".."), json!(null), json!("")] {
        assert!(on_base(value.clone()).is_err(), "{value}");
    }
}
