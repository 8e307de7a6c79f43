//! Installations: configurations of accounts that workflows of an integration are on for.
//!
//! A workflow is switched on for one configuration, under rules that are checked here: the user is
//! not disabled and may use the workflow, the account works, nothing that is required is missing.
//! The first time is noted in the same unit of work as the switch, and so is each end: `signals`
//! hands both over to execution until it has taken them.

mod change;
mod defaults;
mod enable;
mod locate;
mod passwords;
mod signals;
mod uninstall;
mod views;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenon_domain::portal::SettingFault;
use tenon_domain::{CredentialId, WorkflowId};

pub use views::{AccountView, Revisions, UserAccounts};

pub(crate) use passwords::secrets_of;

use crate::configurations::{AccountSettings, SettingsName};
use crate::credentials::CredentialState;

/// Which account of a user, and which of its configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallationName {
    /// The account; the oldest one of the integration when left out.
    pub credential: Option<AccountName>,
    /// The configuration; the default one when left out.
    pub configuration: Option<SettingsName>,
}

/// How a caller names an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountName {
    /// By its id.
    Id(CredentialId),
    /// By the builder's own name.
    External(String),
}

impl AccountName {
    /// `ext:<name>`, or an id; anything else is a name, too.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match (text.strip_prefix("ext:"), text.parse()) {
            (Some(external), _) => Self::External(external.to_owned()),
            (None, Ok(id)) => Self::Id(id),
            (None, Err(_)) => Self::External(text.to_owned()),
        }
    }
}

/// What a configuration says of one workflow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkflowSettings {
    /// Whether it is on.
    #[serde(default)]
    pub enabled: bool,
    /// The values that were given for its inputs; defaults are not in here.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

impl AccountSettings {
    /// What it says of a workflow: off and without values where it says nothing.
    #[must_use]
    pub fn workflow(&self, workflow: WorkflowId) -> WorkflowSettings {
        self.workflows
            .get(&workflow.to_string())
            .and_then(|value| WorkflowSettings::deserialize(value).ok())
            .unwrap_or_default()
    }

    /// The workflows that are on, whether or not they are deployed.
    #[must_use]
    pub fn enabled(&self) -> Vec<WorkflowId> {
        self.workflows
            .keys()
            .filter_map(|id| id.parse().ok())
            .filter(|id| self.workflow(*id).enabled)
            .collect()
    }

    pub(crate) fn set_workflow(&mut self, workflow: WorkflowId, settings: &WorkflowSettings) {
        let value = serde_json::to_value(settings).expect("settings are JSON values");
        self.workflows.insert(workflow.to_string(), value);
    }
}

/// A change of a configuration. Values are merged one by one; null, or the empty text, takes one
/// away.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsWrite {
    /// Values for inputs of the integration.
    pub shared: Map<String, Value>,
    /// By workflow.
    pub workflows: BTreeMap<WorkflowId, WorkflowWrite>,
    /// Whatever the builder's app keeps there.
    pub meta: Map<String, Value>,
}

/// A change of what a configuration says of one workflow.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowWrite {
    /// Whether it is on; when left out, that stays as it is.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Values for its inputs.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

/// A value of a configuration that cannot be taken, or that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The workflow; none for a setting that is shared by all workflows of the integration.
    pub workflow: Option<WorkflowId>,
    /// What is wrong.
    pub fault: SettingFault,
}

/// Why a workflow was not switched on. The texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstallationFault {
    /// The workflow is deployed for no integration of the project.
    #[error("this workflow is not deployed, or belongs to no integration")]
    NotDeployed,
    /// The user has no account of the integration.
    #[error("the user has not connected `{connector}`")]
    NotConnected {
        /// The connector.
        connector: String,
    },
    /// The account does not work.
    #[error("the account of `{connector}` is {}; it has to be connected again", state.name())]
    AccountBroken {
        /// The connector.
        connector: String,
        /// What is known of the account.
        state: CredentialState,
    },
    /// Something that is required was not given.
    #[error("{} required settings have no value", .0.len())]
    SettingsMissing(Vec<SettingProblem>),
    /// The workflow is not for this user.
    #[error("this user may not use this workflow")]
    NotPermitted,
    /// Nothing runs for the user.
    #[error("this user is disabled")]
    UserDisabled,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_account_is_named_by_its_id_or_by_the_builders_own_name() {
        let id = CredentialId::new();
        assert_eq!(AccountName::parse(&id.to_string()), AccountName::Id(id));
        let external = |text: &str| AccountName::External(text.to_owned());
        assert_eq!(AccountName::parse("ext:team"), external("team"));
        assert_eq!(AccountName::parse("team"), external("team"));
    }

    #[test]
    fn settings_of_a_workflow_are_read_as_far_as_they_can_be() {
        for (stored, expected) in [
            (json!({"enabled": true}), (true, 0)),
            (json!({"settings": {"a": 1}}), (false, 1)),
            (json!({"enabled": true, "settings": {"a": 1}}), (true, 1)),
            (json!({"enabled": "yes"}), (false, 0)),
            (json!("on"), (false, 0)),
        ] {
            let read = WorkflowSettings::deserialize(&stored).unwrap_or_default();
            assert_eq!((read.enabled, read.settings.len()), expected, "{stored}");
        }
    }
}
