//! The proxy with a real vault behind it, and an authorization server that rotates strictly.

use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tenon_connector::catalog::Catalog;
use tenon_connector::connector::Connector;
use tenon_connector::token::{AccountSecrets, Token};
use tenon_contract::grant::GrantKey;
use tenon_contract::plan::{AppPlan, CredentialPlan, UserPlan};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{NewValue, SecretOwner, Subject};
use tenon_credentials::Settings;
use tenon_credentials::access::{AccessParts, CredentialAccess};
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId, SecretId, SystemClock};
use tenon_proxy::{Credentials, ProxyParts, ProxySettings};
use tenon_testkit::fakes::oauth_provider::{Manners, OauthProvider};
use tenon_testkit::fakes::{MemoryKeys, MemoryRoot, MemoryValues, VaultFaults};
use tenon_vault::envelope::InstallId;
use tenon_vault::keyring::Roots;
use tenon_vault::policy::{Caller, Policy};
use tenon_vault::service::{Parts, VaultService};
use tokio_util::sync::DropGuard;
use uuid::Uuid;

use crate::stage::{Calls, Client, Plans, listen, project_plan, way_out};

/// A provider, a vault with one account of each auth method, and the proxy.
struct Whole {
    provider: OauthProvider,
    project: ProjectId,
    client: Client,
    calls: Arc<Calls>,
    _stop: DropGuard,
}

fn manifest() -> Value {
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
            {
                "id": "key",
                "type": "api_key",
                "inject": {"headers": {"authorization": "Bearer {{fields.api_key}}"}}
            }
        ],
        "proxy": {"base_url": [{"url": "{{app.base}}"}], "allow_http": true}
    })
}

pub fn grant_key() -> GrantKey {
    GrantKey::new(SecretBytes::new(vec![7; 32])).expect("32 bytes")
}

pub fn vault() -> Arc<VaultService> {
    let (faults, clock) = (VaultFaults::default(), Arc::new(SystemClock));
    let root = Arc::new(MemoryRoot::new("root", faults.clone()));
    let (service, background) = VaultService::new(Parts {
        install: InstallId::from_uuid(Uuid::new_v4()),
        values: Arc::new(MemoryValues::new(clock.clone(), faults.clone())),
        keys: Arc::new(MemoryKeys::new(clock.clone(), faults)),
        roots: Roots::new(root, Vec::new()),
        policy: Policy::new(vec![grant_key()]),
        clock,
        settings: tenon_vault::settings::Settings::default(),
    });
    tokio::spawn(background.run());
    service
}

/// The account's token as the vault keeps it: the access token is one that the provider refuses,
/// and nothing says when it ends.
fn stale(refresh_token: Option<String>) -> AccountSecrets {
    let token = Token {
        access_token: "canary-stale-token".to_owned(),
        refresh_token,
        expires_at: None,
        scope: None,
        issued_at: Timestamp::now(),
        extra: Map::new(),
    };
    AccountSecrets { fields: Map::new(), token: Some(token) }
}

impl Whole {
    async fn start(method: &str, secrets: impl FnOnce(&OauthProvider) -> AccountSecrets) -> Self {
        let provider = OauthProvider::start(Manners::default()).await.expect("a provider");
        let vault = vault();
        let (project, user) = (ProjectId::new(), EndUserId::new("user-1"));
        let integration = IntegrationId::new();
        let credential = CredentialPlan {
            id: CredentialId::new(),
            integration,
            external_id: None,
            auth_method: method.to_owned(),
            secret: SecretId::new(),
            fields: Map::new(),
            created_at: Timestamp::now(),
            configurations: Vec::new(),
        };
        let api = vault.for_caller(Caller::Api);
        let subject = Subject::Credential { credential: credential.id, user: user.clone() };
        let value = serde_json::to_vec(&secrets(&provider)).expect("JSON");
        let value = NewValue { value: SecretBytes::new(value), expires_at: None };
        let owner = SecretOwner { project, subject };
        api.create(credential.secret, &owner, value).await.expect("kept");
        let app = SecretId::new();
        let value = json!({"client_secret": Manners::default().client_secret}).to_string();
        let value = NewValue { value: SecretBytes::from_text(value), expires_at: None };
        let owner = SecretOwner { project, subject: Subject::App };
        api.create(app, &owner, value).await.expect("kept");

        let mut plan = project_plan(project, integration);
        Connector::from_value(&manifest()).expect("a good manifest");
        plan.integrations[0].connector = "custom.rig".to_owned();
        plan.integrations[0].manifest = Some(Arc::new(manifest()));
        let values = json!({"client_id": Manners::default().client_id, "base": provider.url()});
        let values = values.as_object().expect("an object").clone();
        let app = AppPlan { values, secret: Some(app), scopes: Vec::new() };
        plan.integrations[0].apps.insert(method.to_owned(), app);
        let user = UserPlan {
            project,
            user,
            revision: 1,
            credentials: vec![credential],
            meta: Map::new(),
        };
        let access = CredentialAccess::new(AccessParts {
            vault: vault.for_caller(Caller::Proxy),
            egress: Arc::new(way_out()),
            catalog: Arc::new(Catalog::default()),
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
        });
        let calls = Arc::new(Calls::default());
        let clock = Arc::new(SystemClock);
        let (address, _stop) = listen(ProxyParts {
            plans: Arc::new(Plans { project: Mutex::new(plan), user: Mutex::new(user) }),
            accounts: Credentials::new(access, Arc::new(grant_key()), clock.clone()),
            egress: Arc::new(way_out()),
            quotas: None,
            log: calls.clone(),
            clock,
            settings: ProxySettings::default(),
        })
        .await;
        Self { provider, project, client: Client::new(address), calls, _stop }
    }

    fn path(&self, path: &str) -> String {
        format!("/api/v1/projects/{}/proxy/custom.rig/{path}", self.project)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_callers_with_a_refused_token_cost_one_refresh() {
    let whole = Whole::start("oauth", |provider| stale(provider.grant().refresh_token)).await;
    let path = whole.path("me");
    let answers = join_all((0..64).map(|_| whole.client.get(&path))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let counters = whole.provider.counters();
    assert_eq!((counters.refreshes, counters.family_revocations), (1, 0));
    assert_eq!(counters.calls, 64);
}

#[tokio::test]
async fn an_account_without_a_way_to_renew_is_known_dead_after_one_call() {
    let whole = Whole::start("oauth", |_| stale(None)).await;
    let answer = whole.client.get(&whole.path("me")).await;
    assert!([401, 409].contains(&answer.status.as_u16()), "{answer:?}");
    let refused = whole.provider.counters().refused_calls;
    let answer = whole.client.get(&whole.path("me")).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.json()["code"], "credential_invalid");
    assert_eq!(whole.provider.counters().refused_calls, refused, "no request was made");
}

#[tokio::test]
async fn a_key_of_the_vault_reaches_the_provider_and_nobody_else() {
    let whole = Whole::start("key", |provider| {
        let fields = json!({"api_key": provider.grant().access_token});
        AccountSecrets { fields: fields.as_object().expect("an object").clone(), token: None }
    })
    .await;
    let answer = whole.client.get(&whole.path("me?x=1")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(whole.provider.counters().calls, 1);
    let record = format!("{:?}", whole.calls.only().await);
    assert!(record.contains("\"me\"") && !record.contains("x=1"), "{record}");
    let elsewhere = whole.provider.url();
    let headers = [("x-tenon-proxy-url", elsewhere.as_str())];
    let answer = whole.client.call(http::Method::GET, &whole.path(""), &headers, "").await;
    assert_eq!(answer.status, 404, "its own host is allowed, and has nothing at `/`");
    for url in ["http://localhost/", "http://127.0.0.1:1/", "https://127.0.0.1/"] {
        let headers = [("x-tenon-proxy-url", url)];
        let answer = whole.client.call(http::Method::GET, &whole.path(""), &headers, "").await;
        assert_eq!(answer.json()["code"], "proxy_target", "{url}");
    }
}
