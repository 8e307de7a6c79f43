//! Integrations as a user sees them: how to connect, what is asked, what can be switched on.

use std::collections::BTreeMap;

use serde::Serialize;
use tenon_config::linking::is_by_browser;
use tenon_config::{PortalDesign, PortalIntegration, PortalWorkflow, ProjectPortal, setup_fields};
use tenon_connector::connector::Connector;
use tenon_connector::manifest::Manifest;
use tenon_connector::manifest::auth::AuthMethod;
use tenon_connector::manifest::fields::Field;
use tenon_domain::{IntegrationId, ProjectId, WorkflowId};

use super::credential::date;
use super::input::WireInput;
use super::source::{self, DataSources};

/// Where the inputs of an integration itself are, beside those of its workflows.
const SHARED: &str = "shared";
/// Where nobody chose a colour.
const NEUTRAL: &str = "#5b6472";

/// An integration, but for what differs from user to user.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireIntegration {
    id: IntegrationId,
    project_id: ProjectId,
    date_created: String,
    date_updated: String,
    #[serde(rename = "type")]
    kind: String,
    is_active: bool,
    name: String,
    brand_color: String,
    /// The address of its icon, for where it is shown alone.
    #[serde(skip)]
    icon: String,
    custom_integration_id: Option<IntegrationId>,
    custom_integration: Option<WireCustomIntegration>,
    resource_id: (),
    authentication_type: &'static str,
    provider_type: String,
    need_pre_oauth_inputs: bool,
    has_credential: bool,
    connected_user_limit_on_dev_cred: u32,
    connected_user_limit_reached: bool,
    configs: [WireConfigEntry; 1],
    workflows: Vec<WireWorkflow>,
    sdk_integration_config: Option<WireSdkConfig>,
}

/// What is only known of a project's own connectors.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireCustomIntegration {
    id: IntegrationId,
    project_id: ProjectId,
    name: String,
    slug: String,
    icon: Option<String>,
    authentication_type: &'static str,
    input_fields: Vec<WireInput>,
    is_published: bool,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireConfigEntry {
    id: IntegrationId,
    integration_id: IntegrationId,
    values: WirePortal,
}

/// How it looks, and what it asks.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct WirePortal {
    accent_color: String,
    paragon_link: bool,
    description: Option<String>,
    overview: Option<String>,
    shared_meta: WireSharedMeta,
    workflow_meta: BTreeMap<String, WireWorkflowMeta>,
}

#[derive(Debug, Clone, Serialize)]
struct WireSharedMeta {
    inputs: Vec<WireInput>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireWorkflowMeta {
    id: WorkflowId,
    description: String,
    info_text: Option<String>,
    default_enabled: bool,
    hidden: bool,
    order: usize,
    inputs: Vec<WireInput>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireWorkflow {
    id: WorkflowId,
    description: String,
    project_id: ProjectId,
    integration_id: IntegrationId,
    is_onboarding_workflow: bool,
    workflow_version: u32,
    /// What a workflow does is not the user's to see.
    steps: [(); 0],
}

/// How accounts are connected.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireSdkConfig {
    oauth_inputs: Vec<WireInput>,
    auth_config_inputs: Vec<WireInput>,
    post_oauth_inputs: Vec<WireInput>,
    account_types: Vec<WireAccountType>,
    data_sources: DataSources,
}

/// One of several ways to connect.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireAccountType {
    id: String,
    scheme: &'static str,
    oauth_parameters: [(); 0],
    end_user_supplied_values: Vec<WireInput>,
    account_description: String,
    #[serde(rename = "skipPostOAuthInputs")]
    skips_setup: bool,
}

/// A line of `GET sdk/metadata`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireMetadata<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    name: &'a str,
    brand_color: &'a str,
    icon: &'a str,
}

impl WireIntegration {
    /// Without its connector, whose manifest may have become invalid, nobody can connect.
    pub(crate) fn new(
        portal: &ProjectPortal,
        integration: &PortalIntegration,
        connector: Option<&Connector>,
        icon: String,
    ) -> Self {
        let project = portal.project;
        let manifest = connector.map(Connector::manifest);
        let has_own_icon = connector.is_some_and(|connector| connector.icon().is_some());
        let name = manifest.map_or(&integration.connector, |it| &it.title).clone();
        let is_custom = integration.connector.starts_with("custom.");
        let first = manifest.and_then(|it| it.auth.first());
        let authentication_type = first.map_or("basic", scheme);
        let inputs = |method: &AuthMethod| fields_of(connector, method);
        let methods = manifest.map(|it| it.auth.as_slice()).unwrap_or_default();
        Self {
            id: integration.id,
            project_id: project,
            date_created: date(integration.created_at),
            date_updated: date(integration.updated_at),
            kind: integration.connector.clone(),
            is_active: integration.is_active,
            brand_color: color_of(manifest),
            custom_integration_id: is_custom.then_some(integration.id),
            custom_integration: is_custom.then(|| WireCustomIntegration {
                id: integration.id,
                project_id: project,
                name: name.clone(),
                slug: integration.connector.clone(),
                icon: has_own_icon.then(|| icon.clone()),
                authentication_type,
                input_fields: first.map(inputs).unwrap_or_default(),
                is_published: true,
            }),
            resource_id: (),
            authentication_type,
            provider_type: integration.connector.clone(),
            need_pre_oauth_inputs: methods
                .iter()
                .any(|method| is_by_browser(&method.kind) && !inputs(method).is_empty()),
            has_credential: true,
            connected_user_limit_on_dev_cred: 0,
            connected_user_limit_reached: false,
            configs: [WireConfigEntry {
                id: integration.id,
                integration_id: integration.id,
                values: WirePortal::new(&portal.design, integration, connector),
            }],
            workflows: integration
                .workflows
                .iter()
                .map(|workflow| WireWorkflow::new(project, integration.id, workflow))
                .collect(),
            icon,
            sdk_integration_config: connector
                .filter(|_| integration.is_active)
                .map(|connector| WireSdkConfig::new(integration, connector)),
            name,
        }
    }

    /// Its line in the list of integrations.
    pub(crate) fn metadata(&self) -> WireMetadata<'_> {
        let Self { kind, name, brand_color, icon, .. } = self;
        WireMetadata { kind, name, brand_color, icon }
    }
}

impl WirePortal {
    /// The integration's own colour counts, then the project's, then the connector's.
    fn new(
        design: &PortalDesign,
        integration: &PortalIntegration,
        connector: Option<&Connector>,
    ) -> Self {
        let manifest = connector.map(Connector::manifest);
        let texts = &integration.texts;
        let color = texts.accent_color.clone().or_else(|| design.accent_color.clone());
        let description = texts.description.clone();
        let metas = integration.workflows.iter().enumerate();
        Self {
            accent_color: color.unwrap_or_else(|| color_of(manifest)),
            paragon_link: false,
            description: description.or_else(|| manifest.map(|it| it.description.clone())),
            overview: texts.overview.clone(),
            shared_meta: WireSharedMeta { inputs: settings_of(SHARED, &integration.inputs) },
            workflow_meta: metas
                .map(|(order, workflow)| {
                    (workflow.id.to_string(), WireWorkflowMeta::new(order, workflow))
                })
                .collect(),
        }
    }
}

impl WireWorkflowMeta {
    fn new(order: usize, workflow: &PortalWorkflow) -> Self {
        Self {
            id: workflow.id,
            description: workflow.title().to_owned(),
            info_text: workflow.portal.info.clone(),
            default_enabled: workflow.enabled_by_default,
            hidden: workflow.portal.hidden,
            order,
            inputs: settings_of(&workflow.id.to_string(), &workflow.inputs),
        }
    }
}

impl WireWorkflow {
    fn new(project: ProjectId, integration: IntegrationId, workflow: &PortalWorkflow) -> Self {
        Self {
            id: workflow.id,
            description: workflow.title().to_owned(),
            project_id: project,
            integration_id: integration,
            is_onboarding_workflow: false,
            workflow_version: workflow.number,
            steps: [],
        }
    }
}

impl WireSdkConfig {
    fn new(integration: &PortalIntegration, connector: &Connector) -> Self {
        let methods = &connector.manifest().auth;
        let first = methods.first().map(|method| fields_of(Some(connector), method));
        let first = first.unwrap_or_default();
        let is_oauth = methods.first().is_some_and(|method| is_by_browser(&method.kind));
        let mut data_sources = DataSources::new();
        source::add_declared(&mut data_sources, connector.manifest());
        for method in methods {
            let setup = setup_fields(connector, method);
            let fields = asked_fields(connector, method).into_iter().chain(setup.iter());
            fields.for_each(|field| source::add_field(&mut data_sources, field));
        }
        for input in &integration.inputs {
            source::add_input(&mut data_sources, SHARED, input);
        }
        for workflow in &integration.workflows {
            let place = workflow.id.to_string();
            let inputs = workflow.inputs.iter();
            inputs.for_each(|input| source::add_input(&mut data_sources, &place, input));
        }
        Self {
            oauth_inputs: if is_oauth { first.clone() } else { Vec::new() },
            auth_config_inputs: first,
            post_oauth_inputs: setup_inputs(connector, methods),
            // One way needs no choice; the SDK would ask for it all the same.
            account_types: match methods.as_slice() {
                [] | [_] => Vec::new(),
                several => {
                    several.iter().map(|method| WireAccountType::new(connector, method)).collect()
                }
            },
            data_sources,
        }
    }
}

impl WireAccountType {
    fn new(connector: &Connector, method: &AuthMethod) -> Self {
        Self {
            id: method.id.clone(),
            scheme: scheme(method),
            oauth_parameters: [],
            end_user_supplied_values: fields_of(Some(connector), method),
            account_description: method.title.clone().unwrap_or_else(|| "account".to_owned()),
            skips_setup: setup_fields(connector, method).is_empty(),
        }
    }
}

/// The connector's colour; a neutral one where it has none.
fn color_of(manifest: Option<&Manifest>) -> String {
    let own = manifest.and_then(|it| it.color.clone());
    own.unwrap_or_else(|| NEUTRAL.to_owned())
}

/// The two schemes that clients treat differently: by the provider's page, or by a form.
fn scheme(method: &AuthMethod) -> &'static str {
    if is_by_browser(&method.kind) { "oauth" } else { "basic" }
}

fn asked_fields<'a>(connector: &'a Connector, method: &'a AuthMethod) -> Vec<&'a Field> {
    let fields = connector.fields_of(method).into_iter();
    fields.filter(|field| !field.automated).collect()
}

fn fields_of(connector: Option<&Connector>, method: &AuthMethod) -> Vec<WireInput> {
    let Some(connector) = connector else { return Vec::new() };
    asked_fields(connector, method).into_iter().map(WireInput::of_field).collect()
}

/// What any of the methods asks for after linking, each once.
fn setup_inputs(connector: &Connector, methods: &[AuthMethod]) -> Vec<WireInput> {
    let mut names = Vec::new();
    let mut inputs = Vec::new();
    for field in methods.iter().flat_map(|method| setup_fields(connector, method)) {
        if !names.contains(&field.name) {
            inputs.push(WireInput::of_field(&field));
            names.push(field.name);
        }
    }
    inputs
}

fn settings_of(place: &str, inputs: &[tenon_domain::portal::Input]) -> Vec<WireInput> {
    inputs.iter().map(|input| WireInput::of_setting(place, input)).collect()
}
