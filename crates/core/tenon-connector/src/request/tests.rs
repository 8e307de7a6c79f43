use std::borrow::Cow;

use ::url::Url;
use serde_json::{Value, json};
use tenon_expr::{EvalError, Reference, Scope, resolve_path};

use super::*;

/// A scope over one object.
pub(crate) struct Values(pub(crate) Value);

impl Scope for Values {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        let root = self.0.get(&reference.root);
        Ok(root.and_then(|root| resolve_path(root, &reference.path)).map(Cow::Borrowed))
    }
}

fn built(spec: Value, values: Value) -> Result<Call, BuildError> {
    let spec: RequestSpec = serde_json::from_value(spec).expect("a request");
    let base = Url::parse("https://api.example/v2").expect("a URL");
    build(&spec, Some(&base), &Values(values), &BuildLimits::default())
}

fn body_of(body: Value, values: Value) -> String {
    let spec = json!({"method": "POST", "url": "/x", "body": body});
    let call = built(spec, values).expect("it can be built");
    String::from_utf8(call.body.to_vec()).expect("text")
}

#[test]
fn lists_repeat_a_parameter_and_null_leaves_it_out() {
    let spec = json!({
        "url": "/items/{{input.id}}",
        "query": {"a": "{{input.list}}", "b": "{{input.none}}", "c": 3},
        "headers": {"x-a": "{{input.id}}", "x-b": "{{input.none}}"},
    });
    let call = built(spec, json!({"input": {"id": "a b", "list": ["1", "2&"]}})).expect("built");
    assert_eq!(call.url.as_str(), "https://api.example/v2/items/a%20b?a=1&a=2%26&c=3");
    assert_eq!(call.headers.get("x-a").map(|it| it.as_bytes()), Some(b"a b".as_slice()));
    assert!(!call.headers.contains_key("x-b"));
    assert_eq!(call.method, http::Method::GET);
}

#[test]
fn members_whose_template_gives_null_are_left_out_and_written_nulls_stay() {
    let body = json!({"json": {
        "name": "{{input.name}}",
        "gone": "{{input.gone}}",
        "text": "a{{input.gone}}",
        "written": null,
        "inner": {"gone": "{{input.gone}}", "list": [{"gone": "{{input.gone}}", "a": 1}]},
        "given": "{{input.object}}",
    }});
    let values = json!({"input": {"name": "n", "object": {"kept": null}}});
    assert_eq!(
        body_of(body, values),
        r#"{"name":"n","text":"a","written":null,"inner":{"list":[{"a":1}]},"given":{"kept":null}}"#
    );
}

#[test]
fn forms_and_graphql_variables_leave_null_out() {
    let form = json!({"form": {"a": "{{input.a}}", "b": "{{input.b}}", "c": ["1", "2"]}});
    assert_eq!(body_of(form, json!({"input": {"a": "x y&"}})), "a=x+y%26&c=1&c=2");
    let graphql = json!({"graphql": {
        "query": "query($first: Int) { a }",
        "variables": {"first": "{{input.first}}", "after": "{{page.cursor}}"},
    }});
    assert_eq!(
        body_of(graphql, json!({"input": {"first": 5}})),
        r#"{"query":"query($first: Int) { a }","variables":{"first":5}}"#
    );
}

#[test]
fn a_header_cannot_start_a_new_line_or_frame_the_message() {
    for (name, value) in [("x-a", "a\r\nb: c"), ("content-length", "1"), ("host", "evil.example")] {
        let spec = json!({"url": "/x", "headers": {name: "{{input.value}}"}});
        let error = built(spec, json!({"input": {"value": value}})).map(|_| ()).expect_err(name);
        assert_eq!(error.code, "request_header", "{name}");
        assert!(!error.message.contains(value), "{}", error.message);
    }
}

#[test]
fn the_type_of_a_body_can_be_given_but_not_that_of_a_multipart_one() {
    let with_type = |body: Value| {
        let headers = json!({"content-type": "application/vnd.x+json"});
        let spec = json!({"method": "POST", "url": "/x", "headers": headers, "body": body});
        let call = built(spec, json!({})).expect("built");
        call.headers["content-type"].to_str().expect("text").to_owned()
    };
    assert_eq!(with_type(json!({"json": {}})), "application/vnd.x+json");
    let multipart = with_type(json!({"multipart": [{"name": "a", "value": "b"}]}));
    assert!(multipart.starts_with("multipart/form-data; boundary="), "{multipart}");
}
