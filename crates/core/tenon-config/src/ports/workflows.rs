//! Rows of workflows and their versions.

use async_trait::async_trait;
use tenon_domain::{ProjectId, VersionId, WorkflowId};

use super::StoreError;
use crate::workflows::{Version, WorkflowEntry};

/// A version as it is added; a draft has number 0.
#[derive(Debug, Clone)]
pub struct VersionRow {
    /// What may be listed.
    pub version: Version,
    /// The document as JSON text.
    pub document: String,
}

/// A version's document with what a plan needs beside it.
#[derive(Debug, Clone)]
pub struct StoredDocument {
    /// Whose.
    pub project: ProjectId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The workflow's name.
    pub name: String,
    /// The version.
    pub version: VersionId,
    /// Counted from 1; 0 for a draft.
    pub number: u32,
    /// The document as JSON text.
    pub document: String,
}

/// Workflows and versions. Versions are added and never changed.
#[async_trait]
pub trait WorkflowRows: Send {
    /// Adds a workflow that has no version yet.
    async fn insert_workflow(
        &mut self,
        project: ProjectId,
        workflow: &WorkflowEntry,
    ) -> Result<(), StoreError>;

    /// The workflow.
    async fn workflow(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<WorkflowEntry>, StoreError>;

    /// The workflow of this name.
    async fn workflow_by_name(
        &mut self,
        project: ProjectId,
        name: &str,
    ) -> Result<Option<WorkflowEntry>, StoreError>;

    /// All workflows of the project, by name.
    async fn workflows(&mut self, project: ProjectId) -> Result<Vec<WorkflowEntry>, StoreError>;

    /// How many workflows the project has.
    async fn count_workflows(&mut self, project: ProjectId) -> Result<usize, StoreError>;

    /// Stores the state of a workflow (and the time of its change).
    async fn update_workflow(
        &mut self,
        project: ProjectId,
        workflow: &WorkflowEntry,
    ) -> Result<(), StoreError>;

    /// Adds a version.
    async fn insert_version(
        &mut self,
        project: ProjectId,
        row: &VersionRow,
    ) -> Result<(), StoreError>;

    /// The version with the highest number; drafts do not count.
    async fn latest_version(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Version>, StoreError>;

    /// The versions of a workflow, newest first, without drafts.
    async fn versions(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Vec<Version>, StoreError>;

    /// The draft of a workflow with this fingerprint.
    async fn draft(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
        fingerprint: &[u8; 32],
    ) -> Result<Option<Version>, StoreError>;

    /// Removes all but the newest drafts of a workflow; returns how many went.
    async fn prune_drafts(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
        keep: usize,
    ) -> Result<u64, StoreError>;

    /// A version's document, in whatever project of the scope.
    async fn document(&mut self, version: VersionId) -> Result<Option<StoredDocument>, StoreError>;

    /// The documents of all deployed versions, by name.
    async fn deployed_documents(
        &mut self,
        project: ProjectId,
    ) -> Result<Vec<StoredDocument>, StoreError>;
}
