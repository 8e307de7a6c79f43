//! Authorization codes and refresh tokens.

use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::authorize::{self, AuthorizeStep};

fn oauth2(members: Value) -> Connector {
    let mut method = json!({
        "id": "oauth", "type": "oauth2",
        "authorize_url": "https://auth.example.com/authorize?prompt=consent",
        "token_url": "https://auth.example.com/token",
        "scopes": {"default": ["read", "write"], "required": ["offline"]},
    });
    for (name, value) in map(members) {
        method[name.as_str()] = value;
    }
    connector(json!({
        "fields": [{"name": "domain", "title": "Domain", "automated": true}],
        "auth": [method],
    }))
}

fn person(token: Value) -> Person {
    Person::new(app(), json!({}), token)
}

fn old() -> Value {
    json!({
        "access_token": "old-access", "refresh_token": "old-refresh", "scope": "read",
        "extra": {"team": "t1"},
    })
}

#[test]
fn the_consent_url_has_all_parameters_and_overrides() {
    let sample = oauth2(json!({
        "authorize_params": {"access_type": "offline", "response_type": "code id_token", "state": null},
    }));
    let (person, scopes) = (person(Value::Null), ["only".to_owned()]);
    let challenge = authorize::pkce_challenge("verifier-1");
    let start = Start {
        redirect_uri: REDIRECT,
        state: "state-1",
        scopes: &scopes,
        code_challenge: Some(&challenge),
    };
    let method = sample.auth(None).expect("a method");
    let step = authorize::start(&sample, method, &person.ctx(), start).expect("a step");
    let AuthorizeStep::Redirect(url) = step else { panic!("it needs no request") };
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let expected = params(json!({
        "prompt": "consent", "client_id": "client-1", "redirect_uri": REDIRECT,
        "scope": "only offline", "code_challenge": challenge, "code_challenge_method": "S256",
        "access_type": "offline", "response_type": "code id_token",
    }));
    assert_eq!(query, expected);
    let nobody = Person::new(json!({}), json!({}), Value::Null);
    let error = authorize::start(&sample, method, &nobody.ctx(), start).err();
    assert!(matches!(error, Some(ExchangeError::WrongClient { .. })));
}

#[test]
fn a_code_becomes_a_token_with_what_the_manifest_keeps() {
    let sample = oauth2(json!({
        "callback": {"domain": "{{callback.location}}"},
        "token_url": "https://auth.{{fields.domain}}/token",
        "response": {"extra": {"team": "{{response.body.team.id}}"},
                     "fields": {"plan": "{{response.body.plan}}"}},
    }));
    let person = person(Value::Null);
    let given = json!({"code": "c 1", "state": "s", "location": "eu.example.com"});
    let mut exchange = callback(&sample, &person, given, &Map::new()).expect("it starts");
    let call = sent(&mut exchange);
    assert_eq!(
        (call.method.as_str(), call.url.as_str()),
        ("POST", "https://auth.eu.example.com/token")
    );
    assert_eq!(text(&call, "accept"), "application/json");
    let expected = params(json!({
        "grant_type": "authorization_code", "code": "c 1", "redirect_uri": REDIRECT,
        "code_verifier": "verifier-1", "client_id": "client-1", "client_secret": "client-secret-1",
    }));
    assert_eq!(form(&call), expected);
    assert_eq!(sent(&mut exchange).body, call.body, "asked again, it is the same request");
    let body = json!({
        "access_token": "at", "refresh_token": "rt", "expires_in": 3600, "scope": "read",
        "token_type": "bearer", "team": {"id": "t9"}, "plan": "pro",
    });
    exchange.receive(&answer(200, body)).expect("a token");
    let outcome = done(&mut exchange);
    assert_eq!(outcome.fields, map(json!({"domain": "eu.example.com", "plan": "pro"})));
    let token = outcome.token.expect("a token");
    assert_eq!((token.access_token.as_str(), token.refresh_token.as_deref()), ("at", Some("rt")));
    assert_eq!(token.expires_at, Some(now() + SignedDuration::from_hours(1)));
    assert_eq!(token.extra, map(json!({"token_type": "bearer", "team": "t9"})));
    assert!(exchange.next().is_err(), "the outcome is handed out once");
}

#[test]
fn the_request_is_written_and_authenticated_as_the_provider_wants() {
    let call = |request: Value| {
        let sample = oauth2(json!({"token_request": request}));
        let person = Person::new(
            json!({"client_id": "a:b", "client_secret": "s/~"}),
            json!({}),
            Value::Null,
        );
        let mut exchange =
            callback(&sample, &person, json!({"code": "c"}), &Map::new()).expect("it starts");
        sent(&mut exchange)
    };
    let basic = call(json!({"client_auth": "basic", "format": "json", "headers": {"x-v": "1"}}));
    assert_eq!(text(&basic, "authorization"), "Basic YSUzQWI6cyUyRn4=");
    assert_eq!((text(&basic, "content-type"), text(&basic, "x-v")), ("application/json", "1"));
    let body: Value = serde_json::from_slice(&basic.body).expect("JSON");
    assert_eq!(body.get("client_id"), None);
    assert_eq!(body["code_verifier"], "verifier-1");
    let none = call(json!({"client_auth": "none", "params": {"code_verifier": null, "x": [1, 2]}}));
    assert_eq!(form(&none).get("client_secret"), None);
    assert!(String::from_utf8_lossy(&none.body).ends_with("client_id=a%3Ab&x=1&x=2"));
    let get = call(json!({"format": "get"}));
    assert_eq!((get.method.as_str(), get.body.len()), ("GET", 0));
    assert!(get.url.query_pairs().any(|(name, value)| name == "client_secret" && value == "s/~"));
    let jwt = call(json!({"client_auth": {"private_key_jwt": {
        "algorithm": "HS256", "key": "{{app.client_secret}}", "claims": {"iss": "{{app.client_id}}"},
    }}}));
    assert_eq!(form(&jwt)["client_assertion"].split('.').count(), 3);
    assert!(form(&jwt)["client_assertion_type"].ends_with("jwt-bearer"));
}

#[test]
fn a_callback_says_what_went_wrong() {
    let sample = oauth2(json!({}));
    let person = person(Value::Null);
    let error =
        |given: Value| callback(&sample, &person, given, &Map::new()).err().expect("refused");
    for code in ["access_denied", "user_denied"] {
        let denied = error(json!({"error": code, "error_description": "No\r\n thanks"}));
        assert!(
            matches!(&denied, ExchangeError::Denied { reason } if reason.contains("No thanks"))
        );
    }
    assert!(matches!(error(json!({"error": "server_error"})), ExchangeError::Temporary { .. }));
    assert!(matches!(error(json!({"error": "invalid_scope"})), ExchangeError::WrongClient { .. }));
    assert!(matches!(error(json!({"error": "odd"})), ExchangeError::BadInput { .. }));
    assert!(matches!(error(json!({"state": "s"})), ExchangeError::BadInput { .. }));
}

/// Renews with `old` and takes one answer.
fn renewed(members: Value, answer: &Answer) -> Result<Token, ExchangeError> {
    let (sample, person) = (oauth2(members), person(old()));
    let mut exchange = refresh(&sample, &person).expect("it starts");
    sent(&mut exchange);
    exchange.receive(answer)?;
    Ok(token(&mut exchange))
}

#[test]
fn a_refresh_sends_the_old_token_and_keeps_what_is_not_given_anew() {
    let sample = oauth2(json!({
        "token_request": {"client_auth": "basic", "params": {"audience": "first only"}},
        "refresh": {"url": "https://auth.example.com/renew", "params": {"scope": "{{oauth.scope}}"}},
    }));
    let person = person(old());
    let mut exchange = refresh(&sample, &person).expect("it starts");
    let call = sent(&mut exchange);
    assert_eq!(call.url.as_str(), "https://auth.example.com/renew");
    let expected =
        json!({"grant_type": "refresh_token", "refresh_token": "old-refresh", "scope": "read"});
    assert_eq!(form(&call), params(expected));
    exchange.receive(&answer(200, json!({"access_token": "new"}))).expect("a token");
    let kept = token(&mut exchange);
    assert_eq!(kept.refresh_token.as_deref(), Some("old-refresh"));
    assert_eq!((kept.scope.as_deref(), kept.expires_at), (Some("read"), None));
    assert_eq!(kept.extra, map(json!({"team": "t1"})));
    let body = json!({"access_token": "new", "refresh_token": "rotated"});
    let rotated = renewed(json!({}), &answer(200, body)).expect("a token");
    assert_eq!(rotated.refresh_token.as_deref(), Some("rotated"));
}

#[test]
fn without_a_refresh_token_the_account_is_dead_before_any_request() {
    let never = oauth2(json!({"refresh": {"never": true}}));
    let (with, without) = (person(old()), person(json!({"access_token": "a"})));
    for (sample, person) in [(&never, &with), (&oauth2(json!({})), &without)] {
        let error = refresh(sample, person).err();
        assert!(
            matches!(error, Some(ExchangeError::Dead { code, .. }) if code == "no_refresh_token")
        );
    }
}

#[test]
fn the_end_of_a_token_is_read_in_every_form_and_bounded() {
    let end = |response: Value, body: Value| {
        let mut body = body;
        body["access_token"] = "a".into();
        let token = renewed(json!({"response": response}), &answer(200, body)).expect("a token");
        token.expires_at.map(|at| at.duration_since(now()).as_secs())
    };
    let year = 365 * 24 * 3_600;
    for (response, body, expected) in [
        (json!({}), json!({}), None),
        (json!({"lifetime_seconds": 900}), json!({}), Some(900)),
        (json!({"lifetime_seconds": 900}), json!({"expires_in": 60}), Some(60)),
        (json!({}), json!({"expires_in": "3599"}), Some(3_599)),
        (json!({}), json!({"expires_in": 0}), None),
        (json!({"lifetime_seconds": 900}), json!({"expires_in": -5}), Some(900)),
        (json!({}), json!({"expires_in": "soon"}), None),
        (json!({}), json!({"expires_in": 1e300}), Some(10 * year)),
        (json!({"expires_unit": "minutes"}), json!({"expires_in": 2}), Some(120)),
        (json!({"expires_unit": "milliseconds"}), json!({"expires_in": 5_000}), Some(5)),
        (json!({"expires_at": "{{response.body.end}}"}), json!({"end": 1_767_323_105}), Some(60)),
        (json!({"expires_at": "{{response.body.end}}"}), json!({"end": "1767323105000"}), Some(60)),
        (
            json!({"expires_at": "{{response.body.end}}"}),
            json!({"end": "2026-01-02T03:05:05Z"}),
            Some(60),
        ),
        (
            json!({"expires_at": "{{response.body.end}}"}),
            json!({"end": 5, "expires_in": 30}),
            Some(30),
        ),
        (
            json!({"expires_at": "{{response.body.end}}"}),
            json!({"end": "9999-12-01T00:00:00Z"}),
            Some(10 * year),
        ),
    ] {
        assert_eq!(end(response.clone(), body.clone()), expected, "{response} {body}");
    }
}

#[test]
fn errors_of_a_refresh_are_told_apart() {
    let kind = |members: Value, answer: &Answer| match renewed(members, answer).err() {
        Some(ExchangeError::Dead { code, .. }) => format!("dead {code}"),
        Some(ExchangeError::WrongClient { .. }) => "wrong_client".to_owned(),
        Some(ExchangeError::Denied { .. }) => "denied".to_owned(),
        Some(ExchangeError::Temporary { wait, .. }) => {
            format!("temporary {}", wait.unwrap_or_default().as_secs())
        }
        Some(ExchangeError::Garbage { .. }) => "garbage".to_owned(),
        Some(ExchangeError::BadInput { .. }) => "bad_input".to_owned(),
        None => "fine".to_owned(),
    };
    let dead = json!({"refresh": {"dead_errors": ["token_gone", "has been revoked"]}});
    let plain = json!({});
    let html = json!("<html>canary</html>");
    for (members, status, body, expected) in [
        (&plain, 400, json!({"error": "invalid_grant"}), "dead invalid_grant"),
        (&plain, 200, json!({"error": "invalid_grant"}), "dead invalid_grant"),
        (&dead, 400, json!({"error": "TOKEN_GONE"}), "dead TOKEN_GONE"),
        (&dead, 400, json!({"error": "x", "error_description": "it has been revoked"}), "dead x"),
        (&plain, 400, json!({"error": {"code": "invalid_grant"}}), "dead invalid_grant"),
        (&plain, 401, Value::Null, "dead refused"),
        (&plain, 403, json!({"message": "no"}), "dead refused"),
        (&plain, 401, json!({"error": "invalid_client"}), "wrong_client"),
        (&plain, 400, json!({"error": "unsupported_grant_type"}), "wrong_client"),
        (&plain, 400, json!({"error": "odd_one"}), "bad_input"),
        (&plain, 500, json!({"error": "invalid_grant"}), "temporary 0"),
        (&plain, 503, html.clone(), "temporary 0"),
        (&plain, 400, json!({"error": "temporarily_unavailable"}), "temporary 0"),
        (&plain, 302, Value::Null, "garbage"),
        (&plain, 200, html.clone(), "garbage"),
        (&plain, 404, html, "garbage"),
        (&plain, 200, json!({}), "garbage"),
        (&plain, 200, json!([1]), "garbage"),
        (&plain, 200, json!({"access_token": ""}), "garbage"),
        (&plain, 200, json!({"access_token": {"a": 1}}), "garbage"),
        (&plain, 200, json!({"access_token": "x".repeat(70_000)}), "garbage"),
        (&plain, 200, json!({"access_token": "a", "error": "but fine"}), "fine"),
    ] {
        let shown: String = body.to_string().chars().take(80).collect();
        assert_eq!(kind(members.clone(), &answer(status, body)), expected, "{status} {shown}");
    }
    let limited = with_header(answer(429, Value::Null), "retry-after", "17");
    assert_eq!(kind(plain.clone(), &limited), "temporary 17");
    let huge = answer(200, json!("x".repeat(1 << 20)));
    assert_eq!(kind(plain, &huge), "garbage");
}

#[test]
fn reasons_hold_no_secret_and_no_body() {
    let echo = "client-secret-1 old-refresh old-access canary-page";
    for answer in [
        answer(400, json!({"error": "invalid_grant", "error_description": echo})),
        answer(401, json!({"error": echo, "message": echo})),
        answer(500, json!({"error_description": echo})),
        answer(200, json!(format!("<html>{echo}</html>"))),
        answer(400, json!({"error": "x", "error_description": "t".repeat(5_000)})),
    ] {
        let text = renewed(json!({}), &answer).err().expect("an error").to_string();
        for secret in ["client-secret-1", "old-refresh", "old-access", "<html"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.len() < 500, "{text}");
    }
    let text = renewed(
        json!({}),
        &answer(
            400,
            json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
        ),
    );
    let text = text.err().expect("an error").to_string();
    assert!(text.ends_with("Token has been expired or revoked. (invalid_grant)"), "{text}");
}

#[test]
fn a_form_answer_is_read_like_json() {
    let mut form = answer(200, Value::Null);
    form.headers
        .insert("content-type", "application/x-www-form-urlencoded".parse().expect("a value"));
    form.body = "access_token=a%2Fb&expires_in=60&scope=x".into();
    let token = renewed(json!({}), &form).expect("a token");
    assert_eq!((token.access_token.as_str(), token.scope.as_deref()), ("a/b", Some("x")));
    assert!(token.expires_at.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_ends_in_a_token_or_an_error(
        status in 100_u16..600,
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        members in prop::collection::hash_map(
            prop::sample::select(vec!["access_token", "expires_in", "error", "scope", "refresh_token"]),
            prop_oneof![
                any::<f64>().prop_map(Value::from), "[ -~]{0,20}".prop_map(Value::from),
                Just(Value::Null), Just(json!([1])), Just(json!({"code": 1})),
            ],
            0..5,
        ),
        is_json in any::<bool>(),
    ) {
        let members: Map<String, Value> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut answer = answer(status, Value::Object(members));
        if !is_json {
            answer.body = bytes.into();
        }
        if let Ok(token) = renewed(json!({}), &answer) {
            prop_assert!(!token.access_token.is_empty());
            let last = now() + SignedDuration::try_from(Duration::from_secs(10 * 366 * 86_400)).expect("ten years");
            prop_assert!(token.expires_at.is_none_or(|end| end > now() && end < last));
        }
    }
}
