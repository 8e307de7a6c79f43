//! Compiles plans from the store: everything execution needs, nothing else.

mod installations;
mod publisher;
mod users;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use tenon_connector::catalog::Catalog;
use tenon_contract::plan::{
    DeployedWorkflow, InstallationsPlan, IntegrationPlan, PlanError, PlanSource, ProjectPlan,
    UserPlan, WorkflowPlan,
};
use tenon_domain::workflow::{StepKind, Workflow};
use tenon_domain::{EndUserId, ProjectId, SecretId, SecretKey, VersionId, WorkflowId};

pub use publisher::PlanPublisher;

use crate::connectors::custom_manifests;
use crate::portal::Portals;
use crate::ports::{Scope, Store, StoreError, StoredDocument, UnitOfWork};

/// Reads plans straight from the store: always right, never fast. Execution asks it only for
/// what no cache has.
#[derive(Clone)]
pub struct PlanReader {
    store: Arc<dyn Store>,
    portals: Portals,
    /// Says by which field of an account events are routed.
    catalog: Arc<Catalog>,
}

impl PlanReader {
    /// Plans of a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, portals: Portals::default(), catalog: Arc::default() }
    }

    /// The same with the connectors of the process, so that they are read once.
    #[must_use]
    pub fn with_catalog(mut self, catalog: Arc<Catalog>) -> Self {
        self.catalog = catalog;
        self
    }

    /// The plan of a project, with the documents it was compiled from.
    async fn compile(
        &self,
        project: ProjectId,
    ) -> Result<Option<(ProjectPlan, Vec<StoredDocument>)>, StoreError> {
        let mut work = self.store.snapshot(Scope::Project(project)).await?;
        let Some(found) = work.project(project).await? else { return Ok(None) };
        let documents = work.deployed_documents(project).await?;
        let integrations = integrations(&mut *work, project).await?;
        let deployed = |stored| deployed(stored, &integrations);
        let plan = ProjectPlan {
            project,
            revision: found.revision,
            api_keys: work.valid_api_key_digests(project).await?,
            workflows: documents.iter().filter_map(deployed).collect(),
            choices: choices(&mut *work, project).await?,
            disabled_users: work.disabled_users(project).await?.into_iter().collect(),
            integrations,
            secrets: secrets(&mut *work, project).await?,
            signing_keys: crate::signing_keys::plans(work.signing_keys(project).await?),
            queue: work.project_queue(project).await?.unwrap_or_default(),
        };
        Ok(Some((plan, documents)))
    }

    async fn version(&self, version: VersionId) -> Result<Option<WorkflowPlan>, StoreError> {
        let mut work = self.store.snapshot(Scope::System).await?;
        let Some(stored) = work.document(version).await? else { return Ok(None) };
        workflow_plan(&stored).map(Some).map_err(|error| StoreError::Failed {
            action: "read a stored document",
            source: Box::new(error),
        })
    }

    async fn list(&self, listed: Listed) -> Result<Vec<ProjectId>, StoreError> {
        let mut work = self.store.snapshot(Scope::System).await?;
        match listed {
            Listed::All => work.projects().await,
            Listed::Unpublished => work.unpublished_projects().await,
        }
    }
}

/// Which projects to list.
#[derive(Debug, Clone, Copy)]
enum Listed {
    All,
    Unpublished,
}

async fn choices(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
) -> Result<HashMap<EndUserId, HashMap<WorkflowId, bool>>, StoreError> {
    let mut by_user: HashMap<EndUserId, HashMap<WorkflowId, bool>> = HashMap::new();
    for choice in work.choices(project, None).await? {
        by_user.entry(choice.user).or_default().insert(choice.workflow, choice.is_enabled);
    }
    Ok(by_user)
}

/// Where the values of environment secrets are.
async fn secrets(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
) -> Result<BTreeMap<SecretKey, SecretId>, StoreError> {
    let secrets = work.secrets(project).await?;
    Ok(secrets.into_iter().map(|secret| (secret.key, secret.id)).collect())
}

/// The integrations, with the manifests of custom connectors.
async fn integrations(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
) -> Result<Vec<IntegrationPlan>, StoreError> {
    let integrations = work.integrations(project).await?;
    let manifests = custom_manifests(work, project, &integrations).await?;
    Ok(integrations.iter().map(|one| one.plan(manifests.get(&one.connector).cloned())).collect())
}

fn workflow_plan(stored: &StoredDocument) -> Result<WorkflowPlan, serde_json::Error> {
    let document: Workflow = serde_json::from_str(&stored.document)?;
    Ok(WorkflowPlan {
        project: stored.project,
        workflow: stored.workflow,
        version: stored.version,
        number: stored.number,
        document,
    })
}

/// The part of a deployed document that intake needs. A document that cannot be read any more is
/// a defect; it is left out, so that the project's other workflows go on.
fn deployed(stored: &StoredDocument, integrations: &[IntegrationPlan]) -> Option<DeployedWorkflow> {
    let document = match workflow_plan(stored) {
        Ok(plan) => plan.document,
        Err(error) => {
            tracing::error!(
                project.id = %stored.project,
                workflow.id = %stored.workflow,
                %error,
                "a deployed document cannot be read; the workflow is left out of the plan"
            );
            return None;
        }
    };
    let integration = match &document.integration {
        None => None,
        Some(connector) => {
            let found = integrations.iter().find(|one| one.connector == *connector);
            if found.is_none() {
                tracing::error!(
                    project.id = %stored.project,
                    workflow.id = %stored.workflow,
                    connector,
                    "the integration of a deployed workflow is gone; the workflow is left out of \
                     the plan, so that it runs for nobody"
                );
            }
            Some(found?.id)
        }
    };
    Some(DeployedWorkflow {
        id: stored.workflow,
        name: stored.name.clone(),
        integration,
        version: stored.version,
        number: stored.number,
        has_response: document.steps.iter().any(|step| matches!(step.kind, StepKind::Response(_))),
        enabled_by_default: document.settings.enabled_by_default,
        response_timeout_seconds: document.settings.response_timeout_seconds,
        order: document.order(),
        triggers: document.triggers,
    })
}

fn plan_error(action: &'static str) -> impl FnOnce(StoreError) -> PlanError {
    move |error| PlanError { action, source: Box::new(error) }
}

#[async_trait]
impl PlanSource for PlanReader {
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        let compiled =
            self.compile(project).await.map_err(plan_error("compile a project's plan"))?;
        Ok(compiled.map(|(plan, _)| Arc::new(plan)))
    }

    async fn workflow(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        let plan = self.version(version).await.map_err(plan_error("compile a workflow's plan"))?;
        Ok(plan.map(Arc::new))
    }

    async fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, PlanError> {
        let plan = self.compile_user(project, user).await;
        Ok(plan.map_err(plan_error("compile a user's plan"))?.map(Arc::new))
    }

    async fn installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        let plan = self.compile_installations(project, workflow, usize::MAX).await;
        Ok(plan.map_err(plan_error("compile who a workflow runs for"))?.map(Arc::new))
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        self.list(Listed::All).await.map_err(plan_error("list the projects"))
    }
}
