//! `/connectors`: those that come with Tenon, and the project's own.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::Slug;
use tenon_http_kit::{BodyLimits, PathParams, Problem, StrictJson, codes};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::problem;
use crate::settings::ApiSettings;
use crate::state::Api;
use crate::view::integrations::{
    ConnectorList, ConnectorSummaryView, ConnectorView, PutConnectorResult,
};

pub(super) fn routes(settings: &ApiSettings) -> OpenApiRouter<Api> {
    let limits =
        BodyLimits { body_bytes_max: settings.connector_bytes_max, ..BodyLimits::default() };
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, put, remove))
        .routes(routes!(icon))
        .layer(Extension(limits))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ConnectorPath {
    /// The connector's name, such as `slack`; `custom.<name>` for the project's own.
    connector: String,
}

/// A connector manifest; see the reference of connectors.
#[derive(Deserialize, ToSchema)]
#[schema(as = ConnectorManifest)]
struct ManifestRequest {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    manifest: Map<String, Value>,
}

/// List connectors
///
/// Those that come with Tenon, by name, then the project's own.
#[utoipa::path(
    get,
    path = "/connectors",
    operation_id = "list_connectors",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid)),
    responses((status = 200, description = "The connectors", body = ConnectorList))
)]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<ConnectorList>, Problem> {
    let listed = api.config.connectors(caller.project).await.map_err(problem::of_config)?;
    Ok(Json(ConnectorList { connectors: listed.iter().map(Into::into).collect() }))
}

/// Show a connector
#[utoipa::path(
    get,
    path = "/connectors/{connector}",
    operation_id = "get_connector",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid), ConnectorPath),
    responses((status = 200, description = "The connector with its manifest", body = ConnectorView))
)]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<ConnectorPath>,
) -> Result<Json<ConnectorView>, Problem> {
    let connector = api.config.connector(caller.project, &path.connector).await;
    let connector = connector.map_err(problem::of_config)?;
    let manifest = serde_json::to_value(connector.manifest())
        .map_err(|error| Problem::internal("show a manifest", &error))?;
    let summary = ConnectorSummaryView::new(&path.connector, &connector);
    Ok(Json(ConnectorView { summary, manifest }))
}

/// Show a connector's icon
#[utoipa::path(
    get,
    path = "/connectors/{connector}/icon",
    operation_id = "get_connector_icon",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid), ConnectorPath),
    responses((status = 200, description = "The icon", content_type = "image/svg+xml", body = String))
)]
async fn icon(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<ConnectorPath>,
) -> Result<Response, Problem> {
    let connector = api.config.connector(caller.project, &path.connector).await;
    let connector = connector.map_err(problem::of_config)?;
    let svg = connector.icon().ok_or_else(Problem::not_found)?.to_owned();
    let headers = [
        (CONTENT_TYPE, "image/svg+xml"),
        (CACHE_CONTROL, "private, max-age=3600"),
        // An icon opened by itself runs nothing and loads nothing.
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ];
    Ok((headers, svg).into_response())
}

/// Upload a connector of the project's own
///
/// Checks the manifest as a whole; `errors` names every fault. Takes the place of an earlier one.
/// Accounts go on with the new manifest, so it must keep the auth methods that they use.
#[utoipa::path(
    put,
    path = "/connectors/{connector}",
    operation_id = "put_connector",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid), ConnectorPath),
    request_body = ManifestRequest,
    responses((status = 200, description = "It is kept", body = PutConnectorResult))
)]
async fn put(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<ConnectorPath>,
    StrictJson(request): StrictJson<ManifestRequest>,
) -> Result<Json<PutConnectorResult>, Problem> {
    let slug = slug(&path.connector)?;
    let manifest = Value::Object(request.manifest);
    let put = api.config.put_connector(caller.project, &slug, manifest).await;
    let (custom, created) = put.map_err(problem::of_config)?;
    Ok(Json(PutConnectorResult { name: slug.connector(), version: custom.version, created }))
}

/// Remove a connector of the project's own
///
/// Refused while an integration uses it.
#[utoipa::path(
    delete,
    path = "/connectors/{connector}",
    operation_id = "delete_connector",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid), ConnectorPath),
    responses((status = 204, description = "It is removed"))
)]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<ConnectorPath>,
) -> Result<StatusCode, Problem> {
    let slug = slug(&path.connector)?;
    let removed = api.config.remove_connector(caller.project, &slug).await;
    removed.map_err(problem::of_config)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Only the project's own connectors can be changed.
fn slug(name: &str) -> Result<Slug, Problem> {
    Slug::of_connector(name).ok_or_else(|| {
        Problem::new(&codes::INVALID_PATH).detail(
            "a connector of the project's own is named `custom.<name>`, with 1 to 63 lower-case \
             letters, digits and hyphens",
        )
    })
}
