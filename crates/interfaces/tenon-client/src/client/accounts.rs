//! Connectors, integrations, accounts, signing keys and events.

use reqwest::Method;
use serde_json::{Map, Value, json};
use tenon_domain::{ConnectSessionId, CredentialId};

use super::{CALL_TIMEOUT, Client, part};
use crate::error::Error;
use crate::model::accounts::{
    AccountConfiguration, AppChange, ConfigurationChange, ConfigurationList, ConnectRequest,
    ConnectSession, ConnectorList, ConnectorSummary, Credential, CredentialList, EventList,
    Integration, IntegrationList, Probe, SigningKey, SigningKeyList,
};
use crate::model::webhooks::{AccountWebhook, Webhook, WebhookList};

impl Client {
    /// The connectors that the project can use.
    pub async fn connectors(&self) -> Result<Vec<ConnectorSummary>, Error> {
        let list: ConnectorList = self.json(self.get("connectors")).await?;
        Ok(list.connectors)
    }

    /// Uploads a manifest as the project's own connector `custom.<name>`.
    pub async fn put_connector(&self, name: &str, manifest: &Value) -> Result<(), Error> {
        let path = format!("connectors/{}", part(name));
        self.answer(self.put(&path, manifest)).await.map(drop)
    }

    /// Removes one of the project's own connectors.
    pub async fn remove_connector(&self, name: &str) -> Result<(), Error> {
        self.remove(&format!("connectors/{}", part(name))).await
    }

    /// The integrations, by connector.
    pub async fn integrations(&self) -> Result<Vec<Integration>, Error> {
        let list: IntegrationList = self.json(self.get("integrations")).await?;
        Ok(list.integrations)
    }

    /// One integration, by its id or connector.
    pub async fn integration(&self, name: &str) -> Result<Integration, Error> {
        self.json(self.get(&format!("integrations/{}", part(name)))).await
    }

    /// Switches a connector on.
    pub async fn add_integration(&self, connector: &str) -> Result<Integration, Error> {
        self.json(self.post("integrations", &json!({"connector": connector}))).await
    }

    /// Switches an integration on or off.
    pub async fn set_integration_active(
        &self,
        name: &str,
        is_active: bool,
    ) -> Result<Integration, Error> {
        let path = format!("integrations/{}", part(name));
        self.json(self.patch(&path, &json!({"active": is_active}))).await
    }

    /// Sets the builder's app of an auth method.
    pub async fn set_app(
        &self,
        name: &str,
        auth_method: &str,
        change: &AppChange,
    ) -> Result<Integration, Error> {
        let path = format!("integrations/{}/apps/{}", part(name), part(auth_method));
        self.json(self.put(&path, change)).await
    }

    /// Removes an integration.
    pub async fn remove_integration(&self, name: &str) -> Result<(), Error> {
        self.remove(&format!("integrations/{}", part(name))).await
    }

    /// The webhooks of an integration.
    pub async fn webhooks(&self, integration: &str) -> Result<Vec<Webhook>, Error> {
        let path = format!("integrations/{}/webhooks", part(integration));
        let list: WebhookList = self.json(self.get(&path)).await?;
        Ok(list.webhooks)
    }

    /// An account's own URL at a webhook.
    pub async fn account_webhook(
        &self,
        credential: CredentialId,
        webhook: &str,
    ) -> Result<AccountWebhook, Error> {
        let path = format!("credentials/{credential}/webhooks/{}", part(webhook));
        self.json(self.call(Method::POST, &path)).await
    }

    /// The accounts of a user, oldest first.
    pub async fn credentials(&self, user: &str) -> Result<Vec<Credential>, Error> {
        let path = format!("users/{}/credentials", part(user));
        let list: CredentialList = self.json(self.get(&path)).await?;
        Ok(list.credentials)
    }

    /// One account.
    pub async fn credential(&self, credential: CredentialId) -> Result<Credential, Error> {
        self.json(self.get(&format!("credentials/{credential}"))).await
    }

    /// Links an account by its fields.
    pub async fn link(&self, user: &str, request: &ConnectRequest) -> Result<Credential, Error> {
        self.json(self.post(&format!("users/{}/credentials", part(user)), request)).await
    }

    /// Opens a session in which the user links an account in a browser.
    pub async fn open_connect(
        &self,
        user: &str,
        request: &ConnectRequest,
    ) -> Result<ConnectSession, Error> {
        self.json(self.post(&format!("users/{}/connect-sessions", part(user)), request)).await
    }

    /// What became of a session.
    pub async fn connect_session(
        &self,
        session: ConnectSessionId,
    ) -> Result<ConnectSession, Error> {
        self.json(self.get(&format!("connect-sessions/{session}"))).await
    }

    /// Asks the provider whether an account works.
    pub async fn probe(&self, credential: CredentialId) -> Result<Probe, Error> {
        let path = format!("credentials/{credential}/probe");
        self.json(self.call(Method::POST, &path).timeout(CALL_TIMEOUT)).await
    }

    /// Unlinks an account.
    pub async fn disconnect(&self, credential: CredentialId) -> Result<(), Error> {
        self.remove(&format!("credentials/{credential}")).await
    }

    /// Gives what is asked for after linking.
    pub async fn complete_setup(
        &self,
        credential: CredentialId,
        fields: &Map<String, Value>,
    ) -> Result<Credential, Error> {
        let path = format!("credentials/{credential}/complete-setup");
        self.json(self.post(&path, &json!({"fields": fields}))).await
    }

    /// The configurations of an account, oldest first.
    pub async fn configurations(
        &self,
        credential: CredentialId,
    ) -> Result<Vec<AccountConfiguration>, Error> {
        let path = format!("credentials/{credential}/configurations");
        let list: ConfigurationList = self.json(self.get(&path)).await?;
        Ok(list.configurations)
    }

    /// Adds a configuration to an account.
    pub async fn add_configuration(
        &self,
        credential: CredentialId,
        external_id: Option<&str>,
    ) -> Result<AccountConfiguration, Error> {
        let path = format!("credentials/{credential}/configurations");
        self.json(self.post(&path, &json!({"external_id": external_id}))).await
    }

    /// Changes a configuration, named by its id or by `ext:` and its external id.
    pub async fn change_configuration(
        &self,
        credential: CredentialId,
        name: &str,
        change: &ConfigurationChange,
    ) -> Result<AccountConfiguration, Error> {
        let path = format!("credentials/{credential}/configurations/{}", part(name));
        self.json(self.patch(&path, change)).await
    }

    /// Removes a configuration, named in the same way.
    pub async fn remove_configuration(
        &self,
        credential: CredentialId,
        name: &str,
    ) -> Result<(), Error> {
        self.remove(&format!("credentials/{credential}/configurations/{}", part(name))).await
    }

    /// The signing keys, revoked ones too, oldest first.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, Error> {
        let list: SigningKeyList = self.json(self.get("signing-keys")).await?;
        Ok(list.signing_keys)
    }

    /// Makes a signing key; the answer holds its private half, this once.
    pub async fn create_signing_key(&self) -> Result<SigningKey, Error> {
        self.json(self.call(Method::POST, "signing-keys").timeout(CALL_TIMEOUT)).await
    }

    /// Revokes a signing key.
    pub async fn revoke_signing_key(&self, id: &str) -> Result<(), Error> {
        self.remove(&format!("signing-keys/{}", part(id))).await
    }

    /// Events behind a number, in order; at most `limit`, 1 to 200.
    pub async fn events(&self, after: i64, limit: u32) -> Result<EventList, Error> {
        let query = [("after", after), ("limit", i64::from(limit))];
        self.json(self.get("event-log").query(&query)).await
    }

    pub(super) async fn remove(&self, path: &str) -> Result<(), Error> {
        self.answer(self.call(Method::DELETE, path).timeout(CALL_TIMEOUT)).await.map(drop)
    }
}
