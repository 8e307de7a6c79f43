//! What every test plays on: plans, accounts, a provider, and the proxy on a port.

mod accounts;
mod client;
mod provider;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::routing::get;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Map;
use tenon_contract::plan::{
    ApiKeyDigest, CredentialPlan, InstallationsPlan, IntegrationPlan, PlanError, PlanSource,
    ProjectPlan, UserPlan, WorkflowPlan,
};
use tenon_contract::quota::Quotas;
use tenon_domain::{
    ApiKeyId, CredentialId, EndUserId, IntegrationId, ProjectId, SecretId, SystemClock, VersionId,
    WorkflowId,
};
use tenon_egress::{EgressSettings, HttpEgress};
use tenon_http_kit::{LayerSettings, ServeSettings, serve, with_layers};
use tenon_proxy::ports::Accounts;
use tenon_proxy::{CallLog, CallRecord, Proxy, ProxyParts, ProxySettings};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use accounts::FakeAccounts;
pub use client::{Answer, Client, raw};
pub use provider::{AnyBody, Provider, Seen, json, text};

pub const KEY: &str = "tnn_test_key";

/// Everything, running. It stops when it is dropped.
pub struct Stage {
    pub project: ProjectId,
    pub credentials: Vec<CredentialId>,
    pub integration: IntegrationId,
    pub accounts: Arc<FakeAccounts>,
    pub plans: Arc<Plans>,
    pub address: SocketAddr,
    pub calls: Arc<Calls>,
    _stop: DropGuard,
}

/// Plans that a test can change.
pub struct Plans {
    pub project: Mutex<ProjectPlan>,
    pub user: Mutex<UserPlan>,
}

#[async_trait]
impl PlanSource for Plans {
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        let plan = self.project.lock().clone();
        Ok((plan.project == project).then(|| Arc::new(plan)))
    }

    async fn workflow(&self, _: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        Ok(None)
    }

    async fn user(
        &self,
        _: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, PlanError> {
        let plan = self.user.lock().clone();
        Ok((plan.user == *user).then(|| Arc::new(plan)))
    }

    async fn installations(
        &self,
        _: ProjectId,
        _: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        Ok(None)
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        Ok(Vec::new())
    }
}

/// Keeps the records of calls.
#[derive(Default)]
pub struct Calls(Mutex<Vec<CallRecord>>);

impl CallLog for Calls {
    fn record(&self, record: CallRecord) {
        self.0.lock().push(record);
    }
}

impl Calls {
    /// The record of the only call, once it is there.
    pub async fn only(&self) -> CallRecord {
        for _ in 0..500 {
            if let [record] = self.0.lock().as_slice() {
                return record.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("there is no record, or more than one");
    }
}

impl Stage {
    pub async fn new(provider: &Provider) -> Self {
        Self::with(provider, |_| {}, None).await
    }

    /// With other settings, and a service of quotas.
    pub async fn with(
        provider: &Provider,
        change: impl FnOnce(&mut ProxySettings),
        quotas: Option<Arc<dyn Quotas>>,
    ) -> Self {
        let (project, user) = (ProjectId::new(), EndUserId::new("user-1"));
        let integration = IntegrationId::new();
        let credentials = vec![CredentialId::new(), CredentialId::new()];
        let plans = Arc::new(Plans {
            project: Mutex::new(project_plan(project, integration)),
            user: Mutex::new(user_plan(project, &user, integration, &credentials)),
        });
        let accounts = Arc::new(FakeAccounts::new(provider.url("/base")));
        let egress = way_out();
        let calls = Arc::new(Calls::default());
        let mut settings = ProxySettings {
            retry_wait: std::time::Duration::from_millis(5),
            ..ProxySettings::default()
        };
        change(&mut settings);
        let (address, _stop) = listen(ProxyParts {
            plans: plans.clone(),
            accounts: accounts.clone(),
            egress: Arc::new(egress),
            quotas,
            log: calls.clone(),
            clock: Arc::new(SystemClock),
            settings,
        })
        .await;
        Self { project, credentials, integration, accounts, plans, address, calls, _stop }
    }

    /// A path of our own route.
    pub fn own(&self, path: &str) -> String {
        format!("/api/v1/projects/{}/proxy/crm/{path}", self.project)
    }

    /// A path of the SDK's route.
    pub fn sdk(&self, path: &str) -> String {
        format!("/projects/{}/sdk/proxy/crm/{path}", self.project)
    }

    /// A caller with the project's key.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }
}

/// A way out that may call loopback.
pub fn way_out() -> HttpEgress {
    let settings = EgressSettings {
        allowed_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        ..EgressSettings::default()
    };
    HttpEgress::new(settings).expect("TLS can be set up")
}

/// Serves a proxy on a free port, until the guard is dropped.
pub async fn listen<A: Accounts>(parts: ProxyParts<A>) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let settings = LayerSettings::default();
    let rest = Router::new().route("/health", get(|| async { "well" }));
    let router = Proxy::new(parts).in_front_of(with_layers(rest, &settings), &settings);
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, router, ServeSettings::default(), stop.clone()));
    (address, stop.drop_guard())
}

pub fn project_plan(project: ProjectId, integration: IntegrationId) -> ProjectPlan {
    let other = IntegrationPlan {
        id: IntegrationId::new(),
        connector: "other".to_owned(),
        is_active: false,
        apps: HashMap::new(),
        manifest: None,
    };
    ProjectPlan {
        project,
        revision: 1,
        api_keys: vec![ApiKeyDigest::of(ApiKeyId::new(), KEY)],
        workflows: Vec::new(),
        choices: HashMap::new(),
        disabled_users: [EndUserId::new("disabled")].into(),
        integrations: vec![
            IntegrationPlan {
                id: integration,
                connector: "crm".to_owned(),
                is_active: true,
                ..other.clone()
            },
            other,
        ],
        secrets: std::collections::BTreeMap::new(),
        signing_keys: Vec::new(),
        queue: Default::default(),
    }
}

fn user_plan(
    project: ProjectId,
    user: &EndUserId,
    integration: IntegrationId,
    credentials: &[CredentialId],
) -> UserPlan {
    let credentials = credentials.iter().enumerate().map(|(number, id)| CredentialPlan {
        id: *id,
        integration,
        external_id: Some(format!("account-{number}")),
        auth_method: "oauth".to_owned(),
        secret: SecretId::new(),
        fields: Map::new(),
        created_at: Timestamp::UNIX_EPOCH,
        configurations: Vec::new(),
    });
    UserPlan {
        project,
        user: user.clone(),
        revision: 1,
        credentials: credentials.collect(),
        meta: Map::new(),
    }
}
