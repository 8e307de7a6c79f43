//! Changes of settings. Clients send back all that they were shown, so only what differs from it
//! is a change.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::{
    AccountSettings, InstallationFault, PortalIntegration, SettingProblem, SettingsWrite,
    WorkflowWrite,
};
use tenon_domain::WorkflowId;
use tenon_domain::portal::Input;
use tenon_http_kit::WireProblem;

use crate::problem::{invalid, not_found};
use crate::wire::credential::shown;

/// The body of `PATCH sdk/credentials/{id}`.
#[derive(Debug, Deserialize)]
pub(super) struct Change {
    config: Config,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    shared_settings: Option<Map<String, Value>>,
    #[serde(alias = "configuredWorkflows")]
    workflow_settings: Option<BTreeMap<String, Option<Workflow>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Workflow {
    enabled: Option<bool>,
    settings: Option<Map<String, Value>>,
}

impl Change {
    /// What differs from what is held.
    pub(super) fn write(
        self,
        integration: &PortalIntegration,
        held: &AccountSettings,
    ) -> Result<SettingsWrite, WireProblem> {
        let Config { shared_settings, workflow_settings } = self.config;
        let mut write = SettingsWrite {
            shared: changed(shared_settings.unwrap_or_default(), shown(held.shared.clone())),
            ..SettingsWrite::default()
        };
        for (id, workflow) in workflow_settings.unwrap_or_default() {
            let Some(workflow) = workflow else { continue };
            let parsed: Option<WorkflowId> = id.parse().ok();
            let Some(id) = parsed else {
                let message = "this is not the id of a workflow";
                return Err(invalid("config/workflowSettings", message));
            };
            let known = held.workflow(id);
            let settings = changed(workflow.settings.unwrap_or_default(), shown(known.settings));
            let enabled = workflow.enabled.filter(|enabled| *enabled != known.enabled);
            if settings.is_empty() && enabled.is_none() {
                continue;
            }
            if integration.workflow(id).is_none() {
                return Err(not_found(format!("there is no workflow `{id}` of this integration")));
            }
            write.workflows.insert(id, WorkflowWrite { enabled, settings });
        }
        Ok(write)
    }
}

/// What was given and is not what was shown.
fn changed(given: Map<String, Value>, known: Map<String, Value>) -> Map<String, Value> {
    let is_nothing = |value: &Value| value.is_null() || value.as_str() == Some("");
    let differs = |name: &String, value: &Value| match known.get(name) {
        Some(held) => held != value,
        None => !is_nothing(value),
    };
    given.into_iter().filter(|(name, value)| differs(name, value)).collect()
}

/// Refusals as sentences, for people who filled in the form.
pub(super) fn sentences(
    integration: &PortalIntegration,
    problems: &[SettingProblem],
) -> Vec<String> {
    let sentence = |problem: &SettingProblem| {
        let inputs: &[Input] = match problem.workflow {
            None => &integration.inputs,
            Some(id) => {
                integration.workflow(id).map(|one| one.inputs.as_slice()).unwrap_or_default()
            }
        };
        let name = &problem.fault.input;
        let title = inputs.iter().find(|input| input.id == *name).map(|input| &input.title);
        format!("{} {}.", title.unwrap_or(name), problem.fault.message)
    };
    problems.iter().map(sentence).collect()
}

/// The values that are wrong or missing, where that is why a change was refused.
pub(super) fn setting_problems(error: &tenon_config::Error) -> Option<&[SettingProblem]> {
    match error {
        tenon_config::Error::Settings(problems)
        | tenon_config::Error::Installation(InstallationFault::SettingsMissing(problems)) => {
            Some(problems)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::credential::HELD;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn what_was_shown_is_no_change() {
        let known = map(json!({"a": 1, "password": HELD, "gone": "old"}));
        let given = json!({"a": 1, "password": HELD, "gone": "old", "b": "", "c": null});
        assert_eq!(changed(map(given), known.clone()), Map::new());
        let given = json!({"a": 2, "password": "new", "gone": null, "b": "x"});
        assert_eq!(changed(map(given.clone()), known), map(given));
    }
}
