//! The rules of [`PlanCache`], each a function named by its rule, run on every adapter.
//!
//! An adapter's test says `tenon_testkit::plan_cache_suite!(harness)`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tenon_contract::plan::{
    ApiKeyDigest, DeployedWorkflow, InstallationRef, InstallationsPlan, PlanCache, ProjectPlan,
    WorkflowPlan,
};
use tenon_domain::workflow::{Trigger, Workflow};
use tenon_domain::{
    ApiKeyId, ConfigurationId, CredentialId, EndUserId, ProjectId, VersionId, WorkflowId,
};

/// A cache that a rule may use as it likes.
pub trait Harness: Send + Sync {
    /// A handle, as another process would have.
    fn handle(&self) -> impl Future<Output = Arc<dyn PlanCache>> + Send;

    /// Makes the service forget everything.
    fn forget(&self) -> impl Future<Output = ()> + Send;
}

/// Makes one test of each rule; `$make` is an async function that answers a [`Harness`].
#[macro_export]
macro_rules! plan_cache_suite {
    ($make:path) => {
        $crate::plan_cache_suite!(@rules $make:
            a_plan_is_read_as_it_was_put,
            a_plan_that_was_never_put_is_not_there,
            a_newer_revision_wins,
            who_a_workflow_runs_for_is_read_as_it_was_put,
            a_workflow_version_is_read_as_it_was_put,
            projects_are_listed,
            a_cache_that_forgot_is_not_filled,
        );
    };
    (@rules $make:path: $($rule:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let harness = $make().await;
                $crate::plan_cache_suite::$rule(&harness).await;
            }
        )*
    };
}

/// Every field survives.
pub async fn a_plan_is_read_as_it_was_put(harness: &impl Harness) {
    let plan = project_plan(7);
    harness.handle().await.put_project(&plan).await.expect("putting works");
    let read = harness.handle().await.project(plan.project).await.expect("reading works");
    assert_eq!(read.as_deref(), Some(&plan));
}

/// "Not there" is `None`, not an error.
pub async fn a_plan_that_was_never_put_is_not_there(harness: &impl Harness) {
    let cache = harness.handle().await;
    assert_eq!(cache.project(ProjectId::new()).await.expect("reading works"), None);
    assert_eq!(cache.workflow(VersionId::new()).await.expect("reading works"), None);
    assert_eq!(cache.projects().await.expect("listing works"), []);
}

/// Whatever the order in which they are put.
pub async fn a_newer_revision_wins(harness: &impl Harness) {
    let cache = harness.handle().await;
    // 10 against 9 tells numbers from text.
    let newer = project_plan(10);
    let older = ProjectPlan { revision: 9, api_keys: Vec::new(), ..newer.clone() };
    for plan in [&older, &newer, &older] {
        cache.put_project(plan).await.expect("putting works");
    }
    let read = cache.project(newer.project).await.expect("reading works");
    assert_eq!(read.as_deref(), Some(&newer));
    let newest = ProjectPlan { revision: 11, ..older };
    cache.put_project(&newest).await.expect("putting works");
    let read = cache.project(newer.project).await.expect("reading works");
    assert_eq!(read.as_deref(), Some(&newest));
}

/// Every field survives, an empty list is not "not there", and the newer revision wins.
pub async fn who_a_workflow_runs_for_is_read_as_it_was_put(harness: &impl Harness) {
    let cache = harness.handle().await;
    let newer = InstallationsPlan {
        project: ProjectId::new(),
        workflow: WorkflowId::new(),
        revision: 10,
        installations: ["user \"1\" ü", "user 2"].map(installation_ref).into(),
    };
    let older = InstallationsPlan { revision: 9, installations: Vec::new(), ..newer.clone() };
    for plan in [&older, &newer, &older] {
        cache.put_installations(plan).await.expect("putting works");
    }
    let reader = harness.handle().await;
    let read = reader.installations(newer.project, newer.workflow).await.expect("reading works");
    assert_eq!(read.as_deref(), Some(&newer));
    let nobody = InstallationsPlan { revision: 11, ..older };
    cache.put_installations(&nobody).await.expect("putting works");
    let read = reader.installations(newer.project, newer.workflow).await.expect("reading works");
    assert_eq!(read.as_deref(), Some(&nobody));
    for (project, workflow) in
        [(newer.project, WorkflowId::new()), (ProjectId::new(), newer.workflow)]
    {
        let read = reader.installations(project, workflow).await.expect("reading works");
        assert_eq!(read, None);
    }
    harness.forget().await;
    let read = cache.installations(newer.project, newer.workflow).await.expect("reading works");
    assert_eq!(read, None);
}

fn installation_ref(user: &str) -> InstallationRef {
    InstallationRef {
        user: EndUserId::new(user),
        credential: CredentialId::new(),
        configuration: ConfigurationId::new(),
        routes: BTreeMap::new(),
    }
}

/// Every field survives, twice in a row.
pub async fn a_workflow_version_is_read_as_it_was_put(harness: &impl Harness) {
    let plan = workflow_plan();
    harness.handle().await.put_workflow(&plan).await.expect("putting works");
    let cache = harness.handle().await;
    for _ in 0..2 {
        let read = cache.workflow(plan.version).await.expect("reading works");
        assert_eq!(read.as_deref(), Some(&plan));
    }
}

/// Each once, however often its plan is put.
pub async fn projects_are_listed(harness: &impl Harness) {
    let cache = harness.handle().await;
    let (one, two) = (project_plan(1), project_plan(1));
    for plan in [&one, &two, &one] {
        cache.put_project(plan).await.expect("putting works");
    }
    let mut listed = cache.projects().await.expect("listing works");
    let mut expected = [one.project, two.project];
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

/// The mark is set only by `mark_filled`, and lost with everything else.
pub async fn a_cache_that_forgot_is_not_filled(harness: &impl Harness) {
    let cache = harness.handle().await;
    let plan = project_plan(1);
    cache.put_project(&plan).await.expect("putting works");
    assert!(!cache.is_filled().await.expect("asking works"));
    cache.mark_filled().await.expect("marking works");
    assert!(harness.handle().await.is_filled().await.expect("asking works"));
    harness.forget().await;
    assert!(!cache.is_filled().await.expect("asking works"));
    assert_eq!(cache.project(plan.project).await.expect("reading works"), None);
    assert_eq!(cache.projects().await.expect("listing works"), []);
}

fn project_plan(revision: i64) -> ProjectPlan {
    let workflow = WorkflowId::new();
    let user = EndUserId::new("user \"1\" ü");
    ProjectPlan {
        project: ProjectId::new(),
        revision,
        api_keys: vec![ApiKeyDigest::of(ApiKeyId::new(), "key")],
        workflows: vec![DeployedWorkflow {
            integration: None,
            id: workflow,
            name: "greet".to_owned(),
            version: VersionId::new(),
            number: 3,
            triggers: vec![Trigger::AppEvent { event: "hello".to_owned() }],
            enabled_by_default: true,
            has_response: false,
            response_timeout_seconds: 55,
            order: Default::default(),
        }],
        choices: HashMap::from([(user.clone(), HashMap::from([(workflow, false)]))]),
        disabled_users: [user].into(),
        integrations: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        signing_keys: Vec::new(),
        queue: Default::default(),
    }
}

fn workflow_plan() -> WorkflowPlan {
    let document = serde_json::json!({
        "version": 1,
        "name": "greet",
        "triggers": [{ "type": "schedule", "cron": "0 0 3 * * *", "time_zone": "Europe/Paris" }],
        "steps": [],
    });
    let document: Workflow = serde_json::from_value(document).expect("the document is valid");
    WorkflowPlan {
        project: ProjectId::new(),
        workflow: WorkflowId::new(),
        version: VersionId::new(),
        number: 1,
        document,
    }
}
