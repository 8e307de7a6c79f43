//! Webhooks of providers, as the configuration plane sees them: the URLs to enter there, and the
//! secrets that calls are proven with.
//!
//! The gateway opens values of one kind only. So what a webhook is signed with is kept a second time
//! in the vault, apart from the app and the account that it may be a part of, under an id that the
//! gateway derives (ADR 0015). It is written here and nowhere else.

mod secrets;

use std::collections::BTreeMap;

use serde::Serialize;
use tenon_connector::connector::Connector;
use tenon_connector::manifest::webhooks::{
    Registration, Route, Verification, Webhook, WebhookSecret,
};
use tenon_contract::secret::SecretBytes;
use tenon_contract::webhook::{WebhookOwner, id_of, secret_of};
use tenon_domain::{CredentialId, IntegrationId, ProjectId};
use url::Url;
use uuid::Uuid;

use crate::integrations::Integration;
use crate::{Configuration, Error};

/// Whose URL a webhook has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookScope {
    /// One URL for all accounts, which the builder enters at the provider.
    App,
    /// Each account has its own.
    Account,
}

/// A webhook of an integration.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookEndpoint {
    /// Its id where the wire wants a UUID.
    pub id: Uuid,
    /// The integration.
    pub integration: IntegrationId,
    /// The connector.
    pub connector: String,
    /// Its id in the connector's manifest.
    pub webhook: String,
    /// For people.
    pub title: String,
    /// Whose URL it has.
    pub scope: WebhookScope,
    /// The URL to enter; `None` where each account has its own.
    pub url: Option<String>,
    /// How to enter it, for people.
    pub instructions: Option<String>,
    /// Whether workflows can listen to it. What has to be subscribed to at the provider for each
    /// account cannot be used yet.
    pub is_supported: bool,
    /// Whether there is what its calls are proven with; `None` where each account has its own.
    pub is_ready: Option<bool>,
    /// The value of the app that its calls are signed with, where it is one.
    pub app_field: Option<String>,
    /// The types of its events, with a line for people; none where the connector does not know.
    pub events: BTreeMap<String, String>,
}

/// A webhook of one account. There is no `Debug`.
pub struct AccountWebhook {
    /// Its id in the connector's manifest.
    pub webhook: String,
    /// The URL to enter at the provider. It may hold what proves its calls.
    pub url: String,
    /// The secret to enter beside it, where Tenon made one.
    pub secret: Option<SecretBytes>,
    /// How to enter them, for people.
    pub instructions: Option<String>,
}

impl Configuration {
    /// The webhooks of an integration, in the order of its connector's manifest. Where a secret of
    /// the app was set before its webhooks were known, it is made ready here.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::ConnectorUnknown`],
    /// [`Error::NoVault`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn webhooks(
        &self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<Vec<WebhookEndpoint>, Error> {
        let mut work = self.read(project).await?;
        let found = work.integration(project, integration).await?;
        let found = found.ok_or_else(|| Error::no_integration(integration))?;
        let connector = self.find_connector(&mut *work, project, &found.connector).await?;
        drop(work);
        let mut endpoints = Vec::with_capacity(connector.manifest().webhooks.len());
        for webhook in &connector.manifest().webhooks {
            endpoints.push(self.endpoint(project, &found, &connector, webhook).await?);
        }
        Ok(endpoints)
    }

    async fn endpoint(
        &self,
        project: ProjectId,
        integration: &Integration,
        connector: &Connector,
        webhook: &Webhook,
    ) -> Result<WebhookEndpoint, Error> {
        let scope = scope_of(webhook);
        let url = match scope {
            WebhookScope::App => {
                Some(self.webhook_url(project, &integration.connector, webhook)?)
            }
            WebhookScope::Account => None,
        };
        let is_ready = match scope {
            WebhookScope::App => {
                Some(self.is_app_webhook_ready(project, integration, connector, webhook).await?)
            }
            WebhookScope::Account => None,
        };
        let instructions = match &webhook.registration {
            Registration::App { instructions } | Registration::Manual { instructions } => {
                instructions.clone()
            }
            Registration::Requests { .. } => None,
        };
        Ok(WebhookEndpoint {
            id: id_of(integration.id, &webhook.id),
            integration: integration.id,
            connector: integration.connector.clone(),
            webhook: webhook.id.clone(),
            title: webhook.title.clone(),
            scope,
            url: url.map(String::from),
            instructions,
            is_supported: is_supported(webhook),
            is_ready,
            app_field: match &webhook.secret {
                WebhookSecret::App(field) => Some(field.clone()),
                _ => None,
            },
            events: webhook.events.clone(),
        })
    }

    /// The URL of an account at one of its connector's webhooks, with the secret that Tenon made for
    /// it; both are the same each time. The first time the secret is made.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::Conflict`] for a webhook whose URL is
    /// not of an account or that cannot be used yet, [`Error::ConnectorUnknown`], [`Error::NoVault`],
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn account_webhook(
        &self,
        project: ProjectId,
        credential: CredentialId,
        webhook: &str,
    ) -> Result<AccountWebhook, Error> {
        let usable = self.usable(project, credential).await?;
        let name = &usable.integration.connector;
        let connector = {
            let mut work = self.read(project).await?;
            self.find_connector(&mut *work, project, name).await?
        };
        let found = connector.webhook(webhook);
        let found =
            found.ok_or_else(|| Error::NotFound { what: "webhook", id: webhook.to_owned() })?;
        if scope_of(found) == WebhookScope::App {
            return Err(Error::Conflict {
                reason: format!(
                    "the webhook `{webhook}` has one URL for all accounts; `tenon webhooks list` \
                     shows it"
                ),
            });
        }
        if !is_supported(found) {
            return Err(Error::Conflict {
                reason: format!(
                    "the webhook `{webhook}` has to be subscribed to at the provider, which is not \
                     done yet"
                ),
            });
        }
        let mut url = self.webhook_url(project, name, found)?;
        url.path_segments_mut().expect("it is http").push(&credential.to_string());
        let secret = self.account_webhook_secret(project, &usable.credential, found).await?;
        let mut shown = None;
        if let Some(secret) = secret {
            if let Verification::SecretUrl {} = found.verification {
                let key = String::from_utf8_lossy(secret.expose());
                url.query_pairs_mut().append_pair("key", &key);
            } else {
                shown = Some(secret);
            }
        }
        let instructions = match &found.registration {
            Registration::Manual { instructions } | Registration::App { instructions } => {
                instructions.clone()
            }
            Registration::Requests { .. } => None,
        };
        Ok(AccountWebhook {
            webhook: found.id.clone(),
            url: url.into(),
            secret: shown,
            instructions,
        })
    }

    fn webhook_url(
        &self,
        project: ProjectId,
        connector: &str,
        webhook: &Webhook,
    ) -> Result<Url, Error> {
        let mut url = self.linking()?.settings.public_url.clone();
        url.set_query(None);
        let path =
            ["api", "v1", "projects", &project.to_string(), "webhooks", connector, &webhook.id];
        url.path_segments_mut().expect("it is http").pop_if_empty().extend(path);
        Ok(url)
    }
}

/// Whose URL a webhook has.
fn scope_of(webhook: &Webhook) -> WebhookScope {
    match webhook.route {
        Route::Url {} => WebhookScope::Account,
        Route::Field { .. } => WebhookScope::App,
    }
}

fn is_supported(webhook: &Webhook) -> bool {
    !matches!(webhook.registration, Registration::Requests { .. })
}

/// Whether Tenon makes the secret of an account's webhook.
fn is_generated(webhook: &Webhook) -> bool {
    webhook.secret == WebhookSecret::Generated
        || matches!(webhook.verification, Verification::SecretUrl {})
}

fn of_app(integration: IntegrationId, method: &str, webhook: &Webhook) -> tenon_domain::SecretId {
    secret_of(WebhookOwner::App { integration, auth_method: method }, &webhook.id)
}

fn of_account(credential: CredentialId, webhook: &Webhook) -> tenon_domain::SecretId {
    secret_of(WebhookOwner::Account(credential), &webhook.id)
}
