//! `/runs/{run}/steps`: what each attempt of each step did.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tenon_http_kit::{PathParams, Problem, QueryParams};
use utoipa::IntoParams;

use super::RunPath;
use crate::auth::Caller;
use crate::page::{self, Limit, StepCursor};
use crate::payload::{Payloads, Presenter};
use crate::problem;
use crate::state::Api;
use crate::view::step::StepList;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StepQuery {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Records in one page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
    /// Which inputs and outputs to show. Whatever is asked for, a page holds at most 8 MB of them.
    #[serde(default)]
    #[param(inline)]
    payloads: Payloads,
}

/// List the steps of a run
///
/// One record for each attempt of each step in each iteration, in the order they ended.
#[utoipa::path(
    get,
    path = "/runs/{run}/steps",
    operation_id = "list_run_steps",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), RunPath, StepQuery),
    responses((status = 200, description = "A page of step records", body = StepList))
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<RunPath>,
    QueryParams(query): QueryParams<StepQuery>,
) -> Result<Json<StepList>, Problem> {
    let cursor = page::decode::<StepCursor>(query.cursor.as_deref())?;
    let run = api.history.run(caller.project, path.run).await;
    run.map_err(|error| problem::of_history(&error))?.ok_or_else(Problem::not_found)?;
    let after = cursor.map(|StepCursor(after)| after);
    let page = api.history.steps(caller.project, path.run, after, query.limit.0).await;
    let page = page.map_err(|error| problem::of_history(&error))?;
    let mut presenter = Presenter::new(&api, (caller.project, path.run), query.payloads, cursor);
    let mut steps = Vec::with_capacity(page.steps.len());
    for record in page.steps {
        steps.push(presenter.view(record).await);
    }
    Ok(Json(StepList { steps, next: page.next.map(|next| page::encode(&StepCursor(next))) }))
}
