//! `sdk/me`: who the user is and what is connected.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::CredentialState;
use tenon_http_kit::WireProblem;

use super::json_response;
use crate::caller::Caller;
use crate::problem::{WireJson, invalid, of_config};
use crate::state::Connect;
use crate::wire::user::WirePersona;

/// Metadata that clients of version 1 send with each call.
const META_HEADER: &str = "x-paragon-user-metadata";

#[derive(Deserialize)]
pub(super) struct Change {
    meta: Map<String, Value>,
}

/// `GET`: rendered once for each state of the user, and given from memory while it is the same.
pub(super) async fn show(
    State(connect): State<Connect>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, WireProblem> {
    let rendered = connect.rendered_user(&caller).await?;
    let said = said_meta(&headers)?;
    let is_known = said.iter().all(|(name, value)| rendered.meta.get(name) == Some(value));
    if is_known {
        return Ok(json_response(rendered.me.clone()));
    }
    caller.check_meta()?;
    let changed = connect.config.set_user_meta(caller.project, &caller.user, said).await;
    changed.map_err(|error| of_config(&connect, error))?;
    Ok(json_response(connect.rendered_user(&caller).await?.me.clone()))
}

/// `PATCH`: merges metadata.
pub(super) async fn change(
    State(connect): State<Connect>,
    caller: Caller,
    WireJson(change): WireJson<Change>,
) -> Result<Response, WireProblem> {
    caller.check_meta()?;
    let changed = connect.config.set_user_meta(caller.project, &caller.user, change.meta).await;
    let user = changed.map_err(|error| of_config(&connect, error))?;
    let has = connect.config.accounts(caller.project, &caller.user).await;
    let has = has.map_err(|error| of_config(&connect, error))?;
    let is_broken = |state| matches!(state, CredentialState::Invalid | CredentialState::Expired);
    let has_errors = has.accounts.iter().any(|one| is_broken(one.credential.status.state));
    let times = (user.created_at, connect.clock.now());
    let persona = WirePersona::new(caller.project, &user.id, &user.meta, times, has_errors);
    Ok(Json(persona).into_response())
}

/// What the header says of the user; nothing where it is not there.
fn said_meta(headers: &HeaderMap) -> Result<Map<String, Value>, WireProblem> {
    let Some(value) = headers.get(META_HEADER) else { return Ok(Map::new()) };
    match serde_json::from_slice(value.as_bytes()) {
        Ok(Value::Object(meta)) => Ok(meta.into_iter().filter(|(_, one)| !one.is_null()).collect()),
        Ok(Value::Null) => Ok(Map::new()),
        _ => Err(invalid(META_HEADER, "this header must be a JSON object")),
    }
}
