//! What can be done to a run: replay it, cancel it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tenon_exec::ports::control;
use tenon_http_kit::{PathParams, Problem, StrictJson};
use utoipa::ToSchema;

use super::RunPath;
use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::run::AcceptedRun;

/// Where a replay starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReplayFrom {
    /// From the trigger; every step runs again.
    Start,
    /// From the step that failed; finished steps keep their outputs.
    FailedStep,
}

/// How to replay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayRequest {
    #[schema(inline)]
    from: ReplayFrom,
}

/// Replay a run
///
/// Starts a new run of the same version with the same input. Only a run that has ended can be
/// replayed.
#[utoipa::path(
    post,
    path = "/runs/{run}/replay",
    operation_id = "replay_run",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), RunPath),
    request_body = ReplayRequest,
    responses((status = 202, description = "The new run is accepted", body = AcceptedRun))
)]
pub(super) async fn replay(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<RunPath>,
    StrictJson(request): StrictJson<ReplayRequest>,
) -> Result<(StatusCode, Json<AcceptedRun>), Problem> {
    let from = match request.from {
        ReplayFrom::Start => control::ReplayFrom::Start,
        ReplayFrom::FailedStep => control::ReplayFrom::FailedStep,
    };
    let run_id = api.control.replay(caller.project, path.run, from).await;
    let run_id = run_id.map_err(|error| problem::of_control(&error))?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedRun { run_id })))
}

/// Cancel a run
///
/// A step in flight is abandoned; what is recorded stays.
#[utoipa::path(
    post,
    path = "/runs/{run}/cancel",
    operation_id = "cancel_run",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), RunPath),
    responses((status = 204, description = "The run is cancelled"))
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<RunPath>,
) -> Result<StatusCode, Problem> {
    let cancelled = api.control.cancel(caller.project, path.run).await;
    cancelled.map_err(|error| problem::of_control(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
