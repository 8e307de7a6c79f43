//! A configuration on a fresh database, with a plan cache that can be made to fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tenon_config::ports::{Announcer, Store};
use tenon_config::{ApiKeyText, Configuration, Limits, PlanPublisher, PlanReader};
use tenon_contract::plan::{
    InstallationsPlan, PlanCache, PlanError, PlanSource, ProjectPlan, UserPlan, WorkflowPlan,
};
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::{Workflow, load_value};
use tenon_domain::{EndUserId, ProjectId, SystemClock, VersionId, WorkflowId};
use tenon_pg_config::{PgConfigStore, Settings};
use tenon_testkit::postgres_server::{TestDatabase, fresh_database};

pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Keeps plans in memory; fails while it is told to.
#[derive(Default)]
pub struct Cache {
    pub projects: Mutex<HashMap<ProjectId, Arc<ProjectPlan>>>,
    pub users: Mutex<HashMap<(ProjectId, EndUserId), Arc<UserPlan>>>,
    pub workflows: Mutex<HashMap<VersionId, Arc<WorkflowPlan>>>,
    pub installations: Mutex<HashMap<(ProjectId, WorkflowId), Arc<InstallationsPlan>>>,
    pub is_filled: AtomicBool,
    pub is_away: AtomicBool,
    pub announced: Mutex<Vec<String>>,
}

impl Cache {
    fn check(&self) -> Result<(), PlanError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(PlanError { action: "reach the cache", source: "it is away".into() });
        }
        Ok(())
    }

    pub fn project_plan(&self, project: ProjectId) -> Option<Arc<ProjectPlan>> {
        self.projects.lock().expect("no test panics in it").get(&project).cloned()
    }
}

#[async_trait::async_trait]
impl PlanSource for Cache {
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        self.check()?;
        Ok(self.project_plan(project))
    }

    async fn workflow(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        self.check()?;
        Ok(self.workflows.lock().expect("no test panics in it").get(&version).cloned())
    }

    async fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, PlanError> {
        self.check()?;
        let users = self.users.lock().expect("no test panics in it");
        Ok(users.get(&(project, user.clone())).cloned())
    }

    async fn installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        self.check()?;
        let plans = self.installations.lock().expect("no test panics in it");
        Ok(plans.get(&(project, workflow)).cloned())
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        self.check()?;
        Ok(self.projects.lock().expect("no test panics in it").keys().copied().collect())
    }
}

#[async_trait::async_trait]
impl PlanCache for Cache {
    async fn put_project(&self, plan: &ProjectPlan) -> Result<(), PlanError> {
        self.check()?;
        let mut projects = self.projects.lock().expect("no test panics in it");
        let held = projects.get(&plan.project).map_or(0, |held| held.revision);
        if plan.revision > held {
            projects.insert(plan.project, Arc::new(plan.clone()));
        }
        Ok(())
    }

    async fn put_user(&self, plan: &UserPlan) -> Result<(), PlanError> {
        self.check()?;
        let key = (plan.project, plan.user.clone());
        let mut users = self.users.lock().expect("no test panics in it");
        if users.get(&key).is_none_or(|held| held.revision <= plan.revision) {
            users.insert(key, Arc::new(plan.clone()));
        }
        Ok(())
    }

    async fn put_installations(&self, plan: &InstallationsPlan) -> Result<(), PlanError> {
        self.check()?;
        let mut plans = self.installations.lock().expect("no test panics in it");
        let key = (plan.project, plan.workflow);
        if plans.get(&key).is_none_or(|held| held.revision <= plan.revision) {
            plans.insert(key, Arc::new(plan.clone()));
        }
        Ok(())
    }

    async fn put_workflow(&self, plan: &WorkflowPlan) -> Result<(), PlanError> {
        self.check()?;
        let mut workflows = self.workflows.lock().expect("no test panics in it");
        workflows.insert(plan.version, Arc::new(plan.clone()));
        Ok(())
    }

    async fn is_filled(&self) -> Result<bool, PlanError> {
        self.check()?;
        Ok(self.is_filled.load(Ordering::Relaxed))
    }

    async fn mark_filled(&self) -> Result<(), PlanError> {
        self.check()?;
        self.is_filled.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait::async_trait]
impl Announcer for Cache {
    async fn announce(&self, topic: &str) {
        self.announced.lock().expect("no test panics in it").push(topic.to_owned());
    }
}

/// Everything a test needs.
pub struct Fixture {
    pub database: TestDatabase,
    pub store: Arc<dyn Store>,
    pub cache: Arc<Cache>,
    pub publisher: PlanPublisher,
    pub reader: PlanReader,
    pub configuration: Configuration,
    pub project: ProjectId,
    pub key: ApiKeyText,
}

impl Fixture {
    pub async fn new() -> Result<Self, Box<dyn std::error::Error>> {
        Self::with_limits(Limits::default()).await
    }

    pub async fn with_limits(limits: Limits) -> Result<Self, Box<dyn std::error::Error>> {
        let database = fresh_database().await?;
        let store = PgConfigStore::new(&Settings::new(&database.url))?;
        store.migrate().await?;
        let store: Arc<dyn Store> = Arc::new(store);
        let cache = Arc::new(Cache::default());
        let publisher = PlanPublisher::new(
            Arc::clone(&store),
            Arc::clone(&cache) as Arc<dyn PlanCache>,
            Arc::clone(&cache) as Arc<dyn Announcer>,
        );
        let configuration = Configuration::new(
            Arc::clone(&store),
            publisher.clone(),
            Arc::new(SystemClock),
            limits,
        );
        let dev = configuration.ensure_dev_project("demo", None).await?;
        Ok(Self {
            database,
            reader: PlanReader::new(Arc::clone(&store)),
            store,
            cache,
            publisher,
            configuration,
            project: dev.project,
            key: dev.key,
        })
    }

    /// A second project with a key.
    pub async fn other_project(&self) -> Result<ProjectId, Box<dyn std::error::Error>> {
        Ok(self.configuration.ensure_dev_project("other", None).await?.project)
    }

    /// The plan as the store has it now.
    pub async fn plan(&self) -> Result<Arc<ProjectPlan>, Box<dyn std::error::Error>> {
        Ok(self.reader.project(self.project).await?.ok_or("the project has a plan")?)
    }
}

pub fn checked(document: Value) -> Workflow {
    load_value(document, &DocumentLimits::default()).expect("the document is valid")
}

/// A document with one step; `days` makes documents differ.
pub fn document(name: &str, days: u32) -> Workflow {
    checked(json!({
        "version": 1,
        "name": name,
        "triggers": [{"type": "app_event", "event": "contact.created"}],
        "steps": [{"id": "wait", "type": "delay", "days": days}],
    }))
}

/// A document that answers a request trigger.
pub fn answering_document(name: &str) -> Workflow {
    checked(json!({
        "version": 1,
        "name": name,
        "triggers": [{"type": "request"}],
        "steps": [{"id": "answer", "type": "response", "status": 200,
                   "body": {"json": {"z": 1, "a": 2}}}],
        "settings": {"enabled_by_default": false, "response_timeout_seconds": 7},
    }))
}
