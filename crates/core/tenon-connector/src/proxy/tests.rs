use serde_json::{Value, json};

use super::*;
use crate::samples::{Person, connector};

fn sample() -> Connector {
    connector(json!({
        "fields": [
            {"name": "domain", "title": "Domain", "type": "host", "optional": true},
            {"name": "site", "title": "Site", "type": "subdomain", "optional": true},
        ],
        "proxy": {
            "base_url": [
                {"when": {"operator": "$exists", "variable": "{{fields.site}}"},
                 "url": "https://{{fields.site}}.vendor.com/api"},
                {"url": "https://api.vendor.com/v1"},
            ],
            "allowed_hosts": ["files.vendor.com", "*.cdn.vendor.com", "{{fields.domain}}"],
        },
    }))
}

fn person(fields: Value) -> Person {
    Person::new(json!({}), fields, Value::Null)
}

#[test]
fn the_first_base_url_whose_condition_holds_is_used() {
    let sample = sample();
    let base = |fields: Value| base_url(&sample, &person(fields).ctx()).map(String::from);
    assert_eq!(base(json!({"site": "acme"})).as_deref(), Ok("https://acme.vendor.com/api"));
    assert_eq!(base(json!({})).as_deref(), Ok("https://api.vendor.com/v1"));
    for site in ["evil.example/", "a@evil.example", "evil.example#", "a b", "evil.example\\"] {
        assert!(base(json!({"site": site})).is_err(), "{site}");
    }
}

#[test]
fn plain_http_needs_the_connectors_leave() {
    let rules = json!({
        "base_url": [{"url": "{{fields.base}}"}],
    });
    let fields = json!([{"name": "base", "title": "Base", "type": "url"}]);
    let strict = connector(json!({"fields": fields.clone(), "proxy": rules.clone()}));
    let mut open = rules;
    open["allow_http"] = true.into();
    let open = connector(json!({"fields": fields, "proxy": open}));
    let person = person(json!({"base": "http://own.example"}));
    assert!(base_url(&strict, &person.ctx()).is_err());
    assert_eq!(
        base_url(&open, &person.ctx()).map(String::from).as_deref(),
        Ok("http://own.example/")
    );
}

#[test]
fn calls_go_to_the_base_and_the_allowed_hosts_only() {
    let sample = sample();
    let person = person(json!({"domain": "acme.example"}));
    let allowed = allowed_hosts(&sample, &person.ctx()).expect("hosts");
    let contains = |url: &str| allowed.contains(&Url::parse(url).expect("a URL"));
    for url in [
        "https://api.vendor.com/elsewhere",
        "https://API.vendor.com:443/",
        "https://files.vendor.com/x",
        "https://a.cdn.vendor.com/",
        "https://a.b.cdn.vendor.com./",
        "https://acme.example/",
    ] {
        assert!(contains(url), "{url}");
    }
    for url in [
        "http://api.vendor.com/",
        "https://api.vendor.com:8443/",
        "https://files.vendor.com:444/",
        "http://files.vendor.com/",
        "https://cdn.vendor.com/",
        "https://evilcdn.vendor.com/",
        "https://a.cdn.vendor.com.evil.example/",
        "https://x.files.vendor.com/",
        "https://u:p@api.vendor.com/",
        "https://vendor.com/",
        "https://127.0.0.1/",
        "ftp://files.vendor.com/",
    ] {
        assert!(!contains(url), "{url}");
    }
}

#[test]
fn a_callers_path_stays_on_the_base_and_its_url_on_allowed_hosts() {
    let sample = sample();
    let person = person(json!({}));
    let to = |given: &str| target(&sample, &person.ctx(), given).map(String::from);
    assert_eq!(to("/users?x=1").as_deref(), Ok("https://api.vendor.com/v1/users?x=1"));
    assert_eq!(to("https://files.vendor.com/a").as_deref(), Ok("https://files.vendor.com/a"));
    for given in [
        "../x",
        "/%2e%2e/x",
        "//evil.example/x",
        "https://evil.example/x",
        "https://api.vendor.com@evil.example/",
        "http://api.vendor.com/v1/x",
        "/a\\..\\b",
    ] {
        assert!(to(given).is_err(), "{given}");
    }
    assert_eq!(to(&"x".repeat(20_000)).map_err(|it| it.code), Err("request_too_large"));
}
