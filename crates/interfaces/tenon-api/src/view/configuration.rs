//! Workflows, users and API keys as the API shows them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tenon_config::{
    ApiKey, Applied, AppliedIntegration, ConnectedUser, NewApiKey, NewProject, Project, Version,
    WorkflowEntry, WorkflowState,
};
use tenon_contract::plan::QueuePlan;
use tenon_domain::{ApiKeyId, EndUserId, IntegrationId, ProjectId, VersionId, WorkflowId};
use utoipa::ToSchema;

use crate::config::ApplyMode;

/// What an apply did with one document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppliedWorkflow)]
pub(crate) struct AppliedView {
    /// Null in a dry run.
    #[schema(value_type = Option<String>, format = Uuid)]
    workflow_id: Option<WorkflowId>,
    name: String,
    /// The version that new runs use; null in a dry run.
    #[schema(value_type = Option<String>, format = Uuid)]
    version_id: Option<VersionId>,
    /// The number of the version, counted from 1.
    version: u32,
    /// Whether a version was made, or an older one deployed again.
    changed: bool,
}

impl AppliedView {
    pub(crate) fn new(applied: Applied, mode: ApplyMode) -> Self {
        let is_real = mode == ApplyMode::Commit;
        Self {
            workflow_id: is_real.then_some(applied.workflow),
            name: applied.name,
            version_id: is_real.then_some(applied.version),
            version: applied.number,
            changed: applied.changed,
        }
    }
}

/// What an apply did with one integration document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppliedIntegration)]
pub(crate) struct AppliedIntegrationView {
    /// Null in a dry run.
    #[schema(value_type = Option<String>, format = Uuid)]
    integration_id: Option<IntegrationId>,
    connector: String,
    /// Whether it was added, or is different from before.
    changed: bool,
}

impl AppliedIntegrationView {
    pub(crate) fn new(applied: AppliedIntegration, mode: ApplyMode) -> Self {
        let is_real = mode == ApplyMode::Commit;
        Self {
            integration_id: is_real.then_some(applied.integration),
            connector: applied.connector,
            changed: applied.changed,
        }
    }
}

/// What an apply did, in the order of the documents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApplyResult {
    /// The workflows.
    pub(crate) applied: Vec<AppliedView>,
    /// The integrations.
    pub(crate) integrations: Vec<AppliedIntegrationView>,
    /// Whether this is only what an apply would do.
    pub(crate) dry_run: bool,
}

/// One immutable version of a workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowVersion)]
pub(crate) struct VersionView {
    #[schema(value_type = String, format = Uuid)]
    id: VersionId,
    /// Counted from 1.
    number: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self { id: version.id, number: version.number, created_at: version.created_at }
    }
}

/// The versions of a workflow, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionList {
    pub(crate) versions: Vec<VersionView>,
}

/// A workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workflow)]
pub(crate) struct WorkflowView {
    #[schema(value_type = String, format = Uuid)]
    id: WorkflowId,
    /// Unique in the project.
    name: String,
    /// Whether new runs start.
    deployed: bool,
    /// The version that new runs use; null when it is not deployed.
    #[schema(value_type = Option<String>, format = Uuid)]
    version_id: Option<VersionId>,
    /// The number of that version, counted from 1.
    version: Option<u32>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last deployed or undeployed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<WorkflowEntry> for WorkflowView {
    fn from(workflow: WorkflowEntry) -> Self {
        let deployed = match workflow.state {
            WorkflowState::Deployed { version, number } => Some((version, number)),
            WorkflowState::Undeployed | WorkflowState::Archived { .. } => None,
        };
        Self {
            id: workflow.id,
            name: workflow.name,
            deployed: deployed.is_some(),
            version_id: deployed.map(|(version, _)| version),
            version: deployed.map(|(_, number)| number),
            created_at: workflow.created_at,
            updated_at: workflow.updated_at,
        }
    }
}

/// The workflows of a project, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkflowList {
    pub(crate) workflows: Vec<WorkflowView>,
}

/// A workflow with its document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowDetail)]
pub(crate) struct WorkflowDetailView {
    #[serde(flatten)]
    pub(crate) workflow: WorkflowView,
    /// The document of the deployed version, else of the latest; null when there is only a draft.
    #[schema(value_type = Option<Object>)]
    pub(crate) document: Option<Box<RawValue>>,
}

/// A connected user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    /// The builder's own id of the user.
    #[schema(value_type = String)]
    id: EndUserId,
    /// Whether nothing runs for the user.
    disabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Since when nothing runs for the user.
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
    /// What the builder's app says of the user.
    #[schema(value_type = Object)]
    meta: Map<String, Value>,
}

impl From<ConnectedUser> for UserView {
    fn from(user: ConnectedUser) -> Self {
        Self {
            id: user.id,
            disabled: user.disabled_at.is_some(),
            created_at: user.created_at,
            disabled_at: user.disabled_at,
            meta: user.meta,
        }
    }
}

/// A page of users, in order of their ids.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserList {
    pub(crate) users: Vec<UserView>,
    /// Pass it as `cursor` to go on; null at the end.
    pub(crate) next: Option<String>,
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Project)]
pub(crate) struct ProjectView {
    #[schema(value_type = String, format = Uuid)]
    id: ProjectId,
    name: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Project> for ProjectView {
    fn from(project: Project) -> Self {
        Self {
            id: project.id,
            name: project.name.as_str().to_owned(),
            created_at: project.created_at,
        }
    }
}

/// How a project's queue is served.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectQueue)]
pub(crate) struct ProjectQueueView {
    /// Its share against other queues that wait.
    weight: u16,
    /// Runs that may go on at a time; null is without limit.
    running_max: Option<u32>,
    /// Runs that may start in a second; null is without limit.
    starts_per_second: Option<f64>,
    /// Calls of steps that are under way at a time to one connector, over all workers; null is
    /// the installation's limit.
    calls_per_connector_max: Option<u32>,
}

impl From<QueuePlan> for ProjectQueueView {
    fn from(queue: QueuePlan) -> Self {
        Self {
            weight: queue.weight,
            running_max: queue.running_max,
            starts_per_second: queue.starts_per_second,
            calls_per_connector_max: queue.calls_per_connector_max,
        }
    }
}

/// A page of projects.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectList {
    pub(crate) projects: Vec<ProjectView>,
    /// Pass it as `cursor` to go on; null at the end.
    pub(crate) next: Option<String>,
}

/// A project that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedProject)]
pub(crate) struct CreatedProjectView {
    #[serde(flatten)]
    project: ProjectView,
    /// Its first API key.
    api_key: CreatedApiKeyView,
}

impl From<NewProject> for CreatedProjectView {
    fn from(new: NewProject) -> Self {
        Self { project: new.project.into(), api_key: new.key.into() }
    }
}

/// An API key, without the key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyView {
    #[schema(value_type = String, format = Uuid)]
    id: ApiKeyId,
    name: String,
    /// The last four characters of the key.
    hint: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Since when it is not taken any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name.to_string(),
            hint: key.hint,
            created_at: key.created_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// The keys of a project, revoked ones too, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyList {
    pub(crate) api_keys: Vec<ApiKeyView>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiKey)]
pub(crate) struct CreatedApiKeyView {
    #[serde(flatten)]
    api_key: ApiKeyView,
    /// The key itself; shown this once, kept only as a digest.
    key: String,
}

impl From<NewApiKey> for CreatedApiKeyView {
    fn from(new: NewApiKey) -> Self {
        Self { key: new.text.expose().to_owned(), api_key: new.key.into() }
    }
}
