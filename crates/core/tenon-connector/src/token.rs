//! What the vault keeps of an account: the secret fields and the token, as one JSON object.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The secrets of an account. The JSON of it is what the vault seals; there is no `Debug`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountSecrets {
    /// Values of the secret fields.
    pub fields: Map<String, Value>,
    /// The token; none for methods that use the fields as they are.
    pub token: Option<Token>,
}

/// A token.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What goes into calls.
    pub access_token: String,
    /// What gives a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// When it ends, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Scopes that were granted, as the provider wrote them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// When it was issued to us.
    pub issued_at: Timestamp,
    /// What the manifest keeps beside it: `{{token.<name>}}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}
