//! The manifest of a connector: what is written in `connector.yaml`, version 1 of the format.
//!
//! Every value that may depend on the account or the call is a [`Source`]: a JSON value whose
//! texts may hold `{{templates}}`. What templates see, by root:
//!
//! | Root | Where | What |
//! | --- | --- | --- |
//! | `app` | everywhere | the builder's app: `client_id`, `client_secret`, the values of `app_fields` |
//! | `fields` | everywhere | the account's fields, the secret ones too, and what `lifecycle.identity` saved |
//! | `token` | after auth | `access_token`, `refresh_token`, `token_type`, `scope`, and everything that `response.extra` kept |
//! | `oauth` | OAuth requests | `redirect_uri`, `state`, `scope`, `code`, `code_verifier`, `code_challenge`, `client_assertion` |
//! | `callback` | after the OAuth callback | its query parameters |
//! | `steps` | exchanges, lifecycle, actions of several requests | what earlier ones saved: `steps.<id>.<name>` |
//! | `assertion` | assertion exchanges | the signed assertion |
//! | `input` | actions | the action's input |
//! | `response` | after an answer | `status`, `headers` (lower-case names), `body` (parsed JSON, else text) |
//! | `request` | injection, signers, webhooks' answers | `method`, `url`, `host`, `path`, `query`, `body` |
//! | `webhook` | webhooks | `headers` (lower-case), `query`, `body` (parsed), `raw` (text), `url`, `method` |
//! | `secret` | webhook verification | the signing secret |
//! | `page` | pagination | `number` (from 1), `offset`, `cursor` |
//! | `item` | `split`, `for_each`, options of data sources | the element |
//! | `chosen`, `search` | data sources | what was chosen in the lists it depends on; what was typed |
//! | `option` | forms of data sources | one choice of a field |
//! | `now` | everywhere | `unix`, `unix_ms`, `rfc3339`, `http_date`, `date` |
//! | `random` | everywhere | `uuid`, `hex`: new for each request |
//!
//! It holds no behaviour: reading and checking is in [`crate::load`], use in the modules beside it.

pub mod actions;
pub mod auth;
pub mod data_sources;
pub mod fields;
pub mod lifecycle;
pub mod proxy;
pub mod request;
pub mod webhooks;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use actions::Action;
use auth::AuthMethod;
use data_sources::DataSource;
use fields::Field;
use lifecycle::Lifecycle;
use proxy::ProxyRules;
use webhooks::Webhook;

/// A connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format: 1.
    pub format: u32,
    /// `[a-z0-9][a-z0-9-]{0,62}`; also the folder's name. Never changes.
    pub name: String,
    /// The connector's own version, `major.minor.patch`.
    pub version: String,
    /// For people.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// Such as `crm`, `communication`.
    pub categories: Vec<String>,
    /// The provider's API documentation.
    pub docs: String,
    /// The provider's colour, `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// The icon, one `<svg>` element with shapes and nothing that acts or loads; at most 64 KB.
    /// Connectors that come with Tenon have theirs in a file of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Set: why it should not be used any more, and what instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Takes everything from another connector; what is given here replaces it (RFC 7396 merge).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// What the builder supplies beside the app's client id and secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub app_fields: Vec<Field>,
    /// What the connected user supplies whatever the auth method.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// How an account is linked; the first is the default.
    pub auth: Vec<AuthMethod>,
    /// How calls are made.
    pub proxy: ProxyRules,
    /// What is done after linking, for probing and before unlinking.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// What the provider sends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
    /// What workflows can do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// What inputs of the portal take their options from, by key: `[a-z][a-z0-9_]{0,62}`, never
    /// changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data_sources: BTreeMap<String, DataSource>,
}
