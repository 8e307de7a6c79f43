//! Changes what a configuration says: shared settings, settings of workflows, what is on.

use std::sync::Arc;

use serde_json::{Map, Value};
use tenon_domain::portal::{self, Input};
use tenon_domain::{CredentialId, EndUserId, ProjectId, SecretId, WorkflowId};

use super::enable::{Place, Switch, existing, missing_for};
use super::locate;
use super::{
    AccountSettings, AccountView, InstallationFault, SettingProblem, SettingsWrite,
    WorkflowSettings, WorkflowWrite, secrets_of,
};
use crate::configurations::SettingsName;
use crate::portal::{PortalIntegration, PortalWorkflow, ProjectPortal};
use crate::{Configuration, Error};

/// A workflow that was switched, and to what.
type Switched = (WorkflowId, Switch);

impl Configuration {
    /// Changes a configuration of a user's account, all of it or nothing, and gives the account as
    /// it is now. Switching a workflow on follows the rules of
    /// [`Configuration::enable_workflow`]; what is on must keep what it requires.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchUser`], [`Error::NotFound`] for the account, also
    /// where it is somebody else's, and for the configuration; [`Error::Settings`] with each value
    /// that cannot be taken, [`Error::Installation`], [`Error::Invalid`] where it would grow too
    /// large, [`Error::NoVault`] for a password, [`Error::Unavailable`], [`Error::Store`].
    pub async fn change_settings(
        &self,
        project: ProjectId,
        user: &EndUserId,
        credential: CredentialId,
        name: Option<&SettingsName>,
        write: SettingsWrite,
    ) -> Result<AccountView, Error> {
        self.change_settings_of(project, (credential, Some(user)), name, write).await
    }

    /// The same without asking whose account it is.
    pub(crate) async fn change_settings_of(
        &self,
        project: ProjectId,
        (credential, owner): (CredentialId, Option<&EndUserId>),
        name: Option<&SettingsName>,
        write: SettingsWrite,
    ) -> Result<AccountView, Error> {
        let mut made = Vec::new();
        let changed = self.write_settings(project, (credential, owner), name, write, &mut made);
        match changed.await {
            Ok((view, dropped)) => {
                for secret in dropped {
                    self.shred(project, secret).await;
                }
                Ok(view)
            }
            Err(error) => {
                for secret in made {
                    self.shred(project, secret).await;
                }
                Err(error)
            }
        }
    }

    async fn write_settings(
        &self,
        project: ProjectId,
        (credential, owner): (CredentialId, Option<&EndUserId>),
        name: Option<&SettingsName>,
        mut write: SettingsWrite,
        made: &mut Vec<SecretId>,
    ) -> Result<(AccountView, Vec<SecretId>), Error> {
        let mut work = self.begin_change(project).await?;
        let portal = self.portal_in(&mut *work, project).await?;
        let found = work.credential(project, credential).await?;
        let found = found.filter(|found| owner.is_none_or(|owner| found.user == *owner));
        let credential = found.ok_or_else(|| Error::no_credential(credential))?;
        let user = existing(&mut *work, project, &credential.user).await?;
        let integration = integration_of(&portal, &credential)?;
        let mut settings = locate::settings(&mut *work, project, &credential, name).await?;
        check_values(integration, &write)?;
        let whose = (project, &credential);
        self.seal_passwords(whose, &integration.inputs, &mut write.shared, made).await?;
        for (id, change) in &mut write.workflows {
            let inputs = &known_workflow(integration, *id)?.inputs;
            self.seal_passwords(whose, inputs, &mut change.settings, made).await?;
        }

        let former = settings.clone();
        let switched = merge_all(&mut settings, write);
        let place = Place { project, user: &user, integration, credential: &credential };
        check_switched(&place, &former, &settings, &switched)?;
        self.check_size(&settings)?;
        work.update_configuration(project, &settings).await?;
        let now = self.clock.now();
        for (id, to) in &switched {
            let workflow = known_workflow(integration, *id)?;
            place.note(&mut *work, workflow, &settings, *to, now).await?;
        }
        let workflows: Vec<WorkflowId> = switched.iter().map(|(id, _)| *id).collect();
        work.bump_installations(project, &workflows).await?;
        work.bump_user_revision(project, &credential.user).await?;
        let configurations = work.configurations(project, credential.id).await?;
        work.commit().await?;
        let held = secrets_of(&settings);
        let dropped =
            secrets_of(&former).into_iter().filter(|secret| !held.contains(secret)).collect();
        self.after_installations_changed(project, &credential.user, &workflows).await;
        Ok((AccountView { credential, configurations }, dropped))
    }

    pub(crate) fn check_size(&self, settings: &AccountSettings) -> Result<(), Error> {
        let bytes = [&settings.shared, &settings.workflows, &settings.meta]
            .map(|map| serde_json::to_vec(map).map_or(usize::MAX, |text| text.len()));
        match bytes.iter().all(|bytes| *bytes <= self.limits.settings_bytes_max) {
            true => Ok(()),
            false => Err(Error::Invalid {
                what: "the settings of a configuration",
                rule: "smaller: see the limit settings_bytes_max",
            }),
        }
    }
}

fn integration_of<'a>(
    portal: &'a Arc<ProjectPortal>,
    credential: &crate::credentials::Credential,
) -> Result<&'a PortalIntegration, Error> {
    portal
        .integration(credential.integration)
        .ok_or_else(|| Error::no_integration(credential.integration))
}

fn known_workflow(
    integration: &PortalIntegration,
    id: WorkflowId,
) -> Result<&PortalWorkflow, Error> {
    integration.workflow(id).ok_or(Error::NoSuchWorkflow(id))
}

/// Every value that cannot be taken, of all parts at once.
fn check_values(integration: &PortalIntegration, write: &SettingsWrite) -> Result<(), Error> {
    let mut problems = problems(None, &integration.inputs, &write.shared);
    for (id, change) in &write.workflows {
        let inputs = &known_workflow(integration, *id)?.inputs;
        problems.extend(self::problems(Some(*id), inputs, &change.settings));
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Settings(problems)) }
}

fn problems(
    workflow: Option<WorkflowId>,
    inputs: &[Input],
    given: &Map<String, Value>,
) -> Vec<SettingProblem> {
    let faults = portal::check_settings(inputs, given).err().unwrap_or_default();
    faults.into_iter().map(|fault| SettingProblem { workflow, fault }).collect()
}

/// Merges everything, and gives the workflows that are switched by it.
fn merge_all(settings: &mut AccountSettings, write: SettingsWrite) -> Vec<Switched> {
    merge_values(&mut settings.shared, write.shared);
    crate::configurations::merge(&mut settings.meta, write.meta);
    let mut switched = Vec::new();
    for (id, WorkflowWrite { enabled, settings: values }) in write.workflows {
        let mut held: WorkflowSettings = settings.workflow(id);
        merge_values(&mut held.settings, values);
        match enabled {
            Some(true) if !held.enabled => switched.push((id, Switch::On)),
            Some(false) if held.enabled => switched.push((id, Switch::Off)),
            _ => {}
        }
        held.enabled = enabled.unwrap_or(held.enabled);
        settings.set_workflow(id, &held);
    }
    switched
}

/// Null and the empty text take a value away.
fn merge_values(into: &mut Map<String, Value>, change: Map<String, Value>) {
    for (name, value) in change {
        match value.is_null() || value.as_str() == Some("") {
            true => drop(into.remove(&name)),
            false => drop(into.insert(name, value)),
        }
    }
}

/// What is switched on may run here with what it requires, and what is on loses nothing that it
/// requires. What was missing before, because a new version asks for more, is no obstacle.
fn check_switched(
    place: &Place<'_>,
    before: &AccountSettings,
    settings: &AccountSettings,
    switched: &[Switched],
) -> Result<(), Error> {
    let is_on = |id: WorkflowId| switched.contains(&(id, Switch::On));
    let has_new = switched.iter().any(|(_, to)| *to == Switch::On);
    for (id, _) in switched.iter().filter(|(_, to)| *to == Switch::On) {
        place.check(known_workflow(place.integration, *id)?)?;
    }
    let known = missing_where_on(place.integration, before);
    let mut problems = missing_where_on(place.integration, settings);
    problems.retain(|problem| !known.contains(problem) || problem.workflow.map_or(has_new, is_on));
    match problems.is_empty() {
        true => Ok(()),
        false => Err(InstallationFault::SettingsMissing(problems).into()),
    }
}

/// What is missing for the workflows that are on.
fn missing_where_on(
    integration: &PortalIntegration,
    settings: &AccountSettings,
) -> Vec<SettingProblem> {
    let on: Vec<&PortalWorkflow> =
        settings.enabled().into_iter().filter_map(|id| integration.workflow(id)).collect();
    match on.is_empty() {
        true => Vec::new(),
        false => missing_for(integration, settings, &on),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenon_domain::ConfigurationId;

    use super::*;

    fn settings() -> AccountSettings {
        AccountSettings {
            id: ConfigurationId::new(),
            credential: CredentialId::new(),
            external_id: None,
            is_default: true,
            shared: Map::new(),
            workflows: Map::new(),
            meta: Map::new(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn write(value: Value) -> WorkflowWrite {
        serde_json::from_value(value).expect("it is a change")
    }

    #[test]
    fn a_change_says_what_it_switches_and_only_that() {
        let (mut settings, id) = (settings(), WorkflowId::new());
        let mut apply = |change: Value| {
            let workflows = [(id, write(change))].into();
            merge_all(&mut settings, SettingsWrite { workflows, ..SettingsWrite::default() })
        };
        assert_eq!(apply(json!({"settings": {"a": 1, "b": "x"}})), []);
        assert_eq!(apply(json!({"enabled": true})), [(id, Switch::On)]);
        assert_eq!(apply(json!({"enabled": true, "settings": {"a": null, "b": ""}})), []);
        assert_eq!(apply(json!({})), []);
        assert_eq!(apply(json!({"enabled": false})), [(id, Switch::Off)]);
        assert_eq!(apply(json!({"enabled": false})), []);
        assert_eq!(settings.workflow(id), WorkflowSettings::default(), "both values are gone");
    }
}
