//! Who asks, and that nobody reads it in history.

use serde_json::{Value, json};

use super::super::super::FailureClass;
use super::{Bench, answer, json_answer, sent};

fn step(auth: Value) -> Value {
    json!({"url": "https://h.example/x", "auth": auth})
}

fn oauth() -> Value {
    step(json!({
        "type": "oauth2_client_credentials",
        "token_url": "https://auth.example/token",
        "client_id": "id:1",
        "client_secret": "{{secret}}",
        "scope": "a b",
        "extra": {"audience": "https://h.example"},
    }))
}

fn scope() -> Value {
    json!({"secret": "s3cr3t-value/+"})
}

fn token(value: &str, seconds: u64) -> super::OutboundResponse {
    json_answer(200, &json!({"access_token": value, "token_type": "Bearer", "expires_in": seconds}))
}

#[tokio::test]
async fn each_kind_puts_its_credentials_in_their_place() {
    let call = sent(step(json!({"type": "bearer", "token": "{{secret}}"})), scope()).await;
    assert_eq!(call.headers["authorization"], "Bearer s3cr3t-value/+");

    let basic = json!({"type": "basic", "username": "u", "password": "{{secret}}"});
    let call = sent(step(basic), scope()).await;
    assert_eq!(call.headers["authorization"], "Basic dTpzM2NyM3QtdmFsdWUvKw==");

    let query = json!({"type": "query", "params": {"api_key": "{{secret}}"}});
    let call = sent(step(query), scope()).await;
    assert_eq!(call.url.as_str(), "https://h.example/x?api_key=s3cr3t-value%2F%2B");

    let header = json!({"type": "header", "headers": {"X-Token": "{{secret}}"}});
    let call = sent(step(header), scope()).await;
    assert_eq!(call.headers["x-token"], "s3cr3t-value/+");
}

#[tokio::test]
async fn auth_replaces_a_header_of_the_same_name() {
    let mut step = step(json!({"type": "bearer", "token": "right"}));
    step["headers"] = json!({"Authorization": "wrong"});
    let call = sent(step, json!({})).await;
    let values: Vec<_> = call.headers.get_all("authorization").iter().collect();
    assert_eq!(values, ["Bearer right"]);
}

#[tokio::test]
async fn a_missing_token_is_not_sent_as_nothing() {
    let failure =
        super::refused(step(json!({"type": "bearer", "token": "{{none}}"})), json!({})).await;
    assert_eq!((failure.code, failure.class), ("request_auth", FailureClass::Permanent));
}

#[tokio::test]
async fn history_never_holds_a_secret() {
    let kinds = [
        json!({"type": "bearer", "token": "{{secret}}"}),
        json!({"type": "basic", "username": "u", "password": "{{secret}}"}),
        json!({"type": "query", "params": {"api_key": "{{secret}}"}}),
        json!({"type": "header", "headers": {"X-Token": "{{secret}}"}}),
    ];
    for kind in kinds {
        let bench = Bench::answering([answer(500, &[], "")]);
        let mut step = step(kind.clone());
        // The same secret, where the builder put it by hand.
        step["method"] = json!("POST");
        step["url"] = json!("https://h.example/hook/{{secret}}?k={{secret}}");
        step["headers"] =
            json!({"X-Note": "note {{secret}}", "X-Api-Key": "short", "Cookie": "c=1"});
        step["body"] = json!({"json": {"a": ["{{secret}}"]}});
        let failure = bench.run(step, scope()).await.expect_err("500");
        let input = failure.input.expect("recorded");
        let kept = input.to_string();
        for form in ["s3cr3t-value", "s3cr3t-value%2F%2B", "dTpzM2NyM3Q", "short", "c=1"] {
            assert!(!kept.contains(form), "{form} in {kept}");
            assert!(!failure.message.contains(form));
        }
        assert!(kept.contains("***"), "{kept}");
        assert_eq!(input["method"], "POST");
    }
}

#[tokio::test]
async fn a_query_credential_is_named_and_masked() {
    let bench = Bench::answering([answer(200, &[], "")]);
    let query = json!({"type": "query", "params": {"k": "v"}});
    let outcome = bench.run(step(query), json!({})).await.expect("ok");
    assert_eq!(outcome.input.expect("recorded")["url"], "https://h.example/x?k=***");
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_again() {
    let bench = Bench::answering([token("t1", 3_600), answer(200, &[], ""), answer(200, &[], "")]);
    for _ in 0..2 {
        let outcome = bench.run(oauth(), scope()).await.expect("ok");
        let kept = outcome.input.expect("recorded").to_string();
        assert!(!kept.contains("s3cr3t") && !kept.contains("t1"), "{kept}");
    }
    let seen = bench.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].url.as_str(), "https://auth.example/token");
    assert_eq!(seen[0].method, "POST");
    // "id%3A1:s3cr3t-value%2F%2B"
    assert_eq!(seen[0].headers["authorization"], "Basic aWQlM0ExOnMzY3IzdC12YWx1ZSUyRiUyQg==");
    assert_eq!(
        seen[0].body,
        "grant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Fh.example"
    );
    for call in &seen[1..] {
        assert_eq!(call.headers["authorization"], "Bearer t1");
    }
}

#[tokio::test]
async fn client_credentials_may_go_in_the_body() {
    let bench = Bench::answering([token("t1", 3_600), answer(200, &[], "")]);
    let mut step = oauth();
    step["auth"]["credentials_in_body"] = json!(true);
    bench.run(step, scope()).await.expect("ok");
    let asked = &bench.seen()[0];
    assert!(!asked.headers.contains_key("authorization"));
    let body = std::str::from_utf8(&asked.body).expect("text");
    assert!(body.contains("client_id=id%3A1&client_secret=s3cr3t-value%2F%2B"), "{body}");
}

#[tokio::test]
async fn a_kept_token_that_is_refused_is_replaced_once() {
    let bench = Bench::answering([
        token("t1", 3_600),
        answer(200, &[], ""),
        answer(401, &[], ""),
        token("t2", 3_600),
        answer(200, &[], ""),
    ]);
    bench.run(oauth(), scope()).await.expect("ok");
    bench.run(oauth(), scope()).await.expect("ok with the new token");
    assert_eq!(bench.seen()[4].headers["authorization"], "Bearer t2");
}

#[tokio::test]
async fn a_new_token_that_is_refused_is_forgotten_and_the_step_fails() {
    let bench = Bench::answering([token("t1", 3_600), answer(401, &[], "")]);
    let failure = bench.run(oauth(), scope()).await.expect_err("refused");
    assert!(matches!(failure.class, FailureClass::Status { status: 401, .. }));
    bench.then(Ok(token("t2", 3_600)));
    bench.then(Ok(answer(200, &[], "")));
    bench.run(oauth(), scope()).await.expect("ok");
    assert_eq!(bench.seen().len(), 4);
}

#[tokio::test]
async fn callers_that_come_together_share_one_fetch() {
    let answers = std::iter::once(token("t1", 3_600)).chain((0..10).map(|_| answer(200, &[], "")));
    let bench = Bench::answering(answers);
    let calls = (0..10).map(|_| bench.run(oauth(), scope()));
    for outcome in futures::future::join_all(calls).await {
        outcome.expect("ok");
    }
    assert_eq!(bench.seen().len(), 11);
}

#[tokio::test]
async fn callers_that_come_together_share_one_failure() {
    let bench = Bench::answering([json_answer(400, &json!({"error": "invalid_client"}))]);
    let calls = (0..10).map(|_| bench.run(oauth(), scope()));
    for outcome in futures::future::join_all(calls).await {
        let failure = outcome.expect_err("no token");
        assert_eq!(failure.message, "no OAuth token: auth.example answered 400 (invalid_client)");
        assert!(matches!(failure.class, FailureClass::Status { status: 400, .. }));
    }
    assert_eq!(bench.seen().len(), 1);
}

#[tokio::test]
async fn other_credentials_or_another_project_get_another_token() {
    let mut bench = Bench::answering([
        token("t1", 3_600),
        answer(200, &[], ""),
        token("t2", 3_600),
        answer(200, &[], ""),
        token("t3", 3_600),
        answer(200, &[], ""),
    ]);
    bench.run(oauth(), scope()).await.expect("ok");
    bench.run(oauth(), json!({"secret": "another"})).await.expect("ok");
    bench.project = "0190b5e8-0000-7000-8000-000000000001".parse().expect("an id");
    bench.run(oauth(), scope()).await.expect("ok");
    assert_eq!(bench.seen().len(), 6);
}

#[tokio::test]
async fn an_answer_without_a_bearer_token_is_refused() {
    for body in [
        json!({}),
        json!({"access_token": ""}),
        json!({"access_token": "t", "token_type": "mac"}),
        json!("t"),
    ] {
        let bench = Bench::answering([json_answer(200, &body)]);
        let failure = bench.run(oauth(), scope()).await.expect_err("no token");
        assert_eq!((failure.code, failure.class), ("request_auth", FailureClass::Permanent));
    }
}
