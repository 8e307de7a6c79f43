//! `/api-keys`: the keys that may speak for the project.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tenon_config::DisplayName;
use tenon_domain::ApiKeyId;
use tenon_http_kit::{ErrorItem, PathParams, Problem, StrictJson, codes};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::configuration::{ApiKeyList, CreatedApiKeyView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ApiKeyPath {
    /// The key's id.
    #[param(value_type = String, format = Uuid)]
    api_key: ApiKeyId,
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApiKeyRequest {
    /// What people call it, 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// List API keys
///
/// Revoked ones too, oldest first, without the keys themselves.
#[utoipa::path(
    get,
    path = "/api-keys",
    operation_id = "list_api_keys",
    tag = "api-keys",
    params(("project" = String, Path, format = Uuid)),
    responses((status = 200, description = "The keys", body = ApiKeyList))
)]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<ApiKeyList>, Problem> {
    let keys = api.config.api_keys(caller.project).await.map_err(problem::of_config)?;
    Ok(Json(ApiKeyList { api_keys: keys.into_iter().map(Into::into).collect() }))
}

/// Make an API key
///
/// The answer holds the key; it is shown this once.
#[utoipa::path(
    post,
    path = "/api-keys",
    operation_id = "create_api_key",
    tag = "api-keys",
    params(("project" = String, Path, format = Uuid)),
    request_body = ApiKeyRequest,
    responses((status = 201, description = "The key", body = CreatedApiKeyView))
)]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    StrictJson(request): StrictJson<ApiKeyRequest>,
) -> Result<(StatusCode, Json<CreatedApiKeyView>), Problem> {
    let name = DisplayName::parse(&request.name).map_err(|error| {
        let message = error.to_string();
        let item = ErrorItem { pointer: Some("/name".to_owned()), message, ..Default::default() };
        problem::of_config(error).with(item)
    })?;
    let key = api.config.create_api_key(caller.project, &name).await;
    let key = key.map_err(problem::of_config)?;
    Ok((StatusCode::CREATED, Json(key.into())))
}

/// Revoke an API key
///
/// It stops working within seconds. A key cannot revoke itself.
#[utoipa::path(
    delete,
    path = "/api-keys/{api_key}",
    operation_id = "revoke_api_key",
    tag = "api-keys",
    params(("project" = String, Path, format = Uuid), ApiKeyPath),
    responses((status = 204, description = "It is revoked"))
)]
async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<ApiKeyPath>,
) -> Result<StatusCode, Problem> {
    if path.api_key == caller.api_key {
        return Err(Problem::new(&codes::CONFLICT)
            .detail("a key cannot revoke itself; use another key of the project"));
    }
    let revoked = api.config.revoke_api_key(caller.project, path.api_key).await;
    revoked.map_err(problem::of_config)?;
    Ok(StatusCode::NO_CONTENT)
}
