//! `/signing-keys`: keys that sign the tokens of connected users.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tenon_http_kit::{PathParams, Problem};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::accounts::{CreatedSigningKeyView, SigningKeyList};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SigningKeyPath {
    /// The key's id: the `kid` of its tokens.
    signing_key: String,
}

/// List signing keys
///
/// Revoked ones too, oldest first; public halves only.
#[utoipa::path(
    get,
    path = "/signing-keys",
    operation_id = "list_signing_keys",
    tag = "signing-keys",
    params(("project" = String, Path, format = Uuid)),
    responses((status = 200, description = "The keys", body = SigningKeyList))
)]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<SigningKeyList>, Problem> {
    let keys = api.config.signing_keys(caller.project).await.map_err(problem::of_config)?;
    Ok(Json(SigningKeyList { signing_keys: keys.into_iter().map(Into::into).collect() }))
}

/// Make a signing key
///
/// The answer holds the private half; it is shown this once and not kept.
#[utoipa::path(
    post,
    path = "/signing-keys",
    operation_id = "create_signing_key",
    tag = "signing-keys",
    params(("project" = String, Path, format = Uuid)),
    responses((status = 201, description = "The key", body = CreatedSigningKeyView))
)]
async fn create(
    State(api): State<Api>,
    caller: Caller,
) -> Result<(StatusCode, Json<CreatedSigningKeyView>), Problem> {
    let key = api.config.create_signing_key(caller.project).await.map_err(problem::of_config)?;
    Ok((StatusCode::CREATED, Json(key.into())))
}

/// Revoke a signing key
///
/// Its tokens are refused within seconds.
#[utoipa::path(
    delete,
    path = "/signing-keys/{signing_key}",
    operation_id = "revoke_signing_key",
    tag = "signing-keys",
    params(("project" = String, Path, format = Uuid), SigningKeyPath),
    responses((status = 204, description = "It is revoked"))
)]
async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<SigningKeyPath>,
) -> Result<StatusCode, Problem> {
    let revoked = api.config.revoke_signing_key(caller.project, &path.signing_key).await;
    revoked.map_err(problem::of_config)?;
    Ok(StatusCode::NO_CONTENT)
}
