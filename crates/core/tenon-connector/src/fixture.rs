//! Fixtures: what goes in, which requests must come out, what answers come back, and what is then
//! expected. A connector without them is refused.
//!
//! One file `fixtures/<name>.yaml` holds one fixture. [`read()`] reads one, [`run()`] runs it, and
//! [`run_all`] does everything that `tenon connector test` does with a folder. No file is opened
//! and no request is sent here.

mod coverage;
mod diff;
mod folder;
mod play;
mod read;
mod run;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use folder::{Checked, File, Folder, Problem, Ran, run_all};
pub use read::read;
pub use run::{Failure, run};

/// A fixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// For people: the rule that it shows.
    pub title: String,
    /// What is done.
    pub run: Run,
    /// The auth method; the connector's first when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// What goes in.
    #[serde(default)]
    pub given: Given,
    /// The requests in order, each with its answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<Exchange>,
    /// What is expected in the end.
    pub expect: Expect,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Run {
    /// Builds the URL that the user is sent to: `expect.url`.
    Authorize,
    /// Gets the first token: from a callback, or from the fields.
    Connect,
    /// Renews the token.
    Refresh,
    /// Runs `lifecycle.identity`.
    Identity,
    /// Runs `lifecycle.health`.
    Health,
    /// Runs `lifecycle.revoke`.
    Revoke,
    /// Runs an action.
    Action(String),
    /// Asks a data source for its options: one page for each exchange.
    Source(String),
    /// Sends a request of the caller's through `proxy`: the first exchange's request as the caller
    /// gave it is `given.request`.
    Proxy,
    /// Takes in a webhook: `given.webhook`.
    Webhook(String),
}

/// What goes in. Dates and random values are fixed by it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// `app`: client id, secret and so on; `client-id`, `client-secret` and, for an app field, its
    /// default or its name are used for those left out.
    pub app: Map<String, Value>,
    /// `fields`, the secret ones too.
    pub fields: Map<String, Value>,
    /// `token`: `access_token`, `refresh_token` and what was kept. `access-token` and
    /// `refresh-token` where a method has tokens and none is given.
    pub token: Option<Value>,
    /// Scopes that the builder chose.
    pub scopes: Option<Vec<String>>,
    /// The OAuth callback's parameters.
    pub callback: BTreeMap<String, String>,
    /// What the first requests of a linking kept until the callback (OAuth 1, MCP).
    pub kept: Map<String, Value>,
    /// An action's input.
    pub input: Value,
    /// What was chosen in the lists that a data source depends on, by their keys.
    pub chosen: Map<String, Value>,
    /// What was typed to find an option.
    pub search: Option<String>,
    /// A proxy caller's request.
    pub request: Option<FixtureRequest>,
    /// A webhook.
    pub webhook: Option<FixtureWebhook>,
    /// Now; 2026-01-02T03:04:05Z when left out.
    #[schemars(with = "Option<String>")]
    pub now: Option<Timestamp>,
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// What must come out. Headers that are not named are not looked at, nor is the body when
    /// neither `json`, `form` nor `text` is given. `*` stands for any value.
    pub request: FixtureRequest,
    /// What comes back.
    pub response: FixtureResponse,
}

/// A request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FixtureRequest {
    /// GET when left out.
    pub method: Option<String>,
    /// The whole URL with its query; parameters in any order.
    pub url: String,
    /// Headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    pub json: Option<Value>,
    /// A form body.
    pub form: Option<BTreeMap<String, String>>,
    /// Any other body.
    pub text: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FixtureResponse {
    /// 200 when left out.
    pub status: Option<u16>,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// A JSON body; its content type is set.
    pub json: Option<Value>,
    /// Any other body.
    pub text: Option<String>,
}

/// A webhook.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FixtureWebhook {
    /// POST when left out.
    pub method: Option<String>,
    /// The URL it was sent to.
    pub url: Option<String>,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The body, byte by byte.
    pub body: String,
    /// The signing secret.
    pub secret: Option<String>,
}

/// What is expected.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// The URL of `authorize`; parameters in any order.
    pub url: Option<String>,
    /// Members of the token.
    pub token: Option<Map<String, Value>>,
    /// When the token ends; null: that is not known.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub expires_at: Option<Option<Timestamp>>,
    /// Fields that were kept.
    pub fields: Option<Map<String, Value>>,
    /// The account's id and name.
    pub identity: Option<ExpectIdentity>,
    /// An action's output, the options of a data source, or the body that a proxy caller gets.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The failure.
    pub error: Option<ExpectError>,
    /// A webhook's outcome.
    pub webhook: Option<ExpectWebhook>,
}

/// Tells a value that is null from one that is not there.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

/// The account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectIdentity {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectError {
    /// Its kind, as in [`crate::manifest::proxy::ErrorKind`].
    pub kind: String,
    /// Part of its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Seconds until the next try is allowed, of `rate_limited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u64>,
}

/// A webhook's outcome.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectWebhook {
    /// What the provider gets.
    pub status: u16,
    /// The body it gets.
    pub body: Option<Value>,
    /// Whether it was verified.
    pub is_verified: bool,
    /// The events.
    pub events: Vec<ExpectEvent>,
}

/// An event of a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectEvent {
    /// Its type.
    pub event: String,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<String>,
    /// The value that routes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}
