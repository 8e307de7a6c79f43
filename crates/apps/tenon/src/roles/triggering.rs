//! What installations ask of execution, handed over inside this process: the two planes do not
//! know each other, and this is where they meet.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_config::ports::triggering::{EndedInstallation, Triggering, TriggeringError};
use tenon_contract::installation::FirstEnabled;
use tenon_domain::{Clock, ProjectId};
use tenon_exec::control::Control;
use tenon_exec::installations::{FirstError, FirstOutcome};
use tenon_exec::intake::{Intake, Refused};
use tenon_exec::plans::Plans;
use tenon_exec::ports::store::InstallationScope;

use super::shared::Shared;

/// Execution, as the configuration plane asks it.
pub(super) struct ToExecution {
    intake: Intake,
    control: Control,
    plans: Arc<Plans>,
    clock: Arc<dyn Clock>,
}

impl ToExecution {
    /// Execution of this process.
    ///
    /// # Errors
    /// When the process may not open the execution database.
    pub(super) fn of(shared: &Shared) -> anyhow::Result<Self> {
        Ok(Self {
            intake: shared.execution()?.intake.clone(),
            control: shared.control()?,
            plans: shared.plans.clone(),
            clock: shared.clock.clone(),
        })
    }
}

#[async_trait]
impl Triggering for ToExecution {
    async fn integration_enabled(&self, fired: &FirstEnabled) -> Result<(), TriggeringError> {
        match self.intake.accept_first_enabled(&*self.plans, &*self.clock, fired).await {
            Ok(FirstOutcome::Accepted(_)) => Ok(()),
            Ok(FirstOutcome::NoTrigger) => Err(refused("the workflow has no such trigger")),
            Ok(FirstOutcome::NotOn) => Err(refused("it was switched off again")),
            Ok(FirstOutcome::NotYet) => {
                Err(unavailable("the plans do not show the switch yet".into()))
            }
            Err(FirstError::Refused(Refused::Rejected)) => {
                Err(refused("the execution database refuses the run"))
            }
            Err(error) => Err(unavailable(error.into())),
        }
    }

    async fn cancel_runs(
        &self,
        project: ProjectId,
        ended: &EndedInstallation,
        until: Timestamp,
    ) -> Result<(), TriggeringError> {
        let scope = match *ended {
            EndedInstallation::Workflow { configuration, workflow } => {
                InstallationScope::Workflow(configuration, workflow)
            }
            EndedInstallation::Configuration { configuration } => {
                InstallationScope::Configuration(configuration)
            }
            EndedInstallation::Account { credential } => InstallationScope::Account(credential),
        };
        let ended = self.control.cancel_installation(project, scope, until).await;
        ended.map(drop).map_err(|error| unavailable(error.into()))
    }
}

fn refused(reason: &str) -> TriggeringError {
    TriggeringError::Refused { reason: reason.to_owned() }
}

fn unavailable(source: Box<dyn std::error::Error + Send + Sync>) -> TriggeringError {
    TriggeringError::Unavailable { source }
}
