//! Integrations, accounts, connect sessions, signing keys and events.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenon_domain::{ConfigurationId, ConnectSessionId, CredentialId, IntegrationId};

use super::words;

/// A connector that the project can use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectorSummary {
    /// What integrations name it by.
    pub name: String,
    /// For people.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// The connector's own version.
    pub version: String,
    /// Whether the project uploaded it.
    pub custom: bool,
    /// How accounts are linked; the first is the default.
    pub auth_methods: Vec<AuthMethod>,
}

/// A way to link an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthMethod {
    /// Its id.
    pub id: String,
    /// For people who choose.
    pub title: Option<String>,
    /// `oauth2`, `api_key` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the user's browser is sent to the provider.
    pub browser: bool,
    /// What the user fills in.
    pub fields: Vec<ConnectField>,
    /// What the user is asked for after linking, where the provider did not say it.
    #[serde(default)]
    pub setup_fields: Vec<ConnectField>,
}

/// What a person fills in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectField {
    /// Its name.
    pub name: String,
    /// Its label.
    pub title: String,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it is kept in the vault and never shown again.
    pub secret: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ConnectorList {
    pub(crate) connectors: Vec<ConnectorSummary>,
}

/// A connector that is switched on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// The connector.
    pub connector: String,
    /// Whether it may be used.
    pub active: bool,
    /// The builder's app for each auth method that has one.
    pub apps: BTreeMap<String, App>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The builder's app, without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// What is no secret.
    pub values: Map<String, Value>,
    /// Whether secret values are kept.
    pub has_secret: bool,
    /// Scopes that users are asked for.
    pub scopes: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct IntegrationList {
    pub(crate) integrations: Vec<Integration>,
}

/// A change of an app. What is left out stays. Holds secrets, so it cannot be printed.
#[derive(Clone, Default, Serialize)]
pub struct AppChange {
    /// Values; null removes one.
    pub values: Map<String, Value>,
    /// Scopes to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
}

impl fmt::Debug for AppChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppChange").finish_non_exhaustive()
    }
}

words! {
    /// Whether an account works, as last known.
    CredentialStatus {
        /// Its set-up is not complete.
        Pending = "pending",
        /// It worked when it was last used.
        Valid = "valid",
        /// The provider refuses it.
        Invalid = "invalid",
        /// It has ended.
        Expired = "expired",
    }
}

/// A connected account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// For which integration.
    pub integration_id: IntegrationId,
    /// Whose it is.
    pub user: String,
    /// The builder's own name for it.
    pub external_id: Option<String>,
    /// What made it.
    pub auth_method: String,
    /// Its id at the provider.
    pub provider_id: Option<String>,
    /// Its name at the provider.
    pub provider_name: Option<String>,
    /// Values that are no secret.
    pub fields: Map<String, Value>,
    /// Scopes that were granted.
    pub scopes: Option<String>,
    /// Whether it works.
    pub status: CredentialStatus,
    /// Why not, for machines.
    pub status_code: Option<String>,
    /// Why not, for people.
    pub status_reason: Option<String>,
    /// Since when.
    pub status_at: Timestamp,
    /// When it was linked first.
    pub created_at: Timestamp,
    /// When it was last linked or its status changed.
    pub updated_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CredentialList {
    pub(crate) credentials: Vec<Credential>,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The account, with what is known now.
    pub credential: Credential,
    /// `valid`, `refused`, `answers` or `unknown`.
    pub health: String,
    /// What the provider said.
    pub reason: Option<String>,
}

/// An account to link, or a session to open for it. Holds secrets, so it cannot be printed.
#[derive(Clone, Default, Serialize)]
pub struct ConnectRequest {
    /// The integration's id, or its connector's name.
    pub integration: String,
    /// The connector's auth method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_method: Option<String>,
    /// What was filled in.
    pub fields: Map<String, Value>,
    /// The account to connect again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<CredentialId>,
    /// The builder's own name for the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Whether the user may have several accounts of the integration.
    pub allow_multiple: bool,
}

impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("integration", &self.integration)
            .finish_non_exhaustive()
    }
}

words! {
    /// How far a connect session has come.
    ConnectStatus {
        /// Nobody came back yet.
        Open = "open",
        /// A browser was sent to the provider.
        Started = "started",
        /// The provider is asked.
        Working = "working",
        /// The account is linked.
        Connected = "connected",
        /// It is not.
        Failed = "failed",
        /// Its time is over.
        Ended = "ended",
    }
}

/// A session in which a user links an account in a browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectSession {
    /// Its id.
    pub id: ConnectSessionId,
    /// Whose account it becomes.
    pub user: String,
    /// How far it has come.
    pub status: ConnectStatus,
    /// The account, once it is connected.
    pub credential_id: Option<CredentialId>,
    /// The account's name at the provider.
    pub account: Option<String>,
    /// Why it failed, for machines.
    pub code: Option<String>,
    /// Why it failed, for people.
    pub message: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What the user's browser opens; only where the session was just opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize_url: Option<String>,
}

/// One set of settings of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountConfiguration {
    /// Its id.
    pub id: ConfigurationId,
    /// The builder's own name for it.
    pub external_id: Option<String>,
    /// Whether it is used where none is named.
    pub default: bool,
    /// Settings of the integration.
    pub shared_settings: Map<String, Value>,
    /// Settings of workflows.
    pub workflow_settings: Map<String, Value>,
    /// Meta.
    pub meta: Map<String, Value>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A change of a configuration: members are merged, a null removes one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ConfigurationChange {
    /// Settings of the integration.
    pub shared_settings: Map<String, Value>,
    /// Settings of workflows.
    pub workflow_settings: Map<String, Value>,
    /// Meta.
    pub meta: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ConfigurationList {
    pub(crate) configurations: Vec<AccountConfiguration>,
}

/// A key that signs the tokens of connected users.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct SigningKey {
    /// The `kid` of its tokens.
    pub id: String,
    /// PEM.
    pub public_key: String,
    /// PEM; only where the key was just made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when its tokens are refused.
    pub revoked_at: Option<Timestamp>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
pub(crate) struct SigningKeyList {
    pub(crate) signing_keys: Vec<SigningKey>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Grows by one with each event.
    pub sequence: i64,
    /// Such as `credential.invalid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Whose account.
    pub user: Option<String>,
    /// Which account.
    pub credential_id: Option<CredentialId>,
    /// More of it.
    pub payload: Map<String, Value>,
}

/// A page of events, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventList {
    /// The events.
    pub events: Vec<Event>,
    /// Where to go on.
    pub next: i64,
}
