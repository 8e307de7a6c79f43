//! Runs that cannot succeed any more end at once, with the reason and without an attempt: their
//! workflow was undeployed before they began, their user was disabled, or the integration that they
//! belong to was switched off.
//!
//! What stands is read from the project's plan. Where that cannot be read the run goes on: whatever
//! it then needs, it finds out for itself.

use std::sync::Arc;

use jiff::SignedDuration;
use tenon_contract::plan::{PlanSource, ProjectPlan};
use tenon_domain::StepId;

use super::{Engine, Execution};
use crate::ports::history::{StepError, TriggerKind};
use crate::ports::store::RunMode;

/// How far the clocks of two machines may be apart.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);

impl Engine {
    /// Why a run that has not begun is not to begin. One that has begun keeps the version that it
    /// started with, deployed or not; so do a replay and a test, which somebody asked for.
    pub(super) async fn why_not_begin(&self, execution: &Execution) -> Option<StepError> {
        let job = &execution.job;
        let is_asked_for = matches!(job.trigger, TriggerKind::Replay | TriggerKind::Test);
        if is_asked_for || job.mode == RunMode::Test || !execution.progress.is_untouched() {
            return None;
        }
        let plans = self.plans.as_ref()?;
        let is_deployed =
            |plan: &ProjectPlan| plan.workflows.iter().any(|it| it.id == job.workflow);
        if is_deployed(&*known(plans.project(job.project).await)?) {
            return None;
        }
        // The plan at hand may be from before the workflow was deployed, unless it was read well
        // after the run was accepted.
        let since = job.accepted_at.checked_add(CLOCK_SKEW).unwrap_or(job.accepted_at);
        let age = self.clock.now().duration_since(since);
        if is_deployed(&*known(plans.project_within(job.project, age).await)?) {
            return None;
        }
        Some(StepError {
            code: "workflow_undeployed".to_owned(),
            message:
                "the workflow was undeployed before this run began; deploy it and replay the run"
                    .to_owned(),
            step: None,
        })
    }

    /// Why a run is not to go on with this step.
    pub(super) async fn why_not_on(
        &self,
        execution: &Execution,
        step: &StepId,
    ) -> Option<StepError> {
        let job = &execution.job;
        let connector = execution.program.plan.document.integration.as_deref();
        if job.user.is_none() && connector.is_none() {
            return None;
        }
        let plan = known(self.plans.as_ref()?.project(job.project).await)?;
        if let Some(user) = job.user.as_ref().filter(|user| plan.disabled_users.contains(*user)) {
            return Some(StepError {
                code: "user_disabled".to_owned(),
                message: format!(
                    "the connected user `{user}` is disabled; enable them and replay the run"
                ),
                step: Some(step.clone()),
            });
        }
        let connector = connector.filter(|_| job.mode == RunMode::Live)?;
        let is_off = plan.integration(connector).is_none_or(|it| !it.is_active);
        is_off.then(|| StepError {
            code: "integration_inactive".to_owned(),
            message: format!(
                "the integration `{connector}` is switched off; switch it on and replay the run"
            ),
            step: Some(step.clone()),
        })
    }
}

/// The plan, where it can be read and the project has one.
fn known<E>(read: Result<Option<Arc<ProjectPlan>>, E>) -> Option<Arc<ProjectPlan>> {
    read.ok().flatten()
}
