//! What the portal shows of a project: its integrations, what their users are asked, and the
//! workflows that users can switch on. Compiled from the applied documents.
//!
//! Nothing of it belongs to a user, so one compiled value serves all of them. It is kept in memory
//! as long as the project's revision is the same.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tenon_domain::portal::{Input, PortalTexts, WorkflowPortal};
use tenon_domain::workflow::{Trigger, Workflow};
use tenon_domain::{EndUserId, IntegrationId, ProjectId, VersionId, WorkflowId};
use tenon_expr::{EvalError, Reference, Scope, resolve_path};

use crate::branding::PortalDesign;
use crate::connectors::custom_manifests;
use crate::integrations::Integration;
use crate::ports::{StoreError, StoredDocument, UnitOfWork};
use crate::{Configuration, Error};

/// Projects whose portals are kept in memory. Beyond it, all are forgotten and compiled again.
const PROJECTS_MAX: usize = 200;

/// What the portal shows of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectPortal {
    /// The project.
    pub project: ProjectId,
    /// The project's name.
    pub name: String,
    /// The project's revision that it was compiled at.
    pub revision: i64,
    /// How it looks.
    pub design: PortalDesign,
    /// The integrations, by connector, inactive ones too.
    pub integrations: Vec<PortalIntegration>,
}

/// An integration with its workflows.
#[derive(Debug, Clone, PartialEq)]
pub struct PortalIntegration {
    /// Its id.
    pub id: IntegrationId,
    /// The connector: a built-in one's name, or `custom.<slug>`.
    pub connector: String,
    /// The manifest of a custom connector.
    pub manifest: Option<Arc<Value>>,
    /// Whether it may be used.
    pub is_active: bool,
    /// How it looks.
    pub texts: PortalTexts,
    /// What users are asked once for all its workflows.
    pub inputs: Vec<Input>,
    /// Its deployed workflows, in the order in which they are shown.
    pub workflows: Vec<PortalWorkflow>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A deployed workflow of an integration.
#[derive(Debug, Clone, PartialEq)]
pub struct PortalWorkflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its name, unique in the project.
    pub name: String,
    /// The deployed version.
    pub version: VersionId,
    /// The number of that version.
    pub number: u32,
    /// One line for the builder's people.
    pub description: Option<String>,
    /// How it looks, and who may use it.
    pub portal: WorkflowPortal,
    /// What users are asked.
    pub inputs: Vec<Input>,
    /// Whether it is on as soon as an account is connected, if nothing that it requires is missing.
    pub enabled_by_default: bool,
    /// Whether the clock starts it.
    pub has_schedule: bool,
    /// The webhooks of the connector whose events start it.
    pub webhooks: Vec<String>,
    /// Whether it starts when it is switched on for the first time.
    pub starts_when_enabled: bool,
}

impl ProjectPortal {
    /// The integration of this id.
    #[must_use]
    pub fn integration(&self, id: IntegrationId) -> Option<&PortalIntegration> {
        self.integrations.iter().find(|one| one.id == id)
    }

    /// The integration that a text names: by its connector, else by its id.
    #[must_use]
    pub fn integration_named(&self, name: &str) -> Option<&PortalIntegration> {
        let id = name.parse::<IntegrationId>().ok();
        self.integrations.iter().find(|one| one.connector == name || Some(one.id) == id)
    }

    /// The workflows of some of the integrations.
    pub(crate) fn workflows_of(&self, integrations: &[IntegrationId]) -> Vec<WorkflowId> {
        let named = self.integrations.iter().filter(|one| integrations.contains(&one.id));
        named.flat_map(|one| one.workflows.iter().map(|workflow| workflow.id)).collect()
    }

    /// A workflow with the integration that it belongs to.
    #[must_use]
    pub fn workflow(&self, id: WorkflowId) -> Option<(&PortalIntegration, &PortalWorkflow)> {
        self.integrations
            .iter()
            .find_map(|integration| Some((integration, integration.workflow(id)?)))
    }
}

impl PortalIntegration {
    /// One of its workflows.
    #[must_use]
    pub fn workflow(&self, id: WorkflowId) -> Option<&PortalWorkflow> {
        self.workflows.iter().find(|one| one.id == id)
    }
}

impl PortalWorkflow {
    /// Whether it runs for installations that nobody names: by the clock, or for a provider's event.
    #[must_use]
    pub fn runs_for_all(&self) -> bool {
        self.has_schedule || !self.webhooks.is_empty()
    }

    /// What users read as its name.
    #[must_use]
    pub fn title(&self) -> &str {
        self.portal.title.as_deref().unwrap_or(&self.name)
    }

    /// Whether a user may see and use it. A condition that cannot be asked of what is known of the
    /// user does not hold.
    #[must_use]
    pub fn is_permitted(&self, user: &EndUserId, meta: &Map<String, Value>) -> bool {
        let Some(condition) = &self.portal.permissions else { return true };
        let user = json!({ "id": user, "meta": meta });
        condition.eval(&UserScope { user }).unwrap_or(false)
    }
}

/// What a permission can refer to.
struct UserScope {
    user: Value,
}

impl Scope for UserScope {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        match reference.root.as_str() {
            "user" => Ok(resolve_path(&self.user, &reference.path).map(Cow::Borrowed)),
            _ => Ok(None),
        }
    }
}

/// Portals in memory, for all clones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Portals {
    known: Arc<Mutex<HashMap<ProjectId, Arc<ProjectPortal>>>>,
}

impl Portals {
    /// The portal at a revision, if it is in memory.
    pub(crate) fn at(&self, project: ProjectId, revision: i64) -> Option<Arc<ProjectPortal>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&project).filter(|portal| portal.revision == revision).cloned()
    }

    fn keep(&self, portal: Arc<ProjectPortal>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&portal.project).is_some_and(|held| held.revision > portal.revision) {
            return;
        }
        if known.len() >= PROJECTS_MAX && !known.contains_key(&portal.project) {
            known.clear();
        }
        known.insert(portal.project, portal);
    }

    /// The portal as a unit of work sees it. Not to be called in one that has changed documents,
    /// integrations or deployments: what is compiled counts as the state of the revision.
    pub(crate) async fn of(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
    ) -> Result<Option<Arc<ProjectPortal>>, StoreError> {
        let Some(found) = work.project(project).await? else { return Ok(None) };
        if let Some(portal) = self.at(project, found.revision) {
            return Ok(Some(portal));
        }
        let portal = Arc::new(ProjectPortal {
            project,
            name: found.name.to_string(),
            revision: found.revision,
            design: work.portal_design(project).await?.unwrap_or_default(),
            integrations: compile(work, project).await?,
        });
        self.keep(Arc::clone(&portal));
        Ok(Some(portal))
    }
}

/// The integrations with their workflows.
async fn compile(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
) -> Result<Vec<PortalIntegration>, StoreError> {
    let integrations = work.integrations(project).await?;
    let manifests = custom_manifests(work, project, &integrations).await?;
    let mut by_connector: HashMap<String, Vec<PortalWorkflow>> = HashMap::new();
    for stored in work.deployed_documents(project).await? {
        if let Some((connector, workflow)) = portal_workflow(&stored) {
            by_connector.entry(connector).or_default().push(workflow);
        }
    }
    Ok(integrations
        .into_iter()
        .map(|integration| {
            let workflows = by_connector.remove(&integration.connector).unwrap_or_default();
            let manifest = manifests.get(&integration.connector).cloned();
            portal_integration(integration, workflows, manifest)
        })
        .collect())
}

fn portal_integration(
    integration: Integration,
    mut workflows: Vec<PortalWorkflow>,
    manifest: Option<Arc<Value>>,
) -> PortalIntegration {
    workflows.sort_by(|a, b| (a.portal.order, &a.name).cmp(&(b.portal.order, &b.name)));
    let document = integration.document;
    PortalIntegration {
        id: integration.id,
        connector: integration.connector,
        manifest,
        is_active: integration.is_active,
        texts: document.as_ref().map(|it| it.portal.clone()).unwrap_or_default(),
        inputs: document.as_ref().map(|it| it.inputs.clone()).unwrap_or_default(),
        workflows,
        created_at: integration.created_at,
        updated_at: integration.updated_at,
    }
}

/// The workflow of an integration, with its connector. A document that cannot be read is told when
/// the project's plan is compiled.
fn portal_workflow(stored: &StoredDocument) -> Option<(String, PortalWorkflow)> {
    let document: Workflow = serde_json::from_str(&stored.document).ok()?;
    let has = |wanted: fn(&Trigger) -> bool| document.triggers.iter().any(wanted);
    let workflow = PortalWorkflow {
        id: stored.workflow,
        name: stored.name.clone(),
        version: stored.version,
        number: stored.number,
        has_schedule: has(|trigger| matches!(trigger, Trigger::Schedule { .. })),
        webhooks: webhooks_of(&document.triggers),
        starts_when_enabled: has(|trigger| matches!(trigger, Trigger::IntegrationEnabled {})),
        enabled_by_default: document.settings.enabled_by_default,
        description: document.description,
        portal: document.portal.unwrap_or_default(),
        inputs: document.inputs,
    };
    Some((document.integration?, workflow))
}

fn webhooks_of(triggers: &[Trigger]) -> Vec<String> {
    let named = triggers.iter().filter_map(|trigger| match trigger {
        Trigger::Webhook { webhook, .. } => Some(webhook.clone()),
        _ => None,
    });
    let mut webhooks: Vec<String> = named.collect();
    webhooks.sort_unstable();
    webhooks.dedup();
    webhooks
}

impl Configuration {
    /// What the portal shows of a project, from memory where nothing changed.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn project_portal(&self, project: ProjectId) -> Result<Arc<ProjectPortal>, Error> {
        let mut work = self.read(project).await?;
        let portal = self.portals().of(&mut *work, project).await?;
        portal.ok_or(Error::NoSuchProject(project))
    }

    /// The same for a caller who just read the project's revision: from memory without asking the
    /// store, where it is there.
    ///
    /// # Errors
    ///
    /// As [`Configuration::project_portal`].
    pub async fn project_portal_at(
        &self,
        project: ProjectId,
        revision: i64,
    ) -> Result<Arc<ProjectPortal>, Error> {
        match self.portals().at(project, revision) {
            Some(portal) => Ok(portal),
            None => self.project_portal(project).await,
        }
    }

    /// The portal in a unit of work that has not changed anything that it shows.
    pub(crate) async fn portal_in(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
    ) -> Result<Arc<ProjectPortal>, Error> {
        let portal = self.portals().of(work, project).await?;
        portal.ok_or(Error::NoSuchProject(project))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow(permissions: Value) -> PortalWorkflow {
        let portal = json!({ "permissions": permissions });
        PortalWorkflow {
            id: WorkflowId::new(),
            name: "a".to_owned(),
            version: VersionId::new(),
            number: 1,
            description: None,
            portal: serde_json::from_value(portal).expect("it is a portal"),
            inputs: Vec::new(),
            enabled_by_default: false,
            has_schedule: false,
            webhooks: Vec::new(),
            starts_when_enabled: false,
        }
    }

    #[test]
    fn permissions_ask_what_is_known_of_the_user() {
        let pro = json!({
            "operator": "$stringExactlyMatches",
            "variable": "{{user.meta.plan}}",
            "argument": "pro",
        });
        let user = EndUserId::new("u");
        let meta = |value: Value| value.as_object().expect("an object").clone();
        for (permissions, held, is_permitted) in [
            (Value::Null, json!({}), true),
            (pro.clone(), json!({"plan": "pro"}), true),
            (pro.clone(), json!({"plan": "free"}), false),
            (pro.clone(), json!({}), false),
            (pro, json!({"plan": {"name": "pro"}}), false),
        ] {
            let workflow = workflow(permissions.clone());
            assert_eq!(workflow.is_permitted(&user, &meta(held)), is_permitted, "{permissions}");
        }
    }
}
