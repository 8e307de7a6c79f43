//! `/connect-sessions`: sending a user's browser to the provider.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::NewConnect;
use tenon_domain::{ConnectSessionId, CredentialId};
use tenon_http_kit::{PathParams, Problem, StrictJson};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::users::{UserPath, user_of_path};
use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::accounts::{ConnectSessionView, OpenedConnectView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(open)).routes(routes!(get))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SessionPath {
    /// The session's id.
    #[param(value_type = String, format = Uuid)]
    session: ConnectSessionId,
}

/// A session to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConnectRequest {
    /// The integration's id, or its connector's name.
    integration: String,
    /// The connector's auth method; its first one when left out.
    #[serde(default)]
    auth_method: Option<String>,
    /// What the connector asks for before the user is sent away, such as a subdomain.
    #[serde(default)]
    #[schema(value_type = Object)]
    fields: Map<String, Value>,
    /// The account to connect again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    credential_id: Option<CredentialId>,
    /// The builder's own name for the account.
    #[serde(default)]
    external_id: Option<String>,
    /// Whether the user may have several accounts of the integration.
    #[serde(default)]
    allow_multiple: bool,
    /// The origin of the page that opens the window, such as `https://app.example.com`. The last
    /// page tells it by `postMessage` how it ended.
    #[serde(default)]
    return_origin: Option<String>,
}

/// Open a connect session
///
/// The answer holds the link for the user's browser, good for one account and ten minutes. Show
/// it to this user only: whoever opens it links their own account to this user.
#[utoipa::path(
    post,
    path = "/users/{user}/connect-sessions",
    operation_id = "open_connect_session",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), UserPath),
    request_body = ConnectRequest,
    responses((status = 201, description = "The session", body = OpenedConnectView))
)]
async fn open(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<UserPath>,
    StrictJson(request): StrictJson<ConnectRequest>,
) -> Result<(StatusCode, Json<OpenedConnectView>), Problem> {
    let new = NewConnect {
        user: user_of_path(path.user)?,
        integration: request.integration,
        auth_method: request.auth_method,
        fields: request.fields,
        credential: request.credential_id,
        external_id: request.external_id,
        several_accounts: request.allow_multiple,
        return_origin: request.return_origin,
    };
    let opened = api.config.open_connect(caller.project, new).await;
    let opened = opened.map_err(|error| problem::of_fields(error, "/fields"))?;
    Ok((StatusCode::CREATED, Json(OpenedConnectView::new(opened, Timestamp::now()))))
}

/// Show what became of a connect session
#[utoipa::path(
    get,
    path = "/connect-sessions/{session}",
    operation_id = "get_connect_session",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), SessionPath),
    responses((status = 200, description = "The session", body = ConnectSessionView))
)]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<SessionPath>,
) -> Result<Json<ConnectSessionView>, Problem> {
    let session = api.config.connect_session(caller.project, path.session).await;
    let session = session.map_err(problem::of_config)?;
    Ok(Json(ConnectSessionView::new(session, Timestamp::now())))
}
