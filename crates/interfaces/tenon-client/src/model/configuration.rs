//! Workflows and users.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenon_domain::{IntegrationId, VersionId, WorkflowId};

/// A workflow document as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    /// What errors call it; the ending tells the language.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// How a project's queue is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectQueue {
    /// Its share against other queues that wait.
    pub weight: u16,
    /// Runs that may go on at a time; `None` is without limit.
    pub running_max: Option<u32>,
    /// Runs that may start in a second; `None` is without limit.
    pub starts_per_second: Option<f64>,
    /// Calls of steps that are under way at a time to one connector, over all workers; `None` is
    /// the installation's limit.
    pub calls_per_connector_max: Option<u32>,
}

/// What an apply did with one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedWorkflow {
    /// The workflow; `None` in a dry run.
    pub workflow_id: Option<WorkflowId>,
    /// Its name.
    pub name: String,
    /// Its version; `None` in a dry run.
    pub version_id: Option<VersionId>,
    /// The number of the version.
    pub version: u32,
    /// Whether anything changed.
    pub changed: bool,
}

/// What an apply did with one integration document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedIntegration {
    /// The integration; `None` in a dry run.
    pub integration_id: Option<IntegrationId>,
    /// The connector.
    pub connector: String,
    /// Whether anything changed.
    pub changed: bool,
}

/// What an apply did, in the order of the documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyResult {
    /// One entry a workflow.
    pub applied: Vec<AppliedWorkflow>,
    /// One entry an integration.
    #[serde(default)]
    pub integrations: Vec<AppliedIntegration>,
    /// Whether nothing was deployed.
    pub dry_run: bool,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Unique in the project.
    pub name: String,
    /// Whether new runs start.
    pub deployed: bool,
    /// The version that new runs use.
    pub version_id: Option<VersionId>,
    /// Its number.
    pub version: Option<u32>,
    /// When it first came.
    pub created_at: Timestamp,
    /// When it was last deployed or undeployed.
    pub updated_at: Timestamp,
}

/// A workflow with its document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowDetail {
    /// As in the list.
    #[serde(flatten)]
    pub workflow: Workflow,
    /// The document of the deployed version, else of the latest.
    pub document: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WorkflowList {
    pub(crate) workflows: Vec<Workflow>,
}

/// One immutable version of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowVersion {
    /// Its id.
    pub id: VersionId,
    /// Counted from 1.
    pub number: u32,
    /// When it was applied.
    pub created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct VersionList {
    pub(crate) versions: Vec<WorkflowVersion>,
}

/// A connected user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The builder's own id.
    pub id: String,
    /// Whether nothing runs for the user.
    pub disabled: bool,
    /// When the user first came.
    pub created_at: Timestamp,
    /// Since when nothing runs for the user.
    pub disabled_at: Option<Timestamp>,
    /// What the builder's app says of the user.
    #[serde(default)]
    pub meta: Map<String, Value>,
}

/// A page of users, in order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserList {
    /// The users.
    pub users: Vec<User>,
    /// The cursor of the next page.
    pub next: Option<String>,
}
