//! A project with three integrations and two workflows, and users with tokens.

mod accounts;
mod documents;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use tenon_config::linking::LinkSettings;
use tenon_config::{Configuration, Limits, LinkingParts, PlanPublisher, PlanReader};
use tenon_connect::{ConnectSettings, ConnectState, Embedded, router};
use tenon_connector::catalog::Catalog;
use tenon_contract::plan::{PlanSource, ProjectPlan, SigningKeyPlan, UserPlan, WorkflowPlan};
use tenon_domain::{Clock, EndUserId, ProjectId, VersionId, WorkflowId};
use tenon_http_kit::{LayerSettings, with_layers};
use tenon_pg_config::{PgConfigStore, Settings};
use tenon_testkit::fakes::FakeClock;
use tenon_testkit::postgres_server::{TestDatabase, fresh_database};
use tower::ServiceExt as _;
use url::Url;

pub use accounts::{MemoryVault, Provider};
pub use documents::{ACME, SETUP};

use accounts::{Forgetful, Picker, Sources};

/// One key for all tests: making one takes long.
static KEY: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).expect("a key can be made"));

/// Where the SDK runs.
pub const ORIGIN: &str = "https://app.example";

/// Everything a test needs.
pub struct Stage {
    pub router: Router,
    pub config: Configuration,
    pub project: ProjectId,
    pub clock: Arc<FakeClock>,
    pub vault: Arc<MemoryVault>,
    pub provider: Arc<Provider>,
    pub sync: WorkflowId,
    pub notify: WorkflowId,
    names: BTreeMap<String, String>,
    _database: TestDatabase,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("it is text"))
    }

    /// The answer, which is a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text);
        self.json()
    }

    /// The answer, which is an error in the shape of the SDK.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        assert!(body["meta"].is_object(), "{body}");
        assert_eq!(self.headers["access-control-allow-origin"], "*", "pages can read it");
        body
    }
}

/// The plans that a signing key of the tests is added to.
struct Plans(PlanReader);

#[async_trait::async_trait]
impl PlanSource for Plans {
    async fn project(
        &self,
        project: ProjectId,
    ) -> Result<Option<Arc<ProjectPlan>>, tenon_contract::plan::PlanError> {
        let plan = self.0.project(project).await?;
        Ok(plan.map(|plan| {
            let mut plan = ProjectPlan::clone(&plan);
            plan.signing_keys =
                vec![SigningKeyPlan { id: "k".to_owned(), public_pem: public_pem() }];
            Arc::new(plan)
        }))
    }

    async fn workflow(
        &self,
        version: VersionId,
    ) -> Result<Option<Arc<WorkflowPlan>>, tenon_contract::plan::PlanError> {
        self.0.workflow(version).await
    }

    async fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, tenon_contract::plan::PlanError> {
        self.0.user(project, user).await
    }

    async fn installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Arc<tenon_contract::plan::InstallationsPlan>>, tenon_contract::plan::PlanError>
    {
        self.0.installations(project, workflow).await
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, tenon_contract::plan::PlanError> {
        self.0.projects().await
    }
}

/// The public half of the key, as a project keeps it.
pub fn public_pem() -> String {
    let der = KEY.public_key().as_der().expect("it has one");
    let pem = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----")
}

/// A token with this header and these claims, signed by the key.
pub fn signed(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(header), encode(claims));
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .expect("it can be signed");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl Stage {
    pub async fn new() -> Self {
        let database = fresh_database().await.expect("a database");
        let store = PgConfigStore::new(&Settings::new(&database.url)).expect("a store");
        store.migrate().await.expect("it can be migrated");
        let store: Arc<dyn tenon_config::ports::Store> = Arc::new(store);
        let clock = Arc::new(FakeClock::at("2026-03-01T08:00:00Z"));
        let vault = Arc::new(MemoryVault::new(clock.clone()));
        let provider = Arc::new(Provider::default());
        let catalog = Arc::new(Catalog::default());
        let public_url = Url::parse("https://tenon.example").expect("a URL");
        let publisher =
            PlanPublisher::new(Arc::clone(&store), Arc::new(Forgetful), Arc::new(Forgetful));
        let config =
            Configuration::new(Arc::clone(&store), publisher, clock.clone(), Limits::default())
                .with_linking(LinkingParts {
                    vault: vault.clone(),
                    linker: provider.clone(),
                    catalog: catalog.clone(),
                    settings: LinkSettings::new(public_url.clone()),
                });
        let dev = config.ensure_dev_project("demo", None).await.expect("a project");
        let (names, [sync, notify]) = documents::apply(&config, dev.project).await;
        let router = router(ConnectState {
            plans: Arc::new(Plans(PlanReader::new(store))),
            config: config.clone(),
            catalog,
            sources: Arc::new(Sources),
            account_auth: Some(Arc::new(Picker)),
            assets: Arc::new(Embedded::new(&[
                ("ui.html", b"<!doctype html><title>Connect</title>".as_slice()),
                ("ui/hosted.html", b"<!doctype html><title>Hosted</title>".as_slice()),
                ("ui/assets/portal-1a2b.js", b"export {};".as_slice()),
            ])),
            clock: clock.clone(),
            settings: Arc::new(ConnectSettings {
                account_auth_connectors: vec![ACME.to_owned()],
                ..ConnectSettings::new(public_url)
            }),
        });
        Self {
            router: with_layers(router, &LayerSettings::default()),
            config,
            project: dev.project,
            clock,
            vault,
            provider,
            sync,
            notify,
            names,
            _database: database,
        }
    }

    /// A user's token, good for an hour.
    pub fn token(&self, user: &str) -> String {
        self.token_with(user, &json!({}))
    }

    /// The same with more claims.
    pub fn token_with(&self, user: &str, more: &Value) -> String {
        let mut claims = json!({"sub": user, "exp": self.clock.now().as_second() + 3_600});
        let more = more.as_object().expect("claims").clone();
        claims.as_object_mut().expect("claims").extend(more);
        signed(&json!({"alg": "RS256", "kid": "k"}), &claims)
    }

    /// A token that may do only this.
    pub fn limited(&self, user: &str, permissions: Value) -> String {
        self.token_with(user, &json!({"urn:useparagon:connect:permissions": permissions}))
    }

    /// Sends a request; `path` is below the project.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let path = match path.strip_prefix("root:") {
            Some(path) => path.to_owned(),
            None => format!("/projects/{}{path}", self.project),
        };
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let request = request.expect("it is a valid request");
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body is whole").to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// As a user.
    pub async fn call(
        &self,
        user: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.call_with(&self.token(user), method, path, &[], body).await
    }

    /// With a token and further headers.
    pub async fn call_with(
        &self,
        token: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        self.send(method, path, &all, body).await
    }

    pub async fn get(&self, user: &str, path: &str) -> Value {
        self.call(user, Method::GET, path, None).await.ok()
    }

    /// Connects an account of the first integration by a key; answers the credential.
    pub async fn connect(&self, user: &str) -> Value {
        self.connect_as(user, &json!({})).await
    }

    /// The same with options of the installation.
    pub async fn connect_as(&self, user: &str, options: &Value) -> Value {
        let body = json!({
            "integrationId": self.id_of(ACME), "config": {},
            "payload": {"api_key": "key-canary", "subdomain": "shop"}, "installOptions": options,
        });
        self.call(user, Method::POST, "/sdk/credentials", Some(body)).await.ok()
    }

    /// The id of an integration or workflow by its name.
    pub fn id_of(&self, name: &str) -> String {
        let found = self.names.iter().find(|(_, known)| *known == name);
        found.map(|(id, _)| id.clone()).unwrap_or_else(|| panic!("{name} is not there"))
    }

    /// The number of a user's accounts.
    pub async fn accounts_of(&self, user: &str) -> usize {
        let found = self.config.credentials(self.project, &EndUserId::new(user)).await;
        found.expect("they can be read").len()
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// The value with names in the place of ids, and members in order: for golden answers.
    pub fn golden(&self, value: &Value) -> String {
        let mut names = self.names.clone();
        names.insert(self.project.to_string(), "project".to_owned());
        let value = normal(value, &mut names);
        serde_json::to_string_pretty(&value).expect("it is JSON")
    }
}

fn normal(value: &Value, names: &mut BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => Value::String(named(text, names)),
        Value::Array(items) => items.iter().map(|item| normal(item, names)).collect(),
        Value::Object(members) => {
            let mut members: Vec<(String, &Value)> =
                members.iter().map(|(name, value)| (named(name, names), value)).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            let members = members.into_iter().map(|(name, value)| (name, normal(value, names)));
            Value::Object(members.collect::<Map<String, Value>>())
        }
        other => other.clone(),
    }
}

/// A text with names in the place of the ids in it.
fn named(text: &str, names: &mut BTreeMap<String, String>) -> String {
    let is_id = |part: &str| part.len() == 36 && part.bytes().filter(|b| *b == b'-').count() == 4;
    if is_id(text) {
        let next = format!("id-{}", names.values().filter(|name| name.starts_with("id-")).count());
        return format!("<{}>", names.entry(text.to_owned()).or_insert(next));
    }
    let mut text = text.to_owned();
    for (id, name) in names.iter() {
        text = text.replace(id, &format!("<{name}>"));
    }
    text
}
