mod codes;
mod credentials;
mod mcp;
mod oauth1;

use serde_json::json;

use super::*;
use crate::samples::{Person, answer, connector, map, now, with_header};

const REDIRECT: &str = "https://tenon.example/oauth/callback";

fn app() -> Value {
    json!({"client_id": "client-1", "client_secret": "client-secret-1"})
}

fn params(value: Value) -> BTreeMap<String, String> {
    serde_json::from_value(value).expect("texts")
}

/// Starts from a callback with these parameters.
fn callback<'a>(
    connector: &'a Connector,
    person: &'a Person,
    given: Value,
    kept: &Map<String, Value>,
) -> Result<Exchange<'a>, ExchangeError> {
    let callback = Callback {
        params: &params(given),
        redirect_uri: REDIRECT,
        code_verifier: Some("verifier-1"),
        scopes: &[],
        kept,
    };
    let method = connector.auth(None).expect("a method");
    Exchange::connect(connector, method, ConnectInput::Callback(callback), &person.ctx())
}

fn by_fields<'a>(
    connector: &'a Connector,
    person: &'a Person,
) -> Result<Exchange<'a>, ExchangeError> {
    let method = connector.auth(None).expect("a method");
    Exchange::connect(connector, method, ConnectInput::Fields { scopes: &[] }, &person.ctx())
}

fn refresh<'a>(
    connector: &'a Connector,
    person: &'a Person,
) -> Result<Exchange<'a>, ExchangeError> {
    Exchange::refresh(connector, connector.auth(None).expect("a method"), &person.ctx())
}

fn sent(exchange: &mut Exchange<'_>) -> Call {
    match exchange.next() {
        Ok(Step::Send(call)) => call,
        Ok(_) => panic!("it sends nothing"),
        Err(error) => panic!("{error}"),
    }
}

fn done(exchange: &mut Exchange<'_>) -> Outcome {
    match exchange.next() {
        Ok(Step::Done(outcome)) => outcome,
        Ok(_) => panic!("it is not done"),
        Err(error) => panic!("{error}"),
    }
}

fn token(exchange: &mut Exchange<'_>) -> Token {
    done(exchange).token.expect("a token")
}

fn form(call: &Call) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(&call.body).into_owned().collect()
}

fn text<'c>(call: &'c Call, header: &str) -> &'c str {
    call.headers.get(header).and_then(|it| it.to_str().ok()).unwrap_or_default()
}
