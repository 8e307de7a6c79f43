//! `/secrets`: what the project keeps for its workflows under a key.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tenon_config::Error;
use tenon_contract::secret::SecretBytes;
use tenon_domain::SecretKey;
use tenon_domain::secrets::InvalidSecretKey;
use tenon_http_kit::{ErrorItem, PathParams, Problem, StrictJson, codes};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::secrets::{SecretList, SecretView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(replace, delete))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SecretPath {
    /// The secret's key.
    secret_key: String,
}

/// A secret to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecretRequest {
    /// A capital letter, then up to 127 capital letters, digits and `_`.
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Z][A-Z0-9_]{0,127}$")]
    key: String,
    /// A text of 8 bytes to 64 KB. It goes to the vault and is never shown again.
    #[schema(min_length = 8)]
    value: String,
}

/// Another value of a secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecretValue {
    /// A text of 8 bytes to 64 KB. It goes to the vault and is never shown again.
    #[schema(min_length = 8)]
    value: String,
}

/// List secrets
///
/// By key, without their values.
#[utoipa::path(
    get,
    path = "/secrets",
    operation_id = "list_secrets",
    tag = "secrets",
    params(("project" = String, Path, format = Uuid)),
    responses((status = 200, description = "The secrets", body = SecretList))
)]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<SecretList>, Problem> {
    let secrets = api.config.secrets(caller.project).await.map_err(problem::of_config)?;
    Ok(Json(SecretList { secrets: secrets.into_iter().map(Into::into).collect() }))
}

/// Keep a secret
///
/// Under a key that is not taken; to set another value, replace it.
#[utoipa::path(
    post,
    path = "/secrets",
    operation_id = "create_secret",
    tag = "secrets",
    params(("project" = String, Path, format = Uuid)),
    request_body = SecretRequest,
    responses((status = 201, description = "It is kept", body = SecretView))
)]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    StrictJson(request): StrictJson<SecretRequest>,
) -> Result<(StatusCode, Json<SecretView>), Problem> {
    let SecretRequest { key, value } = request;
    let value = SecretBytes::from_text(value);
    let key: SecretKey = key.parse().map_err(invalid_key)?;
    let made = api.config.create_secret(caller.project, key, value).await;
    Ok((StatusCode::CREATED, Json(made.map_err(of_value)?.into())))
}

/// Replace a secret's value
///
/// Steps that begin from now on have the new one, after a minute at the latest.
#[utoipa::path(
    put,
    path = "/secrets/{secret_key}",
    operation_id = "replace_secret",
    tag = "secrets",
    params(("project" = String, Path, format = Uuid), SecretPath),
    request_body = SecretValue,
    responses((status = 200, description = "It is replaced", body = SecretView))
)]
async fn replace(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<SecretPath>,
    StrictJson(request): StrictJson<SecretValue>,
) -> Result<Json<SecretView>, Problem> {
    let value = SecretBytes::from_text(request.value);
    let replaced = api.config.replace_secret(caller.project, &path.key()?, value).await;
    Ok(Json(replaced.map_err(of_value)?.into()))
}

/// Delete a secret
///
/// Its value is shredded. Refused while a deployed workflow uses it; `detail` names the workflows.
#[utoipa::path(
    delete,
    path = "/secrets/{secret_key}",
    operation_id = "delete_secret",
    tag = "secrets",
    params(("project" = String, Path, format = Uuid), SecretPath),
    responses((status = 204, description = "It is deleted"))
)]
async fn delete(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<SecretPath>,
) -> Result<StatusCode, Problem> {
    let deleted = api.config.delete_secret(caller.project, &path.key()?).await;
    deleted.map_err(problem::of_config)?;
    Ok(StatusCode::NO_CONTENT)
}

impl SecretPath {
    /// What is no key names no secret.
    fn key(&self) -> Result<SecretKey, Problem> {
        self.secret_key.parse().map_err(|_| Problem::not_found())
    }
}

fn invalid_key(rule: InvalidSecretKey) -> Problem {
    let message = format!("a key is {rule}");
    let item = ErrorItem { pointer: Some("/key".to_owned()), message, ..ErrorItem::default() };
    Problem::new(&codes::INVALID_FIELD).with(item)
}

/// A value that cannot be kept is named by its place.
fn of_value(error: Error) -> Problem {
    let item = matches!(error, Error::Invalid { .. }).then(|| ErrorItem {
        pointer: Some("/value".to_owned()),
        message: error.to_string(),
        ..ErrorItem::default()
    });
    let problem = problem::of_config(error);
    match item {
        Some(item) => problem.with(item),
        None => problem,
    }
}
