//! Configurations: sets of settings of an account. Every account has a default one; the builder's
//! app may add others under names of its own.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize as _, Serialize};
use serde_json::{Map, Value};
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, ProjectId, WorkflowId};

use crate::credentials::check_external_id;
use crate::installations::{SettingsWrite, WorkflowWrite, secrets_of};
use crate::ports::{NewSignal, Signalled, UnitOfWork};
use crate::{Configuration, Error};

/// Clients see the time of making in milliseconds and take the latest for the one they just made.
const STEP: Duration = Duration::from_millis(1);

/// One set of settings of an account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccountSettings {
    /// Its id.
    pub id: ConfigurationId,
    /// The account.
    pub credential: CredentialId,
    /// The builder's own name for it, unique in the account.
    pub external_id: Option<String>,
    /// Whether it is used where none is named.
    pub is_default: bool,
    /// Settings of the integration.
    pub shared: Map<String, Value>,
    /// Settings of workflows, by the workflow's id.
    pub workflows: Map<String, Value>,
    /// Whatever the builder's app keeps here.
    pub meta: Map<String, Value>,
    /// Strictly increasing in its account, by a millisecond at least.
    pub created_at: Timestamp,
}

/// How a caller names a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsName {
    /// By its id.
    Id(ConfigurationId),
    /// By the builder's own name.
    External(String),
}

impl SettingsName {
    /// `ext:<name>`, or an id; anything else is a name, too.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match (text.strip_prefix("ext:"), text.parse()) {
            (Some(external), _) => Self::External(external.to_owned()),
            (None, Ok(id)) => Self::Id(id),
            (None, Err(_)) => Self::External(text.to_owned()),
        }
    }

    pub(crate) fn fits(&self, settings: &AccountSettings) -> bool {
        match self {
            Self::Id(id) => settings.id == *id,
            Self::External(name) => settings.external_id.as_ref() == Some(name),
        }
    }
}

/// A change of a configuration. Members are merged one level deep; null removes one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsChange {
    /// Settings of the integration.
    pub shared: Map<String, Value>,
    /// Settings of workflows.
    pub workflows: Map<String, Value>,
    /// Meta.
    pub meta: Map<String, Value>,
}

impl Configuration {
    /// The configurations of an account, oldest first: the first one is the default.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`] for the credential, [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn configurations(
        &self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Vec<AccountSettings>, Error> {
        let mut work = self.read(project).await?;
        existing(&mut *work, project, credential).await
    }

    /// Adds a configuration.
    ///
    /// # Errors
    ///
    /// As [`Configuration::configurations`]; [`Error::Conflict`] where the name is taken,
    /// [`Error::LimitReached`], [`Error::Invalid`].
    pub async fn add_configuration(
        &self,
        project: ProjectId,
        credential: CredentialId,
        external_id: Option<String>,
    ) -> Result<AccountSettings, Error> {
        check_external_id(external_id.as_deref())?;
        let mut work = self.begin_change(project).await?;
        let known = existing(&mut *work, project, credential).await?;
        if known.len() >= self.limits.configurations_max {
            return Err(Error::LimitReached {
                what: "configurations of an account",
                max: self.limits.configurations_max,
            });
        }
        let added = fresh(credential, external_id, self.clock.now(), &known);
        if !work.insert_configuration(project, &added).await? {
            return Err(Error::Conflict {
                reason: "the account has a configuration with this external id".to_owned(),
            });
        }
        let user = owner(&mut *work, project, credential).await?;
        work.bump_user_revision(project, &user).await?;
        work.commit().await?;
        self.publisher.publish_user_change(project, &user).await;
        Ok(added)
    }

    /// Changes settings of a configuration, for the builder's own people: values are checked and
    /// workflows are switched as [`Configuration::change_settings`] does. A null in the place of
    /// a workflow switches it off and drops its values.
    ///
    /// # Errors
    ///
    /// As [`Configuration::change_settings`]; [`Error::Invalid`] also for settings of a workflow
    /// that are not written as they should be.
    pub async fn change_configuration(
        &self,
        project: ProjectId,
        credential: CredentialId,
        name: &SettingsName,
        change: SettingsChange,
    ) -> Result<AccountSettings, Error> {
        let SettingsChange { shared, workflows, meta } = change;
        let mut write = SettingsWrite { shared, meta, ..SettingsWrite::default() };
        for (id, value) in workflows {
            let (id, value) = self.workflow_write(project, credential, name, &id, value).await?;
            write.workflows.insert(id, value);
        }
        let changed =
            self.change_settings_of(project, (credential, None), Some(name), write).await?;
        let mut configurations = changed.configurations.into_iter();
        configurations.find(|one| name.fits(one)).ok_or_else(|| Error::no_configuration(Some(name)))
    }

    async fn workflow_write(
        &self,
        project: ProjectId,
        credential: CredentialId,
        name: &SettingsName,
        id: &str,
        value: Value,
    ) -> Result<(WorkflowId, WorkflowWrite), Error> {
        let id: WorkflowId = id.parse().map_err(|_| Error::Invalid {
            what: "the key of a workflow's settings",
            rule: "the id of a workflow",
        })?;
        if value.is_null() {
            let mut work = self.read(project).await?;
            let held = find(&mut *work, project, credential, name).await?.workflow(id);
            let settings = held.settings.into_iter().map(|(name, _)| (name, Value::Null));
            return Ok((id, WorkflowWrite { enabled: Some(false), settings: settings.collect() }));
        }
        let write = WorkflowWrite::deserialize(value).map_err(|_| Error::Invalid {
            what: "settings of a workflow",
            rule: "an object with `enabled` and `settings`",
        })?;
        Ok((id, write))
    }

    /// Removes a configuration; the default one stays as long as its account. What is on for it
    /// ends: open runs are cancelled.
    ///
    /// # Errors
    ///
    /// As [`Configuration::configurations`], also for the configuration; [`Error::Conflict`] for
    /// the default one.
    pub async fn remove_configuration(
        &self,
        project: ProjectId,
        credential: CredentialId,
        name: &SettingsName,
    ) -> Result<(), Error> {
        let mut work = self.begin_change(project).await?;
        let settings = find(&mut *work, project, credential, name).await?;
        if settings.is_default {
            return Err(Error::Conflict {
                reason: "the default configuration stays as long as its account".to_owned(),
            });
        }
        let user = owner(&mut *work, project, credential).await?;
        work.delete_configuration(project, settings.id).await?;
        let workflows = settings.enabled();
        let what = Signalled::ConfigurationEnded { configuration: settings.id };
        let signal = NewSignal { user: user.clone(), credential, what, at: self.clock.now() };
        work.append_signal(project, &signal).await?;
        work.bump_installations(project, &workflows).await?;
        work.bump_user_revision(project, &user).await?;
        work.commit().await?;
        for secret in secrets_of(&settings) {
            self.shred(project, secret).await;
        }
        self.after_installations_changed(project, &user, &workflows).await;
        Ok(())
    }
}

/// The next configuration of an account; the first one is the default.
pub(crate) fn fresh(
    credential: CredentialId,
    external_id: Option<String>,
    now: Timestamp,
    known: &[AccountSettings],
) -> AccountSettings {
    let behind = known.iter().map(|settings| settings.created_at + STEP).max();
    AccountSettings {
        id: ConfigurationId::new(),
        credential,
        external_id,
        is_default: known.is_empty(),
        shared: Map::new(),
        workflows: Map::new(),
        meta: Map::new(),
        created_at: behind.map_or(now, |behind| behind.max(now)),
    }
}

async fn existing(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    credential: CredentialId,
) -> Result<Vec<AccountSettings>, Error> {
    if work.credential(project, credential).await?.is_none() {
        return Err(Error::no_credential(credential));
    }
    Ok(work.configurations(project, credential).await?)
}

async fn owner(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    credential: CredentialId,
) -> Result<EndUserId, Error> {
    let found = work.credential(project, credential).await?;
    Ok(found.ok_or_else(|| Error::no_credential(credential))?.user)
}

async fn find(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    credential: CredentialId,
    name: &SettingsName,
) -> Result<AccountSettings, Error> {
    let known = existing(work, project, credential).await?;
    let found = known.into_iter().find(|settings| name.fits(settings));
    found.ok_or_else(|| Error::no_configuration(Some(name)))
}

pub(crate) fn merge(into: &mut Map<String, Value>, change: Map<String, Value>) {
    for (name, value) in change {
        match value {
            Value::Null => drop(into.remove(&name)),
            value => drop(into.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_configuration_is_younger_than_those_before_it() {
        let credential = CredentialId::new();
        let now = Timestamp::UNIX_EPOCH;
        let mut known = Vec::new();
        for _ in 0..3 {
            known.push(fresh(credential, None, now, &known));
        }
        let times: Vec<i64> = known.iter().map(|one| one.created_at.as_millisecond()).collect();
        assert_eq!(times, [0, 1, 2], "even while the clock stands still");
        let defaults: Vec<bool> = known.iter().map(|one| one.is_default).collect();
        assert_eq!(defaults, [true, false, false]);
    }

    #[test]
    fn a_change_merges_and_null_removes() {
        let Value::Object(mut into) = json!({"a": 1, "b": {"x": 1}}) else { unreachable!() };
        let Value::Object(change) = json!({"a": null, "b": {"y": 2}, "c": 3}) else {
            unreachable!()
        };
        merge(&mut into, change);
        assert_eq!(Value::Object(into), json!({"b": {"y": 2}, "c": 3}));
    }

    #[test]
    fn a_name_is_an_id_or_the_builders_own() {
        let id = ConfigurationId::new();
        assert_eq!(SettingsName::parse(&id.to_string()), SettingsName::Id(id));
        let external = |text: &str| SettingsName::External(text.to_owned());
        assert_eq!(SettingsName::parse("ext:team-a"), external("team-a"));
        assert_eq!(SettingsName::parse(&format!("ext:{id}")), external(&id.to_string()));
        assert_eq!(SettingsName::parse("team-a"), external("team-a"));
    }
}
