//! `/integrations`: connectors that the project has switched on, and the builder's apps.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::AppChange;
use tenon_http_kit::{PathParams, Problem, StrictJson};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::integrations::{IntegrationList, IntegrationView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(get, change, remove))
        .routes(routes!(set_app))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct IntegrationPath {
    /// The integration's id, or its connector's name.
    integration: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AppPath {
    /// The integration's id, or its connector's name.
    integration: String,
    /// The connector's auth method.
    auth_method: String,
}

/// A connector to switch on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IntegrationRequest {
    /// Its name, such as `slack`; `custom.<name>` for the project's own.
    connector: String,
}

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IntegrationChange {
    /// Whether it may be used.
    active: bool,
}

/// The builder's app. What is left out stays; null removes a value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AppRequest {
    /// `client_id`, `client_secret` and whatever else the connector asks for. Secret values go to
    /// the vault and are never shown again.
    #[serde(default)]
    #[schema(value_type = Object)]
    values: Map<String, Value>,
    /// Scopes to ask users for; empty for the connector's defaults.
    #[serde(default)]
    scopes: Option<Vec<String>>,
}

/// List integrations
///
/// By connector.
#[utoipa::path(
    get,
    path = "/integrations",
    operation_id = "list_integrations",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid)),
    responses((status = 200, description = "The integrations", body = IntegrationList))
)]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<IntegrationList>, Problem> {
    let found = api.config.integrations(caller.project).await.map_err(problem::of_config)?;
    Ok(Json(IntegrationList { integrations: found.into_iter().map(Into::into).collect() }))
}

/// Switch a connector on
///
/// Safe to repeat: there is one integration of a connector.
#[utoipa::path(
    post,
    path = "/integrations",
    operation_id = "add_integration",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid)),
    request_body = IntegrationRequest,
    responses((status = 201, description = "The integration", body = IntegrationView))
)]
async fn add(
    State(api): State<Api>,
    caller: Caller,
    StrictJson(request): StrictJson<IntegrationRequest>,
) -> Result<(StatusCode, Json<IntegrationView>), Problem> {
    let added = api.config.add_integration(caller.project, &request.connector).await;
    Ok((StatusCode::CREATED, Json(added.map_err(problem::of_config)?.into())))
}

/// Show an integration
#[utoipa::path(
    get,
    path = "/integrations/{integration}",
    operation_id = "get_integration",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid), IntegrationPath),
    responses((status = 200, description = "The integration", body = IntegrationView))
)]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<IntegrationPath>,
) -> Result<Json<IntegrationView>, Problem> {
    let found = api.config.integration(caller.project, &path.integration).await;
    Ok(Json(found.map_err(problem::of_config)?.into()))
}

/// Switch an integration on or off
///
/// While it is off, nobody can connect and nothing uses its accounts; they stay.
#[utoipa::path(
    patch,
    path = "/integrations/{integration}",
    operation_id = "change_integration",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid), IntegrationPath),
    request_body = IntegrationChange,
    responses((status = 200, description = "The integration", body = IntegrationView))
)]
async fn change(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<IntegrationPath>,
    StrictJson(request): StrictJson<IntegrationChange>,
) -> Result<Json<IntegrationView>, Problem> {
    let (project, name) = (caller.project, &path.integration);
    let changed = api.config.set_integration_active(project, name, request.active).await;
    Ok(Json(changed.map_err(problem::of_config)?.into()))
}

/// Remove an integration
///
/// With the secrets of its apps. Refused while users are connected.
#[utoipa::path(
    delete,
    path = "/integrations/{integration}",
    operation_id = "delete_integration",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid), IntegrationPath),
    responses((status = 204, description = "It is removed"))
)]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<IntegrationPath>,
) -> Result<StatusCode, Problem> {
    let removed = api.config.remove_integration(caller.project, &path.integration).await;
    removed.map_err(problem::of_config)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set the builder's app at the provider
///
/// For one auth method of the connector. Safe to repeat.
#[utoipa::path(
    put,
    path = "/integrations/{integration}/apps/{auth_method}",
    operation_id = "set_app",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid), AppPath),
    request_body = AppRequest,
    responses((status = 200, description = "The integration", body = IntegrationView))
)]
async fn set_app(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<AppPath>,
    StrictJson(request): StrictJson<AppRequest>,
) -> Result<Json<IntegrationView>, Problem> {
    let change = AppChange { values: request.values, scopes: request.scopes };
    let (project, name) = (caller.project, &path.integration);
    let changed = api.config.set_app(project, name, &path.auth_method, change).await;
    Ok(Json(changed.map_err(|error| problem::of_fields(error, "/values"))?.into()))
}
