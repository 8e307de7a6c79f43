use serde_json::json;

use super::*;
use crate::samples::{Person, answer, connector};

fn sample() -> Connector {
    connector(json!({
        "proxy": {
            "base_url": [{"url": "https://api.example.com/v1"}],
            "idempotency": {"header": "Idempotency-Key"},
        },
        "actions": [
            {
                "id": "create_thing", "title": "Create", "effect": "create",
                "input": {
                    "type": "object",
                    "properties": {"name": {"type": "string", "maxLength": 5}, "owner": {"type": "string"}},
                    "required": ["name"],
                    "additionalProperties": false,
                },
                "output": {"type": "object"},
                "before": [{
                    "id": "owner",
                    "when": {"operator": "$exists", "variable": "{{input.owner}}"},
                    "request": {"url": "/users", "query": {"email": "{{input.owner}}"}},
                    "save": {"id": "{{response.body.users[0].id}}"},
                }],
                "request": {
                    "method": "POST", "url": "/things",
                    "body": {"json": {"name": "{{input.name}}", "owner": "{{steps.owner.id}}"}},
                },
                "result": {"id": "{{response.body.id}}", "for": "{{input.name}}"},
            },
            {
                "id": "list_things", "title": "List", "effect": "read",
                "input": {"type": "object"}, "output": {"type": "array"},
                "request": {"url": "/things"},
                "pagination": {
                    "items": "{{response.body.data}}",
                    "next": {"type": "url", "url": "{{response.body.next}}"},
                },
            },
        ],
    }))
}

fn nobody() -> Person {
    Person::new(json!({}), json!({}), Value::Null)
}

fn start<'a>(
    connector: &'a Connector,
    person: &'a Person,
    id: &str,
    input: Value,
) -> Result<ActionRun<'a>, ActionError> {
    let action = connector.action(id).expect("the action is there");
    let options = ActionOptions { idempotency_key: Some("key-1"), ..ActionOptions::default() };
    ActionRun::start(connector, action, input, &person.ctx(), options)
}

fn sent(run: &mut ActionRun<'_>) -> Call {
    match run.next().expect("a step") {
        Step::Send(call) => call,
        Step::Done(output) => panic!("it is done: {output}"),
    }
}

fn done(run: &mut ActionRun<'_>) -> Value {
    match run.next().expect("a step") {
        Step::Send(call) => panic!("it calls {}", call.url),
        Step::Done(output) => output,
    }
}

#[test]
fn an_input_that_does_not_fit_is_refused_with_every_fault_and_no_value() {
    let (sample, person) = (sample(), nobody());
    let input = json!({"name": "canary", "canary-key": 1});
    let error = start(&sample, &person, "create_thing", input).err().expect("refused");
    let ActionError::Input { faults } = &error else { panic!("{error}") };
    assert_eq!(faults.len(), 2, "{error}");
    assert!(faults.iter().any(|fault| fault.pointer == "/name"), "{error}");
    assert!(!error.to_string().contains("canary\""), "{error}");
    assert!(start(&sample, &person, "create_thing", Value::Null).is_err());
    assert!(start(&sample, &person, "list_things", Value::Null).is_ok());
}

#[test]
fn requests_before_the_main_one_hand_on_what_they_saved() {
    let (sample, person) = (sample(), nobody());
    let input = json!({"name": "n", "owner": "a@example.com"});
    let mut run = start(&sample, &person, "create_thing", input).expect("it starts");
    let first = sent(&mut run);
    assert_eq!(first.url.as_str(), "https://api.example.com/v1/users?email=a%40example.com");
    assert!(!first.headers.contains_key("idempotency-key"));
    run.receive(&answer(200, json!({"users": [{"id": "u1"}]}))).expect("fine");
    let main = sent(&mut run);
    assert_eq!(main.body, r#"{"name":"n","owner":"u1"}"#);
    assert_eq!(main.headers["idempotency-key"], "key-1");
    run.receive(&answer(201, json!({"id": 7}))).expect("fine");
    assert_eq!(done(&mut run), json!({"id": 7, "for": "n"}));
    assert_eq!(done(&mut run), json!({"id": 7, "for": "n"}));
}

#[test]
fn a_request_whose_condition_does_not_hold_is_passed_over() {
    let (sample, person) = (sample(), nobody());
    let mut run = start(&sample, &person, "create_thing", json!({"name": "n"})).expect("it starts");
    assert_eq!(sent(&mut run).body, r#"{"name":"n"}"#);
}

#[test]
fn after_an_error_the_same_call_can_be_sent_again() {
    let (sample, person) = (sample(), nobody());
    let mut run = start(&sample, &person, "create_thing", json!({"name": "n"})).expect("it starts");
    let call = sent(&mut run);
    let error = run.receive(&answer(401, json!({"message": "expired"}))).expect_err("401");
    let ActionError::Answer { status, verdict, response } = &error else { panic!("{error}") };
    assert_eq!((*status, verdict.kind), (401, ErrorKind::TokenExpired));
    assert_eq!(response["body"]["message"], "expired");
    assert_eq!(error.to_string(), "the provider answered 401: expired");
    let again = sent(&mut run);
    assert_eq!((again.url, again.body), (call.url, call.body));
    run.receive(&answer(200, json!({"id": 1}))).expect("fine");
    assert_eq!(done(&mut run)["id"], 1);
    assert!(run.receive(&answer(200, json!({}))).is_err(), "nothing was asked");
}

#[test]
fn all_pages_are_one_output_and_none_may_lead_elsewhere() {
    let (sample, person) = (sample(), nobody());
    let mut run = start(&sample, &person, "list_things", json!({})).expect("it starts");
    let page = |next: Value| answer(200, json!({"data": [1], "next": next}));
    assert!(!sent(&mut run).headers.contains_key("idempotency-key"), "reading needs no key");
    run.receive(&page(json!("https://api.example.com/elsewhere?page=2"))).expect("fine");
    assert_eq!(sent(&mut run).url.as_str(), "https://api.example.com/elsewhere?page=2");
    run.receive(&page(Value::Null)).expect("fine");
    assert_eq!(done(&mut run), json!([1, 1]));
    assert_eq!(run.pages(), Some((2, false)));
    for elsewhere in
        ["https://evil.example/", "http://api.example.com/", "https://api.example.com:8443/"]
    {
        let mut run = start(&sample, &person, "list_things", json!({})).expect("it starts");
        sent(&mut run);
        run.receive(&page(json!(elsewhere))).expect("the page itself is fine");
        assert!(run.next().is_err(), "{elsewhere}");
    }
}
