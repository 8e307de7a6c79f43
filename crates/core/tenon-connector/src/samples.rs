//! Connectors for unit tests: a small valid manifest with parts replaced.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::call::Answer;
use crate::connector::Connector;
use crate::context::{Account, Context, Seed};
use crate::token::Token;

/// A connector whose manifest has these members in place of the usual ones.
pub(crate) fn connector(members: Value) -> Connector {
    let mut manifest = json!({
        "format": 1,
        "name": "sample",
        "version": "1.0.0",
        "title": "Sample",
        "description": "A sample.",
        "categories": ["crm"],
        "docs": "https://docs.example.com/",
        "auth": [{"id": "none", "type": "none"}],
        "proxy": {"base_url": [{"url": "https://api.example.com/v1"}]},
    });
    for (name, value) in members.as_object().expect("an object of members") {
        manifest[name.as_str()] = value.clone();
    }
    match Connector::load("sample.json", &manifest.to_string()) {
        Ok(connector) => connector,
        Err(faults) => panic!("the sample is not valid: {faults:?}"),
    }
}

pub(crate) fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

pub(crate) fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().expect("a moment")
}

/// What an account has.
pub(crate) struct Person {
    pub(crate) app: Map<String, Value>,
    pub(crate) fields: Map<String, Value>,
    pub(crate) token: Option<Token>,
}

impl Person {
    pub(crate) fn new(app: Value, fields: Value, token: Value) -> Self {
        let token = match token {
            Value::Null => None,
            mut token => {
                token["issued_at"] = "2026-01-01T00:00:00Z".into();
                Some(serde_json::from_value(token).expect("a token"))
            }
        };
        Self { app: map(app), fields: map(fields), token }
    }

    pub(crate) fn ctx(&self) -> Context<'_> {
        let account = Account { app: &self.app, fields: &self.fields, token: self.token.as_ref() };
        Context::new(account, now(), Seed::new([7; 16]))
    }
}

/// An answer with a JSON body, or text.
pub(crate) fn answer(status: u16, body: Value) -> Answer {
    let (kind, text) = match body {
        Value::String(text) => ("text/html", text),
        Value::Null => ("application/json", String::new()),
        other => ("application/json", other.to_string()),
    };
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", kind.parse().expect("a value"));
    Answer { status: status.try_into().expect("a status"), headers, body: text.into() }
}

pub(crate) fn with_header(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    answer.headers.append(name, value.parse().expect("a value"));
    answer
}
