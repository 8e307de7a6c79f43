//! `/archive`: runs that ended so long ago that they are in the database no more.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use jiff::civil::Date;
use serde::Deserialize;
use tenon_domain::RunId;
use tenon_exec::archive::Lines;
use tenon_http_kit::{PathParams, Problem, QueryParams};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::page::{self, Limit};
use crate::problem;
use crate::state::Api;
use crate::view::archive::{ArchivedDayList, ArchivedDayView};

/// JSON lines.
const CONTENT_TYPE_LINES: &str = "application/x-ndjson";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(days)).routes(routes!(day)).routes(routes!(run))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct DayPath {
    /// The day, in UTC, that the runs were accepted on: `2026-03-09`.
    #[param(value_type = String, format = Date)]
    day: Date,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct RunPath {
    /// The run.
    #[param(value_type = String, format = Uuid)]
    run: RunId,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DayQuery {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Days in one page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
}

/// List archived days
///
/// Newest first, each with what it holds.
#[utoipa::path(
    get,
    path = "/archive/days",
    operation_id = "list_archived_days",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), DayQuery),
    responses((status = 200, description = "A page of days", body = ArchivedDayList))
)]
async fn days(
    State(api): State<Api>,
    caller: Caller,
    QueryParams(query): QueryParams<DayQuery>,
) -> Result<Json<ArchivedDayList>, Problem> {
    let before = page::decode::<Date>(query.cursor.as_deref())?;
    let days = api.archive.days(caller.project, before, query.limit.0).await;
    let days = days.map_err(|error| problem::of_archive(&error))?;
    let next = days.last().filter(|_| days.len() >= query.limit.0);
    let next = next.map(|last| page::encode(&last.day));
    Ok(Json(ArchivedDayList { days: days.into_iter().map(ArchivedDayView::from).collect(), next }))
}

/// Export an archived day
///
/// JSON lines: `{"record": "run", "run_id", "is_test", "run", "input"}` for each run, followed by
/// `{"record": "step", "run_id", "seq", "step"}` for each of its step records, where `run` and `step`
/// are as the other routes show them, with values whole. An answer that breaks off is not whole.
#[utoipa::path(
    get,
    path = "/archive/days/{day}",
    operation_id = "export_archived_day",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), DayPath),
    responses((status = 200, description = "The lines", body = String,
        content_type = "application/x-ndjson"))
)]
async fn day(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<DayPath>,
) -> Result<Response, Problem> {
    let lines = api.archive.day(caller.project, path.day).await;
    let lines = lines.map_err(|error| problem::of_archive(&error))?;
    Ok(streamed(lines.ok_or_else(Problem::not_found)?))
}

/// Get an archived run
///
/// JSON lines: that of the run, then its step records; as in the export of a day.
#[utoipa::path(
    get,
    path = "/archive/runs/{run}",
    operation_id = "get_archived_run",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), RunPath),
    responses((status = 200, description = "The lines", body = String,
        content_type = "application/x-ndjson"))
)]
async fn run(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<RunPath>,
) -> Result<Response, Problem> {
    let lines = api.archive.run(caller.project, path.run).await;
    let lines = lines.map_err(|error| problem::of_archive(&error))?;
    Ok(streamed(lines.ok_or_else(Problem::not_found)?))
}

/// A block is read when the caller has taken the one before. What cannot be read breaks the answer
/// off: its status is out already.
fn streamed(lines: Lines) -> Response {
    let blocks = futures::stream::try_unfold(lines, async |mut lines| {
        let block = lines.next().await.inspect_err(|error| {
            tracing::warn!(error = %error, "an archive was not sent to its end");
        })?;
        Ok::<_, tenon_exec::ports::archive::Error>(block.map(|block| (block, lines)))
    });
    ([(CONTENT_TYPE, CONTENT_TYPE_LINES)], Body::from_stream(blocks)).into_response()
}
