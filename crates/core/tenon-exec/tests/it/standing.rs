//! Runs that cannot succeed any more end at once, without an attempt.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tenon_contract::plan::{DeployedWorkflow, IntegrationPlan, PlanCache, ProjectPlan};
use tenon_domain::{EndUserId, IntegrationId, RunId, WorkflowId};
use tenon_exec::engine::End;
use tenon_exec::plans::Plans;
use tenon_exec::ports::history::{RunStatus, TriggerKind};
use tenon_exec::ports::store::Job;
use tenon_exec::program::Program;
use tenon_local::LocalPlanCache;

use crate::bench::{Bench, program, program_with};
use crate::engine::{SUCCEEDED, function};

/// An engine that knows what stands of its project.
struct Standing {
    bench: Bench,
    cache: Arc<LocalPlanCache>,
    plans: Arc<Plans>,
    plan: ProjectPlan,
}

impl Standing {
    async fn new(bench: Bench) -> Self {
        let cache = Arc::new(LocalPlanCache::new());
        let plans = Arc::new(Plans::new(cache.clone()));
        let plan = ProjectPlan {
            project: bench.stores.project,
            revision: 1,
            api_keys: Vec::new(),
            workflows: Vec::new(),
            choices: Default::default(),
            disabled_users: Default::default(),
            integrations: Vec::new(),
            secrets: Default::default(),
            signing_keys: Vec::new(),
            queue: Default::default(),
        };
        let mut standing = Self { bench, cache, plans: plans.clone(), plan };
        standing.bench.engine.plans = Some(plans);
        standing.change(|_| {}).await;
        standing
    }

    /// Changes the plan where everybody finds it; who kept an older one is not told.
    async fn change(&mut self, change: impl FnOnce(&mut ProjectPlan)) {
        change(&mut self.plan);
        self.plan.revision += 1;
        self.cache.put_project(&self.plan).await.expect("in memory");
    }

    /// Tells the engine that the plan changed.
    fn announce(&self) {
        self.plans.hear(&format!("plan:{}", self.plan.project));
    }

    fn accept(&self, change: impl FnOnce(&mut Job)) -> RunId {
        let mut job = self.bench.stores.job(&json!({ "event": {} }));
        change(&mut job);
        let run = job.run;
        self.bench.stores.store.put(job);
        run
    }

    async fn code(&self, run: RunId, program: &Arc<Program>) -> String {
        match self.bench.take_up(run, program).await {
            End::Finished { status: RunStatus::Failed, error: Some(error) } => error.code,
            other => format!("{other:?}"),
        }
    }
}

fn deployed(id: WorkflowId) -> DeployedWorkflow {
    DeployedWorkflow {
        id,
        name: "tested".to_owned(),
        integration: None,
        version: tenon_domain::VersionId::new(),
        number: 1,
        triggers: Vec::new(),
        enabled_by_default: true,
        has_response: false,
        response_timeout_seconds: 1,
        order: Default::default(),
    }
}

fn one_step() -> Arc<Program> {
    program(json!([function("only", json!({}))]))
}

#[tokio::test]
async fn a_run_of_an_undeployed_workflow_does_not_begin() {
    let standing = Standing::new(Bench::new(|_, _| Ok(Value::Null))).await;
    let run = standing.accept(|_| {});
    assert_eq!(standing.code(run, &one_step()).await, "workflow_undeployed");
    assert!(standing.bench.called().is_empty());
    assert!(standing.bench.stores.store.rows_of(run).is_empty(), "no attempt");
}

#[tokio::test]
async fn a_run_that_has_begun_keeps_its_version() {
    let mut standing = Standing::new(Bench::new(|_, _| Ok(Value::Null))).await;
    let workflow = WorkflowId::new();
    standing.change(|plan| plan.workflows.push(deployed(workflow))).await;
    let program = program(json!([
        function("before", json!({ "next": "wait" })),
        { "id": "wait", "type": "delay", "seconds": 5, "next": "after" },
        function("after", json!({})),
    ]));
    let run = standing.accept(|job| {
        job.workflow = workflow;
        job.has_progress = true;
    });
    assert!(matches!(standing.bench.take_up(run, &program).await, End::Suspended(_)));
    standing.change(|plan| plan.workflows.clear()).await;
    standing.announce();
    standing.bench.stores.clock.advance(SignedDuration::from_secs(6));
    assert_eq!(standing.bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(standing.bench.called(), ["before", "after"]);
}

#[tokio::test]
async fn what_somebody_asked_for_runs_deployed_or_not() {
    let standing = Standing::new(Bench::new(|_, _| Ok(Value::Null))).await;
    for trigger in [TriggerKind::Replay, TriggerKind::Test] {
        let run = standing.accept(|job| job.trigger = trigger);
        assert_eq!(standing.bench.take_up(run, &one_step()).await, SUCCEEDED, "{trigger:?}");
    }
}

#[tokio::test]
async fn a_plan_from_before_the_workflow_was_deployed_fails_no_run() {
    let mut standing = Standing::new(Bench::new(|_, _| Ok(Value::Null))).await;
    let early = standing.accept(|_| {});
    assert_eq!(standing.code(early, &one_step()).await, "workflow_undeployed", "the plan is kept");
    let workflow = WorkflowId::new();
    standing.change(|plan| plan.workflows.push(deployed(workflow))).await;
    let run = standing.accept(|job| job.workflow = workflow);
    assert_eq!(standing.bench.take_up(run, &one_step()).await, SUCCEEDED);
}

#[tokio::test]
async fn nothing_more_is_done_for_a_user_who_was_disabled() {
    let mut standing = Standing::new(Bench::new(|_, _| Ok(Value::Null))).await;
    let (workflow, user) = (WorkflowId::new(), EndUserId::new("ada"));
    standing.change(|plan| plan.workflows.push(deployed(workflow))).await;
    let program = program(json!([
        function("before", json!({ "next": "wait" })),
        { "id": "wait", "type": "delay", "seconds": 5, "next": "after" },
        function("after", json!({ "ignore_failure": true })),
    ]));
    let accept = |user: &EndUserId| {
        standing.accept(|job| {
            job.workflow = workflow;
            job.user = Some(user.clone());
            job.has_progress = true;
        })
    };
    let (of_ada, of_bob) = (accept(&user), accept(&EndUserId::new("bob")));
    for run in [of_ada, of_bob] {
        assert!(matches!(standing.bench.take_up(run, &program).await, End::Suspended(_)));
    }
    standing.change(|plan| plan.disabled_users.extend([user])).await;
    standing.announce();
    standing.bench.stores.clock.advance(SignedDuration::from_secs(6));
    assert_eq!(standing.code(of_ada, &program).await, "user_disabled");
    assert_eq!(standing.bench.called(), ["before", "before"], "not even a failure to ignore");
    assert_eq!(standing.bench.take_up(of_bob, &program).await, SUCCEEDED);
}

#[tokio::test]
async fn a_run_of_an_integration_that_is_off_ends() {
    let mut standing = Standing::new(Bench::new(|_, _| Ok(Value::Null))).await;
    let workflow = WorkflowId::new();
    let integration = IntegrationPlan {
        id: IntegrationId::new(),
        connector: "slack".to_owned(),
        is_active: true,
        apps: Default::default(),
        manifest: None,
    };
    standing
        .change(|plan| {
            plan.workflows.push(deployed(workflow));
            plan.integrations.push(integration);
        })
        .await;
    let steps = json!({ "integration": "slack", "steps": [function("only", json!({}))] });
    let program = program_with(steps);
    let (first, second) = (
        standing.accept(|job| job.workflow = workflow),
        standing.accept(|job| job.workflow = workflow),
    );
    assert_eq!(standing.bench.take_up(first, &program).await, SUCCEEDED);
    standing.change(|plan| plan.integrations[0].is_active = false).await;
    standing.announce();
    assert_eq!(standing.code(second, &program).await, "integration_inactive");
    assert_eq!(standing.bench.called().len(), 1);
}
