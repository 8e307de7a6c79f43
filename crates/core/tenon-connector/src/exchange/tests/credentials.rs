//! Tokens for fields: client credentials, requests of any form, assertions, installations.

use super::*;

#[test]
fn a_client_of_the_users_own_is_asked_with_and_its_fault_is_the_users() {
    let sample = connector(json!({
        "fields": [
            {"name": "client_id", "title": "Id"},
            {"name": "client_secret", "title": "Secret", "type": "password"},
        ],
        "auth": [{
            "id": "client", "type": "client_credentials",
            "token_url": "https://auth.example.com/token",
            "client_id": "{{fields.client_id}}", "client_secret": "{{fields.client_secret}}",
            "scopes": {"default": ["all"]},
        }],
    }));
    let fields = json!({"client_id": "mine", "client_secret": "secret-of-mine"});
    let person = Person::new(app(), fields.clone(), Value::Null);
    let mut exchange = by_fields(&sample, &person).expect("it starts");
    let call = sent(&mut exchange);
    assert_eq!(
        form(&call),
        params(json!({
            "grant_type": "client_credentials", "scope": "all",
            "client_id": "mine", "client_secret": "secret-of-mine",
        }))
    );
    let body = json!({"error": "invalid_client", "error_description": "secret-of-mine is wrong"});
    let error = exchange.receive(&answer(401, body.clone())).expect_err("refused");
    assert!(matches!(&error, ExchangeError::BadInput { reason } if !reason.contains("secret-of")));
    let person = Person::new(app(), fields, json!({"access_token": "a", "scope": "all more"}));
    let mut exchange = refresh(&sample, &person).expect("it starts");
    assert_eq!(form(&sent(&mut exchange))["scope"], "all more");
    let error = exchange.receive(&answer(401, body)).expect_err("refused");
    assert!(matches!(error, ExchangeError::Dead { .. }));
}

fn two_steps() -> Connector {
    connector(json!({
        "fields": [
            {"name": "user", "title": "User"},
            {"name": "password", "title": "Password", "type": "password"},
            {"name": "nothing", "title": "Nothing", "optional": true},
        ],
        "auth": [{
            "id": "session", "type": "token_exchange",
            "steps": [
                {
                    "id": "login",
                    "request": {"method": "POST", "url": "/login",
                        "body": {"json": {"user": "{{fields.user}}", "password": "{{fields.password}}"}}},
                    "save": {"ticket": "{{response.body.ticket}}"},
                },
                {
                    "id": "unneeded",
                    "when": {"operator": "$exists", "variable": "{{fields.nothing}}"},
                    "request": {"url": "/unneeded"},
                },
                {
                    "id": "token",
                    "request": {"url": "https://other.example.com/token",
                        "headers": {"x-ticket": "{{steps.login.ticket}}"}},
                },
            ],
            "response": {
                "access_token": "{{response.headers[\"x-session\"]}}",
                "expires_in": "{{response.body.minutes}}", "expires_unit": "minutes",
                "extra": {"ticket": "{{steps.login.ticket}}"},
                "error": "{{response.body.fault}}",
            },
            "inject": {"headers": {"x-session": "{{token.access_token}}"}},
        }],
    }))
}

#[test]
fn several_requests_give_one_token() {
    let sample = two_steps();
    let fields = json!({"user": "u", "password": "password-1"});
    let person = Person::new(json!({}), fields, Value::Null);
    let mut exchange = by_fields(&sample, &person).expect("it starts");
    let login = sent(&mut exchange);
    assert_eq!(login.url.as_str(), "https://api.example.com/v1/login");
    assert_eq!(login.body, r#"{"user":"u","password":"password-1"}"#);
    exchange.receive(&answer(200, json!({"ticket": "ticket-1"}))).expect("fine");
    let last = sent(&mut exchange);
    assert_eq!(
        (last.url.host_str(), text(&last, "x-ticket")),
        (Some("other.example.com"), "ticket-1")
    );
    let good = with_header(answer(200, json!({"minutes": 2})), "x-session", "s-1");
    exchange.receive(&good).expect("a token");
    let token = token(&mut exchange);
    assert_eq!(token.access_token, "s-1");
    assert_eq!(token.extra, map(json!({"ticket": "ticket-1"})));
    assert_eq!(token.expires_at.map(|at| at.duration_since(now()).as_secs()), Some(120));
}

#[test]
fn a_refused_password_is_bad_input_first_and_the_end_later() {
    let sample = two_steps();
    let fields = json!({"user": "u", "password": "password-1"});
    let fault = answer(200, json!({"fault": "password-1 is not right"}));
    let person = Person::new(json!({}), fields.clone(), Value::Null);
    let mut exchange = by_fields(&sample, &person).expect("it starts");
    sent(&mut exchange);
    let error = exchange.receive(&fault).expect_err("refused");
    assert!(
        matches!(&error, ExchangeError::BadInput { reason } if reason.ends_with("*** is not right")),
        "{error}"
    );
    assert!(exchange.next().is_err(), "it has ended");
    let person = Person::new(json!({}), fields, json!({"access_token": "s"}));
    let mut exchange = refresh(&sample, &person).expect("it starts");
    sent(&mut exchange);
    assert!(matches!(exchange.receive(&fault), Err(ExchangeError::Dead { .. })));
}

fn assertion(steps: Value) -> Connector {
    connector(json!({
        "fields": [{"name": "key", "title": "Key", "type": "password"}],
        "auth": [{
            "id": "jwt", "type": "assertion",
            "assertion": {"format": "jwt", "algorithm": "HS256", "key": "{{fields.key}}",
                          "claims": {"iss": "me"}, "lifetime_seconds": 90},
            "steps": steps,
        }],
    }))
}

#[test]
fn an_assertion_is_the_token_or_is_exchanged_for_one() {
    let person = Person::new(json!({}), json!({"key": "k"}), Value::Null);
    let bare = assertion(json!([]));
    let token_of_bare = token(&mut by_fields(&bare, &person).expect("it starts"));
    assert_eq!(token_of_bare.access_token.split('.').count(), 3);
    assert_eq!(token_of_bare.expires_at.map(|at| at.duration_since(now()).as_secs()), Some(90));
    let exchanged = assertion(json!([{
        "id": "token",
        "request": {"method": "POST", "url": "https://auth.example.com/token",
                    "body": {"form": {"assertion": "{{assertion}}"}}},
    }]));
    let mut exchange = by_fields(&exchanged, &person).expect("it starts");
    assert_eq!(form(&sent(&mut exchange))["assertion"], token_of_bare.access_token);
    let echo = json!({"error": "invalid_request", "error_description": token_of_bare.access_token});
    let error = exchange.receive(&answer(400, echo)).expect_err("refused");
    assert!(!error.to_string().contains("eyJ"), "{error}");
}

#[test]
fn an_installation_gives_tokens_for_its_id() {
    let sample = connector(json!({
        "fields": [{"name": "installation", "title": "Installation", "automated": true}],
        "app_fields": [{"name": "key", "title": "Key", "type": "password"}],
        "auth": [{
            "id": "app", "type": "app_installation",
            "install_url": "https://hub.example.com/apps/x/installations/new",
            "callback": {"installation": "{{callback.installation_id}}"},
            "jwt": {"algorithm": "HS256", "key": "{{app.key}}", "claims": {"iss": "{{app.client_id}}"}},
            "request": {
                "method": "POST",
                "url": "https://api.example.com/installations/{{fields.installation}}/tokens",
                "headers": {"authorization": "Bearer {{assertion}}"},
            },
            "response": {"access_token": "{{response.body.token}}",
                         "expires_at": "{{response.body.expires_at}}"},
        }],
    }));
    let person = Person::new(json!({"client_id": "1", "key": "k"}), json!({}), Value::Null);
    let given = json!({"installation_id": "77"});
    let mut exchange = callback(&sample, &person, given, &Map::new()).expect("it starts");
    let call = sent(&mut exchange);
    assert_eq!(call.url.path(), "/installations/77/tokens");
    assert!(text(&call, "authorization").starts_with("Bearer eyJ"));
    let body = json!({"token": "ghs_1", "expires_at": "2026-01-02T04:04:05Z"});
    exchange.receive(&answer(201, body)).expect("a token");
    let outcome = done(&mut exchange);
    assert_eq!(outcome.fields, map(json!({"installation": "77"})));
    assert_eq!(outcome.token.map(|token| token.access_token).as_deref(), Some("ghs_1"));
    assert!(callback(&sample, &person, json!({}), &Map::new()).is_err(), "no id came");
    let later = Person::new(
        json!({"client_id": "1", "key": "k"}),
        json!({"installation": "77"}),
        json!({"access_token": "ghs_1"}),
    );
    let mut exchange = refresh(&sample, &later).expect("it starts");
    assert_eq!(sent(&mut exchange).url.path(), "/installations/77/tokens");
}

#[test]
fn keys_need_no_request() {
    let sample = connector(json!({
        "auth": [{"id": "key", "type": "api_key", "inject": {"headers": {"x-key": "{{fields.api_key}}"}}}],
    }));
    let person = Person::new(json!({}), json!({"api_key": "k"}), Value::Null);
    let outcome = done(&mut by_fields(&sample, &person).expect("it starts"));
    assert!(outcome.token.is_none() && outcome.fields.is_empty());
    assert!(refresh(&sample, &person).is_err());
}
