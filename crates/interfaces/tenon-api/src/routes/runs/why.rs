//! Why a run does not go on.

use axum::Json;
use axum::extract::State;
use tenon_http_kit::{PathParams, Problem};

use super::RunPath;
use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::why::WhyView;

/// Why a run does not go on
///
/// From its row, its latest steps and its queue: what it waits for, until when, and what is before
/// it. A run that has ended says how.
#[utoipa::path(
    get,
    path = "/runs/{run}/why",
    operation_id = "why_run",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), RunPath),
    responses((status = 200, description = "What keeps the run", body = WhyView))
)]
pub(super) async fn why(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<RunPath>,
) -> Result<Json<WhyView>, Problem> {
    let why = api.control.why(caller.project, path.run, caller.running_max()).await;
    let why = why.map_err(|error| problem::of_control(&error))?;
    Ok(Json(why.into()))
}
