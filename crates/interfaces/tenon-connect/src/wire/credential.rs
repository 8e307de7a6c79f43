//! Accounts of a user and their configurations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tenon_config::{AccountSettings, Credential, CredentialState};
use tenon_domain::portal::secret_of_setting;
use tenon_domain::{
    ConfigurationId, CredentialId, EndUserId, IntegrationId, ProjectId, WorkflowId,
};
use uuid::{Builder, Uuid};

/// Shown in place of a password that is held. Clients send back what they were shown, so it stands
/// for "as it was".
pub(crate) const HELD: &str = "\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}";

/// An account. It has all of its configurations, of which one is the default.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireCredential {
    pub(crate) id: CredentialId,
    project_id: ProjectId,
    integration_id: IntegrationId,
    persona_id: Uuid,
    is_preview_credential: bool,
    provider_id: Option<String>,
    provider_data: Map<String, Value>,
    date_created: String,
    date_updated: String,
    date_refreshed: String,
    refresh_failure_count: u32,
    status: &'static str,
    /// Why it does not work, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    pub(crate) configurations: Vec<WireConfiguration>,
    /// The default configuration once more, for older clients.
    config: WireConfig,
}

/// A configuration.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireConfiguration {
    pub(crate) id: ConfigurationId,
    connect_credential_id: CredentialId,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    is_default: bool,
    pub(crate) shared_settings: Map<String, Value>,
    pub(crate) workflow_settings: BTreeMap<String, WireWorkflowState>,
    config_meta: Map<String, Value>,
    date_created: String,
    date_updated: String,
}

/// What is kept of a workflow in a configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct WireWorkflowState {
    pub(crate) enabled: bool,
    pub(crate) settings: Map<String, Value>,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireConfig {
    shared_settings: Map<String, Value>,
    configured_workflows: BTreeMap<String, WireWorkflowState>,
}

impl WireCredential {
    /// `workflows` are the deployed ones of the integration: each has a place in the settings, since
    /// clients change what they find there.
    pub(crate) fn new(
        project: ProjectId,
        credential: &Credential,
        configurations: &[AccountSettings],
        workflows: &[WorkflowId],
    ) -> Self {
        let configurations: Vec<WireConfiguration> = configurations
            .iter()
            .map(|settings| WireConfiguration::new(settings, workflows))
            .collect();
        let default = configurations.iter().find(|one| one.is_default);
        Self {
            id: credential.id,
            project_id: project,
            integration_id: credential.integration,
            persona_id: persona_id(project, &credential.user),
            is_preview_credential: false,
            provider_id: credential.provider_id.clone(),
            provider_data: provider_data(credential),
            date_created: date(credential.created_at),
            date_updated: date(credential.updated_at),
            date_refreshed: date(credential.status.at),
            refresh_failure_count: u32::from(!is_fine(credential.status.state)),
            status: status(credential.status.state),
            status_reason: credential.status.reason.clone(),
            external_id: credential.external_id.clone(),
            config: default.map(WireConfig::of).unwrap_or_default(),
            configurations,
        }
    }

    /// Whether it can be used, as far as is known.
    pub(crate) fn is_valid(&self) -> bool {
        self.status == "VALID"
    }

    pub(crate) fn status(&self) -> &'static str {
        self.status
    }

    pub(crate) fn provider_id(&self) -> Option<&str> {
        self.provider_id.as_deref()
    }

    pub(crate) fn provider_data(&self) -> &Map<String, Value> {
        &self.provider_data
    }

    pub(crate) fn integration(&self) -> IntegrationId {
        self.integration_id
    }

    /// The configuration that is used where none is named.
    pub(crate) fn default_configuration(&self) -> Option<&WireConfiguration> {
        self.configurations.iter().find(|one| one.is_default)
    }
}

impl WireConfiguration {
    fn new(settings: &AccountSettings, workflows: &[WorkflowId]) -> Self {
        let states = workflows.iter().map(|workflow| {
            let id = workflow.to_string();
            let held = settings.workflow(*workflow);
            (id, WireWorkflowState { enabled: held.enabled, settings: shown(held.settings) })
        });
        Self {
            id: settings.id,
            connect_credential_id: settings.credential,
            external_id: settings.external_id.clone(),
            is_default: settings.is_default,
            shared_settings: shown(settings.shared.clone()),
            workflow_settings: states.collect(),
            config_meta: settings.meta.clone(),
            date_created: date(settings.created_at),
            date_updated: date(settings.created_at),
        }
    }

    pub(crate) fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    pub(crate) fn config_meta(&self) -> &Map<String, Value> {
        &self.config_meta
    }
}

impl WireConfig {
    fn of(configuration: &WireConfiguration) -> Self {
        Self {
            shared_settings: configuration.shared_settings.clone(),
            configured_workflows: configuration.workflow_settings.clone(),
        }
    }
}

/// The id under which older records of the contract know a user; users themselves go by the
/// builder's own id. The same for the same user, for ever.
pub(crate) fn persona_id(project: ProjectId, user: &EndUserId) -> Uuid {
    let mut digest = Sha256::new_with_prefix(b"tenon persona ");
    digest.update(project.uuid().as_bytes());
    digest.update(user.as_str().as_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    // Marked as version 4: clients take other versions for names of the builder's.
    Builder::from_random_bytes(bytes).into_uuid()
}

/// ISO 8601 with milliseconds, as clients parse and compare it.
pub(crate) fn date(at: Timestamp) -> String {
    format!("{at:.3}")
}

const fn status(state: CredentialState) -> &'static str {
    match state {
        CredentialState::Pending => "PENDING",
        CredentialState::Valid => "VALID",
        CredentialState::Invalid | CredentialState::Expired => "INVALID",
    }
}

const fn is_fine(state: CredentialState) -> bool {
    matches!(state, CredentialState::Valid | CredentialState::Pending)
}

/// Settings as they may be shown: a password never is.
pub(crate) fn shown(mut settings: Map<String, Value>) -> Map<String, Value> {
    for value in settings.values_mut() {
        if secret_of_setting(value).is_some() {
            *value = Value::from(HELD);
        }
    }
    settings
}

/// What the provider said of the account, and its name for people.
fn provider_data(credential: &Credential) -> Map<String, Value> {
    let is_plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    let mut data: Map<String, Value> = credential
        .fields
        .iter()
        .filter(|(_, value)| is_plain(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(name) = &credential.provider_name {
        data.insert("accountName".to_owned(), json!(name));
    }
    data
}
