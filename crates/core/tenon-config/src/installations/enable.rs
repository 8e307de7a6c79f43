//! Switches a workflow on and off for a configuration.

use serde_json::{Map, Value};
use tenon_domain::portal::{self, Input, SettingFault};
use tenon_domain::workflow::Workflow;
use tenon_domain::{EndUserId, ProjectId, WorkflowId};

use super::locate::{Located, installation};
use super::{
    AccountSettings, CredentialState, InstallationFault, InstallationName, SettingProblem,
};
use crate::credentials::Credential;
use crate::portal::{PortalIntegration, PortalWorkflow};
use crate::ports::{NewSignal, Signalled, UnitOfWork};
use crate::users::{Choice, ConnectedUser};
use crate::workflows::WorkflowState;
use crate::{Configuration, Error};

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
}

impl Configuration {
    /// Switches a workflow on for a configuration of a user's account. Doing it again changes
    /// nothing. A workflow that belongs to no integration is switched on for the user.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchUser`], [`Error::NoSuchWorkflow`],
    /// [`Error::NotFound`] for what the name says, [`Error::IntegrationInactive`],
    /// [`Error::Installation`] with what stands in the way, [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn enable_workflow(
        &self,
        project: ProjectId,
        user: &EndUserId,
        workflow: WorkflowId,
        name: &InstallationName,
    ) -> Result<(), Error> {
        self.switch(project, user, workflow, name, Switch::On).await
    }

    /// Switches a workflow off for a configuration of a user's account: no new run starts, and the
    /// open ones are cancelled. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Configuration::enable_workflow`]; an account that does not work is no reason.
    pub async fn disable_workflow(
        &self,
        project: ProjectId,
        user: &EndUserId,
        workflow: WorkflowId,
        name: &InstallationName,
    ) -> Result<(), Error> {
        self.switch(project, user, workflow, name, Switch::Off).await
    }

    async fn switch(
        &self,
        project: ProjectId,
        user: &EndUserId,
        workflow: WorkflowId,
        name: &InstallationName,
        to: Switch,
    ) -> Result<(), Error> {
        let mut work = self.begin_change(project).await?;
        let portal = self.portal_in(&mut *work, project).await?;
        let Some((integration, workflow)) = portal.workflow(workflow) else {
            drop(work);
            return self.switch_for_user(project, user, workflow, to).await;
        };
        let known = existing(&mut *work, project, user).await?;
        let accounts_max = self.limits.credentials_of_user_max;
        let Located { credential, mut settings } =
            installation(&mut *work, (project, user), integration, name, accounts_max).await?;
        let mut held = settings.workflow(workflow.id);
        if held.enabled == (to == Switch::On) {
            return Ok(());
        }
        let place = Place { project, user: &known, integration, credential: &credential };
        if to == Switch::On {
            place.check(workflow)?;
            let problems = missing_for(integration, &settings, &[workflow]);
            if !problems.is_empty() {
                return Err(InstallationFault::SettingsMissing(problems).into());
            }
        }
        held.enabled = to == Switch::On;
        settings.set_workflow(workflow.id, &held);
        work.update_configuration(project, &settings).await?;
        let now = self.clock.now();
        place.note(&mut *work, workflow, &settings, to, now).await?;
        work.bump_installations(project, &[workflow.id]).await?;
        work.bump_user_revision(project, user).await?;
        work.commit().await?;
        self.after_installations_changed(project, user, &[workflow.id]).await;
        Ok(())
    }

    /// A workflow of no integration is on or off for a user as a whole.
    async fn switch_for_user(
        &self,
        project: ProjectId,
        user: &EndUserId,
        workflow: WorkflowId,
        to: Switch,
    ) -> Result<(), Error> {
        let mut work = self.read(project).await?;
        let entry = work.workflow(project, workflow).await?;
        let entry = entry.ok_or(Error::NoSuchWorkflow(workflow))?;
        let version = match entry.state {
            WorkflowState::Deployed { version, .. } => Some(version),
            _ => work.latest_version(project, workflow).await?.map(|version| version.id),
        };
        if let Some(version) = version {
            let stored = work.document(version).await?.ok_or(Error::NoSuchVersion(version))?;
            let document: Workflow =
                serde_json::from_str(&stored.document).map_err(Error::damaged_document)?;
            if document.integration.is_some() {
                return Err(InstallationFault::NotDeployed.into());
            }
        }
        drop(work);
        let choice = Choice { user: user.clone(), workflow, is_enabled: to == Switch::On };
        self.choose(project, &choice).await
    }
}

/// Where a workflow is switched.
pub(super) struct Place<'a> {
    pub(super) project: ProjectId,
    pub(super) user: &'a ConnectedUser,
    pub(super) integration: &'a PortalIntegration,
    pub(super) credential: &'a Credential,
}

impl Place<'_> {
    /// Whether the workflow may be switched on here; what it asks for is checked elsewhere.
    pub(super) fn check(&self, workflow: &PortalWorkflow) -> Result<(), Error> {
        let connector = self.integration.connector.clone();
        if self.user.disabled_at.is_some() {
            return Err(InstallationFault::UserDisabled.into());
        }
        if !self.integration.is_active {
            return Err(Error::IntegrationInactive { connector });
        }
        if !workflow.is_permitted(&self.user.id, &self.user.meta) {
            return Err(InstallationFault::NotPermitted.into());
        }
        match self.credential.status.state {
            CredentialState::Valid => Ok(()),
            state => Err(InstallationFault::AccountBroken { connector, state }.into()),
        }
    }

    /// Notes for execution that a workflow was switched, in the unit of work that switches it.
    pub(super) async fn note(
        &self,
        work: &mut dyn UnitOfWork,
        workflow: &PortalWorkflow,
        settings: &AccountSettings,
        to: Switch,
        now: jiff::Timestamp,
    ) -> Result<(), Error> {
        let what = match to {
            Switch::Off => {
                Signalled::WorkflowOff { configuration: settings.id, workflow: workflow.id }
            }
            Switch::On => {
                let is_first =
                    work.mark_started(self.project, settings.id, workflow.id, now).await?;
                if !is_first || !workflow.starts_when_enabled {
                    return Ok(());
                }
                Signalled::FirstEnabled { configuration: settings.id, workflow: workflow.id }
            }
        };
        let signal =
            NewSignal { user: self.user.id.clone(), credential: self.credential.id, what, at: now };
        Ok(work.append_signal(self.project, &signal).await?)
    }
}

/// The user, who must be known.
pub(super) async fn existing(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    user: &EndUserId,
) -> Result<ConnectedUser, Error> {
    work.user(project, user).await?.ok_or_else(|| Error::NoSuchUser(user.clone()))
}

/// What these workflows and the integration require and a configuration does not have.
pub(super) fn missing_for(
    integration: &PortalIntegration,
    settings: &AccountSettings,
    workflows: &[&PortalWorkflow],
) -> Vec<SettingProblem> {
    let mut problems = missing(None, &integration.inputs, &settings.shared);
    for workflow in workflows {
        let held = settings.workflow(workflow.id).settings;
        problems.extend(missing(Some(workflow.id), &workflow.inputs, &held));
    }
    problems
}

fn missing(
    workflow: Option<WorkflowId>,
    inputs: &[Input],
    held: &Map<String, Value>,
) -> Vec<SettingProblem> {
    let problem = |input: &Input| SettingProblem {
        workflow,
        fault: SettingFault {
            input: input.id.clone(),
            code: "required",
            message: "must have a value".to_owned(),
        },
    };
    portal::missing(inputs, held).into_iter().map(problem).collect()
}
