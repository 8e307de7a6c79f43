//! The user: `GET sdk/me`, and the record that `PATCH sdk/me` gives back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_config::{Logo, ProjectPortal};
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, ProjectId};
use uuid::Uuid;

use crate::pictures::logo_path;
use crate::settings::ConnectSettings;

use super::credential::{WireCredential, WireWorkflowState, date, persona_id};

/// Every add-on of the contract: no feature is behind a paywall.
pub(crate) const FEATURES: [&str; 9] = [
    "byo",
    "dfm",
    "headless-cp",
    "th-api",
    "monitoring",
    "rbac",
    "user-metadata",
    "whitelabel",
    "workflow-permissions",
];

/// Who the user is, and what is connected.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireUser<'a> {
    authenticated: bool,
    user_id: &'a EndUserId,
    meta: &'a Map<String, Value>,
    /// Credentials of the project's own, beside integrations: there are none here.
    resources: [(); 0],
    project: WireProject,
    /// By the integration's type; all active ones, connected or not.
    integrations: BTreeMap<&'a str, WireUserIntegration<'a>>,
}

/// The project, as far as the SDK asks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireProject {
    pub(crate) id: ProjectId,
    billing_plan: &'static str,
    accessible_features: [&'static str; 9],
    /// How the portal looks; an addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    branding: Option<WireBranding>,
}

/// How the portal of a project looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireBranding {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accent_color: Option<String>,
}

impl WireBranding {
    /// `None` where nothing was set.
    pub(crate) fn new(portal: &ProjectPortal, settings: &ConnectSettings) -> Option<Self> {
        let design = &portal.design;
        let branding = Self {
            name: design.name.as_ref().map(ToString::to_string),
            logo_url: design.logo.as_ref().map(|logo| match logo {
                Logo::Url(url) => url.clone(),
                Logo::File { kind, sha256 } => {
                    settings.below(&logo_path(portal.project, *kind, sha256))
                }
            }),
            accent_color: design.accent_color.clone(),
        };
        let is_set = branding.name.is_some()
            || branding.logo_url.is_some()
            || branding.accent_color.is_some();
        is_set.then_some(branding)
    }
}

/// What a user has of an integration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireUserIntegration<'a> {
    enabled: bool,
    #[serde(flatten)]
    current: Option<Current<'a>>,
    all_credentials: Vec<&'a WireCredential>,
}

/// The account that is meant where none is named, with its default configuration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Current<'a> {
    credential_id: CredentialId,
    credential_status: &'static str,
    provider_id: Option<&'a str>,
    provider_data: &'a Map<String, Value>,
    #[serde(flatten)]
    configuration: Option<CurrentConfiguration<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CurrentConfiguration<'a> {
    credential_config_id: ConfigurationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    shared_settings: &'a Map<String, Value>,
    workflow_settings: &'a BTreeMap<String, WireWorkflowState>,
    /// The same under its old name.
    configured_workflows: &'a BTreeMap<String, WireWorkflowState>,
    config_meta: &'a Map<String, Value>,
}

impl<'a> WireUser<'a> {
    /// `integrations` gives the types in the order of their names, with the user's accounts of each,
    /// oldest first.
    pub(crate) fn new(
        project: WireProject,
        user: &'a EndUserId,
        meta: &'a Map<String, Value>,
        integrations: impl IntoIterator<Item = (&'a str, Vec<&'a WireCredential>)>,
    ) -> Self {
        Self {
            authenticated: true,
            user_id: user,
            meta,
            resources: [],
            project,
            integrations: integrations
                .into_iter()
                .map(|(name, accounts)| (name, WireUserIntegration::new(accounts)))
                .collect(),
        }
    }
}

impl WireProject {
    pub(crate) fn new(portal: &ProjectPortal, settings: &ConnectSettings) -> Self {
        Self {
            id: portal.project,
            billing_plan: "connect_enterprise",
            accessible_features: FEATURES,
            branding: WireBranding::new(portal, settings),
        }
    }
}

impl<'a> WireUserIntegration<'a> {
    fn new(accounts: Vec<&'a WireCredential>) -> Self {
        let current = accounts.iter().find(|one| one.is_valid()).or_else(|| accounts.first());
        Self {
            enabled: current.is_some_and(|one| one.is_valid()),
            current: current.map(|one| Current::of(one)),
            all_credentials: accounts,
        }
    }
}

impl<'a> Current<'a> {
    fn of(credential: &'a WireCredential) -> Self {
        let configuration = credential.default_configuration();
        Self {
            credential_id: credential.id,
            credential_status: credential.status(),
            provider_id: credential.provider_id(),
            provider_data: credential.provider_data(),
            configuration: configuration.map(|one| CurrentConfiguration {
                credential_config_id: one.id,
                external_id: one.external_id(),
                shared_settings: &one.shared_settings,
                workflow_settings: &one.workflow_settings,
                configured_workflows: &one.workflow_settings,
                config_meta: one.config_meta(),
            }),
        }
    }
}

/// A connected user as a record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WirePersona<'a> {
    id: Uuid,
    project_id: ProjectId,
    end_user_id: &'a EndUserId,
    meta: &'a Map<String, Value>,
    date_created: String,
    date_updated: String,
    date_last_active: String,
    has_integration_errors: bool,
    has_workflow_errors: bool,
    active: bool,
}

impl<'a> WirePersona<'a> {
    pub(crate) fn new(
        project: ProjectId,
        user: &'a EndUserId,
        meta: &'a Map<String, Value>,
        (created_at, now): (Timestamp, Timestamp),
        has_integration_errors: bool,
    ) -> Self {
        Self {
            id: persona_id(project, user),
            project_id: project,
            end_user_id: user,
            meta,
            date_created: date(created_at),
            date_updated: date(now),
            date_last_active: date(now),
            has_integration_errors,
            has_workflow_errors: false,
            active: true,
        }
    }
}
