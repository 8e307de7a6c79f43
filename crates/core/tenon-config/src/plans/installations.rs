//! Compiles and publishes who a workflow runs for where nobody names a user: by the clock, and when
//! a provider sends an event.

use std::collections::HashSet;

use tenon_connector::connector::Connector;
use tenon_connector::manifest::webhooks::Route;
use tenon_contract::plan::{InstallationRef, InstallationsPlan, PlanError, PlanSource as _};
use tenon_contract::webhook::route_value;
use tenon_domain::{ProjectId, WorkflowId};

use super::{PlanPublisher, PlanReader, plan_error};
use crate::credentials::setup_fields;
use crate::portal::{PortalIntegration, PortalWorkflow};
use crate::ports::{InstalledRow, Scope, StoreError};

/// Installations of a workflow up to which a change is published at once. Beyond, the next
/// [`PlanPublisher::repair`] publishes all changes up to then together.
const AT_ONCE_MAX: usize = 1_000;
/// Workflows whose plans are published between two looks into the store.
const PAGE: usize = 200;

impl PlanReader {
    /// Who a deployed workflow of an integration runs for where nobody names a user; `None` for one
    /// that is only run for somebody, and where there are more than `count_max` of them.
    pub(super) async fn compile_installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
        count_max: usize,
    ) -> Result<Option<InstallationsPlan>, StoreError> {
        let mut work = self.store.snapshot(Scope::Project(project)).await?;
        let Some(portal) = self.portals.of(&mut *work, project).await? else { return Ok(None) };
        let Some((integration, found)) = portal.workflow(workflow) else { return Ok(None) };
        if !found.runs_for_all() {
            return Ok(None);
        }
        let Some(revision) = work.installations_revision(project, workflow).await? else {
            return Ok(None);
        };
        let fields = self.route_fields(project, integration, found);
        let rows = match integration.is_active {
            true => {
                let limit = count_max.saturating_add(1);
                work.installed(project, integration.id, workflow, &fields, limit).await?
            }
            false => Vec::new(),
        };
        if rows.len() > count_max {
            return Ok(None);
        }
        let is_permitted =
            |row: &InstalledRow| found.is_permitted(&row.installation.user, &row.meta);
        let installations = rows.into_iter().filter(is_permitted).map(with_routes).collect();
        Ok(Some(InstallationsPlan { project, workflow, revision, installations }))
    }

    /// The fields of accounts that the events of a workflow are routed by.
    fn route_fields(
        &self,
        project: ProjectId,
        integration: &PortalIntegration,
        workflow: &PortalWorkflow,
    ) -> Vec<String> {
        if workflow.webhooks.is_empty() {
            return Vec::new();
        }
        let manifest = integration.manifest.as_ref();
        let Some(connector) = self.catalog.find(project, &integration.connector, manifest) else {
            return Vec::new();
        };
        let webhooks = workflow.webhooks.iter().filter_map(|id| connector.webhook(id));
        let fields = webhooks.filter_map(|webhook| match &webhook.route {
            Route::Field { field, .. } => Some(field),
            Route::Url {} => None,
        });
        fields.filter(|field| !is_asked_after_linking(&connector, field)).cloned().collect()
    }
}

/// Whether users may be asked for a field once they are linked. Nothing proves then that the value
/// is theirs, so events of others must not follow it.
fn is_asked_after_linking(connector: &Connector, field: &str) -> bool {
    let methods = connector.manifest().auth.iter();
    methods.flat_map(|method| setup_fields(connector, method)).any(|asked| asked.name == field)
}

fn with_routes(row: InstalledRow) -> InstallationRef {
    let values = row.fields.into_iter();
    let routes = values.filter_map(|(name, value)| Some((name, route_value(&value)?))).collect();
    InstallationRef { routes, ..row.installation }
}

impl PlanPublisher {
    /// Publishes who a workflow runs for where nobody names a user, then announces
    /// `installations:<project>:<workflow>`. A workflow that is only run for somebody is passed over.
    ///
    /// # Errors
    ///
    /// As [`PlanPublisher::publish`].
    pub async fn publish_installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<(), PlanError> {
        match self.reader.installations(project, workflow).await? {
            Some(plan) => self.put_installations(&plan).await,
            None => self.pass_over(project, workflow).await,
        }
    }

    async fn put_installations(&self, plan: &InstallationsPlan) -> Result<(), PlanError> {
        let (project, workflow) = (plan.project, plan.workflow);
        self.cache.put_installations(plan).await?;
        self.mark_installations(project, workflow, plan.revision).await?;
        self.announce(&format!("installations:{project}:{workflow}")).await;
        Ok(())
    }

    /// There is nothing to publish, also not the next time.
    async fn pass_over(&self, project: ProjectId, workflow: WorkflowId) -> Result<(), PlanError> {
        let revision = async {
            let mut work = self.store.snapshot(Scope::Project(project)).await?;
            work.installations_revision(project, workflow).await
        };
        match revision.await.map_err(plan_error("compile who a workflow runs for"))? {
            Some(revision) => self.mark_installations(project, workflow, revision).await,
            None => Ok(()),
        }
    }

    async fn mark_installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
        revision: i64,
    ) -> Result<(), PlanError> {
        let outcome = async {
            let mut work = self.store.begin(Scope::Project(project)).await?;
            work.mark_installations_published(project, workflow, revision).await?;
            work.commit().await
        };
        outcome.await.map_err(plan_error("note that a plan was published"))
    }

    /// Publishes after a commit, as far as it is quick; the rest is left to
    /// [`PlanPublisher::repair`].
    pub(crate) async fn publish_installation_changes(
        &self,
        project: ProjectId,
        workflows: &[WorkflowId],
    ) {
        for workflow in workflows {
            let outcome = async {
                let compiled =
                    self.reader.compile_installations(project, *workflow, AT_ONCE_MAX).await;
                match compiled.map_err(plan_error("compile who a workflow runs for"))? {
                    Some(plan) => self.put_installations(&plan).await,
                    None => Ok(()),
                }
            };
            if let Err(error) = outcome.await {
                super::publisher::warn_unpublished(&error);
            }
        }
    }

    /// Publishes those whose last change was not published.
    pub(super) async fn repair_installations(&self) -> Result<(), PlanError> {
        let mut seen = HashSet::new();
        loop {
            let listed = async {
                let mut work = self.store.snapshot(Scope::System).await?;
                work.unpublished_installations(PAGE).await
            };
            let listed = listed.await.map_err(plan_error("list the unpublished installations"))?;
            // One that changes all the time does not hold up the others.
            let fresh: Vec<_> = listed.iter().filter(|one| seen.insert(**one)).collect();
            for (project, workflow) in &fresh {
                self.publish_installations(*project, *workflow).await?;
            }
            if fresh.is_empty() || listed.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// All of a project, for a cache that has forgotten.
    pub(super) async fn publish_all_installations(
        &self,
        project: ProjectId,
    ) -> Result<(), PlanError> {
        let portal = async {
            let mut work = self.store.snapshot(Scope::Project(project)).await?;
            self.reader.portals.of(&mut *work, project).await
        };
        let Some(portal) =
            portal.await.map_err(plan_error("list the workflows that run for all"))?
        else {
            return Ok(());
        };
        let workflows = portal.integrations.iter().flat_map(|one| &one.workflows);
        for workflow in workflows.filter(|one| one.runs_for_all()) {
            self.publish_installations(project, workflow.id).await?;
        }
        Ok(())
    }
}
