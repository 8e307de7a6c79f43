//! A provider, a vault, and as many processes as a test wants.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tenon_connector::catalog::Catalog;
use tenon_connector::token::{AccountSecrets, Token};
use tenon_contract::grant::{GrantKey, Work};
use tenon_contract::plan::{AppPlan, CredentialPlan, IntegrationPlan};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, NewValue, Purpose, SecretHead, SecretOwner, SecretState, Subject, Vault,
};
use tenon_credentials::Settings;
use tenon_credentials::access::{AccessParts, Account, CredentialAccess};
use tenon_domain::{
    CredentialId, EndUserId, IntegrationId, ProjectId, RunId, SecretId, StepId, SystemClock,
};
use tenon_egress::{EgressSettings, HttpEgress};
use tenon_testkit::fakes::oauth_provider::{Manners, OauthProvider, Tokens};
use tenon_testkit::fakes::{MemoryKeys, MemoryRoot, MemoryValues, VaultFaults};
use tenon_vault::envelope::InstallId;
use tenon_vault::keyring::Roots;
use tenon_vault::policy::{Caller, Policy};
use tenon_vault::service::{Parts, VaultService};
use uuid::Uuid;

/// What is told of a connector's provider at `base`.
pub fn manifest() -> Value {
    json!({
        "format": 1,
        "name": "rig",
        "version": "1.0.0",
        "title": "Rig",
        "description": "A provider for tests.",
        "categories": ["testing"],
        "docs": "https://example.com/docs",
        "app_fields": [{"name": "base", "title": "Base URL", "type": "url"}],
        "auth": [
            {
                "id": "oauth",
                "type": "oauth2",
                "authorize_url": "{{app.base}}/authorize",
                "token_url": "{{app.base}}/token"
            },
            {"id": "client", "type": "client_credentials", "token_url": "{{app.base}}/token"},
            {
                "id": "key",
                "type": "api_key",
                "inject": {"headers": {"authorization": "Bearer {{fields.api_key}}"}}
            }
        ],
        "proxy": {"base_url": [{"url": "{{app.base}}"}], "allow_http": true},
        "lifecycle": {
            "identity": {
                "steps": [{
                    "id": "me",
                    "request": {"url": "/me"},
                    "save": {"id": "{{response.body.id}}", "name": "{{response.body.name}}"}
                }],
                "id": "{{steps.me.id}}",
                "name": "{{steps.me.name}}",
                "save": {"account_name": "{{steps.me.name}}"}
            },
            "revoke": [{
                "method": "POST",
                "url": "/revoke",
                "body": {"form": {
                    "token": "{{token.refresh_token}}",
                    "client_id": "{{app.client_id}}",
                    "client_secret": "{{app.client_secret}}"
                }}
            }]
        }
    })
}

/// Short times, so that tests need not wait.
pub fn quick() -> Settings {
    let mut settings = Settings::default();
    settings.renewal.early_min = Duration::from_secs(60);
    settings.renewal.margin = Duration::from_millis(200);
    settings.renewal.pause_min = Duration::ZERO;
    settings.renewal.claim_ttl = Duration::from_secs(4);
    settings.renewal.wait_max = Duration::from_secs(15);
    settings.renewal.dead_retry_after = Duration::from_millis(100);
    settings.renewal.backoff_min = Duration::from_millis(400);
    settings.renewal.poll_max = Duration::from_millis(100);
    settings.exchange.timeout = Duration::from_secs(2);
    settings
}

pub struct Rig {
    pub provider: OauthProvider,
    pub service: Arc<VaultService>,
    pub faults: VaultFaults,
    pub project: ProjectId,
    pub user: EndUserId,
    pub integration: IntegrationPlan,
    grant_key: GrantKey,
    run: RunId,
}

impl Rig {
    pub async fn start(manners: Manners) -> Self {
        let provider = OauthProvider::start(manners.clone()).await.expect("a provider");
        let faults = VaultFaults::default();
        let clock = Arc::new(SystemClock);
        let root = Arc::new(MemoryRoot::new("root", faults.clone()));
        let (service, background) = VaultService::new(Parts {
            install: InstallId::from_uuid(Uuid::new_v4()),
            values: Arc::new(MemoryValues::new(clock.clone(), faults.clone())),
            keys: Arc::new(MemoryKeys::new(clock.clone(), faults.clone())),
            roots: Roots::new(root, Vec::new()),
            policy: Policy::new(vec![grant_key()]),
            clock,
            settings: tenon_vault::settings::Settings::default(),
        });
        tokio::spawn(background.run());
        let project = ProjectId::new();
        let app_secret = SecretId::new();
        let secrets = json!({"client_secret": manners.client_secret}).to_string();
        let owner = SecretOwner { project, subject: Subject::App };
        let value = NewValue { value: SecretBytes::from_text(secrets), expires_at: None };
        let api = service.for_caller(Caller::Api);
        api.create(app_secret, &owner, value).await.expect("the app's secret is kept");
        let integration = integration(&provider.url(), &manners.client_id, app_secret);
        Self {
            provider,
            service,
            faults,
            project,
            user: EndUserId::new("user-1"),
            integration,
            grant_key: grant_key(),
            run: RunId::new(),
        }
    }

    /// One more process that runs steps.
    pub fn process(&self, settings: Settings) -> CredentialAccess {
        self.process_as(Caller::Worker, settings)
    }

    /// One more process of a role.
    pub fn process_as(&self, caller: Caller, settings: Settings) -> CredentialAccess {
        access_with(self.service.for_caller(caller), settings)
    }

    /// The vault as configuration sees it.
    pub fn vault(&self) -> Arc<dyn Vault> {
        self.service.for_caller(Caller::Api)
    }

    /// An account whose tokens were issued just now.
    pub async fn account(&self) -> (CredentialPlan, Tokens) {
        let tokens = self.provider.grant();
        let plan = self.account_with(secrets_of(&tokens)).await;
        (plan, tokens)
    }

    /// An account with these secrets.
    pub async fn account_with(&self, secrets: AccountSecrets) -> CredentialPlan {
        let method = if secrets.token.is_some() { "oauth" } else { "key" };
        let plan = self.plan(method);
        self.keep(&plan, secrets).await;
        plan
    }

    /// A credential's plan for an auth method.
    pub fn plan(&self, method: &str) -> CredentialPlan {
        CredentialPlan {
            id: CredentialId::new(),
            integration: self.integration.id,
            external_id: None,
            auth_method: method.to_owned(),
            secret: SecretId::new(),
            fields: Map::new(),
            created_at: Timestamp::now(),
            configurations: Vec::new(),
        }
    }

    /// Puts secrets into the vault.
    pub async fn keep(&self, plan: &CredentialPlan, secrets: AccountSecrets) {
        let expires_at = secrets.token.as_ref().and_then(|token| token.expires_at);
        let json = serde_json::to_vec(&secrets).expect("JSON");
        let value = NewValue { value: SecretBytes::new(json), expires_at };
        let kept = self.vault().create(plan.secret, &self.owner(plan), value).await;
        kept.expect("the account's secret is kept");
    }

    pub fn owner(&self, plan: &CredentialPlan) -> SecretOwner {
        let subject = Subject::Credential { credential: plan.id, user: self.user.clone() };
        SecretOwner { project: self.project, subject }
    }

    pub fn of<'a>(&'a self, plan: &'a CredentialPlan) -> Account<'a> {
        Account {
            project: self.project,
            user: &self.user,
            integration: &self.integration,
            credential: plan,
        }
    }

    /// A step's access, with its grant.
    pub fn step(&self) -> Access {
        Access {
            project: self.project,
            purpose: Purpose::Step,
            run: Some(self.run),
            step: Some(StepId::new("step")),
            reference: None,
            grant: Some(self.grant_key.sign(self.project, &self.user, &Work::Run(self.run))),
        }
    }

    /// Configuration's access.
    pub fn connect(&self) -> Access {
        let purpose = Purpose::Connect;
        Access { purpose, run: None, step: None, grant: None, ..self.step() }
    }

    pub async fn head(&self, plan: &CredentialPlan) -> SecretHead {
        let head = self.vault().head(self.project, plan.secret).await.expect("the vault answers");
        head.expect("the secret is there")
    }

    /// The code of a state that is invalid.
    pub async fn code(&self, plan: &CredentialPlan) -> Option<String> {
        match self.head(plan).await.state {
            SecretState::Invalid { code, .. } => Some(code),
            SecretState::Valid | SecretState::Expired => None,
        }
    }
}

pub fn grant_key() -> GrantKey {
    GrantKey::new(SecretBytes::new(vec![7; 32])).expect("32 bytes")
}

/// The integration of a provider at `base`.
pub fn integration(base: &str, client_id: &str, app_secret: SecretId) -> IntegrationPlan {
    let values = json!({"client_id": client_id, "base": base});
    let Value::Object(values) = values else { unreachable!("it is an object") };
    let app = AppPlan { values, secret: Some(app_secret), scopes: Vec::new() };
    IntegrationPlan {
        id: IntegrationId::new(),
        connector: "custom.rig".to_owned(),
        is_active: true,
        apps: ["oauth", "client", "key"].map(|id| (id.to_owned(), app.clone())).into(),
        manifest: Some(checked(manifest())),
    }
}

/// A manifest that the catalog takes.
pub fn checked(manifest: Value) -> Arc<Value> {
    let loaded = tenon_connector::connector::Connector::from_value(&manifest);
    loaded.unwrap_or_else(|faults| panic!("the manifest is wrong: {faults:#?}"));
    Arc::new(manifest)
}

/// A process' access to credentials, over real sockets to loopback.
pub fn access_with(vault: Arc<dyn Vault>, settings: Settings) -> CredentialAccess {
    CredentialAccess::new(parts_with(vault, settings))
}

/// What such access is made of.
pub fn parts_with(vault: Arc<dyn Vault>, settings: Settings) -> AccessParts {
    let loopback = ipnet::IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let egress = EgressSettings { allowed_networks: vec![loopback], ..Default::default() };
    AccessParts {
        vault,
        egress: Arc::new(HttpEgress::new(egress).expect("TLS can be set up")),
        catalog: Arc::new(Catalog::default()),
        clock: Arc::new(SystemClock),
        settings,
    }
}

/// What the vault keeps of issued tokens.
pub fn secrets_of(tokens: &Tokens) -> AccountSecrets {
    let now = Timestamp::now();
    let life = tokens
        .expires_in
        .map(|seconds| SignedDuration::from_secs(i64::try_from(seconds).expect("a short life")));
    let token = Token {
        access_token: tokens.access_token.clone(),
        refresh_token: tokens.refresh_token.clone(),
        expires_at: life.map(|life| now + life),
        scope: None,
        issued_at: now,
        extra: Map::new(),
    };
    AccountSecrets { fields: Map::new(), token: Some(token) }
}

/// The bearer token that a credential puts into a call.
pub fn bearer(ready: &tenon_credentials::access::Ready) -> String {
    let mut call = tenon_connector::call::Call {
        method: http::Method::GET,
        url: "http://127.0.0.1/me".parse().expect("a URL"),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
    };
    ready.inject(&mut call, None, Timestamp::now()).expect("it is injected");
    let value = call.headers["authorization"].to_str().expect("text");
    value.strip_prefix("Bearer ").expect("a bearer token").to_owned()
}

/// Waits until something holds, ten seconds at most.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came true that {what}");
}
