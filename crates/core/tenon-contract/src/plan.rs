//! Plans: everything execution needs to know about a project, compiled by configuration.
//!
//! Execution never reads the configuration database. It reads plans: from its memory, else from
//! the plan cache, else it asks configuration to compile one again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tenon_domain::workflow::{RunOrder, Trigger, Workflow};
use tenon_domain::{
    ApiKeyId, ConfigurationId, CredentialId, EndUserId, IntegrationId, ProjectId, SecretId,
    SecretKey, VersionId, WorkflowId,
};

/// What execution knows of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectPlan {
    /// The project.
    pub project: ProjectId,
    /// Grows with every change; the larger one wins.
    pub revision: i64,
    /// Keys that may speak for the project.
    pub api_keys: Vec<ApiKeyDigest>,
    /// The deployed workflows that are not archived.
    pub workflows: Vec<DeployedWorkflow>,
    /// Users who chose otherwise than the workflow's default: on or off.
    pub choices: HashMap<EndUserId, HashMap<WorkflowId, bool>>,
    /// Users for whom nothing runs.
    pub disabled_users: BTreeSet<EndUserId>,
    /// Connectors that are switched on.
    #[serde(default)]
    pub integrations: Vec<IntegrationPlan>,
    /// Where the values of the project's environment secrets are, by key: `{{secrets.KEY}}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<SecretKey, SecretId>,
    /// Keys that sign the tokens of connected users.
    #[serde(default)]
    pub signing_keys: Vec<SigningKeyPlan>,
    /// How the project's queue is served.
    #[serde(default)]
    pub queue: QueuePlan,
}

/// How a project's queue is served.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueuePlan {
    /// Its share against other queues that wait, 1 to 1,000; twice the weight is twice the share.
    pub weight: u16,
    /// Runs that may go on at a time; `None` is without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_max: Option<u32>,
    /// Runs that may start in a second, with as many saved up; `None` is without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_per_second: Option<f64>,
    /// Calls of steps that are under way at a time to one connector, over all workers; `None` is
    /// the installation's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_connector_max: Option<u32>,
}

impl Default for QueuePlan {
    fn default() -> Self {
        Self {
            weight: 10,
            running_max: None,
            starts_per_second: None,
            calls_per_connector_max: None,
        }
    }
}

/// A connector that a project has switched on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntegrationPlan {
    /// The integration.
    pub id: IntegrationId,
    /// The connector's name, such as `slack`; `custom.<slug>` for one of the project's own.
    pub connector: String,
    /// Whether it may be used.
    pub is_active: bool,
    /// The builder's app for each auth method that has one; by the method's id.
    pub apps: HashMap<String, AppPlan>,
    /// The manifest of a custom connector, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Arc<Value>>,
}

/// The builder's app at a provider, without its secrets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppPlan {
    /// `client_id` and the other values of the connector's app fields that are no secret.
    pub values: Map<String, Value>,
    /// Where the secret ones are: the vault holds a JSON object of them under this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretId>,
    /// Scopes to ask for; the connector's defaults when empty.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// A key that signs the tokens of connected users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyPlan {
    /// The `kid` of its tokens.
    pub id: String,
    /// The RSA public key, PEM (SubjectPublicKeyInfo).
    pub public_pem: String,
}

/// What execution knows of one connected user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserPlan {
    /// The project.
    pub project: ProjectId,
    /// The user.
    pub user: EndUserId,
    /// Grows with every change; the larger one wins.
    pub revision: i64,
    /// The user's accounts, oldest first; at most a setting's worth.
    pub credentials: Vec<CredentialPlan>,
    /// What the builder's app said of the user, at `{{user.meta.x}}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// A connected account, without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CredentialPlan {
    /// The credential.
    pub id: CredentialId,
    /// Which integration it is for.
    pub integration: IntegrationId,
    /// The builder's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The connector's auth method that made it.
    pub auth_method: String,
    /// Where its secrets are.
    pub secret: SecretId,
    /// Values of connection fields that are no secret, and what the provider said of the account.
    pub fields: Map<String, Value>,
    /// When it was connected.
    pub created_at: Timestamp,
    /// Its configurations, oldest first; the first is the default one.
    #[serde(default)]
    pub configurations: Vec<ConfigurationPlan>,
}

/// A set of settings of an account, and which workflows run with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigurationPlan {
    /// The configuration.
    pub id: ConfigurationId,
    /// The builder's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Settings of the integration, at `{{shared.x}}`; defaults are filled in.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub shared: Map<String, Value>,
    /// Workflows of the integration that are on, with their settings; defaults are filled in.
    #[serde(default)]
    pub workflows: HashMap<WorkflowId, Map<String, Value>>,
}

/// Who a workflow runs for where nobody names a user: at a tick of its schedule, or when a provider
/// sends an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstallationsPlan {
    /// The project.
    pub project: ProjectId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// Grows with every change; the larger one wins.
    pub revision: i64,
    /// The configurations that it is on for, of users who are not disabled.
    pub installations: Vec<InstallationRef>,
}

/// A configuration that a workflow is on for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstallationRef {
    /// Whose.
    pub user: EndUserId,
    /// The account.
    pub credential: CredentialId,
    /// Its configuration.
    pub configuration: ConfigurationId,
    /// The fields of the account that events are routed by, where the workflow has a webhook
    /// trigger: a provider's event is for the accounts whose value is that of the event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, String>,
}

/// A deployed workflow, as far as intake and schedules need it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployedWorkflow {
    /// The workflow.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// The integration that it belongs to, if any: then it runs for those configurations of an
    /// account that it is on for, and `enabled_by_default` is of no account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<IntegrationId>,
    /// The version that new runs use.
    pub version: VersionId,
    /// Counted from 1.
    pub number: u32,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// Whether it runs for users who never chose.
    pub enabled_by_default: bool,
    /// Whether it has a Response step, so that a request trigger waits for it.
    pub has_response: bool,
    /// How long a request trigger waits, in seconds.
    pub response_timeout_seconds: u32,
    /// In what order its runs go.
    #[serde(default, skip_serializing_if = "RunOrder::is_default")]
    pub order: RunOrder,
}

/// A workflow version that runs execute; immutable, so it may be kept for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowPlan {
    /// Whose.
    pub project: ProjectId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The version.
    pub version: VersionId,
    /// Counted from 1.
    pub number: u32,
    /// The checked document.
    pub document: Workflow,
}

/// An API key as configuration keeps it: a SHA-256 of 256 random bits needs no slow hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyDigest {
    /// Which key.
    pub id: ApiKeyId,
    /// SHA-256 of the key's text.
    pub sha256: [u8; 32],
}

impl ApiKeyDigest {
    /// The digest of a key's text.
    #[must_use]
    pub fn of(id: ApiKeyId, key: &str) -> Self {
        Self { id, sha256: Sha256::digest(key.as_bytes()).into() }
    }
}

impl ProjectPlan {
    /// Which key this is, if it may speak for the project. Takes the same time for any key.
    #[must_use]
    pub fn authenticate(&self, key: &str) -> Option<ApiKeyId> {
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut found = None;
        for candidate in &self.api_keys {
            if bool::from(candidate.sha256.ct_eq(&digest)) {
                found = Some(candidate.id);
            }
        }
        found
    }

    /// The integration of a connector.
    #[must_use]
    pub fn integration(&self, connector: &str) -> Option<&IntegrationPlan> {
        self.integrations.iter().find(|integration| integration.connector == connector)
    }

    /// Whether a workflow runs for a user (`None`: for nobody in particular).
    #[must_use]
    pub fn is_enabled(&self, workflow: &DeployedWorkflow, user: Option<&EndUserId>) -> bool {
        let Some(user) = user else { return workflow.enabled_by_default };
        if self.disabled_users.contains(user) {
            return false;
        }
        self.choices
            .get(user)
            .and_then(|choices| choices.get(&workflow.id))
            .copied()
            .unwrap_or(workflow.enabled_by_default)
    }
}

impl UserPlan {
    /// The account to use for an integration: the one that `wanted` names by its id, its external
    /// id or `ext:<external id>`, else the oldest. `wanted` of another integration is nothing.
    #[must_use]
    pub fn credential(
        &self,
        integration: IntegrationId,
        wanted: Option<&str>,
    ) -> Option<&CredentialPlan> {
        let mut accounts = self.credentials.iter().filter(|c| c.integration == integration);
        let Some(wanted) = wanted else { return accounts.next() };
        let external = wanted.strip_prefix("ext:").unwrap_or(wanted);
        let id = wanted.parse::<CredentialId>().ok();
        accounts.find(|c| Some(c.id) == id || c.external_id.as_deref() == Some(external))
    }
}

/// A plan could not be had.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}")]
pub struct PlanError {
    /// What was asked.
    pub action: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Plans are being put anew: whether one is there cannot be told now.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the plans are being put anew")]
pub struct Refilling;

/// What is announced when the cache has forgotten and everything is to be put anew at once.
pub const WANT_ALL_TOPIC: &str = "want:plans";
/// What stands before the id of a project whose plan is to be put anew.
pub const WANT_PROJECT_PREFIX: &str = "want:plan:";
/// What stands before `<project>:<user>`, whose plan is to be put anew.
pub const WANT_USER_PREFIX: &str = "want:user:";
/// What stands before the id of a workflow version that is to be put anew.
pub const WANT_VERSION_PREFIX: &str = "want:version:";

/// Where plans come from: configuration itself, or a cache before it. "Not there" is `None`.
#[async_trait]
pub trait PlanSource: Send + Sync + 'static {
    /// The plan of a project.
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError>;

    /// A workflow version, deployed or draft.
    async fn workflow(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError>;

    /// The plan of a connected user; `None` for one without accounts.
    async fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, PlanError>;

    /// Who a workflow of an integration runs for by the clock, or when a provider sends an event;
    /// `None` for one that neither starts.
    async fn installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError>;

    /// All projects, for the schedules.
    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError>;

    /// Whether "not there" means nothing, because everything was forgotten and is put anew. Only
    /// what can forget says so.
    async fn has_forgotten(&self) -> Result<bool, PlanError> {
        Ok(false)
    }
}

/// A shared cache of plans, filled by configuration, read by execution.
#[async_trait]
pub trait PlanCache: PlanSource {
    /// Stores a project's plan, unless a newer revision is there.
    async fn put_project(&self, plan: &ProjectPlan) -> Result<(), PlanError>;

    /// Stores a user's plan, unless a newer revision is there.
    async fn put_user(&self, plan: &UserPlan) -> Result<(), PlanError>;

    /// Stores who a workflow runs for where nobody names a user, unless a newer revision is there.
    async fn put_installations(&self, plan: &InstallationsPlan) -> Result<(), PlanError>;

    /// Stores a workflow version.
    async fn put_workflow(&self, plan: &WorkflowPlan) -> Result<(), PlanError>;

    /// Whether the cache was filled since it last forgot; `false` asks for everything again.
    async fn is_filled(&self) -> Result<bool, PlanError>;

    /// Marks the cache as filled.
    async fn mark_filled(&self) -> Result<(), PlanError>;
}
