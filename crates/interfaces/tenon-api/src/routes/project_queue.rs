//! `/queue`: how the project's queue is served, against the queues of other projects. A key of the
//! project reads it; to set it takes the installation's key, since it is about all projects.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tenon_contract::plan::QueuePlan;
use tenon_domain::ProjectId;
use tenon_http_kit::{PathParams, Problem, StrictJson};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Caller, Operator};
use crate::problem;
use crate::state::Api;
use crate::view::configuration::ProjectQueueView;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get, put))
}

/// How a project's queue is to be served. What is left out has its default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectQueueRequest {
    /// Its share against other queues that wait: twice the weight is twice the share.
    #[serde(default = "usual_weight")]
    #[schema(minimum = 1, maximum = 1000, default = 10)]
    weight: u16,
    /// Runs that may go on at a time; no limit when left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000)]
    running_max: Option<u32>,
    /// Runs that may start in a second; no limit when left out.
    #[serde(default)]
    #[schema(minimum = 0.001, maximum = 1_000_000)]
    starts_per_second: Option<f64>,
    /// Calls of steps that are under way at a time to one connector, over all workers; when left
    /// out, the installation's `integrations.calls_per_connector_max`.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000)]
    calls_per_connector_max: Option<u32>,
}

fn usual_weight() -> u16 {
    QueuePlan::default().weight
}

/// Get how the queue is served
#[utoipa::path(
    get,
    path = "/queue",
    operation_id = "get_project_queue",
    tag = "projects",
    params(("project" = String, Path, format = Uuid)),
    responses((status = 200, description = "How the queue is served", body = ProjectQueueView))
)]
async fn get(State(api): State<Api>, caller: Caller) -> Result<Json<ProjectQueueView>, Problem> {
    let queue = api.config.project_queue(caller.project).await.map_err(problem::of_config)?;
    Ok(Json(queue.into()))
}

/// Set how the queue is served
///
/// As a whole: what is left out has its default. Needs the installation's key
/// (`api.installation_key_file`) in place of a project's.
#[utoipa::path(
    put,
    path = "/queue",
    operation_id = "put_project_queue",
    tag = "projects",
    params(("project" = String, Path, format = Uuid)),
    request_body = ProjectQueueRequest,
    security(("installation_key" = [])),
    responses((status = 200, description = "How the queue is served", body = ProjectQueueView))
)]
async fn put(
    State(api): State<Api>,
    _operator: Operator,
    PathParams(project): PathParams<ProjectId>,
    StrictJson(request): StrictJson<ProjectQueueRequest>,
) -> Result<Json<ProjectQueueView>, Problem> {
    let queue = QueuePlan {
        weight: request.weight,
        running_max: request.running_max,
        starts_per_second: request.starts_per_second,
        calls_per_connector_max: request.calls_per_connector_max,
    };
    let set = api.config.set_project_queue(project, &queue).await.map_err(problem::of_config)?;
    Ok(Json(set.into()))
}
