//! `/queues` and `/workers`: how work is distributed. For who runs the installation, with its key.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer};
use tenon_domain::{ProjectId, QueueName};
use tenon_exec::ports::routing::RouteChange;
use tenon_http_kit::{ErrorItem, PathParams, Problem, QueryParams, StrictJson, codes};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Operator;
use crate::page::Limit;
use crate::problem;
use crate::state::Api;
use crate::view::queues::{QueueList, QueueMode, QueueView, WorkerList};

/// The most workers that a dedicated queue may ask for.
const WORKERS_MAX: u16 = 1_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, change))
        .routes(routes!(list_workers))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct QueuePath {
    /// The project whose queue it is.
    #[param(value_type = String, format = Uuid)]
    project: ProjectId,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct QueueQuery {
    /// Queues in the answer.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
}

/// What to change of a queue; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QueueChangeRequest {
    /// Who decides whether it has workers of its own.
    #[serde(default)]
    mode: Option<QueueMode>,
    /// Whether nothing of it is started. Work is accepted still.
    #[serde(default)]
    paused: Option<bool>,
    /// How many workers it has while it is dedicated, where there are enough; null is the
    /// installation's number.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    workers: Option<Option<u16>>,
}

/// Tells null from what is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u16>>, D::Error> {
    Option::<u16>::deserialize(deserializer).map(Some)
}

/// List queues
///
/// Those that hold anything or are not served in the usual way, the deepest first. Needs the
/// installation's key (`api.installation_key_file`) in place of a project's.
#[utoipa::path(
    get,
    path = "/queues",
    operation_id = "list_queues",
    tag = "queues",
    params(QueueQuery),
    security(("installation_key" = [])),
    responses((status = 200, description = "The queues", body = QueueList))
)]
async fn list(
    State(api): State<Api>,
    _operator: Operator,
    QueryParams(query): QueryParams<QueueQuery>,
) -> Result<Json<QueueList>, Problem> {
    let queues = api
        .operations
        .queues(query.limit.0)
        .await
        .map_err(|error| problem::of_operations(&error))?;
    Ok(Json(QueueList { queues: queues.into_iter().map(QueueView::from).collect() }))
}

/// Show a queue
///
/// Needs the installation's key (`api.installation_key_file`) in place of a project's.
#[utoipa::path(
    get,
    path = "/queues/{project}",
    operation_id = "get_queue",
    tag = "queues",
    params(QueuePath),
    security(("installation_key" = [])),
    responses((status = 200, description = "The queue", body = QueueView))
)]
async fn get(
    State(api): State<Api>,
    _operator: Operator,
    PathParams(path): PathParams<QueuePath>,
) -> Result<Json<QueueView>, Problem> {
    let queue = queue_of(&api, path.project).await?;
    let report =
        api.operations.queue(&queue).await.map_err(|error| problem::of_operations(&error))?;
    Ok(Json(report.into()))
}

/// Change how a queue is served
///
/// The leader of the installation acts on it within a moment. Needs the installation's key
/// (`api.installation_key_file`) in place of a project's.
#[utoipa::path(
    patch,
    path = "/queues/{project}",
    operation_id = "change_queue",
    tag = "queues",
    params(QueuePath),
    request_body = QueueChangeRequest,
    security(("installation_key" = [])),
    responses((status = 200, description = "The queue", body = QueueView))
)]
async fn change(
    State(api): State<Api>,
    _operator: Operator,
    PathParams(path): PathParams<QueuePath>,
    StrictJson(request): StrictJson<QueueChangeRequest>,
) -> Result<Json<QueueView>, Problem> {
    if let Some(Some(workers)) = request.workers
        && !(1..=WORKERS_MAX).contains(&workers)
    {
        return Err(Problem::new(&codes::INVALID_FIELD).with(ErrorItem {
            pointer: Some("/workers".to_owned()),
            message: format!("must be 1 to {WORKERS_MAX}, or null"),
            ..ErrorItem::default()
        }));
    }
    let queue = queue_of(&api, path.project).await?;
    let change = RouteChange {
        mode: request.mode.map(Into::into),
        is_paused: request.paused,
        workers: request.workers,
    };
    let report = api
        .operations
        .change(&queue, &change)
        .await
        .map_err(|error| problem::of_operations(&error))?;
    Ok(Json(report.into()))
}

/// List workers
///
/// Those that gave a sign of life in the last seconds. Needs the installation's key
/// (`api.installation_key_file`) in place of a project's.
#[utoipa::path(
    get,
    path = "/workers",
    operation_id = "list_workers",
    tag = "queues",
    security(("installation_key" = [])),
    responses((status = 200, description = "The workers", body = WorkerList))
)]
async fn list_workers(
    State(api): State<Api>,
    _operator: Operator,
) -> Result<Json<WorkerList>, Problem> {
    let report = api.operations.workers().await.map_err(|error| problem::of_operations(&error))?;
    Ok(Json(report.into()))
}

/// The queue of a project that exists.
async fn queue_of(api: &Api, project: ProjectId) -> Result<QueueName, Problem> {
    let plan = api.plans.project(project).await.map_err(|error| problem::of_plans(&error))?;
    plan.map(|_| QueueName::of_project(project)).ok_or_else(Problem::not_found)
}
