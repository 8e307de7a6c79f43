//! OAuth 1.0a around the consent.

use super::*;
use crate::authorize::{self, AuthorizeStep};

fn sample() -> Connector {
    connector(json!({
        "auth": [{
            "id": "oauth1", "type": "oauth1",
            "request_token_url": "https://api.example.com/oauth/request_token",
            "authorize_url": "https://api.example.com/oauth/authorize",
            "authorize_params": {"perms": "read"},
            "access_token_url": "https://api.example.com/oauth/access_token",
            "signer": {"method": "hmac_sha1", "consumer_key": "{{app.client_id}}",
                       "consumer_secret": "{{app.client_secret}}"},
        }],
    }))
}

fn form_answer(text: &str) -> Answer {
    let mut answer = answer(200, json!("x"));
    answer.body = text.to_owned().into();
    answer
}

#[test]
fn three_requests_around_the_consent_give_a_token() {
    let (sample, person) = (sample(), Person::new(app(), json!({}), Value::Null));
    let method = sample.auth(None).expect("a method");
    let start = Start { redirect_uri: REDIRECT, state: "s 1", scopes: &[], code_challenge: None };
    let step = authorize::start(&sample, method, &person.ctx(), start).expect("it starts");
    let AuthorizeStep::Exchange(mut exchange) = step else { panic!("a request comes first") };
    let call = sent(&mut exchange);
    let header = text(&call, "authorization").to_owned();
    assert!(header.starts_with("OAuth oauth_consumer_key=\"client-1\""), "{header}");
    let callback_url =
        "oauth_callback=\"https%3A%2F%2Ftenon.example%2Foauth%2Fcallback%3Fstate%3Ds%2B1\"";
    assert!(header.contains(callback_url), "{header}");
    assert!(!header.contains("oauth_token="), "{header}");
    let temporary = "oauth_token=tmp&oauth_token_secret=tmp-secret&oauth_callback_confirmed=true";
    exchange.receive(&form_answer(temporary)).expect("fine");
    let Ok(Step::Redirect(redirect)) = exchange.next() else { panic!("the user goes on") };
    assert_eq!(
        redirect.url.as_str(),
        "https://api.example.com/oauth/authorize?oauth_token=tmp&perms=read"
    );

    let given = json!({"oauth_token": "tmp", "oauth_verifier": "v-1", "state": "s 1"});
    let mut exchange = callback(&sample, &person, given, &redirect.kept).expect("it starts");
    let header = text(&sent(&mut exchange), "authorization").to_owned();
    assert!(header.contains("oauth_token=\"tmp\"") && header.contains("oauth_verifier=\"v-1\""));
    let last = "oauth_token=final&oauth_token_secret=final-secret&user_id=7";
    exchange.receive(&form_answer(last)).expect("a token");
    let token = token(&mut exchange);
    assert_eq!(token.access_token, "final");
    assert_eq!(token.extra, map(json!({"user_id": "7", "token_secret": "final-secret"})));
}

#[test]
fn a_callback_of_another_start_and_a_refusal_are_told() {
    let (sample, person) = (sample(), Person::new(app(), json!({}), Value::Null));
    let kept = map(json!({"oauth_token": "tmp", "oauth_token_secret": "s"}));
    let error = |given: Value| callback(&sample, &person, given, &kept).err().expect("refused");
    let other = json!({"oauth_token": "other", "oauth_verifier": "v"});
    assert!(matches!(error(other), ExchangeError::BadInput { .. }));
    assert!(matches!(error(json!({"denied": "tmp"})), ExchangeError::Denied { .. }));
    assert!(matches!(error(json!({"oauth_token": "tmp"})), ExchangeError::BadInput { .. }));
    let given = json!({"oauth_token": "tmp", "oauth_verifier": "v"});
    let mut exchange = callback(&sample, &person, given, &kept).expect("it starts");
    sent(&mut exchange);
    let garbage = exchange.receive(&form_answer("<html>")).expect_err("no token");
    assert!(matches!(garbage, ExchangeError::Garbage { .. }));
}

#[test]
fn tokens_that_the_user_brings_need_no_consent() {
    let sample = connector(json!({
        "fields": [
            {"name": "token", "title": "Token"},
            {"name": "token_secret", "title": "Secret", "type": "password"},
        ],
        "auth": [{
            "id": "tba", "type": "oauth1",
            "signer": {"method": "hmac_sha256", "consumer_key": "{{app.client_id}}",
                       "consumer_secret": "{{app.client_secret}}", "realm": "acct",
                       "token": "{{fields.token}}", "token_secret": "{{fields.token_secret}}"},
        }],
    }));
    let fields = json!({"token": "t-1", "token_secret": "ts-1"});
    let person = Person::new(app(), fields, Value::Null);
    assert!(done(&mut by_fields(&sample, &person).expect("it starts")).token.is_none());
    let mut call = Call {
        method: http::Method::GET,
        url: Url::parse("https://api.example.com/v1/x?b=1").expect("a URL"),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
    };
    let method = sample.auth(None).expect("a method");
    crate::inject::apply(&sample, method, &person.ctx(), None, &mut call).expect("signed");
    let header = text(&call, "authorization");
    assert!(header.starts_with("OAuth realm=\"acct\", "), "{header}");
    assert!(
        header.contains("oauth_signature_method=\"HMAC-SHA256\"") && header.contains("\"t-1\"")
    );
}
