//! Deploys documents, all of them or none.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;
use tenon_domain::workflow::Workflow;
use tenon_domain::{ProjectId, VersionId, WorkflowId};

use super::{DocumentText, Version, WorkflowEntry, WorkflowState};
use crate::ports::{UnitOfWork, VersionRow};
use crate::{Configuration, Error};

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Its name.
    pub name: String,
    /// The version that is deployed now.
    pub version: VersionId,
    /// Its number, from 1.
    pub number: u32,
    /// Whether anything changed: a new version, or an old one deployed again.
    pub changed: bool,
}

impl Configuration {
    /// Deploys documents in one unit of work; the answer has their order. A document that is the
    /// same as the latest version of its workflow makes no new version, so applying twice is
    /// applying once.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NameTwice`], [`Error::LimitReached`],
    /// [`Error::Unavailable`], [`Error::Store`]. Nothing is deployed then.
    pub async fn apply(
        &self,
        project: ProjectId,
        documents: &[Workflow],
    ) -> Result<Vec<Applied>, Error> {
        self.check_batch(documents)?;
        let now = self.clock.now();
        let mut work = self.begin_change(project).await?;
        let mut applied = Vec::with_capacity(documents.len());
        for document in documents {
            applied.push(self.apply_one(&mut *work, project, document, now).await?);
        }
        let changed: Vec<VersionId> =
            applied.iter().filter(|one| one.changed).map(|one| one.version).collect();
        if !changed.is_empty() {
            self.commit_and_publish(work, project, &changed).await?;
        }
        Ok(applied)
    }

    /// What [`Configuration::apply`] would do; changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Configuration::apply`].
    pub async fn apply_dry(
        &self,
        project: ProjectId,
        documents: &[Workflow],
    ) -> Result<Vec<Applied>, Error> {
        self.check_batch(documents)?;
        let now = self.clock.now();
        let mut work = self.begin_change(project).await?;
        let mut applied = Vec::with_capacity(documents.len());
        for document in documents {
            applied.push(self.apply_one(&mut *work, project, document, now).await?);
        }
        Ok(applied)
    }

    fn check_batch(&self, documents: &[Workflow]) -> Result<(), Error> {
        if documents.len() > self.limits.apply_documents_max {
            return Err(Error::LimitReached {
                what: "documents in one apply",
                max: self.limits.apply_documents_max,
            });
        }
        let mut names = HashSet::new();
        match documents.iter().find(|document| !names.insert(&document.name)) {
            Some(twice) => Err(Error::NameTwice { name: twice.name.clone() }),
            None => Ok(()),
        }
    }

    async fn apply_one(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        document: &Workflow,
        now: Timestamp,
    ) -> Result<Applied, Error> {
        let mut entry = self.ensure_workflow(work, project, &document.name, now).await?;
        let text = DocumentText::of(document)?;
        let latest = work.latest_version(project, entry.id).await?;
        let version = match latest {
            Some(latest) if latest.fingerprint == text.fingerprint => latest,
            latest => {
                let version = Version {
                    id: VersionId::new(),
                    workflow: entry.id,
                    number: latest.map_or(0, |latest| latest.number) + 1,
                    fingerprint: text.fingerprint,
                    created_at: now,
                };
                let row = VersionRow { version: version.clone(), document: text.json };
                work.insert_version(project, &row).await?;
                version
            }
        };
        let state = WorkflowState::Deployed { version: version.id, number: version.number };
        let changed = entry.state != state;
        if changed {
            entry.state = state;
            entry.updated_at = now;
            work.update_workflow(project, &entry).await?;
        }
        Ok(Applied {
            workflow: entry.id,
            name: entry.name,
            version: version.id,
            number: version.number,
            changed,
        })
    }

    /// The workflow of this name; a new one has no version yet.
    pub(super) async fn ensure_workflow(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        name: &str,
        now: Timestamp,
    ) -> Result<WorkflowEntry, Error> {
        if let Some(entry) = work.workflow_by_name(project, name).await? {
            return Ok(entry);
        }
        if work.count_workflows(project).await? >= self.limits.workflows_max {
            return Err(Error::LimitReached {
                what: "workflows in a project",
                max: self.limits.workflows_max,
            });
        }
        let entry = WorkflowEntry {
            id: WorkflowId::new(),
            name: name.to_owned(),
            state: WorkflowState::Undeployed,
            created_at: now,
            updated_at: now,
        };
        work.insert_workflow(project, &entry).await?;
        Ok(entry)
    }
}
