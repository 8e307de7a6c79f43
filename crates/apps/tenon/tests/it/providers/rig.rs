//! A project with connected users, as the product keeps them: a vault service, linking, and a
//! worker's access to credentials; all calls take the [`Detour`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tenon_connector::action::{self, ActionError, ActionOptions, ActionRun};
use tenon_connector::answer::{Reading, Verdict, classify};
use tenon_connector::authorize::pkce_verifier;
use tenon_connector::call::{Answer, Call};
use tenon_connector::catalog::Catalog;
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_connector::proxy;
use tenon_connector::token::AccountSecrets;
use tenon_contract::egress::{Egress, OutboundRequest};
use tenon_contract::grant::{GrantKey, Work};
use tenon_contract::plan::{AppPlan, CredentialPlan, IntegrationPlan};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, NewValue, Purpose, SecretOwner, Subject};
use tenon_credentials::Settings;
use tenon_credentials::access::{AccessParts, Account, CredentialAccess, Ready};
use tenon_credentials::linking::{
    FilledIn, FinishLink, LinkError, LinkTarget, Linked, Linking, StartLink,
};
use tenon_domain::{
    CredentialId, EndUserId, IntegrationId, ProjectId, RunId, SecretId, StepId, SystemClock,
};
use tenon_testkit::fakes::{MemoryKeys, MemoryRoot, MemoryValues, VaultFaults};
use tenon_vault::envelope::InstallId;
use tenon_vault::keyring::Roots;
use tenon_vault::policy::{Caller, Policy};
use tenon_vault::service::{Parts, VaultService};
use url::Url;
use uuid::Uuid;

use super::browser;
use super::detour::Detour;

/// Where providers send users back to.
pub const REDIRECT_URI: &str = "https://tenon.example/oauth/callback";
/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// A project, its vault, and the detour that its calls take.
pub struct Rig {
    detour: Arc<Detour>,
    service: Arc<VaultService>,
    worker: CredentialAccess,
    linking: Linking,
    project: ProjectId,
    user: EndUserId,
    run: RunId,
}

/// A connector that is switched on, with the builder's app.
pub struct Integration {
    plan: IntegrationPlan,
    method: &'static str,
}

/// A connected account.
pub struct Connected<'i> {
    integration: &'i Integration,
    credential: CredentialPlan,
}

impl Integration {
    /// The same, asking for these scopes instead of the connector's defaults.
    pub fn asking_for(mut self, scopes: &[&str]) -> Self {
        for app in self.plan.apps.values_mut() {
            app.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        }
        self
    }
}

impl Rig {
    /// A project without anything; its calls take these routes.
    pub fn new(detour: Detour) -> Self {
        let (clock, faults) = (Arc::new(SystemClock), VaultFaults::default());
        let (service, background) = VaultService::new(Parts {
            install: InstallId::from_uuid(Uuid::new_v4()),
            values: Arc::new(MemoryValues::new(clock.clone(), faults.clone())),
            keys: Arc::new(MemoryKeys::new(clock.clone(), faults.clone())),
            roots: Roots::new(Arc::new(MemoryRoot::new("root", faults)), Vec::new()),
            policy: Policy::new(vec![grant_key()]),
            clock,
            settings: tenon_vault::settings::Settings::default(),
        });
        tokio::spawn(background.run());
        let detour = Arc::new(detour);
        let access = |caller| {
            CredentialAccess::new(AccessParts {
                vault: service.for_caller(caller),
                egress: detour.clone(),
                catalog: Arc::new(Catalog::default()),
                clock: Arc::new(SystemClock),
                settings: quick(),
            })
        };
        let (worker, linking) = (access(Caller::Worker), Linking::new(&access(Caller::Api)));
        Self {
            detour,
            worker,
            linking,
            service,
            project: ProjectId::new(),
            user: EndUserId::new("user-1"),
            run: RunId::new(),
        }
    }

    /// Switches a built-in connector on, for one of its auth methods. `secret` goes to the vault.
    pub async fn switch_on(
        &self,
        connector: &str,
        method: &'static str,
        app: Value,
        secret: Value,
    ) -> Integration {
        let id = SecretId::new();
        let owner = SecretOwner { project: self.project, subject: Subject::App };
        let value = SecretBytes::from_text(secret.to_string());
        let value = NewValue { value, expires_at: None };
        let kept = self.service.for_caller(Caller::Api).create(id, &owner, value).await;
        kept.expect("the app's secret is kept");
        let app = AppPlan { values: object(app), secret: Some(id), scopes: Vec::new() };
        let plan = IntegrationPlan {
            id: IntegrationId::new(),
            connector: connector.to_owned(),
            is_active: true,
            apps: [(method.to_owned(), app)].into(),
            manifest: None,
        };
        Integration { plan, method }
    }

    /// Sends a user to the provider's consent page, and lets them agree. Gives the callback.
    pub async fn consent(&self, integration: &Integration, user: &str) -> Url {
        let nothing = Map::new();
        let start = StartLink {
            redirect_uri: REDIRECT_URI,
            state: "state-1",
            code_verifier: &verifier(),
            fields: FilledIn { public: &nothing, secret: &nothing },
        };
        let started = self.linking.start(self.target(integration), &self.connect(), start).await;
        let url = started.unwrap_or_else(|error| panic!("no consent page: {error:?}")).url;
        let page = self.detour.find(&url).expect("the consent page has a route");
        browser::agree(&page, user).await
    }

    /// Finishes linking with a callback.
    pub async fn finish(
        &self,
        integration: &Integration,
        callback: &Url,
    ) -> Result<Linked, LinkError> {
        let params: BTreeMap<_, _> = callback.query_pairs().into_owned().collect();
        assert_eq!(params.get("state").map(String::as_str), Some("state-1"));
        let nothing = Map::new();
        let finish = FinishLink {
            params: &params,
            redirect_uri: REDIRECT_URI,
            code_verifier: Some(&verifier()),
            keep: None,
            fields: FilledIn { public: &nothing, secret: &nothing },
        };
        self.linking.finish(self.target(integration), &self.connect(), finish).await
    }

    /// Links with what a user filled in.
    pub async fn fill_in(
        &self,
        integration: &Integration,
        public: Value,
        secret: Value,
    ) -> Result<Linked, LinkError> {
        let (public, secret) = (object(public), object(secret));
        let fields = FilledIn { public: &public, secret: &secret };
        self.linking.link_fields(self.target(integration), &self.connect(), fields).await
    }

    /// Keeps an account that was linked.
    pub async fn keep<'i>(&self, integration: &'i Integration, linked: Linked) -> Connected<'i> {
        let credential = CredentialPlan {
            id: CredentialId::new(),
            integration: integration.plan.id,
            external_id: None,
            auth_method: integration.method.to_owned(),
            secret: SecretId::new(),
            fields: linked.fields,
            created_at: Timestamp::now(),
            configurations: Vec::new(),
        };
        let subject = Subject::Credential { credential: credential.id, user: self.user.clone() };
        let owner = SecretOwner { project: self.project, subject };
        let vault = self.service.for_caller(Caller::Api);
        let kept = vault.create(credential.secret, &owner, linked.value).await;
        kept.expect("the account's secret is kept");
        Connected { integration, credential }
    }

    /// Links by consent and keeps the account, whose id must be told.
    pub async fn connect_as<'i>(
        &self,
        integration: &'i Integration,
        user: &str,
    ) -> (Connected<'i>, String) {
        let callback = self.consent(integration, user).await;
        let linked = self.finish(integration, &callback).await;
        let linked = linked.unwrap_or_else(|error| panic!("not linked: {error:?}"));
        let name =
            linked.identity.as_ref().expect("the connector can tell whose it is").name.clone();
        (self.keep(integration, linked).await, name)
    }

    /// Keeps an account whose identity the stand-in cannot tell, so that it cannot be linked.
    pub async fn put<'i>(
        &self,
        integration: &'i Integration,
        public: Value,
        secrets: AccountSecrets,
    ) -> Connected<'i> {
        let json = serde_json::to_vec(&secrets).expect("secrets can be written as JSON");
        let value = NewValue { value: SecretBytes::new(json), expires_at: None };
        let (fields, scope, expires_at) = (object(public), None, None);
        let linked = Linked { value, fields, identity: None, scope, expires_at };
        self.keep(integration, linked).await
    }

    /// The credential, as a worker gets it.
    pub async fn ready(&self, connected: &Connected<'_>) -> Ready {
        let ready = self.worker.ready(self.account(connected), &self.step()).await;
        ready.unwrap_or_else(|error| panic!("there is no credential: {error:?}"))
    }

    /// A newer credential than one that was refused.
    pub async fn renew(
        &self,
        connected: &Connected<'_>,
        refused: &Ready,
    ) -> Result<Ready, tenon_credentials::access::AccessError> {
        self.worker.renew(self.account(connected), &self.step(), refused).await
    }

    /// Takes the account back at the provider.
    pub async fn revoke(&self, connected: &Connected<'_>) {
        let outcome = self.linking.revoke(self.account(connected), &self.connect()).await;
        outcome.expect("the provider takes it back");
    }

    /// Runs an action to its end, as a worker does.
    pub async fn run(
        &self,
        connected: &Connected<'_>,
        action: &str,
        input: Value,
    ) -> Result<Value, ActionError> {
        let ready = self.ready(connected).await;
        let connector = ready.connector();
        let found = connector.action(action);
        let found = found.unwrap_or_else(|| panic!("there is no action {action}"));
        let context = ready.context(Timestamp::now());
        let key = Uuid::new_v4().to_string();
        let options = ActionOptions { idempotency_key: Some(&key), ..Default::default() };
        let mut run = ActionRun::start(connector, found, input, &context, options)?;
        loop {
            match run.next()? {
                action::Step::Send(call) => run.receive(&self.send(&ready, call).await)?,
                action::Step::Done(output) => return Ok(output),
            }
        }
    }

    /// The same for an action that goes well.
    pub async fn output(&self, connected: &Connected<'_>, action: &str, input: Value) -> Value {
        let outcome = self.run(connected, action, input).await;
        outcome.unwrap_or_else(|error| panic!("{action} failed: {error:?}"))
    }

    /// The same for an action that the provider refuses: what kind of refusal, and its text.
    pub async fn refusal(
        &self,
        connected: &Connected<'_>,
        action: &str,
        input: Value,
    ) -> (ErrorKind, String) {
        match self.run(connected, action, input).await {
            Err(ActionError::Answer { verdict, .. }) => {
                (verdict.kind, verdict.message.unwrap_or_default())
            }
            other => panic!("{action} was to be refused: {other:?}"),
        }
    }

    /// A call of a caller's own, with the credential in it: what the answer means, and its body.
    pub async fn call(
        &self,
        connected: &Connected<'_>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (Verdict, Value) {
        let ready = self.ready(connected).await;
        let context = ready.context(Timestamp::now());
        let url = proxy::target(ready.connector(), &context, path).expect("the path is allowed");
        let mut headers = HeaderMap::new();
        if body.is_some() {
            let json = http::HeaderValue::from_static("application/json");
            headers.insert(http::header::CONTENT_TYPE, json);
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let answer = self.send(&ready, Call { method, url, headers, body }).await;
        let reading = Reading::of(&answer);
        let verdict = classify(ready.connector(), &[], &reading, &context);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        (verdict, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The same for a call that goes well, to read something back.
    pub async fn get(&self, connected: &Connected<'_>, path: &str) -> Value {
        let (verdict, body) = self.call(connected, Method::GET, path, None).await;
        assert_eq!(verdict.kind, ErrorKind::Ok, "{path}: {body:#}");
        body
    }

    /// Sends a call with the credential and the connector's own headers in it.
    async fn send(&self, ready: &Ready, mut call: Call) -> Answer {
        let injected = ready.inject(&mut call, None, Timestamp::now());
        let identity = injected.expect("the credential fits the call").client_certificate;
        let Call { method, url, headers, body } = call;
        let (timeout, response_bytes_max) = (CALL_TIMEOUT, ANSWER_BYTES_MAX);
        let request =
            OutboundRequest { method, url, headers, body, identity, timeout, response_bytes_max };
        let answer = self.detour.send(request).await;
        let answer = answer.unwrap_or_else(|error| panic!("no answer: {error}"));
        Answer { status: answer.status, headers: answer.headers, body: answer.body }
    }

    fn target<'a>(&self, integration: &'a Integration) -> LinkTarget<'a> {
        LinkTarget {
            project: self.project,
            integration: &integration.plan,
            auth_method: integration.method,
        }
    }

    fn account<'a>(&'a self, connected: &'a Connected<'_>) -> Account<'a> {
        Account {
            project: self.project,
            user: &self.user,
            integration: &connected.integration.plan,
            credential: &connected.credential,
        }
    }

    fn step(&self) -> Access {
        Access {
            project: self.project,
            purpose: Purpose::Step,
            run: Some(self.run),
            step: Some(StepId::new("step")),
            reference: None,
            grant: Some(grant_key().sign(self.project, &self.user, &Work::Run(self.run))),
        }
    }

    fn connect(&self) -> Access {
        Access { purpose: Purpose::Connect, run: None, step: None, grant: None, ..self.step() }
    }
}

/// The text of an error; what was linked has no `Debug`.
pub fn link_error(outcome: Result<Linked, LinkError>) -> LinkError {
    match outcome {
        Ok(_) => panic!("it was linked"),
        Err(error) => error,
    }
}

/// An account that consists of secret fields only.
pub fn secret_fields(fields: Value) -> AccountSecrets {
    AccountSecrets { fields: object(fields), token: None }
}

/// The members of a JSON object.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("it is no object: {other}"),
    }
}

/// Tests do not wait for a token to be old enough to be renewed.
fn quick() -> Settings {
    let mut settings = Settings::default();
    settings.renewal.pause_min = Duration::ZERO;
    settings.renewal.dead_retry_after = Duration::from_millis(100);
    settings
}

fn grant_key() -> GrantKey {
    GrantKey::new(SecretBytes::new(vec![7; 32])).expect("32 bytes")
}

fn verifier() -> String {
    pkce_verifier([3; 32])
}
