//! `/event-log`: what happened to the project's accounts. `/events` is the gateway's: there the
//! builder's app says what happened in it.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tenon_http_kit::{Problem, QueryParams};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::page::Limit;
use crate::problem;
use crate::state::Api;
use crate::view::accounts::EventList;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Events behind this number; `next` of the page before.
    #[serde(default)]
    #[param(minimum = 0, default = 0)]
    after: i64,
    /// Events in one page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
}

/// List events
///
/// In the order of their numbers. Nothing is missing between two pages.
#[utoipa::path(
    get,
    path = "/event-log",
    operation_id = "list_events",
    tag = "events",
    params(("project" = String, Path, format = Uuid), EventQuery),
    responses((status = 200, description = "The events", body = EventList))
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    QueryParams(query): QueryParams<EventQuery>,
) -> Result<Json<EventList>, Problem> {
    let found = api.config.events(caller.project, query.after, query.limit.0).await;
    let found = found.map_err(problem::of_config)?;
    let next = found.last().map_or(query.after, |event| event.sequence);
    Ok(Json(EventList { events: found.into_iter().map(Into::into).collect(), next }))
}
