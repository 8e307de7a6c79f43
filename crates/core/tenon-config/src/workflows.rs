//! Workflows and their immutable versions.
//!
//! A document reaches this module checked. Applying it makes a version, unless the latest version
//! is the same document. Runs use the version that was deployed when they were accepted.

mod apply;
mod draft;

use jiff::Timestamp;
use serde::Serialize;
use tenon_domain::workflow::{Workflow, fingerprint};
use tenon_domain::{ProjectId, VersionId, WorkflowId};

pub use apply::{Applied, AppliedBatch, AppliedIntegration, Batch};
pub use draft::Draft;

use crate::ports::StoreError;
use crate::{Configuration, Error};

/// A workflow, stable over its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkflowEntry {
    /// Its id.
    pub id: WorkflowId,
    /// Unique in the project; the name in its documents.
    pub name: String,
    /// What it is in.
    pub state: WorkflowState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// Whether a workflow takes new runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WorkflowState {
    /// New runs use this version.
    Deployed {
        /// The version.
        version: VersionId,
        /// Its number, from 1.
        number: u32,
    },
    /// No new runs; still listed. Also the state of a workflow that has only drafts.
    Undeployed,
    /// No new runs, and not listed unless asked for. Applying its document brings it back.
    Archived {
        /// Since when.
        since: Timestamp,
    },
}

/// One immutable version, without its document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// Counted from 1; 0 for a draft.
    pub number: u32,
    /// What the document means, as a SHA-256: equal for documents that differ in form only.
    #[serde(skip)]
    pub fingerprint: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
}

/// A document as it is stored, in the author's order, with its fingerprint, which does not depend
/// on that order.
struct DocumentText {
    json: String,
    fingerprint: [u8; 32],
}

impl DocumentText {
    fn of(document: &Workflow) -> Result<Self, Error> {
        let json = serde_json::to_string(document).map_err(|error| {
            Error::Store(StoreError::Failed {
                action: "write a document as JSON",
                source: Box::new(error),
            })
        })?;
        Ok(Self { json, fingerprint: fingerprint(document).0 })
    }
}

/// Which workflows to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// Those that are not archived.
    Current,
    /// All of them.
    WithArchived,
}

impl Configuration {
    /// The workflows of a project, by name.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn workflows(
        &self,
        project: ProjectId,
        listed: Listed,
    ) -> Result<Vec<WorkflowEntry>, Error> {
        let mut workflows = self.read(project).await?.workflows(project).await?;
        if listed == Listed::Current {
            workflows.retain(|entry| !matches!(entry.state, WorkflowState::Archived { .. }));
        }
        Ok(workflows)
    }

    /// One workflow, archived or not.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchWorkflow`], [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn workflow(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<WorkflowEntry, Error> {
        let mut work = self.read(project).await?;
        work.workflow(project, workflow).await?.ok_or(Error::NoSuchWorkflow(workflow))
    }

    /// The versions of a workflow, newest first.
    ///
    /// # Errors
    ///
    /// As [`Configuration::workflow`].
    pub async fn versions(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Vec<Version>, Error> {
        let mut work = self.read(project).await?;
        if work.workflow(project, workflow).await?.is_none() {
            return Err(Error::NoSuchWorkflow(workflow));
        }
        Ok(work.versions(project, workflow).await?)
    }

    /// The document of a version, as JSON text in the order it was written.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchVersion`], [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn document(&self, project: ProjectId, version: VersionId) -> Result<String, Error> {
        let stored = self.read(project).await?.document(version).await?;
        stored
            .filter(|stored| stored.project == project)
            .map(|stored| stored.document)
            .ok_or(Error::NoSuchVersion(version))
    }

    /// Takes no new runs for a workflow; runs in work go on. Running it again changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Configuration::workflow`].
    pub async fn undeploy(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<WorkflowEntry, Error> {
        self.set_state(project, workflow, WorkflowState::Undeployed).await
    }

    /// Undeploys a workflow and takes it off the lists. Its versions and runs stay.
    ///
    /// # Errors
    ///
    /// As [`Configuration::workflow`].
    pub async fn archive(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<WorkflowEntry, Error> {
        let since = self.clock.now();
        self.set_state(project, workflow, WorkflowState::Archived { since }).await
    }

    async fn set_state(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
        state: WorkflowState,
    ) -> Result<WorkflowEntry, Error> {
        let mut work = self.begin_change(project).await?;
        let mut entry =
            work.workflow(project, workflow).await?.ok_or(Error::NoSuchWorkflow(workflow))?;
        if std::mem::discriminant(&entry.state) == std::mem::discriminant(&state) {
            return Ok(entry);
        }
        entry.state = state;
        entry.updated_at = self.clock.now();
        work.update_workflow(project, &entry).await?;
        self.commit_and_publish(work, project, &[]).await?;
        Ok(entry)
    }
}
