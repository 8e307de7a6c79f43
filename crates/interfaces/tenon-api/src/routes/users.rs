//! `/users`: connected users, and which workflows run for them.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::Choice;
use tenon_config::ports::UserPage;
use tenon_domain::{EndUserId, WorkflowId};
use tenon_http_kit::{ErrorItem, PathParams, Problem, QueryParams, StrictJson, codes};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::page::{self, Limit};
use crate::problem;
use crate::state::Api;
use crate::view::configuration::{UserList, UserView};

/// The longest id of a user, in bytes.
const USER_BYTES_MAX: usize = 255;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, put, patch))
        .routes(routes!(choose))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct UserPath {
    /// The builder's own id of the user, 1 to 255 bytes.
    pub(super) user: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ChoicePath {
    /// The builder's own id of the user, 1 to 255 bytes.
    user: String,
    /// The workflow.
    #[param(value_type = String, format = Uuid)]
    workflow: WorkflowId,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UserQuery {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Users in one page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
}

/// What is known of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserRequest {
    /// Whether nothing runs for the user; when left out, that stays as it is.
    #[serde(default)]
    disabled: Option<bool>,
}

/// What to change of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChangeRequest {
    /// Whether nothing runs for the user; when left out, that stays as it is.
    #[serde(default)]
    disabled: Option<bool>,
    /// Members are merged one level deep; null takes one away.
    #[serde(default)]
    #[schema(value_type = Object)]
    meta: Map<String, Value>,
}

/// A user's choice.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChoiceRequest {
    /// Whether the workflow runs for the user.
    enabled: bool,
}

/// List users
///
/// In order of their ids.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "list_users",
    tag = "users",
    params(("project" = String, Path, format = Uuid), UserQuery),
    responses((status = 200, description = "A page of users", body = UserList))
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    QueryParams(query): QueryParams<UserQuery>,
) -> Result<Json<UserList>, Problem> {
    let cursor = page::decode::<EndUserId>(query.cursor.as_deref())?;
    let limit = query.limit.0;
    let users = api.config.users(caller.project, UserPage { after: cursor, limit }).await;
    let users = users.map_err(problem::of_config)?;
    let next = users.last().filter(|_| users.len() >= limit).map(|user| page::encode(&user.id));
    Ok(Json(UserList { users: users.into_iter().map(UserView::from).collect(), next }))
}

/// Get a user
#[utoipa::path(
    get,
    path = "/users/{user}",
    operation_id = "get_user",
    tag = "users",
    params(("project" = String, Path, format = Uuid), UserPath),
    responses((status = 200, description = "The user", body = UserView))
)]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<UserPath>,
) -> Result<Json<UserView>, Problem> {
    let user = user_of_path(path.user)?;
    let user = api.config.user(caller.project, &user).await;
    Ok(Json(user.map_err(problem::of_config)?.into()))
}

/// Change what is known of a user
///
/// Adds the user when new. Permissions of workflows ask for the metadata, and steps read it at
/// `{{user.meta.<name>}}`.
#[utoipa::path(
    patch,
    path = "/users/{user}",
    operation_id = "patch_user",
    tag = "users",
    params(("project" = String, Path, format = Uuid), UserPath),
    request_body = UserChangeRequest,
    responses((status = 200, description = "The user", body = UserView))
)]
async fn patch(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<UserPath>,
    StrictJson(request): StrictJson<UserChangeRequest>,
) -> Result<Json<UserView>, Problem> {
    let user = user_of_path(path.user)?;
    let changed = api.config.set_user_meta(caller.project, &user, request.meta).await;
    let mut changed = changed.map_err(problem::of_config)?;
    if request.disabled.is_some() {
        let put = api.config.put_user(caller.project, &user, request.disabled).await;
        changed = put.map_err(problem::of_config)?;
    }
    Ok(Json(changed.into()))
}

/// Add or change a user
///
/// Safe to repeat.
#[utoipa::path(
    put,
    path = "/users/{user}",
    operation_id = "put_user",
    tag = "users",
    params(("project" = String, Path, format = Uuid), UserPath),
    request_body = UserRequest,
    responses((status = 200, description = "The user", body = UserView))
)]
async fn put(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<UserPath>,
    StrictJson(request): StrictJson<UserRequest>,
) -> Result<Json<UserView>, Problem> {
    let user = user_of_path(path.user)?;
    let user = api.config.put_user(caller.project, &user, request.disabled).await;
    Ok(Json(user.map_err(problem::of_config)?.into()))
}

/// Turn a workflow on or off for a user
///
/// Adds the user when new. A workflow of an integration is turned on or off for the default
/// configuration of the user's oldest account. Safe to repeat.
#[utoipa::path(
    put,
    path = "/users/{user}/workflows/{workflow}",
    operation_id = "choose_workflow",
    tag = "users",
    params(("project" = String, Path, format = Uuid), ChoicePath),
    request_body = ChoiceRequest,
    responses((status = 204, description = "The choice is kept"))
)]
async fn choose(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<ChoicePath>,
    StrictJson(request): StrictJson<ChoiceRequest>,
) -> Result<StatusCode, Problem> {
    let user = user_of_path(path.user)?;
    let choice = Choice { user, workflow: path.workflow, is_enabled: request.enabled };
    api.config.choose(caller.project, &choice).await.map_err(problem::of_config)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn user_of_path(user: String) -> Result<EndUserId, Problem> {
    match is_user(&user) {
        true => Ok(EndUserId::new(user)),
        false => Err(Problem::new(&codes::INVALID_PATH).detail(USER_RULE)),
    }
}

/// The id of a user from a body.
pub(super) fn checked_user(pointer: &str, user: String) -> Result<EndUserId, Problem> {
    if is_user(&user) {
        return Ok(EndUserId::new(user));
    }
    Err(Problem::new(&codes::INVALID_FIELD).detail(USER_RULE).with(ErrorItem {
        message: USER_RULE.to_owned(),
        pointer: Some(pointer.to_owned()),
        ..ErrorItem::default()
    }))
}

const USER_RULE: &str = "the id of a user has 1 to 255 bytes and no null byte";

fn is_user(user: &str) -> bool {
    (1..=USER_BYTES_MAX).contains(&user.len()) && !user.contains('\0')
}
