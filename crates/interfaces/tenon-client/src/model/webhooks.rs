//! Webhooks of integrations, as the server describes them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose URL a webhook has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookScope {
    /// One for all accounts.
    App,
    /// Each account has its own.
    Account,
}

/// A webhook of an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// A stable UUID.
    pub id: String,
    /// Its id in the connector's manifest.
    pub webhook: String,
    /// For people.
    pub title: String,
    /// Whose URL it has.
    pub scope: WebhookScope,
    /// The URL to enter at the provider.
    pub url: Option<String>,
    /// How to enter it.
    pub instructions: Option<String>,
    /// Whether workflows can listen to it.
    pub supported: bool,
    /// Whether there is what its calls are proven with.
    pub ready: Option<bool>,
    /// The value of the app that its calls are signed with.
    pub app_field: Option<String>,
    /// The types of its events.
    pub events: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WebhookList {
    pub(crate) webhooks: Vec<Webhook>,
}

/// A webhook of one account. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountWebhook {
    /// Its id in the connector's manifest.
    pub webhook: String,
    /// The URL to enter at the provider; it may be a secret.
    pub url: String,
    /// The secret to enter beside it.
    pub secret: Option<String>,
    /// How to enter them.
    pub instructions: Option<String>,
}

impl fmt::Debug for AccountWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountWebhook").field("webhook", &self.webhook).finish_non_exhaustive()
    }
}
