//! A project with an integration, a user with accounts, and a vault, all in memory.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};
use tenon_connector::catalog::Catalog;
use tenon_contract::egress::{Error, OutboundRequest, OutboundResponse};
use tenon_contract::plan::{
    AppPlan, ConfigurationPlan, CredentialPlan, InstallationsPlan, IntegrationPlan, PlanError,
    PlanSource, ProjectPlan, UserPlan, WorkflowPlan,
};
use tenon_contract::quota::Quotas;
use tenon_contract::vault::Subject;
use tenon_credentials::access::{AccessParts, CredentialAccess};
use tenon_domain::portal::secret_setting;
use tenon_domain::{
    ConfigurationId, CredentialId, EndUserId, IntegrationId, ProjectId, RunId, SecretId, VersionId,
    WorkflowId,
};
use tenon_exec::ports::membership::MemberId;
use tenon_exec::steps::integration::{CallSlots, IntegrationLimits, Integrations, SlotSettings};
use tenon_local::{LocalCallPools, LocalQuotas};
use tenon_testkit::fakes::ScriptedEgress;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::vault::MemoryVault;
use crate::bench::Bench;

/// The name of the integration's connector.
pub const CONNECTOR: &str = "custom.acme";

/// The token of the first account; it must show nowhere.
pub const TOKEN: &str = "canary-token-of-the-first-account";

/// The value of the project's secret `API_KEY`; it must show nowhere.
pub const API_KEY: &str = "api-key-canary/1+2 of the project";

/// The user's password `word`; it must show nowhere.
pub const WORD: &str = "pass-word-canary";

/// A connector with two ways to link, two actions, and two calls a minute for each account.
pub fn manifest() -> Value {
    json!({
        "format": 1, "name": "acme", "version": "1.0.0", "title": "Acme",
        "description": "A made-up service.", "categories": ["crm"],
        "docs": "https://docs.acme.example/api",
        "auth": [
            { "id": "oauth", "type": "oauth2",
              "authorize_url": "https://auth.acme.example/authorize",
              "token_url": "https://auth.acme.example/token" },
            { "id": "key", "type": "api_key",
              "inject": { "headers": { "x-api-key": "{{fields.api_key}}" } } },
        ],
        "proxy": {
            "base_url": [{ "url": "https://api.acme.example/v1" }],
            "headers": { "x-version": "7" },
            "idempotency": { "header": "Idempotency-Key" },
            "quotas": [{ "limit": 2, "window_seconds": 60, "path_prefix": "/limited" }],
            "errors": [
                { "statuses": [423], "kind": "auth_dead", "message": "{{response.body.why}}" },
                { "statuses": [200], "kind": "invalid", "message": "{{response.body.problem}}",
                  "when": { "operator": "$exists", "variable": "{{response.body.problem}}" } },
            ],
        },
        "actions": [
            { "id": "create_contact", "title": "Create a contact", "effect": "create",
              "input": { "type": "object", "required": ["email"], "additionalProperties": false,
                         "properties": { "email": { "type": "string" }, "name": { "type": "string" } } },
              "output": { "type": "object" },
              "request": { "method": "POST", "url": "/contacts",
                           "body": { "json": { "email": "{{input.email}}", "name": "{{input.name}}" } } },
              "result": "{{response.body}}" },
            { "id": "list_contacts", "title": "List contacts", "effect": "read",
              "input": { "type": "object" }, "output": { "type": "array" },
              "request": { "url": "/contacts" },
              "pagination": { "items": "{{response.body.items}}",
                              "next": { "type": "cursor", "cursor": "{{response.body.next}}",
                                        "place": { "query": "cursor" } } } },
            { "id": "ping", "title": "Ping", "effect": "read",
              "input": { "type": "object" }, "output": {},
              "request": { "url": "/limited/ping" } },
        ],
    })
}

/// Everything that a step with an account needs.
pub struct World {
    pub bench: Bench,
    pub vault: Arc<MemoryVault>,
    pub egress: Arc<ScriptedEgress>,
    pub user: EndUserId,
    pub accounts: Vec<CredentialPlan>,
    /// The project's secret `API_KEY`.
    pub api_key: SecretId,
    /// The password `word` in the only configuration of the first account, shared and of any
    /// workflow.
    pub word: SecretId,
    _keeper: AbortOnDropHandle<()>,
}

impl World {
    /// A world whose provider answers with `answer`, on the bench's clock.
    pub fn new(
        answer: impl Fn(&OutboundRequest) -> Result<OutboundResponse, Error> + Send + Sync + 'static,
    ) -> Self {
        Self::on(Bench::new(|_, _| Ok(Value::Null)), |_| {}, answer)
    }

    /// The same with a change of the integration, and a bench of the test's.
    pub fn on(
        mut bench: Bench,
        change: impl FnOnce(&mut IntegrationPlan),
        answer: impl Fn(&OutboundRequest) -> Result<OutboundResponse, Error> + Send + Sync + 'static,
    ) -> Self {
        let project = bench.stores.project;
        let user = EndUserId::new("ada");
        let clock = bench.engine.clock.clone();
        let vault = Arc::new(MemoryVault::new(clock.clone()));
        let mut integration = IntegrationPlan {
            id: IntegrationId::new(),
            connector: CONNECTOR.to_owned(),
            is_active: true,
            apps: HashMap::new(),
            manifest: Some(Arc::new(manifest())),
        };
        let app =
            vault.keep(project, Subject::App, json!({ "client_secret": "app-secret-canary" }));
        let values = json!({ "client_id": "the-app" }).as_object().expect("an object").clone();
        let app = AppPlan { values, secret: Some(app), scopes: Vec::new() };
        integration.apps.insert("oauth".to_owned(), app);
        change(&mut integration);
        let api_key = vault.keep_text(project, Subject::Project, API_KEY);
        let mut accounts = vec![
            account(&vault, project, &user, &integration, "oauth", None, TOKEN),
            account(&vault, project, &user, &integration, "oauth", Some("second"), "another-token"),
        ];
        let first = &mut accounts[0];
        let subject = Subject::Credential { credential: first.id, user: user.clone() };
        let word = vault.keep_text(project, subject, WORD);
        let shared = json!({ "word": secret_setting(word) });
        first.configurations.push(ConfigurationPlan {
            id: ConfigurationId::new(),
            external_id: None,
            shared: shared.as_object().expect("an object").clone(),
            workflows: HashMap::new(),
        });
        let plans = Arc::new(FixedPlans {
            project: Arc::new(ProjectPlan {
                project,
                revision: 1,
                api_keys: Vec::new(),
                workflows: Vec::new(),
                choices: HashMap::new(),
                disabled_users: Default::default(),
                integrations: vec![integration],
                secrets: [("API_KEY".parse().expect("a key"), api_key)].into(),
                signing_keys: Vec::new(),
                queue: Default::default(),
            }),
            user: Arc::new(UserPlan {
                project,
                user: user.clone(),
                revision: 1,
                credentials: accounts.clone(),
                meta: json!({ "plan": "pro" }).as_object().expect("an object").clone(),
            }),
        });
        let egress = Arc::new(ScriptedEgress::new(answer));
        let access = CredentialAccess::new(AccessParts {
            vault: vault.clone(),
            egress: egress.clone(),
            catalog: Arc::new(Catalog::default()),
            clock: clock.clone(),
            settings: tenon_credentials::Settings::default(),
        });
        let service = Arc::new(LocalCallPools::new());
        let slots = CallSlots::new(service, MemberId::draw(), SlotSettings::default());
        let keeper = tokio::spawn(slots.clone().keep(CancellationToken::new()));
        let quotas: Arc<dyn Quotas> = Arc::new(LocalQuotas::new(clock));
        bench.engine.egress = egress.clone();
        bench.engine.integrations = Some(Integrations {
            access,
            plans,
            quotas,
            slots,
            limits: IntegrationLimits::default(),
        });
        let _keeper = AbortOnDropHandle::new(keeper);
        Self { bench, vault, egress, user, accounts, api_key, word, _keeper }
    }

    /// Accepts a run for the user.
    pub fn accept(&self, event: &Value) -> RunId {
        let mut job = self.bench.stores.job(&json!({ "event": event }));
        job.user = Some(self.user.clone());
        job.grant = Some(tenon_contract::grant::Grant::from_text("r1.of-this-run"));
        let run = job.run;
        self.bench.stores.store.put(job);
        run
    }

    /// The URLs that were called, in order.
    pub fn called(&self) -> Vec<String> {
        self.egress.seen().iter().map(|request| request.url.to_string()).collect()
    }
}

/// An answer.
pub fn answer(status: u16, body: Value) -> Result<OutboundResponse, Error> {
    answer_with(status, &[], body)
}

/// An answer with headers.
pub fn answer_with(
    status: u16,
    headers: &[(&'static str, &str)],
    body: Value,
) -> Result<OutboundResponse, Error> {
    let mut map = http::HeaderMap::new();
    map.insert("content-type", "application/json".parse().expect("a header value"));
    for (name, value) in headers {
        map.insert(*name, value.parse().expect("a header value"));
    }
    Ok(OutboundResponse {
        status: StatusCode::from_u16(status).expect("a status"),
        headers: map,
        body: Bytes::from(body.to_string()),
    })
}

/// What a request says that it is: the value of `Authorization`.
pub fn authorization(request: &OutboundRequest) -> String {
    let value = request.headers.get("authorization").map(|it| it.as_bytes().to_vec());
    String::from_utf8(value.unwrap_or_default()).expect("text")
}

fn account(
    vault: &MemoryVault,
    project: ProjectId,
    user: &EndUserId,
    integration: &IntegrationPlan,
    method: &str,
    external_id: Option<&str>,
    token: &str,
) -> CredentialPlan {
    let id = CredentialId::new();
    let issued_at = vault.now();
    let subject = Subject::Credential { credential: id, user: user.clone() };
    let secret = vault.keep(
        project,
        subject,
        json!({
            "fields": {},
            "token": { "access_token": token, "refresh_token": format!("refresh-{token}"),
                       "issued_at": issued_at },
        }),
    );
    CredentialPlan {
        id,
        integration: integration.id,
        external_id: external_id.map(str::to_owned),
        auth_method: method.to_owned(),
        secret,
        fields: Map::new(),
        created_at: issued_at,
        configurations: Vec::new(),
    }
}

/// Plans that do not change.
struct FixedPlans {
    project: Arc<ProjectPlan>,
    user: Arc<UserPlan>,
}

#[async_trait]
impl PlanSource for FixedPlans {
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        Ok((project == self.project.project).then(|| self.project.clone()))
    }

    async fn workflow(&self, _: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        Ok(None)
    }

    async fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, PlanError> {
        let is_theirs = project == self.user.project && *user == self.user.user;
        Ok(is_theirs.then(|| self.user.clone()))
    }

    async fn installations(
        &self,
        _: ProjectId,
        _: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        Ok(None)
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        Ok(vec![self.project.project])
    }
}
