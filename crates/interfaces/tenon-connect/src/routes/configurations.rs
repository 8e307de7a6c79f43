//! `sdk/credentials/{credential}/configurations`: further sets of settings of an account. Each
//! answer is the whole account, since clients look for what they changed in it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::{AccountSettings, AccountView, SettingsName, SettingsWrite};
use tenon_contract::permissions::{About, Operation};
use tenon_http_kit::WireProblem;
use tenon_http_kit::wire::cross_origin;

use super::connecting::own_name;
use super::credentials::CredentialPath;
use crate::caller::Caller;
use crate::problem::{WireJson, WirePath, invalid, of_config};
use crate::state::Connect;
use crate::view::View;
use crate::wire::credential::WireCredential;

pub(super) fn routes() -> Router<Connect> {
    Router::new().route(
        "/projects/{project}/sdk/credentials/{credential}/configurations",
        cross_origin(post(add).patch(change).delete(remove)),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Addition {
    #[serde(default)]
    external_id: Option<String>,
}

/// `POST`: adds one. It is the youngest of the account, by which clients find it.
async fn add(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<CredentialPath>,
    WireJson(addition): WireJson<Addition>,
) -> Result<Response, WireProblem> {
    let view = connect.view(&caller).await?;
    let account = view.account(&path.credential)?;
    let external_id = addition.external_id.map(|name| own_name(&name));
    let integration = view.portal.integration(account.credential.integration);
    let about = About {
        integration: integration.map(|one| one.connector.as_str()),
        credential: Some(account.credential.id),
        configuration: external_id.as_deref(),
    };
    caller.check(Operation::CredentialWrite, &about)?;
    let id = account.credential.id;
    let added = connect.config.add_configuration(caller.project, id, external_id).await;
    added.map_err(|error| of_config(&connect, error))?;
    let account = connect.account_now(&caller, id).await?;
    Ok((StatusCode::CREATED, Json(account)).into_response())
}

#[derive(Deserialize)]
struct Change {
    meta: Map<String, Value>,
}

/// `PATCH`: changes what the builder's app keeps there.
async fn change(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<CredentialPath>,
    WireJson(change): WireJson<Change>,
) -> Result<Json<WireCredential>, WireProblem> {
    let view = connect.view(&caller).await?;
    let (account, held) = named(&view, &caller, &path)?;
    view.check_write(&caller, account, Some(held))?;
    let write = SettingsWrite { meta: change.meta, ..SettingsWrite::default() };
    let (id, name) = (account.credential.id, SettingsName::Id(held.id));
    let (project, user) = (caller.project, &caller.user);
    let changed = connect.config.change_settings(project, user, id, Some(&name), write).await;
    changed.map_err(|error| of_config(&connect, error))?;
    Ok(Json(connect.account_now(&caller, id).await?))
}

/// `DELETE`: removes one; the default one stays as long as its account.
async fn remove(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<CredentialPath>,
) -> Result<Json<WireCredential>, WireProblem> {
    let view = connect.view(&caller).await?;
    let (account, held) = named(&view, &caller, &path)?;
    view.check_write(&caller, account, Some(held))?;
    let (id, name) = (account.credential.id, SettingsName::Id(held.id));
    let removed = connect.config.remove_configuration(caller.project, id, &name).await;
    removed.map_err(|error| of_config(&connect, error))?;
    Ok(Json(connect.account_now(&caller, id).await?))
}

/// The account of the path and the configuration of the header, which has to be there: a change
/// meant for another one must not reach the default.
fn named<'a>(
    view: &'a View,
    caller: &Caller,
    path: &CredentialPath,
) -> Result<(&'a AccountView, &'a AccountSettings), WireProblem> {
    let account = view.account(&path.credential)?;
    let name = caller.configuration.as_ref().ok_or_else(|| {
        invalid("X-Paragon-Configuration-Id", "name the configuration in this header")
    })?;
    Ok((account, view.configuration(account, Some(name))?))
}
