//! `/proxy-calls`: the log of calls that went through the proxy.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use tenon_domain::{EndUserId, IntegrationId};
use tenon_exec::ports::calls::{ProxyCallFilter, ProxyCallId};
use tenon_http_kit::{Problem, QueryParams};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::page::{self, Cursor, Limit};
use crate::problem;
use crate::state::Api;
use crate::view::proxy_call::{ProxyCallList, StatusClass};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

impl Cursor for ProxyCallId {
    const KIND: &'static str = "c:";
    fn text(&self) -> String {
        self.uuid().to_string()
    }
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::from_uuid)
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CallQuery {
    /// Calls of this connected user.
    user: Option<String>,
    /// Calls with this integration.
    #[param(value_type = Option<String>, format = Uuid)]
    integration: Option<IntegrationId>,
    /// Calls that were answered with a status of this class.
    #[param(inline)]
    status: Option<StatusClass>,
    /// Calls that ended at or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Calls in one page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
}

/// List proxy calls
///
/// Newest first, some seconds after they ended. All filters hold together. The log is for finding
/// out what happened: under heavy load calls may be missing in it.
#[utoipa::path(
    get,
    path = "/proxy-calls",
    operation_id = "list_proxy_calls",
    tag = "proxy-calls",
    params(("project" = String, Path, format = Uuid), CallQuery),
    responses((status = 200, description = "A page of calls", body = ProxyCallList))
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    QueryParams(query): QueryParams<CallQuery>,
) -> Result<Json<ProxyCallList>, Problem> {
    let cursor = page::decode::<ProxyCallId>(query.cursor.as_deref())?;
    let filter = ProxyCallFilter {
        user: query.user.map(EndUserId::new),
        integration: query.integration,
        status_class: query.status.map(StatusClass::hundreds),
        since: query.since,
    };
    let page = api.calls.calls(caller.project, &filter, cursor, query.limit.0).await;
    let page = page.map_err(|error| problem::of_history(&error))?;
    Ok(Json(ProxyCallList {
        calls: page.calls.into_iter().map(Into::into).collect(),
        next: page.next.map(|next| page::encode(&next)),
    }))
}
