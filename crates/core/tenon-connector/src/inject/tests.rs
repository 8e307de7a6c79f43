use serde_json::{Value, json};

use super::*;
use crate::samples::{Person, connector};

fn method(value: Value) -> AuthMethod {
    serde_json::from_value(value).expect("an auth method")
}

fn call(url: &str) -> Call {
    Call {
        method: Method::GET,
        url: Url::parse(url).expect("a URL"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

fn oauth2(inject: Value) -> AuthMethod {
    let mut value = json!({
        "id": "oauth", "type": "oauth2",
        "authorize_url": "https://a.example/x", "token_url": "https://a.example/t",
        "token_types": {"user": {"headers": {"Authorization": "Bearer {{token.user_token}}"}}},
    });
    if !inject.is_null() {
        value["inject"] = inject;
    }
    method(value)
}

fn person() -> Person {
    let token = json!({"access_token": "at-1", "extra": {"user_token": "ut-1"}});
    Person::new(json!({}), json!({"username": "u", "password": "p:w", "api_key": "k&1"}), token)
}

const URL: &str = "https://api.example.com/v1/x?a=1&key=caller&b=2";

#[test]
fn a_token_goes_in_as_bearer_and_replaces_the_callers() {
    let (sample, person) = (connector(json!({})), person());
    let mut call = call(URL);
    call.headers.insert("authorization", HeaderValue::from_static("Bearer callers"));
    let injected =
        apply(&sample, &oauth2(Value::Null), &person.ctx(), None, &mut call).expect("it goes in");
    let values: Vec<_> = call.headers.get_all("authorization").iter().collect();
    assert_eq!(values, ["Bearer at-1"]);
    assert!(values[0].is_sensitive());
    assert_eq!(injected.headers, [header::AUTHORIZATION]);
    assert_eq!(call.url.as_str(), URL);
}

#[test]
fn a_named_type_of_token_goes_in_instead_and_an_unknown_one_is_refused() {
    let (sample, person) = (connector(json!({})), person());
    let mut one = call(URL);
    apply(&sample, &oauth2(Value::Null), &person.ctx(), Some("user"), &mut one).expect("known");
    assert_eq!(one.headers["authorization"], "Bearer ut-1");
    let error = apply(&sample, &oauth2(Value::Null), &person.ctx(), Some("bot"), &mut one);
    assert_eq!(error.err(), Some(InjectError::TokenType { token_type: "bot".to_owned() }));
}

#[test]
fn basic_goes_in_without_being_told_and_a_missing_token_is_said() {
    let (sample, person) = (connector(json!({})), person());
    let mut one = call(URL);
    let basic = method(json!({"id": "basic", "type": "basic"}));
    apply(&sample, &basic, &person.ctx(), None, &mut one).expect("it goes in");
    assert_eq!(one.headers["authorization"], "Basic dTpwOnc=");
    let nobody = Person::new(json!({}), json!({}), Value::Null);
    let error = apply(&sample, &oauth2(Value::Null), &nobody.ctx(), None, &mut one);
    assert_eq!(error.err(), Some(InjectError::Missing { what: "token" }));
}

#[test]
fn parameters_and_members_replace_those_of_the_caller() {
    let (sample, person) = (connector(json!({})), person());
    let by_query = method(json!({
        "id": "key", "type": "api_key", "inject": {"query": {"key": "{{fields.api_key}}"}},
    }));
    let mut one = call(URL);
    let injected = apply(&sample, &by_query, &person.ctx(), None, &mut one).expect("it goes in");
    assert_eq!(one.url.as_str(), "https://api.example.com/v1/x?a=1&b=2&key=k%261");
    assert_eq!(injected.query, ["key"]);
    let by_body = method(json!({
        "id": "key", "type": "api_key", "inject": {"body": {"key": "{{fields.api_key}}"}},
    }));
    let mut one = call(URL);
    one.body = Bytes::from_static(br#"{"key":"caller","a":1}"#);
    one.headers.insert("content-type", HeaderValue::from_static("application/json"));
    apply(&sample, &by_body, &person.ctx(), None, &mut one).expect("it goes in");
    assert_eq!(one.body, r#"{"key":"k&1","a":1}"#);
    assert!(needs_body(&by_body, None) && !needs_body(&by_query, None));
    let Call { method: verb, mut url, mut headers, .. } = call(URL);
    let head = Head {
        method: &verb,
        url: &mut url,
        headers: &mut headers,
        body: BodyForSigning::Unsigned,
    };
    let error = apply_head(&sample, &by_body, &person.ctx(), None, head).err();
    assert_eq!(error, Some(InjectError::NeedsBody));
}

#[test]
fn the_connectors_own_headers_give_way_to_the_callers() {
    let sample = connector(json!({"proxy": {
        "base_url": [{"url": "https://api.example.com/v1"}],
        "headers": {"x-version": "2", "accept": "application/json"},
        "query": {"a": "9", "c": "3"},
    }}));
    let mut one = call(URL);
    one.headers.insert("accept", HeaderValue::from_static("text/csv"));
    let none = method(json!({"id": "none", "type": "none"}));
    apply(&sample, &none, &person().ctx(), None, &mut one).expect("it goes in");
    assert_eq!(one.headers["x-version"], "2");
    assert_eq!(one.headers["accept"], "text/csv");
    assert_eq!(one.url.query(), Some("a=1&key=caller&b=2&c=3"));
}

#[test]
fn an_hmac_is_over_the_very_bytes_of_the_body() {
    let sample = connector(json!({}));
    let person = person();
    let signer = method(json!({
        "id": "signed", "type": "fields", "inject": {"sign": {
            "type": "hmac", "algorithm": "sha256", "key": "{{fields.api_key}}",
            "message": "{{request.method}}\n{{request.path}}\n{{now.unix}}\n{{request.body}}",
            "set": {"x-signature": "v1={{signature}}", "x-time": "{{now.unix}}"},
        }},
    }));
    assert!(needs_body(&signer, None));
    for body in [b"{\"a\":1}".as_slice(), b"\xff\x00\xfe", b""] {
        let mut one = call("https://api.example.com/v1/x");
        one.body = Bytes::copy_from_slice(body);
        apply(&sample, &signer, &person.ctx(), None, &mut one).expect("signed");
        let mut message = b"GET\n/v1/x\n1767323045\n".to_vec();
        message.extend_from_slice(body);
        let expected = crate::manifest::auth::HashAlgorithm::Sha256.sign(b"k&1", &message);
        let expected = format!("v1={}", encoding::hex(expected.as_ref()));
        assert_eq!(one.headers["x-signature"], expected.as_str());
        assert_eq!(one.headers["x-time"], "1767323045");
    }
}

#[test]
fn a_secret_with_a_line_break_is_refused_and_not_shown() {
    let sample = connector(json!({}));
    let token = json!({"access_token": "canary\r\nx-evil: 1"});
    let person = Person::new(json!({}), json!({}), token);
    let mut one = call(URL);
    let error = apply(&sample, &oauth2(Value::Null), &person.ctx(), None, &mut one).err();
    let text = error.expect("refused").to_string();
    assert!(!text.contains("canary"), "{text}");
}
