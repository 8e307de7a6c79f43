//! `/runs`: what ran and what runs.

mod actions;
mod events;
mod steps;
mod values;
mod why;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, RunId, WorkflowId};
use tenon_exec::ports::history::RunFilter;
use tenon_http_kit::{PathParams, Problem, QueryParams};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::page::{self, Limit};
use crate::problem;
use crate::state::Api;
use crate::view::run::{RunList, RunStatus, RunView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(why::why))
        .routes(routes!(steps::list))
        .routes(routes!(values::input))
        .routes(routes!(values::value))
        .routes(routes!(events::follow))
        .routes(routes!(actions::replay))
        .routes(routes!(actions::cancel))
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
struct RunQuery {
    /// Runs of this workflow.
    #[param(value_type = Option<String>, format = Uuid)]
    workflow: Option<WorkflowId>,
    /// Runs for this connected user.
    user: Option<String>,
    /// Runs that were accepted for this account.
    #[param(value_type = Option<String>, format = Uuid)]
    credential: Option<CredentialId>,
    /// Runs that were accepted for this configuration of an account.
    #[param(value_type = Option<String>, format = Uuid)]
    configuration: Option<ConfigurationId>,
    /// Runs in this state.
    status: Option<RunStatus>,
    /// Runs accepted at or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    after: Option<Timestamp>,
    /// Runs accepted before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    before: Option<Timestamp>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Runs in one page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
}

/// List runs
///
/// Newest first. All filters hold together.
#[utoipa::path(
    get,
    path = "/runs",
    operation_id = "list_runs",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), RunQuery),
    responses((status = 200, description = "A page of runs", body = RunList))
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    QueryParams(query): QueryParams<RunQuery>,
) -> Result<Json<RunList>, Problem> {
    let cursor = page::decode::<RunId>(query.cursor.as_deref())?;
    let filter = RunFilter {
        workflow: query.workflow,
        user: query.user.map(EndUserId::new),
        credential: query.credential,
        configuration: query.configuration,
        status: query.status.map(Into::into),
        after: query.after,
        before: query.before,
    };
    let page = api.history.list(caller.project, &filter, cursor, query.limit.0).await;
    let page = page.map_err(|error| problem::of_history(&error))?;
    let view = |run| shown(&caller, run);
    Ok(Json(RunList {
        runs: page.runs.into_iter().map(view).collect(),
        next: page.next.map(|next| page::encode(&next)),
    }))
}

/// Get a run
#[utoipa::path(
    get,
    path = "/runs/{run}",
    operation_id = "get_run",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), RunPath),
    responses((status = 200, description = "The run", body = RunView))
)]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<RunPath>,
) -> Result<Json<RunView>, Problem> {
    let run = api.history.run(caller.project, path.run).await;
    let run = run.map_err(|error| problem::of_history(&error))?.ok_or_else(Problem::not_found)?;
    Ok(Json(shown(&caller, run)))
}

fn shown(caller: &Caller, run: tenon_exec::ports::history::RunSummary) -> RunView {
    let name = caller.workflow_name(run.workflow).map(str::to_owned);
    RunView::new(run, name)
}
