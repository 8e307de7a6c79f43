//! What is on as soon as an account is connected.

use tenon_domain::{ProjectId, WorkflowId};

use super::WorkflowSettings;
use super::enable::{Place, Switch, existing, missing_for};
use super::locate;
use crate::credentials::Credential;
use crate::ports::UnitOfWork;
use crate::{Configuration, Error};

impl Configuration {
    /// Switches on what is on by default and can run, in the default configuration of an account
    /// that is new or was just completed. Workflows that the configuration says something of are
    /// left alone. Gives those that are on now.
    ///
    /// The caller raises the revision of the user's plan in the same unit of work.
    pub(crate) async fn start_defaults(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        credential: &Credential,
    ) -> Result<Vec<WorkflowId>, Error> {
        let portal = self.portal_in(work, project).await?;
        let Some(integration) = portal.integration(credential.integration) else {
            return Ok(Vec::new());
        };
        if !integration.workflows.iter().any(|workflow| workflow.enabled_by_default) {
            return Ok(Vec::new());
        }
        let user = existing(work, project, &credential.user).await?;
        let mut settings = locate::settings(work, project, credential, None).await?;
        let place = Place { project, user: &user, integration, credential };
        let mut started = Vec::new();
        for workflow in integration.workflows.iter().filter(|one| one.enabled_by_default) {
            if settings.workflows.contains_key(&workflow.id.to_string())
                || place.check(workflow).is_err()
                || !missing_for(integration, &settings, &[workflow]).is_empty()
            {
                continue;
            }
            settings.set_workflow(
                workflow.id,
                &WorkflowSettings { enabled: true, ..Default::default() },
            );
            place.note(work, workflow, &settings, Switch::On, self.clock.now()).await?;
            started.push(workflow.id);
        }
        if !started.is_empty() {
            work.update_configuration(project, &settings).await?;
            work.bump_installations(project, &started).await?;
        }
        Ok(started)
    }
}
