//! What the API asks about connectors, integrations and accounts.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tenon_config::{
    AccountSettings, AccountWebhook, AppChange, Callback, Configuration, ConnectEnd,
    ConnectSession, Credential, CustomConnector, Error, Event, FieldLink, Integration,
    ListedConnector, NewConnect, NewSigningKey, OpenedConnect, Probed, SessionLink, SettingsChange,
    SettingsName, SigningKey, Slug, StartedConnect, WebhookEndpoint,
};
use tenon_connector::connector::Connector;
use tenon_domain::{ConnectSessionId, CredentialId, EndUserId, ProjectId};

/// Connectors and integrations. An integration is named by its id or its connector.
#[async_trait]
pub trait IntegrationPort: Send + Sync + 'static {
    /// The connectors that the project can use.
    async fn connectors(&self, project: ProjectId) -> Result<Vec<ListedConnector>, Error>;

    /// One of them.
    async fn connector(&self, project: ProjectId, name: &str) -> Result<Arc<Connector>, Error>;

    /// Takes a manifest as the project's own connector; `true` where it is new.
    async fn put_connector(
        &self,
        project: ProjectId,
        slug: &Slug,
        manifest: Value,
    ) -> Result<(CustomConnector, bool), Error>;

    /// Removes one of the project's own.
    async fn remove_connector(&self, project: ProjectId, slug: &Slug) -> Result<(), Error>;

    /// The integrations, by connector.
    async fn integrations(&self, project: ProjectId) -> Result<Vec<Integration>, Error>;

    /// One of them.
    async fn integration(&self, project: ProjectId, name: &str) -> Result<Integration, Error>;

    /// Switches a connector on.
    async fn add_integration(
        &self,
        project: ProjectId,
        connector: &str,
    ) -> Result<Integration, Error>;

    /// Switches an integration on or off.
    async fn set_integration_active(
        &self,
        project: ProjectId,
        name: &str,
        is_active: bool,
    ) -> Result<Integration, Error>;

    /// Sets the builder's app for an auth method.
    async fn set_app(
        &self,
        project: ProjectId,
        name: &str,
        auth_method: &str,
        change: AppChange,
    ) -> Result<Integration, Error>;

    /// Removes an integration.
    async fn remove_integration(&self, project: ProjectId, name: &str) -> Result<(), Error>;

    /// Its webhooks.
    async fn webhooks(&self, project: ProjectId, name: &str)
    -> Result<Vec<WebhookEndpoint>, Error>;
}

/// Accounts of connected users.
#[async_trait]
pub trait AccountPort: Send + Sync + 'static {
    /// The accounts of a user, oldest first.
    async fn credentials(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Vec<Credential>, Error>;

    /// One account.
    async fn credential(
        &self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Credential, Error>;

    /// Links an account at once.
    async fn link(&self, project: ProjectId, new: FieldLink) -> Result<Credential, Error>;

    /// Asks the provider whether an account works.
    async fn probe(&self, project: ProjectId, credential: CredentialId) -> Result<Probed, Error>;

    /// Unlinks an account.
    async fn disconnect(&self, project: ProjectId, credential: CredentialId) -> Result<(), Error>;

    /// The account's own URL at a webhook.
    async fn account_webhook(
        &self,
        project: ProjectId,
        credential: CredentialId,
        webhook: &str,
    ) -> Result<AccountWebhook, Error>;

    /// Opens a session in which a user links an account in a browser.
    async fn open_connect(
        &self,
        project: ProjectId,
        new: NewConnect,
    ) -> Result<OpenedConnect, Error>;

    /// What became of a session.
    async fn connect_session(
        &self,
        project: ProjectId,
        session: ConnectSessionId,
    ) -> Result<ConnectSession, Error>;

    /// Takes what is asked for after linking.
    async fn complete_setup(
        &self,
        project: ProjectId,
        credential: CredentialId,
        fields: Map<String, Value>,
    ) -> Result<Credential, Error>;

    /// The configurations of an account, oldest first.
    async fn configurations(
        &self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Vec<AccountSettings>, Error>;

    /// Adds a configuration.
    async fn add_configuration(
        &self,
        project: ProjectId,
        credential: CredentialId,
        external_id: Option<String>,
    ) -> Result<AccountSettings, Error>;

    /// Changes a configuration.
    async fn change_configuration(
        &self,
        project: ProjectId,
        credential: CredentialId,
        name: &SettingsName,
        change: SettingsChange,
    ) -> Result<AccountSettings, Error>;

    /// Removes a configuration.
    async fn remove_configuration(
        &self,
        project: ProjectId,
        credential: CredentialId,
        name: &SettingsName,
    ) -> Result<(), Error>;
}

/// The way through users' browsers. The callers are browsers: they have no key, and see nothing
/// but their own session.
#[async_trait]
pub trait BrowserPort: Send + Sync + 'static {
    /// Whether browsers reach this installation by https: then its cookies are for https only.
    fn is_https(&self) -> bool;

    /// Sends a browser to the provider.
    async fn start_connect(&self, link: &SessionLink) -> Result<StartedConnect, Error>;

    /// Takes what a browser brought back.
    async fn finish_connect(&self, callback: Callback) -> Result<ConnectEnd, Error>;
}

/// Signing keys and the event log.
#[async_trait]
pub trait LogPort: Send + Sync + 'static {
    /// All signing keys, revoked ones too, oldest first.
    async fn signing_keys(&self, project: ProjectId) -> Result<Vec<SigningKey>, Error>;

    /// Makes a signing key.
    async fn create_signing_key(&self, project: ProjectId) -> Result<NewSigningKey, Error>;

    /// Revokes a signing key.
    async fn revoke_signing_key(&self, project: ProjectId, id: &str) -> Result<(), Error>;

    /// Events behind a number, in order.
    async fn events(
        &self,
        project: ProjectId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, Error>;
}

#[async_trait]
impl IntegrationPort for Configuration {
    async fn connectors(&self, project: ProjectId) -> Result<Vec<ListedConnector>, Error> {
        self.connectors(project).await
    }

    async fn connector(&self, project: ProjectId, name: &str) -> Result<Arc<Connector>, Error> {
        self.connector(project, name).await
    }

    async fn put_connector(
        &self,
        project: ProjectId,
        slug: &Slug,
        manifest: Value,
    ) -> Result<(CustomConnector, bool), Error> {
        self.put_connector(project, slug, manifest).await
    }

    async fn remove_connector(&self, project: ProjectId, slug: &Slug) -> Result<(), Error> {
        self.remove_connector(project, slug).await
    }

    async fn integrations(&self, project: ProjectId) -> Result<Vec<Integration>, Error> {
        self.integrations(project).await
    }

    async fn integration(&self, project: ProjectId, name: &str) -> Result<Integration, Error> {
        self.integration_named(project, name).await
    }

    async fn add_integration(
        &self,
        project: ProjectId,
        connector: &str,
    ) -> Result<Integration, Error> {
        self.add_integration(project, connector).await
    }

    async fn set_integration_active(
        &self,
        project: ProjectId,
        name: &str,
        is_active: bool,
    ) -> Result<Integration, Error> {
        let id = self.integration_named(project, name).await?.id;
        self.set_integration_active(project, id, is_active).await
    }

    async fn set_app(
        &self,
        project: ProjectId,
        name: &str,
        auth_method: &str,
        change: AppChange,
    ) -> Result<Integration, Error> {
        let id = self.integration_named(project, name).await?.id;
        self.set_app(project, id, Some(auth_method), change).await
    }

    async fn remove_integration(&self, project: ProjectId, name: &str) -> Result<(), Error> {
        let id = self.integration_named(project, name).await?.id;
        self.remove_integration(project, id).await
    }

    async fn webhooks(
        &self,
        project: ProjectId,
        name: &str,
    ) -> Result<Vec<WebhookEndpoint>, Error> {
        let id = self.integration_named(project, name).await?.id;
        self.webhooks(project, id).await
    }
}

#[async_trait]
impl AccountPort for Configuration {
    async fn credentials(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Vec<Credential>, Error> {
        self.credentials(project, user).await
    }

    async fn credential(
        &self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Credential, Error> {
        self.credential(project, credential).await
    }

    async fn link(&self, project: ProjectId, new: FieldLink) -> Result<Credential, Error> {
        self.link(project, new).await
    }

    async fn account_webhook(
        &self,
        project: ProjectId,
        credential: CredentialId,
        webhook: &str,
    ) -> Result<AccountWebhook, Error> {
        self.account_webhook(project, credential, webhook).await
    }

    async fn probe(&self, project: ProjectId, credential: CredentialId) -> Result<Probed, Error> {
        self.probe(project, credential).await
    }

    async fn disconnect(&self, project: ProjectId, credential: CredentialId) -> Result<(), Error> {
        self.disconnect(project, credential).await
    }

    async fn open_connect(
        &self,
        project: ProjectId,
        new: NewConnect,
    ) -> Result<OpenedConnect, Error> {
        self.open_connect(project, new).await
    }

    async fn connect_session(
        &self,
        project: ProjectId,
        session: ConnectSessionId,
    ) -> Result<ConnectSession, Error> {
        self.connect_session(project, session).await
    }

    async fn complete_setup(
        &self,
        project: ProjectId,
        credential: CredentialId,
        fields: Map<String, Value>,
    ) -> Result<Credential, Error> {
        self.complete_setup(project, credential, fields).await
    }

    async fn configurations(
        &self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Vec<AccountSettings>, Error> {
        self.configurations(project, credential).await
    }

    async fn add_configuration(
        &self,
        project: ProjectId,
        credential: CredentialId,
        external_id: Option<String>,
    ) -> Result<AccountSettings, Error> {
        self.add_configuration(project, credential, external_id).await
    }

    async fn change_configuration(
        &self,
        project: ProjectId,
        credential: CredentialId,
        name: &SettingsName,
        change: SettingsChange,
    ) -> Result<AccountSettings, Error> {
        self.change_configuration(project, credential, name, change).await
    }

    async fn remove_configuration(
        &self,
        project: ProjectId,
        credential: CredentialId,
        name: &SettingsName,
    ) -> Result<(), Error> {
        self.remove_configuration(project, credential, name).await
    }
}

#[async_trait]
impl BrowserPort for Configuration {
    fn is_https(&self) -> bool {
        self.is_reached_by_https()
    }

    async fn start_connect(&self, link: &SessionLink) -> Result<StartedConnect, Error> {
        self.start_connect(link).await
    }

    async fn finish_connect(&self, callback: Callback) -> Result<ConnectEnd, Error> {
        self.finish_connect(callback).await
    }
}

#[async_trait]
impl LogPort for Configuration {
    async fn signing_keys(&self, project: ProjectId) -> Result<Vec<SigningKey>, Error> {
        self.signing_keys(project).await
    }

    async fn create_signing_key(&self, project: ProjectId) -> Result<NewSigningKey, Error> {
        self.create_signing_key(project).await
    }

    async fn revoke_signing_key(&self, project: ProjectId, id: &str) -> Result<(), Error> {
        self.revoke_signing_key(project, id).await
    }

    async fn events(
        &self,
        project: ProjectId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, Error> {
        self.events(project, after, limit).await
    }
}
