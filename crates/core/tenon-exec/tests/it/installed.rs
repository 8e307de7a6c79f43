//! A workflow of an integration, and users who have it switched on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tenon_contract::plan::{
    ConfigurationPlan, CredentialPlan, DeployedWorkflow, InstallationRef, InstallationsPlan,
    PlanCache, PlanSource, ProjectPlan, UserPlan,
};
use tenon_domain::workflow::Trigger;
use tenon_domain::{
    ConfigurationId, CredentialId, EndUserId, IntegrationId, ProjectId, SecretId, VersionId,
    WorkflowId,
};
use tenon_exec::installations::exactly;
use tenon_exec::ports::store::Installation;
use tenon_local::LocalPlanCache;

/// The schedule of the workflow.
pub const CRON: &str = "0 * * * * *";

/// Plans of a project with one workflow that is on for some users, each with an account of theirs.
pub struct Installed {
    pub plans: Arc<LocalPlanCache>,
    pub project: ProjectId,
    pub workflow: WorkflowId,
    integration: IntegrationId,
    users: Mutex<Vec<UserPlan>>,
    disabled: Mutex<Vec<EndUserId>>,
    revision: AtomicI64,
}

impl Installed {
    /// So many users, `user-0` and on. The setting `channel` of each is `channel-<n>`.
    pub async fn new(count: usize) -> Self {
        Self::of_project(ProjectId::new(), count).await
    }

    pub async fn of_project(project: ProjectId, count: usize) -> Self {
        let world = Self::unlisted(project, count).await;
        world.publish_installations().await;
        world
    }

    /// The same where nobody has said yet who the workflow is on for.
    pub async fn unlisted(project: ProjectId, count: usize) -> Self {
        let world = Self {
            plans: Arc::new(LocalPlanCache::new()),
            project,
            workflow: WorkflowId::new(),
            integration: IntegrationId::new(),
            users: Mutex::default(),
            disabled: Mutex::default(),
            revision: AtomicI64::new(1),
        };
        for n in 0..count {
            let plan = world.user_plan(n);
            world.plans.put_user(&plan).await.expect("in memory");
            world.users.lock().push(plan);
        }
        world.deploy().await;
        world
    }

    fn user_plan(&self, n: usize) -> UserPlan {
        let settings = json!({ "channel": format!("channel-{n}") });
        let settings = settings.as_object().cloned().expect("an object");
        let configuration = ConfigurationPlan {
            id: ConfigurationId::new(),
            external_id: None,
            shared: Map::new(),
            workflows: HashMap::from([(self.workflow, settings)]),
        };
        UserPlan {
            project: self.project,
            user: EndUserId::new(format!("user-{n}")),
            revision: 1,
            credentials: vec![CredentialPlan {
                id: CredentialId::new(),
                integration: self.integration,
                external_id: None,
                auth_method: "key".to_owned(),
                secret: SecretId::new(),
                fields: Map::new(),
                created_at: Timestamp::UNIX_EPOCH,
                configurations: vec![configuration],
            }],
            meta: Map::new(),
        }
    }

    fn next_revision(&self) -> i64 {
        self.revision.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub fn deployed(&self) -> DeployedWorkflow {
        DeployedWorkflow {
            id: self.workflow,
            name: "minutely".to_owned(),
            integration: Some(self.integration),
            version: VersionId::new(),
            number: 1,
            triggers: vec![
                Trigger::Schedule { cron: CRON.to_owned(), time_zone: "UTC".to_owned() },
                Trigger::IntegrationEnabled {},
            ],
            enabled_by_default: false,
            has_response: false,
            response_timeout_seconds: 1,
            order: Default::default(),
        }
    }

    async fn deploy(&self) {
        let plan = ProjectPlan {
            project: self.project,
            revision: self.next_revision(),
            api_keys: Vec::new(),
            workflows: vec![self.deployed()],
            choices: HashMap::new(),
            disabled_users: self.disabled.lock().iter().cloned().collect(),
            integrations: Vec::new(),
            secrets: std::collections::BTreeMap::new(),
            signing_keys: Vec::new(),
            queue: Default::default(),
        };
        self.plans.put_project(&plan).await.expect("in memory");
    }

    /// Says anew who the workflow is on for.
    pub async fn publish_installations(&self) {
        let plan = InstallationsPlan {
            project: self.project,
            workflow: self.workflow,
            revision: self.next_revision(),
            installations: self.users.lock().iter().map(reference_of).collect(),
        };
        self.plans.put_installations(&plan).await.expect("in memory");
    }

    /// Gives a user other settings.
    pub async fn set(&self, user: usize, settings: Value) {
        self.change(user, |plan, workflow| {
            let settings = settings.as_object().cloned().expect("an object");
            plan.credentials[0].configurations[0].workflows.insert(workflow, settings);
        })
        .await;
    }

    /// Switches the workflow off in the user's plan only.
    pub async fn switch_off(&self, user: usize) {
        self.change(user, |plan, workflow| {
            plan.credentials[0].configurations[0].workflows.remove(&workflow);
        })
        .await;
    }

    async fn change(&self, user: usize, change: impl FnOnce(&mut UserPlan, WorkflowId)) {
        let plan = {
            let mut users = self.users.lock();
            let plan = &mut users[user];
            change(plan, self.workflow);
            plan.revision += 1;
            plan.clone()
        };
        self.plans.put_user(&plan).await.expect("in memory");
    }

    /// Disables a user in the project's plan only.
    pub async fn disable(&self, user: usize) {
        let id = self.users.lock()[user].user.clone();
        self.disabled.lock().push(id);
        self.deploy().await;
    }

    /// Adds a user; answers its number. The list of installations is not published.
    pub async fn add(&self) -> usize {
        let n = self.users.lock().len();
        let plan = self.user_plan(n);
        self.plans.put_user(&plan).await.expect("in memory");
        self.users.lock().push(plan);
        n
    }

    pub fn reference(&self, user: usize) -> InstallationRef {
        reference_of(&self.users.lock()[user])
    }

    /// What a run of the user would be accepted with now.
    pub async fn frozen(&self, user: usize) -> Installation {
        let reference = self.reference(user);
        let plan = self.plans.user(self.project, &reference.user).await.expect("in memory");
        let plan = plan.expect("a plan");
        let workflow = self.deployed();
        let chosen = exactly(&plan, &workflow, reference.credential, reference.configuration);
        chosen.expect("it is on").freeze(&workflow)
    }
}

fn reference_of(plan: &UserPlan) -> InstallationRef {
    InstallationRef {
        user: plan.user.clone(),
        credential: plan.credentials[0].id,
        configuration: plan.credentials[0].configurations[0].id,
        routes: BTreeMap::new(),
    }
}
