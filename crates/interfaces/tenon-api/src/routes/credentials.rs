//! `/users/{user}/credentials` and `/credentials`: accounts that users linked.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::{FieldLink, LinkProof};
use tenon_domain::CredentialId;
use tenon_http_kit::{PathParams, Problem, StrictJson, codes};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::users::{UserPath, user_of_path};
use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::accounts::{CredentialList, CredentialView, ProbeView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, link))
        .routes(routes!(get, disconnect))
        .routes(routes!(probe))
        .routes(routes!(complete_setup))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct CredentialPath {
    /// The account's id.
    #[param(value_type = String, format = Uuid)]
    pub(super) credential: CredentialId,
}

/// An account to link at once: by its fields, or by a code that the builder's app received.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LinkRequest {
    /// The integration's id, or its connector's name.
    integration: String,
    /// The connector's auth method; its first one when left out.
    #[serde(default)]
    auth_method: Option<String>,
    /// What the user filled in. Secret values go to the vault and are never shown again.
    #[serde(default)]
    #[schema(value_type = Object)]
    fields: Map<String, Value>,
    /// The code of an OAuth callback that the builder's app received itself.
    #[serde(default)]
    code: Option<String>,
    /// With `code`: exactly the redirect URI that the provider was told.
    #[serde(default)]
    redirect_uri: Option<String>,
    /// With `code`: the PKCE verifier, where there is one.
    #[serde(default)]
    code_verifier: Option<String>,
    /// With `code`: further parameters of the callback.
    #[serde(default)]
    callback: BTreeMap<String, String>,
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
}

/// What is asked for after linking.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetupRequest {
    /// Values of the auth method's `setup_fields`. What was given before stays.
    #[serde(default)]
    #[schema(value_type = Object)]
    fields: Map<String, Value>,
}

impl LinkRequest {
    fn proof(&mut self) -> Result<LinkProof, Problem> {
        let (code, redirect_uri) = (self.code.take(), self.redirect_uri.take());
        match (code, redirect_uri) {
            (None, None) => Ok(LinkProof::Fields),
            (Some(code), Some(redirect_uri)) => {
                let mut params = std::mem::take(&mut self.callback);
                params.insert("code".to_owned(), code);
                let code_verifier = self.code_verifier.take();
                Ok(LinkProof::Code { redirect_uri, params, code_verifier })
            }
            _ => {
                Err(Problem::new(&codes::INVALID_FIELD)
                    .detail("`code` and `redirect_uri` go together"))
            }
        }
    }
}

/// List a user's accounts
///
/// Oldest first.
#[utoipa::path(
    get,
    path = "/users/{user}/credentials",
    operation_id = "list_credentials",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), UserPath),
    responses((status = 200, description = "The accounts", body = CredentialList))
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<UserPath>,
) -> Result<Json<CredentialList>, Problem> {
    let user = user_of_path(path.user)?;
    let found = api.config.credentials(caller.project, &user).await;
    let found = found.map_err(problem::of_config)?;
    Ok(Json(CredentialList { credentials: found.into_iter().map(Into::into).collect() }))
}

/// Link an account
///
/// By fields that the user filled in, or by a code that the builder's app received from the
/// provider. For the way through a browser open a connect session.
#[utoipa::path(
    post,
    path = "/users/{user}/credentials",
    operation_id = "link_credential",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), UserPath),
    request_body = LinkRequest,
    responses((status = 201, description = "The account", body = CredentialView))
)]
async fn link(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<UserPath>,
    StrictJson(mut request): StrictJson<LinkRequest>,
) -> Result<(StatusCode, Json<CredentialView>), Problem> {
    let user = user_of_path(path.user)?;
    let proof = request.proof()?;
    let new = FieldLink {
        user,
        integration: request.integration,
        auth_method: request.auth_method,
        fields: request.fields,
        proof,
        credential: request.credential_id,
        external_id: request.external_id,
        several_accounts: request.allow_multiple,
    };
    let linked = api.config.link(caller.project, new).await;
    let linked = linked.map_err(|error| problem::of_fields(error, "/fields"))?;
    Ok((StatusCode::CREATED, Json(linked.into())))
}

/// Show an account
#[utoipa::path(
    get,
    path = "/credentials/{credential}",
    operation_id = "get_credential",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), CredentialPath),
    responses((status = 200, description = "The account", body = CredentialView))
)]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<CredentialPath>,
) -> Result<Json<CredentialView>, Problem> {
    let found = api.config.credential(caller.project, path.credential).await;
    Ok(Json(found.map_err(problem::of_config)?.into()))
}

/// Disconnect an account
///
/// Takes it back at the provider as far as that lets us, and shreds its secrets.
#[utoipa::path(
    delete,
    path = "/credentials/{credential}",
    operation_id = "disconnect_credential",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), CredentialPath),
    responses((status = 204, description = "It is disconnected"))
)]
async fn disconnect(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<CredentialPath>,
) -> Result<StatusCode, Problem> {
    let done = api.config.disconnect(caller.project, path.credential).await;
    done.map_err(problem::of_config)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask the provider whether an account works
#[utoipa::path(
    post,
    path = "/credentials/{credential}/probe",
    operation_id = "probe_credential",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), CredentialPath),
    responses((status = 200, description = "What it said", body = ProbeView))
)]
async fn probe(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<CredentialPath>,
) -> Result<Json<ProbeView>, Problem> {
    let probed = api.config.probe(caller.project, path.credential).await;
    Ok(Json(probed.map_err(problem::of_config)?.into()))
}

/// Complete the set-up of an account
///
/// An account whose status is `pending` lacks values that its provider did not give; nothing uses
/// it until they are there. Safe to repeat.
#[utoipa::path(
    post,
    path = "/credentials/{credential}/complete-setup",
    operation_id = "complete_credential_setup",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), CredentialPath),
    request_body = SetupRequest,
    responses((status = 200, description = "The account", body = CredentialView))
)]
async fn complete_setup(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<CredentialPath>,
    StrictJson(request): StrictJson<SetupRequest>,
) -> Result<Json<CredentialView>, Problem> {
    let (project, credential) = (caller.project, path.credential);
    let changed = api.config.complete_setup(project, credential, request.fields).await;
    Ok(Json(changed.map_err(|error| problem::of_fields(error, "/fields"))?.into()))
}
