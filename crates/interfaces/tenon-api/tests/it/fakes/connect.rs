//! Connectors, integrations and accounts in memory: one connector, and a provider that takes
//! every API key but `bad`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tenon_api::config::{AccountPort, BrowserPort, IntegrationPort, LogPort, SecretPort};
use tenon_config::ports::linker::Health;
use tenon_config::{
    AccountSettings, AccountWebhook, AppChange, Callback, ConnectEnd, ConnectFault, ConnectOptions,
    ConnectOutcome, ConnectSession, Credential, CredentialState, CredentialStatus, CustomConnector,
    Error, Event, EventType, FieldFault, FieldLink, Integration, LinkProof, ListedConnector,
    NewConnect, NewEvent, NewSigningKey, OpenedConnect, PortalDesign, Probed, ProjectSecret,
    SessionLink, SettingsChange, SettingsName, SigningKey, Slug, StartedConnect, WebhookEndpoint,
    WebhookScope,
};
use tenon_connector::connector::Connector;
use tenon_contract::plan::AppPlan;
use tenon_contract::secret::SecretBytes;
use tenon_domain::workflow::Diagnostic;
use tenon_domain::{
    ConfigurationId, ConnectSessionId, CredentialId, EndUserId, IntegrationId, ProjectId, SecretId,
    SecretKey,
};
use zeroize::Zeroizing;

use super::{World, at, project, uuid};

pub const CONNECTOR: &str = "custom.acme";
/// What the fake draws for the browser's cookie.
pub const NONCE: &str = "nonce-canary";
/// What the fake takes for a state.
pub const STATE: &str = "state-canary";

#[derive(Default)]
pub struct Accounts {
    integrations: Vec<Integration>,
    credentials: Vec<Credential>,
    settings: Vec<AccountSettings>,
    sessions: Vec<ConnectSession>,
    signing_keys: Vec<SigningKey>,
    pub(super) design: PortalDesign,
    secrets: Vec<(ProjectSecret, Vec<u8>)>,
    fault: Option<ConnectFault>,
    outcome: Option<ConnectOutcome>,
    is_https: bool,
    starts: usize,
}

pub fn manifest() -> Value {
    json!({
        "format": 1, "name": "acme", "version": "1.0.0", "title": "Acme",
        "description": "A service that tests use.", "categories": ["testing"],
        "docs": "https://acme.example/docs",
        "auth": [
            {
                "id": "oauth", "type": "oauth2",
                "authorize_url": "https://acme.example/authorize",
                "token_url": "https://acme.example/token",
            },
            {"id": "key", "type": "api_key",
             "inject": {"headers": {"x-api-key": "{{fields.api_key}}"}}},
        ],
        "proxy": {"base_url": [{"url": "https://acme.example"}]},
    })
}

pub fn integration_id() -> IntegrationId {
    IntegrationId::from_uuid(uuid(7, 1))
}

pub fn credential_id(number: u32) -> CredentialId {
    CredentialId::from_uuid(uuid(8, number))
}

pub fn session_id() -> ConnectSessionId {
    ConnectSessionId::from_uuid(uuid(9, 1))
}

pub fn configuration_id(number: u32) -> ConfigurationId {
    ConfigurationId::from_uuid(uuid(10, number))
}

fn not_found(what: &'static str, id: impl ToString) -> Error {
    Error::NotFound { what, id: id.to_string() }
}

fn session() -> ConnectSession {
    ConnectSession {
        id: session_id(),
        user: EndUserId::new("user-17"),
        integration: integration_id(),
        auth_method: "oauth".to_owned(),
        redirect_uri: "https://tenon.example/oauth/callback".to_owned(),
        return_origin: Some("https://app.example".to_owned()),
        options: ConnectOptions::default(),
        credential: None,
        is_begun: false,
        outcome: None,
        created_at: at(0),
        expires_at: at(1_000_000_000),
        used_at: None,
    }
}

impl World {
    /// Browsers are turned away for this reason.
    pub fn turn_away(&self, fault: ConnectFault) {
        self.state.lock().accounts.fault = Some(fault);
    }

    /// How the next session ends.
    pub fn end_with(&self, outcome: ConnectOutcome) {
        self.state.lock().accounts.outcome = Some(outcome);
    }

    /// How often a browser was sent to the provider.
    pub fn starts(&self) -> usize {
        self.state.lock().accounts.starts
    }

    /// An account waits for what its user has to fill in.
    pub fn leave_pending(&self, id: CredentialId) {
        let mut state = self.state.lock();
        let known = state.accounts.credentials.iter_mut().find(|known| known.id == id);
        let status = &mut known.expect("it is linked").status;
        status.state = CredentialState::Pending;
        status.code = Some("setup_incomplete".to_owned());
    }

    pub fn set_https(&self, is_https: bool) {
        self.state.lock().accounts.is_https = is_https;
    }

    fn account(&self, of: ProjectId, id: CredentialId) -> Result<Credential, Error> {
        self.config(of)?;
        let state = self.state.lock();
        let found = state.accounts.credentials.iter().find(|credential| credential.id == id);
        found.cloned().ok_or_else(|| not_found("credential", id))
    }

    fn change_integration(
        &self,
        of: ProjectId,
        name: &str,
        change: impl FnOnce(&mut Integration),
    ) -> Result<Integration, Error> {
        self.config(of)?;
        let mut state = self.state.lock();
        let mut known = state.accounts.integrations.iter_mut();
        let found = known.find(|one| one.connector == name || one.id.to_string() == name);
        let found = found.ok_or_else(|| not_found("integration", name))?;
        change(found);
        Ok(found.clone())
    }
}

#[async_trait]
impl IntegrationPort for World {
    async fn connectors(&self, of: ProjectId) -> Result<Vec<ListedConnector>, Error> {
        let connector = self.connector(of, CONNECTOR).await?;
        Ok(vec![ListedConnector { name: CONNECTOR.to_owned(), connector }])
    }

    async fn connector(&self, of: ProjectId, name: &str) -> Result<Arc<Connector>, Error> {
        self.config(of)?;
        if name != CONNECTOR {
            return Err(Error::ConnectorUnknown { name: name.to_owned() });
        }
        let connector = Connector::from_value(&manifest()).expect("the manifest is valid");
        Ok(Arc::new(connector.with_icon("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")))
    }

    async fn put_connector(
        &self,
        of: ProjectId,
        slug: &Slug,
        manifest: Value,
    ) -> Result<(CustomConnector, bool), Error> {
        self.config(of)?;
        let checked = Connector::from_value(&manifest)
            .map_err(|faults: Vec<Diagnostic>| Error::ConnectorInvalid(Arc::new(faults)))?;
        let custom = CustomConnector {
            slug: slug.clone(),
            version: checked.manifest().version.clone(),
            manifest: Arc::new(manifest),
            created_at: at(0),
            updated_at: at(0),
        };
        Ok((custom, true))
    }

    async fn remove_connector(&self, of: ProjectId, slug: &Slug) -> Result<(), Error> {
        self.config(of)?;
        match slug.connector() == CONNECTOR {
            true => Err(Error::Conflict { reason: "an integration uses it".to_owned() }),
            false => Err(Error::ConnectorUnknown { name: slug.connector() }),
        }
    }

    async fn integrations(&self, of: ProjectId) -> Result<Vec<Integration>, Error> {
        self.config(of)?;
        Ok(self.state.lock().accounts.integrations.clone())
    }

    async fn integration(&self, of: ProjectId, name: &str) -> Result<Integration, Error> {
        self.change_integration(of, name, |_| ())
    }

    async fn add_integration(&self, of: ProjectId, connector: &str) -> Result<Integration, Error> {
        self.connector(of, connector).await?;
        let added = Integration {
            id: integration_id(),
            connector: connector.to_owned(),
            is_active: true,
            apps: BTreeMap::new(),
            portal: Map::new(),
            document: None,
            created_at: at(0),
            updated_at: at(0),
        };
        let mut state = self.state.lock();
        if state.accounts.integrations.is_empty() {
            state.accounts.integrations.push(added.clone());
        }
        Ok(added)
    }

    async fn set_integration_active(
        &self,
        of: ProjectId,
        name: &str,
        is_active: bool,
    ) -> Result<Integration, Error> {
        self.change_integration(of, name, |integration| integration.is_active = is_active)
    }

    async fn set_app(
        &self,
        of: ProjectId,
        name: &str,
        auth_method: &str,
        mut change: AppChange,
    ) -> Result<Integration, Error> {
        let secret =
            change.values.remove("client_secret").map(|_| SecretId::from_uuid(uuid(11, 1)));
        if !change.values.contains_key("client_id") {
            return Err(Error::Fields(vec![FieldFault {
                field: "client_id".to_owned(),
                message: "is missing".to_owned(),
            }]));
        }
        self.change_integration(of, name, |integration| {
            let scopes = change.scopes.unwrap_or_default();
            let app = AppPlan { values: change.values, secret, scopes };
            integration.apps.insert(auth_method.to_owned(), app);
        })
    }

    async fn remove_integration(&self, of: ProjectId, name: &str) -> Result<(), Error> {
        let id = self.integration(of, name).await?.id;
        self.state.lock().accounts.integrations.retain(|one| one.id != id);
        Ok(())
    }

    async fn webhooks(&self, of: ProjectId, name: &str) -> Result<Vec<WebhookEndpoint>, Error> {
        let integration = self.integration(of, name).await?;
        Ok(vec![WebhookEndpoint {
            id: tenon_contract::webhook::id_of(integration.id, "events"),
            integration: integration.id,
            connector: integration.connector,
            webhook: "events".to_owned(),
            title: "Events".to_owned(),
            scope: WebhookScope::App,
            url: Some("https://in.example.com/events".to_owned()),
            instructions: Some("Enter it.".to_owned()),
            is_supported: true,
            is_ready: Some(false),
            app_field: Some("signing_secret".to_owned()),
            events: [("message".to_owned(), "A message".to_owned())].into(),
        }])
    }
}

#[async_trait]
impl AccountPort for World {
    async fn account_webhook(
        &self,
        of: ProjectId,
        credential: CredentialId,
        webhook: &str,
    ) -> Result<AccountWebhook, Error> {
        let found = self.credential(of, credential).await?;
        Ok(AccountWebhook {
            webhook: webhook.to_owned(),
            url: format!("https://in.example.com/{}", found.id),
            secret: Some(SecretBytes::from_text("made-canary".to_owned())),
            instructions: None,
        })
    }

    async fn credentials(&self, of: ProjectId, user: &EndUserId) -> Result<Vec<Credential>, Error> {
        self.config(of)?;
        let state = self.state.lock();
        let known = state.accounts.credentials.iter();
        Ok(known.filter(|credential| credential.user == *user).cloned().collect())
    }

    async fn credential(&self, of: ProjectId, id: CredentialId) -> Result<Credential, Error> {
        self.account(of, id)
    }

    async fn link(&self, of: ProjectId, new: FieldLink) -> Result<Credential, Error> {
        let integration = self.integration(of, &new.integration).await?;
        if !integration.is_active {
            return Err(Error::IntegrationInactive { connector: integration.connector });
        }
        match (&new.proof, new.fields.get("api_key").and_then(Value::as_str)) {
            (LinkProof::Code { .. }, _) => {}
            (LinkProof::Fields, Some("bad")) => {
                return Err(ConnectFault::Rejected { reason: "invalid API key".into() }.into());
            }
            (LinkProof::Fields, Some(_)) => {}
            (LinkProof::Fields, None) => {
                return Err(Error::Fields(vec![FieldFault {
                    field: "api_key".to_owned(),
                    message: "is missing".to_owned(),
                }]));
            }
        }
        let mut state = self.state.lock();
        let number = u32::try_from(state.accounts.credentials.len() + 1).expect("there are few");
        let credential = Credential {
            id: credential_id(number),
            integration: integration.id,
            user: new.user,
            external_id: new.external_id,
            auth_method: "key".to_owned(),
            secret: SecretId::from_uuid(uuid(11, number)),
            provider_id: Some("a-1".to_owned()),
            provider_name: Some("ann@acme.example".to_owned()),
            fields: Map::new(),
            scopes: None,
            status: CredentialStatus {
                state: CredentialState::Valid,
                code: None,
                reason: None,
                at: at(0),
            },
            created_at: at(0),
            updated_at: at(0),
        };
        let settings = AccountSettings {
            id: configuration_id(number),
            credential: credential.id,
            external_id: None,
            is_default: true,
            shared: Map::new(),
            workflows: Map::new(),
            meta: Map::new(),
            created_at: at(0),
        };
        state.accounts.credentials.push(credential.clone());
        state.accounts.settings.push(settings);
        Ok(credential)
    }

    async fn probe(&self, of: ProjectId, id: CredentialId) -> Result<Probed, Error> {
        let mut credential = self.account(of, id)?;
        credential.status.state = CredentialState::Invalid;
        credential.status.code = Some("revoked".to_owned());
        Ok(Probed { credential, health: Health::Refused { reason: "was revoked".to_owned() } })
    }

    async fn disconnect(&self, of: ProjectId, id: CredentialId) -> Result<(), Error> {
        self.account(of, id)?;
        self.state.lock().accounts.credentials.retain(|credential| credential.id != id);
        Ok(())
    }

    async fn open_connect(&self, of: ProjectId, new: NewConnect) -> Result<OpenedConnect, Error> {
        let integration = self.integration(of, &new.integration).await?;
        if integration.apps.is_empty() {
            return Err(Error::AppMissing {
                connector: integration.connector,
                method: "oauth".to_owned(),
                missing: vec!["client_id".to_owned(), "client_secret".to_owned()],
            });
        }
        let session =
            ConnectSession { user: new.user, return_origin: new.return_origin, ..session() };
        self.state.lock().accounts.sessions.push(session.clone());
        let link = SessionLink { project: of, session: session.id };
        Ok(OpenedConnect { session, url: format!("https://tenon.example/oauth/start/{link}") })
    }

    async fn connect_session(
        &self,
        of: ProjectId,
        id: ConnectSessionId,
    ) -> Result<ConnectSession, Error> {
        self.config(of)?;
        let state = self.state.lock();
        let found = state.accounts.sessions.iter().find(|session| session.id == id);
        found.cloned().ok_or_else(|| not_found("connect session", id))
    }

    async fn complete_setup(
        &self,
        of: ProjectId,
        id: CredentialId,
        fields: Map<String, Value>,
    ) -> Result<Credential, Error> {
        self.account(of, id)?;
        if !fields.contains_key("site") {
            return Err(Error::Fields(vec![FieldFault {
                field: "site".to_owned(),
                message: "this is needed".to_owned(),
            }]));
        }
        let mut state = self.state.lock();
        let mut known = state.accounts.credentials.iter_mut();
        let found = known.find(|known| known.id == id).expect("it was there just now");
        found.fields.extend(fields);
        found.status.state = CredentialState::Valid;
        found.status.code = None;
        Ok(found.clone())
    }

    async fn configurations(
        &self,
        of: ProjectId,
        id: CredentialId,
    ) -> Result<Vec<AccountSettings>, Error> {
        self.account(of, id)?;
        let state = self.state.lock();
        let known = state.accounts.settings.iter();
        Ok(known.filter(|settings| settings.credential == id).cloned().collect())
    }

    async fn add_configuration(
        &self,
        of: ProjectId,
        id: CredentialId,
        external_id: Option<String>,
    ) -> Result<AccountSettings, Error> {
        let known = self.configurations(of, id).await?;
        let number = u32::try_from(known.len() + 10).expect("there are few");
        let first = known.first().cloned().expect("there is a default one");
        let added = AccountSettings {
            id: configuration_id(number),
            external_id,
            is_default: false,
            ..first
        };
        self.state.lock().accounts.settings.push(added.clone());
        Ok(added)
    }

    async fn change_configuration(
        &self,
        of: ProjectId,
        id: CredentialId,
        name: &SettingsName,
        change: SettingsChange,
    ) -> Result<AccountSettings, Error> {
        let mut known = self.configurations(of, id).await?.into_iter();
        let fits = |settings: &AccountSettings| match name {
            SettingsName::Id(id) => settings.id == *id,
            SettingsName::External(name) => settings.external_id.as_ref() == Some(name),
        };
        let mut found =
            known.find(fits).ok_or_else(|| not_found("configuration", format!("{name:?}")))?;
        found.shared = change.shared;
        Ok(found)
    }

    async fn remove_configuration(
        &self,
        of: ProjectId,
        id: CredentialId,
        name: &SettingsName,
    ) -> Result<(), Error> {
        let found = self.change_configuration(of, id, name, SettingsChange::default()).await?;
        match found.is_default {
            true => Err(Error::Conflict { reason: "the default one stays".to_owned() }),
            false => {
                self.state.lock().accounts.settings.retain(|settings| settings.id != found.id);
                Ok(())
            }
        }
    }
}

#[async_trait]
impl BrowserPort for World {
    fn is_https(&self) -> bool {
        self.state.lock().accounts.is_https
    }

    async fn start_connect(&self, link: &SessionLink) -> Result<StartedConnect, Error> {
        self.config(link.project).map_err(|_| Error::from(ConnectFault::Unknown))?;
        if let Some(fault) = self.state.lock().accounts.fault.clone() {
            return Err(fault.into());
        }
        let mut state = self.state.lock();
        state.accounts.starts += 1;
        state.accounts.sessions.iter_mut().for_each(|session| session.is_begun = true);
        Ok(StartedConnect {
            url: format!("https://acme.example/authorize?state={STATE}").parse().expect("a URL"),
            nonce: Zeroizing::new(NONCE.to_owned()),
            session: session(),
        })
    }

    async fn finish_connect(&self, callback: Callback) -> Result<ConnectEnd, Error> {
        let state = self.state.lock();
        if let Some(fault) = state.accounts.fault.clone() {
            return Err(fault.into());
        }
        if callback.params.get("state").map(String::as_str) != Some(STATE) {
            return Err(ConnectFault::Unknown.into());
        }
        if callback.nonces.get(&session_id()).map(String::as_str) != Some(NONCE) {
            return Err(ConnectFault::OtherBrowser.into());
        }
        let outcome = state.accounts.outcome.clone().expect("the test said how it ends");
        Ok(ConnectEnd { session: session(), outcome })
    }
}

impl World {
    /// The value of a secret.
    pub fn secret_value(&self, key: &str) -> Option<String> {
        let state = self.state.lock();
        let found = state.accounts.secrets.iter().find(|(secret, _)| secret.key.as_str() == key);
        found.map(|(_, value)| String::from_utf8(value.clone()).expect("tests keep text"))
    }

    /// Puts an integration document in place.
    pub fn apply_integration(&self, document: tenon_domain::portal::IntegrationDocument) {
        let mut integration = Integration::new(&document.connector, at(0));
        integration.document = Some(document);
        self.state.lock().accounts.integrations.push(integration);
    }
}

#[async_trait]
impl SecretPort for World {
    async fn secrets(&self, of: ProjectId) -> Result<Vec<ProjectSecret>, Error> {
        self.config(of)?;
        let state = self.state.lock();
        Ok(state.accounts.secrets.iter().map(|(secret, _)| secret.clone()).collect())
    }

    async fn create_secret(
        &self,
        of: ProjectId,
        key: SecretKey,
        value: SecretBytes,
    ) -> Result<ProjectSecret, Error> {
        self.config(of)?;
        if value.len() < 8 {
            return Err(Error::Invalid { what: "the value of a secret", rule: "longer" });
        }
        let secret = ProjectSecret {
            id: SecretId::from_uuid(uuid(12, 1)),
            key,
            created_at: at(0),
            updated_at: at(0),
        };
        let mut state = self.state.lock();
        state.accounts.secrets.push((secret.clone(), value.expose().to_vec()));
        Ok(secret)
    }

    async fn replace_secret(
        &self,
        of: ProjectId,
        key: &SecretKey,
        value: SecretBytes,
    ) -> Result<ProjectSecret, Error> {
        self.config(of)?;
        let mut state = self.state.lock();
        let found = state.accounts.secrets.iter_mut().find(|(secret, _)| secret.key == *key);
        let (secret, held) = found.ok_or_else(|| not_found("secret", key.as_str()))?;
        secret.updated_at = at(60);
        *held = value.expose().to_vec();
        Ok(secret.clone())
    }

    async fn delete_secret(&self, of: ProjectId, key: &SecretKey) -> Result<(), Error> {
        self.config(of)?;
        let mut state = self.state.lock();
        let secrets = &mut state.accounts.secrets;
        let before = secrets.len();
        secrets.retain(|(secret, _)| secret.key != *key);
        match secrets.len() < before {
            true => Ok(()),
            false => Err(not_found("secret", key.as_str())),
        }
    }
}

#[async_trait]
impl LogPort for World {
    async fn signing_keys(&self, of: ProjectId) -> Result<Vec<SigningKey>, Error> {
        self.config(of)?;
        Ok(self.state.lock().accounts.signing_keys.clone())
    }

    async fn create_signing_key(&self, of: ProjectId) -> Result<NewSigningKey, Error> {
        self.config(of)?;
        let key = SigningKey {
            id: "0123456789abcdef".to_owned(),
            public_pem: "public".to_owned(),
            created_at: at(0),
            revoked_at: None,
        };
        self.state.lock().accounts.signing_keys.push(key.clone());
        let private_pem = SecretBytes::from_text("private-canary".to_owned());
        Ok(NewSigningKey { key, private_pem })
    }

    async fn revoke_signing_key(&self, of: ProjectId, id: &str) -> Result<(), Error> {
        self.config(of)?;
        let mut state = self.state.lock();
        let mut keys = state.accounts.signing_keys.iter_mut();
        let key = keys.find(|key| key.id == id && key.revoked_at.is_none());
        key.ok_or_else(|| not_found("valid signing key", id))?.revoked_at = Some(at(60));
        Ok(())
    }

    async fn events(&self, of: ProjectId, after: i64, limit: usize) -> Result<Vec<Event>, Error> {
        self.config(of)?;
        assert_eq!(of, project());
        let event = |sequence| Event {
            sequence,
            event: NewEvent {
                at: at(sequence),
                kind: EventType::CredentialInvalid,
                user: Some(EndUserId::new("user-17")),
                integration: Some(integration_id()),
                credential: Some(credential_id(1)),
                payload: Map::from_iter([("code".to_owned(), json!("revoked"))]),
            },
        };
        Ok((1..=3).filter(|sequence| *sequence > after).take(limit).map(event).collect())
    }
}
