//! Single recorded values, whole: the trigger's input, and the input or output of one attempt.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use tenon_domain::{ProjectId, RunId};
use tenon_exec::ports::history::{Payload, StepRecord};
use tenon_http_kit::{PathParams, Problem, QueryParams, codes};
use utoipa::IntoParams;

use super::RunPath;
use crate::auth::Caller;
use crate::page::{self, StepCursor};
use crate::payload::ValueField;
use crate::problem;
use crate::state::Api;

/// Step records that are read at once while one is looked for.
const SEARCH_PAGE: usize = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ValuePath {
    /// The run.
    #[param(value_type = String, format = Uuid)]
    run: RunId,
    /// The step.
    step: String,
    /// Which of its values.
    #[param(inline)]
    field: ValueField,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ValueQuery {
    /// The attempt; the last one when left out.
    attempt: Option<u32>,
    /// Positions in the fan-outs around the step, outermost first, joined by dots: `3.0`.
    iteration: Option<String>,
    /// Where to begin to look; `href` of an omitted value carries it.
    cursor: Option<String>,
}

/// Get the trigger's input of a run
#[utoipa::path(
    get,
    path = "/runs/{run}/input",
    operation_id = "get_run_input",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), RunPath),
    responses((status = 200, description = "The value", body = serde_json::Value))
)]
pub(super) async fn input(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<RunPath>,
) -> Result<Response, Problem> {
    let input = api.history.input(caller.project, path.run).await;
    let input = input.map_err(|error| problem::of_history(&error))?;
    whole(&api, input.ok_or_else(Problem::not_found)?).await
}

/// Get one recorded value
///
/// Whole, however large it is.
#[utoipa::path(
    get,
    path = "/runs/{run}/values/{step}/{field}",
    operation_id = "get_run_value",
    tag = "runs",
    params(("project" = String, Path, format = Uuid), ValuePath, ValueQuery),
    responses((status = 200, description = "The value", body = serde_json::Value))
)]
pub(super) async fn value(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<ValuePath>,
    QueryParams(query): QueryParams<ValueQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted {
        step: path.step,
        iteration: iteration(query.iteration.as_deref())?,
        attempt: query.attempt,
    };
    let cursor = page::decode::<StepCursor>(query.cursor.as_deref())?;
    let record = find(&api, (caller.project, path.run), &wanted, cursor).await?;
    let record = record.ok_or_else(Problem::not_found)?;
    let payload = match path.field {
        ValueField::Input => record.input,
        ValueField::Output => record.output,
    };
    whole(&api, payload.ok_or_else(Problem::not_found)?).await
}

struct Wanted {
    step: String,
    iteration: Vec<u32>,
    attempt: Option<u32>,
}

impl Wanted {
    fn is(&self, record: &StepRecord) -> bool {
        record.step.as_str() == self.step
            && record.iteration == self.iteration
            && self.attempt.is_none_or(|attempt| attempt == record.attempt)
    }
}

/// Looks through the records from `cursor` on: to the first that fits when the attempt is given,
/// else to the last.
async fn find(
    api: &Api,
    (project, run): (ProjectId, RunId),
    wanted: &Wanted,
    cursor: Option<StepCursor>,
) -> Result<Option<StepRecord>, Problem> {
    let mut found = None;
    let mut after = cursor.map(|StepCursor(after)| after);
    loop {
        let page = api.history.steps(project, run, after, SEARCH_PAGE).await;
        let page = page.map_err(|error| problem::of_history(&error))?;
        let is_end = page.steps.len() < SEARCH_PAGE;
        for record in page.steps.into_iter().filter(|record| wanted.is(record)) {
            if wanted.attempt.is_some() {
                return Ok(Some(record));
            }
            found = Some(record);
        }
        match page.next {
            Some(next) if !is_end && after.is_none_or(|after| next > after) => after = Some(next),
            _ => return Ok(found),
        }
    }
}

fn iteration(text: Option<&str>) -> Result<Vec<u32>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Vec::new()) };
    let positions: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
    positions.map_err(|_| {
        Problem::new(&codes::INVALID_QUERY)
            .detail("`iteration` takes positions joined by dots, such as `3.0`")
    })
}

async fn whole(api: &Api, payload: Payload) -> Result<Response, Problem> {
    let bytes: Bytes = match payload {
        Payload::Inline(bytes) => bytes,
        Payload::Blob(blob) => {
            api.blobs.get(blob).await.map_err(|error| problem::of_blobs(&error))?
        }
    };
    Ok(([(CONTENT_TYPE, "application/json")], bytes).into_response())
}
