//! Writes what webhooks are signed with to the vault, where the gateway finds it.

use serde_json::{Map, Value};
use tenon_connector::connector::Connector;
use tenon_connector::field_values::Checked;
use tenon_connector::manifest::webhooks::{Webhook, WebhookSecret};
use tenon_connector::token::AccountSecrets;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{NewValue, SecretOwner, Subject, VaultError};
use tenon_domain::{ProjectId, SecretId};
use zeroize::{Zeroize as _, Zeroizing};

use super::{WebhookScope, is_generated, of_account, of_app, scope_of};
use crate::credentials::{Credential, Usable};
use crate::integrations::Integration;
use crate::linking::ticket::draw;
use crate::linking::wipe;
use crate::ports::UnitOfWork;
use crate::{Configuration, Error};

impl Configuration {
    /// Keeps those values of an app that its webhooks are signed with. One that was taken away is
    /// replaced by a random one, which nothing is signed with: a deleted id never comes back.
    pub(crate) async fn keep_app_webhooks(
        &self,
        project: ProjectId,
        integration: &Integration,
        connector: &Connector,
        (method, values): (&str, &Checked),
    ) -> Result<(), Error> {
        for webhook in &connector.manifest().webhooks {
            let WebhookSecret::App(field) = &webhook.secret else { continue };
            let id = of_app(integration.id, method, webhook);
            let given = values.secret.get(field).or_else(|| values.public.get(field));
            match given.and_then(Value::as_str).filter(|text| !text.is_empty()) {
                Some(text) => self.keep_webhook_secret(project, id, text).await?,
                None => {
                    if self.linking()?.vault.head(project, id).await?.is_some() {
                        self.keep_webhook_secret(project, id, draw()?.as_str()).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether calls of an app's webhook can be proven. A value of the app that is there and was set
    /// when its connector had no such webhook is made ready.
    pub(super) async fn is_app_webhook_ready(
        &self,
        project: ProjectId,
        integration: &Integration,
        connector: &Connector,
        webhook: &Webhook,
    ) -> Result<bool, Error> {
        let WebhookSecret::App(field) = &webhook.secret else { return Ok(true) };
        let vault = &self.linking()?.vault;
        let mut is_ready = false;
        for method in &connector.manifest().auth {
            let Some(app) = integration.apps.get(&method.id) else { continue };
            let id = of_app(integration.id, &method.id, webhook);
            let is_set = match vault.head(project, id).await? {
                Some(_) => true,
                None => {
                    let mut values = self.app_secrets(project, app.secret).await?;
                    let text = values.get(field).or_else(|| app.values.get(field));
                    let kept = match text.and_then(Value::as_str) {
                        Some(text) => {
                            self.keep_webhook_secret(project, id, text).await.map(|()| true)
                        }
                        None => Ok(false),
                    };
                    wipe(&mut values);
                    kept?
                }
            };
            is_ready |= is_set;
        }
        Ok(is_ready)
    }

    /// Every secret that an integration's webhooks may have as an app.
    pub(crate) async fn app_webhook_secrets(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        integration: &Integration,
    ) -> Result<Vec<SecretId>, Error> {
        let connector = match self.find_connector(work, project, &integration.connector).await {
            Ok(connector) => connector,
            // Without its connector nobody finds its webhooks either.
            Err(Error::ConnectorUnknown { .. } | Error::ConnectorInvalid(_) | Error::NoVault) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let webhooks = &connector.manifest().webhooks;
        let methods = integration.apps.keys();
        let of = |method: &String| {
            let signed = webhooks.iter().filter(|it| matches!(it.secret, WebhookSecret::App(_)));
            signed.map(|it| of_app(integration.id, method, it)).collect::<Vec<_>>()
        };
        Ok(methods.flat_map(of).collect())
    }

    /// What an account's webhook is proven with, if Tenon made it; else that is kept for the gateway
    /// and stays here.
    pub(super) async fn account_webhook_secret(
        &self,
        project: ProjectId,
        credential: &Credential,
        webhook: &Webhook,
    ) -> Result<Option<SecretBytes>, Error> {
        let id = of_account(credential.id, webhook);
        if is_generated(webhook) {
            let vault = &self.linking()?.vault;
            if vault.head(project, id).await?.is_none() {
                let made = SecretBytes::from_text(draw()?.as_str().to_owned());
                match vault
                    .create(id, &owner(project), NewValue { value: made, expires_at: None })
                    .await
                {
                    // Somebody else has asked at the same moment: there is one secret.
                    Ok(_) | Err(VaultError::Refused { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            return Ok(Some(self.open_for_connect(project, id, "webhook").await?));
        }
        if let WebhookSecret::Field(field) = &webhook.secret {
            let text = self.account_field(project, credential, field).await?;
            let text = text.ok_or_else(|| Error::Conflict {
                reason: format!(
                    "calls of the webhook `{}` are signed with the account's `{field}`, which it \
                     does not have; connect it again",
                    webhook.id
                ),
            })?;
            self.keep_webhook_secret(project, id, &text).await?;
        }
        Ok(None)
    }

    /// Keeps the new values of an account that was connected again, for those of its webhooks whose
    /// URL was asked for. The account stands whatever happens here: asking for the URL again makes
    /// good what failed.
    pub(crate) async fn renew_account_webhooks(&self, project: ProjectId, credential: &Credential) {
        if let Err(error) = self.try_to_renew(project, credential).await {
            tracing::warn!(credential.id = %credential.id, %error,
                "webhooks of an account that was connected again are still proven as before");
        }
    }

    async fn try_to_renew(&self, project: ProjectId, credential: &Credential) -> Result<(), Error> {
        let connector = {
            let mut work = self.read(project).await?;
            let found = work.integration(project, credential.integration).await?;
            let found = found.ok_or_else(|| Error::no_integration(credential.integration))?;
            self.find_connector(&mut *work, project, &found.connector).await?
        };
        for webhook in &connector.manifest().webhooks {
            let WebhookSecret::Field(field) = &webhook.secret else { continue };
            let id = of_account(credential.id, webhook);
            if self.linking()?.vault.head(project, id).await?.is_none() {
                continue;
            }
            if let Some(text) = self.account_field(project, credential, field).await? {
                self.keep_webhook_secret(project, id, &text).await?;
            }
        }
        Ok(())
    }

    /// Shreds what an account's webhooks are proven with.
    pub(crate) async fn shred_account_webhooks(&self, project: ProjectId, usable: &Usable) {
        let connector = async {
            let mut work = self.read(project).await?;
            self.find_connector(&mut *work, project, &usable.integration.connector).await
        };
        let Ok(connector) = connector.await else { return };
        for webhook in &connector.manifest().webhooks {
            if scope_of(webhook) == WebhookScope::Account {
                self.shred(project, of_account(usable.credential.id, webhook)).await;
            }
        }
    }

    async fn account_field(
        &self,
        project: ProjectId,
        credential: &Credential,
        field: &str,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        if let Some(Value::String(text)) = credential.fields.get(field) {
            return Ok(Some(Zeroizing::new(text.clone())));
        }
        let opened = self.open_for_connect(project, credential.secret, "webhook").await?;
        let mut secrets: AccountSecrets = serde_json::from_slice(opened.expose())
            .map_err(|_| Error::damaged("an account's secrets"))?;
        let text = match secrets.fields.get(field) {
            Some(Value::String(text)) => Some(Zeroizing::new(text.clone())),
            _ => None,
        };
        wipe_account(&mut secrets);
        Ok(text)
    }

    async fn keep_webhook_secret(
        &self,
        project: ProjectId,
        id: SecretId,
        text: &str,
    ) -> Result<(), Error> {
        let vault = &self.linking()?.vault;
        let owner = owner(project);
        let value =
            || NewValue { value: SecretBytes::from_text(text.to_owned()), expires_at: None };
        let is_new = match vault.head(project, id).await? {
            Some(_) => false,
            None => match vault.create(id, &owner, value()).await {
                Ok(_) => true,
                // Somebody else was faster.
                Err(VaultError::Refused { .. }) => false,
                Err(error) => return Err(error.into()),
            },
        };
        if !is_new {
            vault.replace(id, &owner, value()).await?;
        }
        // Gateways that know an older one, or that there is none, look again.
        self.publisher.announce(&format!("secret:{id}")).await;
        Ok(())
    }
}

fn owner(project: ProjectId) -> SecretOwner {
    SecretOwner { project, subject: Subject::Webhook }
}

fn wipe_account(secrets: &mut AccountSecrets) {
    wipe(&mut secrets.fields);
    if let Some(token) = &mut secrets.token {
        token.access_token.zeroize();
        if let Some(refresh) = &mut token.refresh_token {
            refresh.zeroize();
        }
        let mut extra: Map<String, Value> = std::mem::take(&mut token.extra);
        wipe(&mut extra);
    }
}
