//! OAuth of MCP servers.

use super::*;
use crate::authorize::{self, AuthorizeStep};

fn sample() -> Connector {
    connector(json!({
        "auth": [{"id": "mcp", "type": "mcp_oauth", "server_url": "https://mcp.example.com/srv/mcp"}],
        "proxy": {"base_url": [{"url": "https://mcp.example.com/srv"}]},
    }))
}

fn begin<'a>(sample: &'a Connector, person: &'a Person) -> Box<Exchange<'a>> {
    let start = Start {
        redirect_uri: REDIRECT,
        state: "state-1",
        scopes: &[],
        code_challenge: Some("challenge-1"),
    };
    let method = sample.auth(None).expect("a method");
    match authorize::start(sample, method, &person.ctx(), start).expect("it starts") {
        AuthorizeStep::Exchange(exchange) => exchange,
        AuthorizeStep::Redirect(url) => panic!("straight to {url}"),
    }
}

fn metadata() -> Value {
    json!({
        "issuer": "https://auth.example.com/tenant",
        "authorization_endpoint": "https://auth.example.com/authorize",
        "token_endpoint": "https://auth.example.com/token",
        "registration_endpoint": "https://auth.example.com/register",
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

fn resource() -> Value {
    json!({
        "resource": "https://mcp.example.com/srv/mcp",
        "authorization_servers": ["https://auth.example.com/tenant"],
        "scopes_supported": ["read", "write"],
    })
}

/// Drives the search to the consent page with an own client.
fn found(exchange: &mut Exchange<'_>) -> Redirect {
    let places: Vec<(&str, Answer)> = vec![
        ("/.well-known/oauth-protected-resource/srv/mcp", answer(404, json!("none"))),
        ("/.well-known/oauth-protected-resource", answer(200, resource())),
        ("/.well-known/oauth-authorization-server/tenant", answer(404, json!("none"))),
        ("/.well-known/openid-configuration/tenant", answer(200, metadata())),
        ("/register", answer(201, json!({"client_id": "dyn-1"}))),
    ];
    for (path, answer) in places {
        let call = sent(exchange);
        assert_eq!(call.url.path(), path);
        if path == "/register" {
            let body: Value = serde_json::from_slice(&call.body).expect("JSON");
            assert_eq!(body["redirect_uris"], json!([REDIRECT]));
            assert_eq!(
                (&body["scope"], &body["client_name"]),
                (&json!("read write"), &json!("Tenon"))
            );
        }
        exchange.receive(&answer).expect("fine");
    }
    match exchange.next() {
        Ok(Step::Redirect(redirect)) => redirect,
        _ => panic!("the user goes on"),
    }
}

#[test]
fn a_server_is_found_a_client_registered_and_a_token_kept_with_both() {
    let (sample, person) = (sample(), Person::new(json!({}), json!({}), Value::Null));
    let redirect = found(&mut begin(&sample, &person));
    let query: BTreeMap<String, String> = redirect.url.query_pairs().into_owned().collect();
    let expected = params(json!({
        "response_type": "code", "client_id": "dyn-1", "redirect_uri": REDIRECT,
        "scope": "read write", "state": "state-1", "code_challenge": "challenge-1",
        "code_challenge_method": "S256", "resource": "https://mcp.example.com/srv/mcp",
    }));
    assert_eq!(query, expected);

    let given = json!({"code": "c", "iss": "https://auth.example.com/tenant"});
    let mut exchange = callback(&sample, &person, given, &redirect.kept).expect("it starts");
    let call = sent(&mut exchange);
    assert_eq!(call.url.as_str(), "https://auth.example.com/token");
    let fields = form(&call);
    assert_eq!(
        (fields["client_id"].as_str(), fields["code_verifier"].as_str()),
        ("dyn-1", "verifier-1")
    );
    assert_eq!(fields["resource"], "https://mcp.example.com/srv/mcp");
    let body = json!({"access_token": "a", "refresh_token": "r", "expires_in": 60});
    exchange.receive(&answer(200, body)).expect("a token");
    let token = token(&mut exchange);
    assert_eq!(token.extra["mcp"]["client_id"], "dyn-1");

    let mut later = Person::new(json!({}), json!({}), Value::Null);
    later.token = Some(token);
    let mut exchange = refresh(&sample, &later).expect("it starts");
    let fields = form(&sent(&mut exchange));
    assert_eq!((fields["refresh_token"].as_str(), fields["client_id"].as_str()), ("r", "dyn-1"));
    // A client that the server forgot is registered anew by connecting again.
    let error = exchange.receive(&answer(401, json!({"error": "invalid_client"})));
    assert!(matches!(error, Err(ExchangeError::Dead { .. })));
}

#[test]
fn a_callback_has_to_name_the_same_server() {
    let (sample, person) = (sample(), Person::new(json!({}), json!({}), Value::Null));
    let kept = found(&mut begin(&sample, &person)).kept;
    for given in [json!({"code": "c", "iss": "https://evil.example"}), json!({"code": "c"})] {
        let error = callback(&sample, &person, given.clone(), &kept).err();
        assert!(matches!(error, Some(ExchangeError::BadInput { .. })), "{given}");
    }
}

/// Answers the search for the resource, then for the server, with the last until it ends.
fn searched(person: &Person, resource: &Answer, server: &Answer) -> Result<Call, ExchangeError> {
    let sample = sample();
    let mut exchange = begin(&sample, person);
    for _ in 0..8 {
        let call = match exchange.next()? {
            Step::Send(call) => call,
            Step::Redirect(redirect) => {
                return Ok(Call {
                    method: http::Method::GET,
                    url: redirect.url,
                    headers: http::HeaderMap::new(),
                    body: bytes::Bytes::new(),
                });
            }
            Step::Done(_) => panic!("no token yet"),
        };
        let answer = match call.url.path() {
            path if path.contains("protected-resource") => resource,
            path if path.contains(".well-known") => server,
            _ => return Ok(call),
        };
        exchange.receive(answer)?;
    }
    panic!("it goes round in circles")
}

#[test]
fn metadata_that_cannot_be_trusted_end_the_search() {
    let person = Person::new(json!({}), json!({}), Value::Null);
    let resource = answer(200, resource());
    let with = |name: &str, value: Value| {
        let mut metadata = metadata();
        metadata[name] = value;
        answer(200, metadata)
    };
    for server in [
        with("issuer", json!("https://evil.example")),
        with("token_endpoint", json!("file:///etc/passwd")),
        with("authorization_endpoint", Value::Null),
        with("code_challenge_methods_supported", json!(["plain"])),
        answer(200, json!("<html>")),
        answer(404, Value::Null),
    ] {
        let error = searched(&person, &resource, &server).err();
        assert!(matches!(error, Some(ExchangeError::Garbage { .. })), "{error:?}");
    }
    let plain = with("token_endpoint", json!("http://auth.example.com/token"));
    assert!(matches!(searched(&person, &resource, &plain), Err(ExchangeError::BadInput { .. })));
    let down = answer(503, Value::Null);
    assert!(matches!(searched(&person, &resource, &down), Err(ExchangeError::Temporary { .. })));
    let unregistered = with("registration_endpoint", Value::Null);
    let error = searched(&person, &resource, &unregistered).err();
    assert!(matches!(error, Some(ExchangeError::WrongClient { .. })));
}

#[test]
fn the_builders_client_is_used_and_an_old_server_is_its_own_authority() {
    let none = answer(404, Value::Null);
    let builder = Person::new(app(), json!({}), Value::Null);
    let call =
        searched(&builder, &answer(200, resource()), &answer(200, metadata())).expect("found");
    assert!(call.url.query_pairs().any(|(name, value)| name == "client_id" && value == "client-1"));
    let nobody = Person::new(json!({}), json!({}), Value::Null);
    let call = searched(&nobody, &none, &none).expect("found");
    assert_eq!(call.url.as_str(), "https://mcp.example.com/register");
}
