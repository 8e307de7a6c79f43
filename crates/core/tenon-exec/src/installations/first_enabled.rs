//! Switched on for the first time: one run for a configuration and a workflow, ever.

use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::json;
use sha2::{Digest, Sha256};
use tenon_contract::installation::FirstEnabled;
use tenon_contract::plan::{DeployedWorkflow, PlanError, PlanSource};
use tenon_domain::workflow::Trigger;
use tenon_domain::{Clock, RunId};

use super::exactly;
use crate::intake::{Intake, Refused};
use crate::order::{Facts, UnusableKey};
use crate::ports::history::{Payload, TriggerKind};
use crate::ports::store::{Accept, Accepted, Installation, Job, JobOrder, OnceKey, RunMode};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstOutcome {
    /// The run is committed: now, or by an earlier call with the same configuration and workflow.
    Accepted(RunId),
    /// The workflow has no such trigger, or is not deployed any more: there is nothing to run.
    NoTrigger,
    /// It was switched off again, or the user is disabled: there is nothing to run.
    NotOn,
    /// The plans may be older than the switch: to be tried again.
    NotYet,
}

/// It could not be accepted now; nothing is lost by trying again.
#[derive(Debug, thiserror::Error)]
pub enum FirstError {
    /// The plans cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Intake turns work away.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The workflow's ordering key cannot be used.
    #[error(transparent)]
    Order(#[from] UnusableKey),
}

impl Intake {
    /// Accepts the run of an `integration_enabled` trigger. Repeating it is harmless, whatever
    /// died before: it is accepted under its key once, for as long as keys are kept.
    ///
    /// # Errors
    /// When plans cannot be read or intake turns work away: to be tried again.
    pub async fn accept_first_enabled(
        &self,
        plans: &dyn PlanSource,
        clock: &dyn Clock,
        first: &FirstEnabled,
    ) -> Result<FirstOutcome, FirstError> {
        let Some(project) = plans.project(first.project).await? else {
            return Ok(FirstOutcome::NoTrigger);
        };
        let workflow = project.workflows.iter().find(|it| it.id == first.workflow);
        let Some(workflow) = workflow.filter(|it| it.triggers.contains(&TRIGGER)) else {
            // The plan that is at hand may be from before the workflow was deployed.
            let is_settled = clock.now().duration_since(first.at) > PLANS_SETTLE;
            return Ok(if is_settled { FirstOutcome::NoTrigger } else { FirstOutcome::NotYet });
        };
        if project.disabled_users.contains(&first.user) {
            return Ok(FirstOutcome::NotOn);
        }
        let user = plans.user(first.project, &first.user).await?;
        let user = user.filter(|plan| plan.revision >= first.user_revision);
        let Some(user) = user else { return Ok(FirstOutcome::NotYet) };
        let chosen = exactly(&user, workflow, first.credential, first.configuration);
        let Some(chosen) = chosen else { return Ok(FirstOutcome::NotOn) };
        let installation = chosen.freeze(workflow);
        let input = Arc::new(json!({}));
        let facts =
            Facts { trigger: &input, user: Some(&first.user), installation: Some(&installation) };
        let order = self.order_of(workflow, facts)?;
        let accept = accept_of(first, workflow, Standing { installation, order }, clock);
        let run = accept.job.run;
        Ok(FirstOutcome::Accepted(match self.accept(accept, Some(input)).await? {
            Accepted::New => run,
            Accepted::Repeat(former) => former,
            // The content is the key, so that it cannot differ.
            Accepted::Conflict => return Err(Refused::Rejected.into()),
        }))
    }
}

/// After this long a plan that is read shows what was committed before.
const PLANS_SETTLE: SignedDuration = SignedDuration::from_secs(30);
const TRIGGER: Trigger = Trigger::IntegrationEnabled {};

/// What the run is accepted with.
struct Standing {
    installation: Installation,
    order: JobOrder,
}

fn accept_of(
    first: &FirstEnabled,
    workflow: &DeployedWorkflow,
    standing: Standing,
    clock: &dyn Clock,
) -> Accept {
    let key = first.key.clone();
    let digest = Sha256::digest(key.as_bytes()).into();
    let job = Job {
        run: RunId::accepted_now(clock),
        project: first.project,
        workflow: workflow.id,
        version: workflow.version,
        user: Some(first.user.clone()),
        installation: Some(standing.installation),
        trigger: TriggerKind::IntegrationEnabled,
        mode: RunMode::Live,
        input: Payload::Inline(Bytes::from_static(b"{}")),
        reply_to: None,
        replay_of: None,
        grant: None,
        has_progress: false,
        crashes: 0,
        accepted_at: clock.now(),
        trace: None,
        order: standing.order,
    };
    Accept { job, once: Some(OnceKey { key, digest }) }
}
