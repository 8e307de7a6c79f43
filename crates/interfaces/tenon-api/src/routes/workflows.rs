//! `/workflows`: what is deployed.

mod apply;

pub(super) use apply::load;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use tenon_config::WorkflowState;
use tenon_domain::{VersionId, WorkflowId};
use tenon_http_kit::{PathParams, Problem};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::problem;
use crate::settings::ApiSettings;
use crate::state::Api;
use crate::view::configuration::{VersionList, WorkflowDetailView, WorkflowList};

pub(super) fn routes(settings: &ApiSettings) -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(apply::routes(settings))
        .routes(routes!(list))
        .routes(routes!(get, undeploy))
        .routes(routes!(versions))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct WorkflowPath {
    /// The workflow.
    #[param(value_type = String, format = Uuid)]
    workflow: WorkflowId,
}

/// List workflows
///
/// By name; workflows that are no longer deployed are listed too.
#[utoipa::path(
    get,
    path = "/workflows",
    operation_id = "list_workflows",
    tag = "workflows",
    params(("project" = String, Path, format = Uuid)),
    responses((status = 200, description = "The workflows", body = WorkflowList))
)]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<WorkflowList>, Problem> {
    let workflows = api.config.workflows(caller.project).await.map_err(problem::of_config)?;
    Ok(Json(WorkflowList { workflows: workflows.into_iter().map(Into::into).collect() }))
}

/// Get a workflow
///
/// With its document.
#[utoipa::path(
    get,
    path = "/workflows/{workflow}",
    operation_id = "get_workflow",
    tag = "workflows",
    params(("project" = String, Path, format = Uuid), WorkflowPath),
    responses((status = 200, description = "The workflow", body = WorkflowDetailView))
)]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<WorkflowPath>,
) -> Result<Json<WorkflowDetailView>, Problem> {
    let entry = api.config.workflow(caller.project, path.workflow).await;
    let entry = entry.map_err(problem::of_config)?;
    let version = match entry.state {
        WorkflowState::Deployed { version, .. } => Some(version),
        WorkflowState::Undeployed | WorkflowState::Archived { .. } => {
            let versions = api.config.versions(caller.project, path.workflow).await;
            versions.map_err(problem::of_config)?.first().map(|version| version.id)
        }
    };
    let document = match version {
        Some(version) => Some(document(&api, &caller, version).await?),
        None => None,
    };
    Ok(Json(WorkflowDetailView { workflow: entry.into(), document }))
}

async fn document(
    api: &Api,
    caller: &Caller,
    version: VersionId,
) -> Result<Box<RawValue>, Problem> {
    let text = api.config.document(caller.project, version).await.map_err(problem::of_config)?;
    RawValue::from_string(text).map_err(|error| Problem::internal("read a document", &error))
}

/// List the versions of a workflow
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/workflows/{workflow}/versions",
    operation_id = "list_workflow_versions",
    tag = "workflows",
    params(("project" = String, Path, format = Uuid), WorkflowPath),
    responses((status = 200, description = "The versions", body = VersionList))
)]
async fn versions(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<WorkflowPath>,
) -> Result<Json<VersionList>, Problem> {
    let versions = api.config.versions(caller.project, path.workflow).await;
    let versions = versions.map_err(problem::of_config)?;
    Ok(Json(VersionList { versions: versions.into_iter().map(Into::into).collect() }))
}

/// Undeploy a workflow
///
/// No new run starts; runs under way go on; history stays. Apply its document to deploy it again.
#[utoipa::path(
    delete,
    path = "/workflows/{workflow}",
    operation_id = "undeploy_workflow",
    tag = "workflows",
    params(("project" = String, Path, format = Uuid), WorkflowPath),
    responses((status = 204, description = "It is not deployed any more"))
)]
async fn undeploy(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<WorkflowPath>,
) -> Result<StatusCode, Problem> {
    api.config.undeploy(caller.project, path.workflow).await.map_err(problem::of_config)?;
    Ok(StatusCode::NO_CONTENT)
}
