//! Deploys documents, all of them or none.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;
use tenon_domain::portal::IntegrationDocument;
use tenon_domain::workflow::Workflow;
use tenon_domain::{IntegrationId, ProjectId, VersionId, WorkflowId};

use super::{DocumentText, Version, WorkflowEntry, WorkflowState};
use crate::integrations::Integration;
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

/// Documents that take effect together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Workflows, each with a name of its own.
    pub workflows: Vec<Workflow>,
    /// Integrations, each with a connector of its own. They come first.
    pub integrations: Vec<IntegrationDocument>,
}

/// What became of a batch, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedBatch {
    /// The workflows.
    pub workflows: Vec<Applied>,
    /// The integrations.
    pub integrations: Vec<AppliedIntegration>,
}

/// What became of one integration document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedIntegration {
    /// The integration.
    pub integration: IntegrationId,
    /// The connector.
    pub connector: String,
    /// Whether anything changed.
    pub changed: bool,
}

/// Whose plans show what was applied.
#[derive(Debug, Default)]
struct Affected {
    versions: Vec<VersionId>,
    integrations: Vec<IntegrationId>,
    workflows: Vec<WorkflowId>,
}

impl Configuration {
    /// Deploys workflows in one unit of work; the answer has their order. A document that is the
    /// same as the latest version of its workflow makes no new version, so applying twice is
    /// applying once.
    ///
    /// # Errors
    ///
    /// As [`Configuration::apply_batch`].
    pub async fn apply(
        &self,
        project: ProjectId,
        documents: &[Workflow],
    ) -> Result<Vec<Applied>, Error> {
        let batch = Batch { workflows: documents.to_vec(), integrations: Vec::new() };
        Ok(self.apply_batch(project, &batch).await?.workflows)
    }

    /// Applies documents of both kinds, all or none. An integration that the project does not have
    /// is added; what is the same as before changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NameTwice`], [`Error::LimitReached`],
    /// [`Error::IntegrationMissing`], [`Error::SecretMissing`], [`Error::ConnectorUnknown`] and
    /// [`Error::NoVault`] for an integration that is new, [`Error::Unavailable`], [`Error::Store`].
    pub async fn apply_batch(
        &self,
        project: ProjectId,
        batch: &Batch,
    ) -> Result<AppliedBatch, Error> {
        let mut work = self.begin_change(project).await?;
        let (applied, affected) = self.apply_in(&mut *work, project, batch).await?;
        let Affected { versions, integrations, workflows } = affected;
        if !versions.is_empty() || !integrations.is_empty() {
            work.bump_installations(project, &workflows).await?;
            self.commit_and_publish_users(work, project, &versions, &integrations).await?;
            self.publisher.publish_installation_changes(project, &workflows).await;
        }
        Ok(applied)
    }

    /// What [`Configuration::apply_batch`] would do; changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Configuration::apply_batch`].
    pub async fn apply_dry(
        &self,
        project: ProjectId,
        batch: &Batch,
    ) -> Result<AppliedBatch, Error> {
        let mut work = self.begin_change(project).await?;
        Ok(self.apply_in(&mut *work, project, batch).await?.0)
    }

    async fn apply_in(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        batch: &Batch,
    ) -> Result<(AppliedBatch, Affected), Error> {
        self.check_batch(batch)?;
        let now = self.clock.now();
        let mut affected = Affected::default();
        let before = self.portal_in(work, project).await?;
        let mut integrations = Vec::with_capacity(batch.integrations.len());
        for document in &batch.integrations {
            let applied = self.apply_integration(work, project, document, now).await?;
            if applied.changed {
                affected.integrations.push(applied.integration);
            }
            integrations.push(applied);
        }
        affected.workflows = before.workflows_of(&affected.integrations);
        let known = work.integrations(project).await?;
        let mut workflows = Vec::with_capacity(batch.workflows.len());
        for document in &batch.workflows {
            let belongs_to = integration_of(&known, document)?;
            self.check_secrets_of(work, project, document).await?;
            let applied = self.apply_one(work, project, document, now).await?;
            if applied.changed {
                affected.versions.push(applied.version);
                affected.workflows.push(applied.workflow);
                let former = before.workflow(applied.workflow).map(|(former, _)| former.id);
                affected.integrations.extend(former.into_iter().chain(belongs_to));
            }
            workflows.push(applied);
        }
        affected.integrations.sort_unstable();
        affected.integrations.dedup();
        affected.workflows.sort_unstable();
        affected.workflows.dedup();
        Ok((AppliedBatch { workflows, integrations }, affected))
    }

    fn check_batch(&self, batch: &Batch) -> Result<(), Error> {
        if batch.workflows.len() + batch.integrations.len() > self.limits.apply_documents_max {
            return Err(Error::LimitReached {
                what: "documents in one apply",
                max: self.limits.apply_documents_max,
            });
        }
        let mut names = HashSet::new();
        let mut connectors = HashSet::new();
        let twice = (batch.workflows.iter().map(|it| &it.name))
            .find(|name| !names.insert(*name))
            .or_else(|| {
                (batch.integrations.iter().map(|it| &it.connector))
                    .find(|name| !connectors.insert(*name))
            });
        match twice {
            Some(twice) => Err(Error::NameTwice { name: twice.clone() }),
            None => Ok(()),
        }
    }

    async fn apply_integration(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        document: &IntegrationDocument,
        now: Timestamp,
    ) -> Result<AppliedIntegration, Error> {
        let connector = document.connector.clone();
        let known = work.integrations(project).await?;
        if let Some(held) = known.iter().find(|one| one.connector == connector) {
            let changed =
                held.document.as_ref() != Some(document) || held.is_active != document.active;
            if changed {
                let mut held = held.clone();
                held.is_active = document.active;
                held.document = Some(document.clone());
                held.updated_at = now;
                work.update_integration(project, &held).await?;
            }
            return Ok(AppliedIntegration { integration: held.id, connector, changed });
        }
        self.find_connector(work, project, &connector).await?;
        if known.len() >= self.limits.integrations_max {
            return Err(Error::LimitReached {
                what: "integrations in a project",
                max: self.limits.integrations_max,
            });
        }
        let added = Integration {
            is_active: document.active,
            document: Some(document.clone()),
            ..Integration::new(&connector, now)
        };
        work.insert_integration(project, &added).await?;
        Ok(AppliedIntegration { integration: added.id, connector, changed: true })
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

/// The integration that a workflow belongs to.
fn integration_of(
    known: &[Integration],
    document: &Workflow,
) -> Result<Option<IntegrationId>, Error> {
    let Some(connector) = &document.integration else { return Ok(None) };
    match known.iter().find(|one| one.connector == *connector) {
        Some(found) => Ok(Some(found.id)),
        None => Err(Error::IntegrationMissing {
            workflow: document.name.clone(),
            connector: connector.clone(),
        }),
    }
}
