//! Plans: everything execution needs to know about a project, compiled by configuration.
//!
//! Execution never reads the configuration database. It reads plans: from its memory, else from
//! the plan cache, else it asks configuration to compile one again.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tenon_domain::workflow::{Trigger, Workflow};
use tenon_domain::{ApiKeyId, EndUserId, ProjectId, VersionId, WorkflowId};

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
    pub disabled_users: Vec<EndUserId>,
}

/// A deployed workflow, as far as intake and schedules need it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployedWorkflow {
    /// The workflow.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
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

/// Where plans come from: configuration itself, or a cache before it. "Not there" is `None`.
#[async_trait]
pub trait PlanSource: Send + Sync + 'static {
    /// The plan of a project.
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError>;

    /// A workflow version, deployed or draft.
    async fn workflow(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError>;

    /// All projects, for the schedules.
    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError>;
}

/// A shared cache of plans, filled by configuration, read by execution.
#[async_trait]
pub trait PlanCache: PlanSource {
    /// Stores a project's plan, unless a newer revision is there.
    async fn put_project(&self, plan: &ProjectPlan) -> Result<(), PlanError>;

    /// Stores a workflow version.
    async fn put_workflow(&self, plan: &WorkflowPlan) -> Result<(), PlanError>;

    /// Whether the cache was filled since it last forgot; `false` asks for everything again.
    async fn is_filled(&self) -> Result<bool, PlanError>;

    /// Marks the cache as filled.
    async fn mark_filled(&self) -> Result<(), PlanError>;
}
