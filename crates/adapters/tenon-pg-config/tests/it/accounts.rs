//! A project with a connector, a vault in memory, and a provider that answers as it is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tenon_config::linking::{LinkSettings, ThroughCredentials};
use tenon_config::ports::linker::{
    Health, LinkError, LinkFinish, LinkStart, LinkStarted, LinkTarget, Linked, LinkedAccount,
    LinkedIdentity, Linker,
};
use tenon_config::{
    AppChange, Configuration, FieldLink, Limits, LinkProof, LinkingParts, NewConnect, Slug,
};
use tenon_connector::catalog::Catalog;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, HeadChange, NewValue, Opened, RefreshClaim, RefreshFinish, RefreshOutcome, SecretHead,
    SecretOwner, SecretState, Vault, VaultError,
};
use tenon_credentials::access::{AccessParts, CredentialAccess};
use tenon_credentials::linking::Linking;
use tenon_domain::{EndUserId, IntegrationId, ProjectId, SecretId};
use tenon_testkit::fakes::{FakeClock, ScriptedEgress};
use url::Url;

use crate::fixture::Fixture;

/// The manifest of the connector that the tests use.
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
                "scopes": {"default": ["read"], "available": {"read": "Read", "write": "Write"}},
            },
            {
                "id": "key", "type": "api_key",
                "fields": [
                    {"name": "api_key", "title": "API key", "type": "password"},
                    {"name": "subdomain", "title": "Subdomain", "type": "subdomain"},
                ],
                "inject": {"headers": {"x-api-key": "{{fields.api_key}}"}},
            },
        ],
        "proxy": {"base_url": [{"url": "https://acme.example"}]},
    })
}

pub const CONNECTOR: &str = "custom.acme";

#[derive(Default)]
struct Rows {
    values: HashMap<SecretId, (SecretHead, Vec<u8>)>,
    changes: Vec<HeadChange>,
}

/// The vault's promises without its cryptography.
pub struct MemoryVault {
    rows: Mutex<Rows>,
    clock: Arc<FakeClock>,
    is_away: AtomicBool,
}

impl MemoryVault {
    fn check(&self) -> Result<(), VaultError> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(VaultError::Unavailable { source: "it is away".into() }),
            false => Ok(()),
        }
    }

    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// What is kept under an id, as text.
    pub fn text(&self, secret: SecretId) -> Option<String> {
        let rows = self.rows.lock().expect("no test panics in it");
        let (_, value) = rows.values.get(&secret)?;
        Some(String::from_utf8(value.clone()).expect("tests keep text"))
    }

    /// How many values are kept.
    pub fn count(&self) -> usize {
        self.rows.lock().expect("no test panics in it").values.len()
    }

    fn write(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        new: NewValue,
    ) -> Result<SecretHead, VaultError> {
        self.check()?;
        let now = tenon_domain::Clock::now(&*self.clock);
        let mut rows = self.rows.lock().expect("no test panics in it");
        let version = rows.values.get(&secret).map_or(1, |(head, _)| head.version + 1);
        let head = SecretHead {
            secret,
            owner: owner.clone(),
            version,
            state: SecretState::Valid,
            state_at: now,
            expires_at: new.expires_at,
            written_at: now,
            refresh_failures: 0,
        };
        rows.values.insert(secret, (head.clone(), new.value.expose().to_vec()));
        rows.note(secret, owner.project, Some(head.clone()));
        Ok(head)
    }

    /// Notes a state without changing the value, as a refresh elsewhere would.
    pub fn find_out(&self, secret: SecretId, state: SecretState) {
        let now = tenon_domain::Clock::now(&*self.clock);
        let mut rows = self.rows.lock().expect("no test panics in it");
        let (head, _) = rows.values.get_mut(&secret).expect("the value is there");
        head.state = state;
        head.state_at = now;
        let (head, project) = (head.clone(), head.owner.project);
        rows.note(secret, project, Some(head));
    }
}

impl Rows {
    fn note(&mut self, secret: SecretId, project: ProjectId, head: Option<SecretHead>) {
        let sequence = i64::try_from(self.changes.len() + 1).expect("there are few");
        self.changes.push(HeadChange { sequence, head, secret, project });
    }
}

#[async_trait]
impl Vault for MemoryVault {
    async fn create(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        self.write(secret, owner, value)
    }

    async fn replace(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        self.write(secret, owner, value)
    }

    async fn open(&self, secret: SecretId, access: &Access) -> Result<Opened, VaultError> {
        self.check()?;
        let rows = self.rows.lock().expect("no test panics in it");
        let (head, value) = rows.values.get(&secret).ok_or(VaultError::NotFound)?;
        if head.owner.project != access.project {
            return Err(VaultError::NotFound);
        }
        Ok(Opened { head: head.clone(), value: SecretBytes::new(value.clone()) })
    }

    async fn head(&self, _: ProjectId, secret: SecretId) -> Result<Option<SecretHead>, VaultError> {
        let rows = self.rows.lock().expect("no test panics in it");
        Ok(rows.values.get(&secret).map(|(head, _)| head.clone()))
    }

    async fn claim_refresh(
        &self,
        _: ProjectId,
        secret: SecretId,
        version: u32,
        _: Duration,
    ) -> Result<RefreshClaim, VaultError> {
        let rows = self.rows.lock().expect("no test panics in it");
        let (head, _) = rows.values.get(&secret).ok_or(VaultError::NotFound)?;
        match head.version == version && head.state == SecretState::Valid {
            true => Ok(RefreshClaim::Claimed { fence: 1 }),
            false => Ok(RefreshClaim::Changed),
        }
    }

    async fn finish_refresh(
        &self,
        _: ProjectId,
        secret: SecretId,
        _: u64,
        outcome: RefreshOutcome,
    ) -> Result<RefreshFinish, VaultError> {
        let head = {
            let rows = self.rows.lock().expect("no test panics in it");
            rows.values.get(&secret).ok_or(VaultError::NotFound)?.0.clone()
        };
        let head = match outcome {
            RefreshOutcome::Renewed(new) => self.write(secret, &head.owner, new)?,
            RefreshOutcome::Failed { .. } => head,
            RefreshOutcome::Ended(state) => {
                self.find_out(secret, state.clone());
                SecretHead { state, ..head }
            }
        };
        Ok(RefreshFinish::Recorded { head })
    }

    async fn set_state(
        &self,
        _: ProjectId,
        _: SecretId,
        _: u32,
        _: SecretState,
    ) -> Result<(), VaultError> {
        unreachable!("configuration finds nothing out by itself")
    }

    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<(), VaultError> {
        self.check()?;
        let mut rows = self.rows.lock().expect("no test panics in it");
        if rows.values.remove(&secret).is_some() {
            rows.note(secret, project, None);
        }
        Ok(())
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<Vec<HeadChange>, VaultError> {
        self.check()?;
        let rows = self.rows.lock().expect("no test panics in it");
        let behind = rows.changes.iter().filter(|change| change.sequence > after);
        Ok(behind.take(limit as usize).cloned().collect())
    }
}

/// A provider: whose account it gives, and whether it wants to.
pub struct Provider {
    pub account: Mutex<&'static str>,
    pub refusal: Mutex<Option<LinkError>>,
    pub asked: AtomicUsize,
    pub revoked: AtomicUsize,
}

impl Provider {
    pub fn give(&self, account: &'static str) {
        *self.account.lock().expect("no test panics in it") = account;
    }

    pub fn refuse(&self, error: LinkError) {
        *self.refusal.lock().expect("no test panics in it") = Some(error);
    }

    fn linked(&self, target: LinkTarget<'_>) -> Result<Linked, LinkError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = self.refusal.lock().expect("no test panics in it").take() {
            return Err(error);
        }
        let account = *self.account.lock().expect("no test panics in it");
        let secrets = json!({"fields": target.secrets, "token": format!("token of {account}")});
        Ok(Linked {
            value: NewValue {
                value: SecretBytes::from_text(secrets.to_string()),
                expires_at: None,
            },
            fields: target.fields.clone(),
            identity: Some(LinkedIdentity {
                id: account.to_owned(),
                name: format!("{account}@acme.example"),
            }),
            scopes: Some("read".to_owned()),
        })
    }
}

#[async_trait]
impl Linker for Provider {
    async fn start(
        &self,
        target: LinkTarget<'_>,
        _: &Access,
        start: LinkStart<'_>,
    ) -> Result<LinkStarted, LinkError> {
        assert_eq!(target.integration.connector, CONNECTOR);
        assert!(start.code_verifier.len() >= 43);
        if let Some(error) = self.refusal.lock().expect("no test panics in it").take() {
            return Err(error);
        }
        let mut url = Url::parse("https://acme.example/authorize").expect("it is a URL");
        url.query_pairs_mut()
            .append_pair("state", start.state)
            .append_pair("redirect_uri", start.redirect_uri)
            .append_pair("verifier", start.code_verifier);
        Ok(LinkStarted { url, keep: Some(SecretBytes::from_text("kept".to_owned())) })
    }

    async fn finish(
        &self,
        target: LinkTarget<'_>,
        _: &Access,
        finish: LinkFinish<'_>,
    ) -> Result<Linked, LinkError> {
        if let Some(error) = finish.params.get("error") {
            return Err(LinkError::Denied { reason: error.clone() });
        }
        if finish.params.get("iss").is_some_and(|iss| iss != "https://acme.example") {
            return Err(LinkError::OtherServer { reason: "it is not Acme's".to_owned() });
        }
        assert_eq!(finish.params.get("code").map(String::as_str), Some("good"));
        self.linked(target)
    }

    async fn link_fields(
        &self,
        target: LinkTarget<'_>,
        _: &Access,
        _: Timestamp,
    ) -> Result<Linked, LinkError> {
        self.linked(target)
    }

    async fn probe(&self, _: LinkedAccount<'_>, _: &Access) -> Result<Health, LinkError> {
        Ok(Health::Valid)
    }

    async fn revoke(&self, _: LinkedAccount<'_>, _: &Access) -> Result<(), LinkError> {
        self.revoked.fetch_add(1, Ordering::Relaxed);
        match self.refusal.lock().expect("no test panics in it").take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// A project with an integration of the connector.
pub struct Accounts {
    pub f: Fixture,
    pub configuration: Configuration,
    pub vault: Arc<MemoryVault>,
    pub provider: Arc<Provider>,
    pub clock: Arc<FakeClock>,
    pub integration: IntegrationId,
    /// How processes use accounts; only with the real linker.
    pub access: Option<CredentialAccess>,
}

/// The client of the builder's app, as [`Accounts::ready`] sets it.
pub fn client() -> AppChange {
    let values = [("client_id", "client-1"), ("client_secret", "client-canary")];
    let values = values.map(|(name, value)| (name.to_owned(), json!(value)));
    AppChange { values: values.into_iter().collect(), scopes: None }
}

impl Accounts {
    /// With the builder's app, so that users can be sent to the provider.
    pub async fn ready() -> Result<Self, Box<dyn std::error::Error>> {
        Self::ready_with(Limits::default()).await
    }

    pub async fn ready_with(limits: Limits) -> Result<Self, Box<dyn std::error::Error>> {
        let a = Self::with_limits(limits).await?;
        a.configuration.set_app(a.f.project, a.integration, None, client()).await?;
        Ok(a)
    }

    pub async fn new() -> Result<Self, Box<dyn std::error::Error>> {
        Self::with_limits(Limits::default()).await
    }

    /// With the real linker, whose requests `egress` answers.
    pub async fn through(egress: ScriptedEgress) -> Result<Self, Box<dyn std::error::Error>> {
        let mut accounts = Self::with_limits(Limits::default()).await?;
        let catalog = Arc::new(Catalog::default());
        let mut settings = tenon_credentials::Settings::default();
        settings.renewal.dead_retry_after = Duration::from_millis(10);
        let access = CredentialAccess::new(AccessParts {
            vault: accounts.vault.clone(),
            egress: Arc::new(egress),
            catalog: catalog.clone(),
            clock: accounts.clock.clone(),
            settings,
        });
        accounts.access = Some(access.clone());
        accounts.configuration = accounts.configuration.with_linking(LinkingParts {
            vault: accounts.vault.clone(),
            linker: Arc::new(ThroughCredentials::new(Linking::new(&access))),
            catalog,
            settings: LinkSettings::new(Url::parse("https://tenon.example")?),
        });
        Ok(accounts)
    }

    pub async fn with_limits(limits: Limits) -> Result<Self, Box<dyn std::error::Error>> {
        let f = Fixture::new().await?;
        let clock = Arc::new(FakeClock::at("2026-03-01T08:00:00Z"));
        let vault = Arc::new(MemoryVault {
            rows: Mutex::default(),
            clock: clock.clone(),
            is_away: AtomicBool::new(false),
        });
        let provider = Arc::new(Provider {
            account: Mutex::new("ann"),
            refusal: Mutex::new(None),
            asked: AtomicUsize::new(0),
            revoked: AtomicUsize::new(0),
        });
        let configuration =
            Configuration::new(Arc::clone(&f.store), f.publisher.clone(), clock.clone(), limits)
                .with_linking(LinkingParts {
                    vault: vault.clone(),
                    linker: provider.clone(),
                    catalog: Arc::new(Catalog::default()),
                    settings: LinkSettings::new(Url::parse("https://tenon.example")?),
                });
        configuration.put_connector(f.project, &Slug::parse("acme")?, manifest()).await?;
        let integration = configuration.add_integration(f.project, CONNECTOR).await?.id;
        Ok(Self { f, configuration, vault, provider, clock, integration, access: None })
    }

    /// A link by fields; `key` is the secret one.
    pub fn fields(&self, user: &str, key: &str) -> FieldLink {
        let mut fields = Map::new();
        fields.insert("api_key".to_owned(), json!(key));
        fields.insert("subdomain".to_owned(), json!("shop"));
        FieldLink {
            user: EndUserId::new(user),
            integration: CONNECTOR.to_owned(),
            auth_method: Some("key".to_owned()),
            fields,
            proof: LinkProof::Fields,
            credential: None,
            external_id: None,
            several_accounts: false,
        }
    }

    /// A session for OAuth.
    pub fn connect(&self, user: &str) -> NewConnect {
        NewConnect {
            user: EndUserId::new(user),
            integration: CONNECTOR.to_owned(),
            auth_method: None,
            fields: Map::new(),
            credential: None,
            external_id: None,
            several_accounts: false,
            return_origin: Some("https://app.example".to_owned()),
        }
    }

    /// Everything that is stored in the tables of accounts, as text.
    pub async fn dump(&self) -> Result<String, Box<dyn std::error::Error>> {
        let mut superuser =
            <sqlx::PgConnection as sqlx::Connection>::connect(&self.f.database.superuser_url)
                .await?;
        let mut text = String::new();
        for table in [
            "integration",
            "connector",
            "credential",
            "configuration",
            "connect_session",
            "event",
            "signing_key",
            "project_secret",
            "user_revision",
        ] {
            let query = format!("SELECT t::text FROM {table} t");
            let rows: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&mut superuser).await?;
            text.push_str(&rows.join("\n"));
        }
        Ok(text)
    }
}
