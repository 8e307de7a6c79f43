//! A project whose users have accounts, behind the gateway's router.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use tenon_contract::plan::{
    ApiKeyDigest, ConfigurationPlan, CredentialPlan, DeployedWorkflow, IntegrationPlan, PlanCache,
    ProjectPlan, SigningKeyPlan, UserPlan,
};
use tenon_contract::user_token::UserTokens;
use tenon_domain::workflow::Trigger;
use tenon_domain::{
    ApiKeyId, Clock, ConfigurationId, CredentialId, EndUserId, IntegrationId, ProjectId, SecretId,
    VersionId, WorkflowId,
};
use tenon_exec::admission::{Admission, AdmissionLimits};
use tenon_exec::intake::{IntakeParts, build};
use tenon_exec::ports::history::Payload;
use tenon_exec::ports::queue::{Generation, JobQueue};
use tenon_exec::ports::store::{InstallationValues, Job, JobStore};
use tenon_exec::settings::Settings;
use tenon_gateway::webhooks::Webhooks;
use tenon_gateway::{GatewayState, router};
use tenon_http_kit::{BodyLimits, JsonLimits, LayerSettings, with_layers};
use tenon_local::{LocalCoordination, LocalPlanCache, LocalQueue};
use tenon_testkit::fakes::{FakeClock, Journal, MemoryBlobs, MemoryStore};
use tower::ServiceExt;

/// The project's API key.
pub const KEY: &str = "tenon_the-key";
/// The connected user who has accounts.
pub const USER: &str = "ada";

/// A key that signs tokens of connected users.
pub struct Signer {
    pair: KeyPair,
    pub pem: String,
}

impl Signer {
    pub fn new() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = pair.public_key().as_der().expect("it has a public key");
        let body = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        Self { pair, pem }
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The first two parts of a token.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// The project's key, and that of another.
pub static SIGNERS: LazyLock<(Signer, Signer)> = LazyLock::new(|| (Signer::new(), Signer::new()));

/// An answer, read.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

pub struct Rig {
    pub plans: Arc<LocalPlanCache>,
    pub store: Arc<MemoryStore>,
    pub clock: Arc<FakeClock>,
    pub project: ProjectPlan,
    pub user: UserPlan,
    router: Router,
}

impl Rig {
    /// Workflows `plain` (of no integration), `slack` and `hubspot`, all of which listen to the
    /// event `created` and to requests. Ada has two Slack accounts, the second called `second` and
    /// with a configuration `ext:team`, and one of HubSpot; everything is on but `team`.
    pub async fn new() -> Self {
        Self::made(|_, _| None).await
    }

    /// The same with bounds of what a project may send.
    pub async fn bounded(limits: AdmissionLimits) -> Self {
        Self::built(limits, |_, _| None).await
    }

    /// The same, with webhooks.
    pub async fn made(
        webhooks: impl FnOnce(&Arc<LocalPlanCache>, &Arc<FakeClock>) -> Option<Arc<Webhooks>>,
    ) -> Self {
        Self::built(AdmissionLimits::default(), webhooks).await
    }

    async fn built(
        limits: AdmissionLimits,
        webhooks: impl FnOnce(&Arc<LocalPlanCache>, &Arc<FakeClock>) -> Option<Arc<Webhooks>>,
    ) -> Self {
        let clock = Arc::new(FakeClock::at("2026-03-01T12:00:00Z"));
        let journal = Journal::default();
        let store = Arc::new(MemoryStore::new(journal.clone()));
        let queue = Arc::new(LocalQueue::new(clock.clone()));
        queue.install_generation(Generation(1)).await.expect("in memory");
        let (intake, committers) = build(IntakeParts {
            store: store.clone(),
            blobs: Arc::new(MemoryBlobs::new(journal)),
            queue: queue.clone(),
            fresh: None,
            grants: None,
            settings: Arc::new(Settings::default()),
        });
        for committer in committers {
            tokio::spawn(committer.run());
        }
        let plans = Arc::new(LocalPlanCache::new());
        let project = project_plan();
        let user = user_plan(&project);
        plans.put_project(&project).await.expect("in memory");
        plans.put_user(&user).await.expect("in memory");
        let router = router(GatewayState {
            plans: plans.clone(),
            intake,
            admission: Arc::new(Admission::new(queue, limits)),
            coordination: Arc::new(LocalCoordination::new()),
            user_tokens: Arc::new(UserTokens::new(100)),
            webhooks: webhooks(&plans, &clock),
            clock: clock.clone(),
            body_limits: BodyLimits::default(),
            json_limits: JsonLimits::default(),
        });
        let router = with_layers(router, &LayerSettings::default());
        Self { plans, store, clock, project, user, router }
    }

    pub fn id(&self) -> ProjectId {
        self.project.project
    }

    /// Changes the project's plan.
    pub async fn change(&mut self, change: impl FnOnce(&mut ProjectPlan)) {
        change(&mut self.project);
        self.project.revision += 1;
        self.plans.put_project(&self.project).await.expect("in memory");
    }

    /// Claims of a token that holds, with more in them.
    pub fn claims(&self, more: &Value) -> Value {
        let now = self.clock.now().as_second();
        let mut claims = json!({ "sub": USER, "iat": now, "exp": now + 600 });
        let more = more.as_object().expect("an object").clone();
        claims.as_object_mut().expect("an object").extend(more);
        claims
    }

    /// A token of ada that allows this; everything when null.
    pub fn token(&self, permissions: Value) -> String {
        let more = match permissions {
            Value::Null => json!({}),
            claim => json!({ "urn:useparagon:connect:permissions": claim }),
        };
        SIGNERS.0.sign(&json!({ "alg": "RS256", "typ": "JWT" }), &self.claims(&more))
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body is whole").to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, body, text }
    }

    /// Posts JSON with a bearer token and more headers.
    pub async fn post(
        &self,
        path: &str,
        bearer: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut request = Request::post(path)
            .header("authorization", format!("Bearer {bearer}"))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// Sends the event over the route of the SDK.
    pub async fn event(&self, token: &str, headers: &[(&str, &str)]) -> Answer {
        let path = format!("/v2/projects/{}/sdk/events/trigger", self.id());
        self.post(&path, token, headers, &json!({ "name": "created", "payload": {} })).await
    }

    /// Requests a workflow over the route of the SDK.
    pub async fn request(&self, token: &str, workflow: &str, headers: &[(&str, &str)]) -> Answer {
        let path = format!("/projects/{}/sdk/triggers/{workflow}?", self.id());
        self.post(&path, token, headers, &json!({ "n": 1 })).await
    }

    /// The open jobs.
    pub async fn jobs(&self) -> Vec<Job> {
        let open: Vec<_> = self.store.open().into_iter().map(|(run, _)| run).collect();
        self.store.load(&open).await.expect("in memory")
    }

    /// What the open jobs run for: the name of the workflow, and the setting `name` of its
    /// installation. Sorted.
    pub async fn running(&self) -> Vec<String> {
        let mut running: Vec<String> =
            self.jobs().await.iter().map(|job| self.describe(job)).collect();
        running.sort();
        running
    }

    fn describe(&self, job: &Job) -> String {
        let workflow = self.project.workflows.iter().find(|it| it.id == job.workflow);
        let name = &workflow.expect("of the project").name;
        let Some(installation) = &job.installation else { return name.clone() };
        let Payload::Inline(bytes) = &installation.values else { panic!("small settings") };
        let values: InstallationValues = serde_json::from_slice(bytes).expect("JSON");
        assert_eq!(values.user_meta["plan"], "pro");
        let setting = values.settings["name"].as_str().expect("text").to_owned();
        format!("{name} {setting}")
    }
}

/// A workflow that listens to the event and to requests.
pub fn workflow(name: &str, integration: Option<IntegrationId>) -> DeployedWorkflow {
    DeployedWorkflow {
        id: WorkflowId::new(),
        name: name.to_owned(),
        integration,
        version: VersionId::new(),
        number: 1,
        triggers: vec![Trigger::AppEvent { event: "created".to_owned() }, Trigger::Request {}],
        enabled_by_default: true,
        has_response: false,
        response_timeout_seconds: 1,
        order: Default::default(),
    }
}

pub fn integration(connector: &str) -> IntegrationPlan {
    IntegrationPlan {
        id: IntegrationId::new(),
        connector: connector.to_owned(),
        is_active: true,
        apps: HashMap::new(),
        manifest: None,
    }
}

fn project_plan() -> ProjectPlan {
    let integrations = vec![integration("slack"), integration("hubspot")];
    ProjectPlan {
        project: ProjectId::new(),
        revision: 1,
        api_keys: vec![ApiKeyDigest::of(ApiKeyId::new(), KEY)],
        workflows: vec![
            workflow("plain", None),
            workflow("slack", Some(integrations[0].id)),
            workflow("hubspot", Some(integrations[1].id)),
        ],
        choices: HashMap::new(),
        disabled_users: Default::default(),
        integrations,
        secrets: std::collections::BTreeMap::new(),
        signing_keys: vec![SigningKeyPlan {
            id: "a".to_owned(),
            public_pem: SIGNERS.0.pem.clone(),
        }],
        queue: Default::default(),
    }
}

fn user_plan(project: &ProjectPlan) -> UserPlan {
    let [slack, hubspot] = &project.integrations[..] else { panic!("two integrations") };
    let on = |workflow: usize, name: &str| {
        let settings = json!({ "name": name }).as_object().cloned().expect("an object");
        configuration(None, HashMap::from([(project.workflows[workflow].id, settings)]))
    };
    let off = configuration(Some("team"), HashMap::new());
    UserPlan {
        project: project.project,
        user: EndUserId::new(USER),
        revision: 1,
        credentials: vec![
            account(slack.id, None, vec![on(1, "first")]),
            account(slack.id, Some("second"), vec![on(1, "second"), off]),
            account(hubspot.id, None, vec![on(2, "hub")]),
        ],
        meta: json!({ "plan": "pro" }).as_object().cloned().expect("an object"),
    }
}

pub fn configuration(
    external_id: Option<&str>,
    workflows: HashMap<WorkflowId, Map<String, Value>>,
) -> ConfigurationPlan {
    let external_id = external_id.map(str::to_owned);
    ConfigurationPlan { id: ConfigurationId::new(), external_id, shared: Map::new(), workflows }
}

pub fn account(
    integration: IntegrationId,
    external_id: Option<&str>,
    configurations: Vec<ConfigurationPlan>,
) -> CredentialPlan {
    CredentialPlan {
        id: CredentialId::new(),
        integration,
        external_id: external_id.map(str::to_owned),
        auth_method: "oauth".to_owned(),
        secret: SecretId::new(),
        fields: Map::new(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        configurations,
    }
}
