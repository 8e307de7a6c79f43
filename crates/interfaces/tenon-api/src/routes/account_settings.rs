//! `/credentials/{credential}/configurations`: sets of settings of an account.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::{SettingsChange, SettingsName};
use tenon_domain::CredentialId;
use tenon_http_kit::{PathParams, Problem, StrictJson};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::credentials::CredentialPath;
use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::accounts::{SettingsList, SettingsView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(change, remove))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SettingsPath {
    /// The account's id.
    #[param(value_type = String, format = Uuid)]
    credential: CredentialId,
    /// The configuration's id, or `ext:` and its external id.
    configuration: String,
}

/// A configuration to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettingsRequest {
    /// The builder's own name for it, unique in the account.
    #[serde(default)]
    external_id: Option<String>,
}

/// What to change. Members are merged one level deep; null removes one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettingsChangeRequest {
    /// Settings of the integration.
    #[serde(default)]
    #[schema(value_type = Object)]
    shared_settings: Map<String, Value>,
    /// Settings of workflows, by the workflow's id.
    #[serde(default)]
    #[schema(value_type = Object)]
    workflow_settings: Map<String, Value>,
    #[serde(default)]
    #[schema(value_type = Object)]
    meta: Map<String, Value>,
}

/// List the configurations of an account
///
/// Oldest first; the first one is the default.
#[utoipa::path(
    get,
    path = "/credentials/{credential}/configurations",
    operation_id = "list_configurations",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), CredentialPath),
    responses((status = 200, description = "The configurations", body = SettingsList))
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<CredentialPath>,
) -> Result<Json<SettingsList>, Problem> {
    let found = api.config.configurations(caller.project, path.credential).await;
    let found = found.map_err(problem::of_config)?;
    Ok(Json(SettingsList { configurations: found.into_iter().map(Into::into).collect() }))
}

/// Add a configuration
#[utoipa::path(
    post,
    path = "/credentials/{credential}/configurations",
    operation_id = "add_configuration",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), CredentialPath),
    request_body = SettingsRequest,
    responses((status = 201, description = "The configuration", body = SettingsView))
)]
async fn add(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<CredentialPath>,
    StrictJson(request): StrictJson<SettingsRequest>,
) -> Result<(StatusCode, Json<SettingsView>), Problem> {
    let (project, credential) = (caller.project, path.credential);
    let added = api.config.add_configuration(project, credential, request.external_id).await;
    Ok((StatusCode::CREATED, Json(added.map_err(problem::of_config)?.into())))
}

/// Change a configuration
#[utoipa::path(
    patch,
    path = "/credentials/{credential}/configurations/{configuration}",
    operation_id = "change_configuration",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), SettingsPath),
    request_body = SettingsChangeRequest,
    responses((status = 200, description = "The configuration", body = SettingsView))
)]
async fn change(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<SettingsPath>,
    StrictJson(request): StrictJson<SettingsChangeRequest>,
) -> Result<Json<SettingsView>, Problem> {
    let name = SettingsName::parse(&path.configuration);
    let change = SettingsChange {
        shared: request.shared_settings,
        workflows: request.workflow_settings,
        meta: request.meta,
    };
    let (project, credential) = (caller.project, path.credential);
    let changed = api.config.change_configuration(project, credential, &name, change).await;
    Ok(Json(changed.map_err(problem::of_config)?.into()))
}

/// Remove a configuration
///
/// The default one stays as long as its account.
#[utoipa::path(
    delete,
    path = "/credentials/{credential}/configurations/{configuration}",
    operation_id = "delete_configuration",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), SettingsPath),
    responses((status = 204, description = "It is removed"))
)]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<SettingsPath>,
) -> Result<StatusCode, Problem> {
    let name = SettingsName::parse(&path.configuration);
    let removed = api.config.remove_configuration(caller.project, path.credential, &name).await;
    removed.map_err(problem::of_config)?;
    Ok(StatusCode::NO_CONTENT)
}
