use serde_json::json;

use super::*;
use crate::samples::{Person, answer, connector};

fn sample() -> Connector {
    connector(json!({
        "fields": [{"name": "site", "title": "Site", "automated": true}],
        "lifecycle": {
            "identity": {
                "steps": [
                    {"id": "me", "request": {"url": "/me"}, "save": {"org": "{{response.body.org_id}}"}},
                    {"id": "org", "request": {"url": "/orgs/{{steps.me.org}}"}},
                ],
                "id": "{{steps.me.org}}",
                "name": "{{response.body.name}}",
                "save": {"site": "{{response.body.site}}"},
            },
            "revoke": [
                {"method": "POST", "url": "https://auth.example.net/revoke",
                 "body": {"form": {"token": "{{token.access_token}}"}}},
            ],
        },
    }))
}

fn person() -> Person {
    Person::new(json!({}), json!({}), json!({"access_token": "at"}))
}

fn call(run: &mut IdentityRun<'_>) -> Call {
    match run.next().expect("a step") {
        Step::Send(call) => call,
        Step::Done(identity) => panic!("{identity:?}"),
    }
}

#[test]
fn an_identity_is_put_together_from_several_answers() {
    let (sample, person) = (sample(), person());
    let mut run = IdentityRun::start(&sample, &person.ctx()).expect("there is one");
    assert_eq!(call(&mut run).url.path(), "/v1/me");
    let error = run.receive(&answer(401, json!({}))).expect_err("refused");
    assert!(matches!(error, IdentityError::Answer { status: 401, .. }));
    assert_eq!(call(&mut run).url.path(), "/v1/me");
    run.receive(&answer(200, json!({"org_id": 17}))).expect("fine");
    assert_eq!(call(&mut run).url.path(), "/v1/orgs/17");
    run.receive(&answer(200, json!({"name": " Acme\n", "site": "x.example"}))).expect("fine");
    let Step::Done(identity) = run.next().expect("a step") else { panic!("it is done") };
    let fields = crate::samples::map(json!({"site": "x.example"}));
    assert_eq!(identity, Identity { id: "17".to_owned(), name: "Acme".to_owned(), fields });
}

#[test]
fn without_a_name_the_id_is_the_name_and_without_an_id_it_fails() {
    let (sample, person) = (sample(), person());
    for (org, name, expected) in
        [(json!(1), Value::Null, Some("1")), (Value::Null, json!("n"), None)]
    {
        let mut run = IdentityRun::start(&sample, &person.ctx()).expect("there is one");
        call(&mut run);
        run.receive(&answer(200, json!({"org_id": org}))).expect("fine");
        let got = match run.next() {
            Ok(Step::Send(_)) => {
                run.receive(&answer(200, json!({"name": name}))).expect("fine");
                run.next()
            }
            other => other,
        };
        match (got, expected) {
            (Ok(Step::Done(identity)), Some(name)) => assert_eq!(identity.name, name),
            (Err(_), None) => {}
            _ => panic!("neither"),
        }
    }
}

#[test]
fn health_is_the_first_request_of_the_identity_and_revoke_may_go_to_a_host_that_is_spelled_out() {
    let (sample, person) = (sample(), person());
    let health = health(&sample, &person.ctx()).expect("built").expect("there is one");
    assert_eq!(health.url.as_str(), "https://api.example.com/v1/me");
    let calls = revoke(&sample, &person.ctx()).expect("built");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].url.as_str(), "https://auth.example.net/revoke");
    assert_eq!(calls[0].body, "token=at");
    let bare = connector(json!({}));
    assert!(super::health(&bare, &person.ctx()).expect("built").is_none());
    assert!(IdentityRun::start(&bare, &person.ctx()).is_none());
}
