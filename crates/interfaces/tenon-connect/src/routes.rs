//! The routes, one file a noun. A handler reads the request, checks what the token allows, calls
//! one use case and shows the answer; it decides nothing else.

mod actions;
mod configurations;
mod connecting;
mod credentials;
mod hosted;
mod icons;
mod integrations;
mod me;
mod oauth;
mod projects;
mod settings;
mod triggers;
mod ui;
mod workflows;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::json;
use tenon_http_kit::wire::{cross_origin, readable_anywhere};

use crate::state::{Connect, ConnectState};

/// Everything that the published SDK, its older versions and the portal call, without the layers of
/// `tenon-http-kit`. The paths do not meet those of other roles on the same host.
pub fn router(state: ConnectState) -> Router {
    let api = Router::new()
        .route("/projects/{project}/sdk/me", cross_origin(get(me::show).patch(me::change)))
        .route("/projects/{project}/sdk/integrations", cross_origin(get(integrations::list)))
        .route("/projects/{project}/sdk/metadata", cross_origin(get(integrations::metadata)))
        .merge(integrations::routes())
        .merge(credentials::routes())
        .merge(configurations::routes())
        .merge(workflows::routes())
        .merge(actions::routes())
        .merge(oauth::api_routes())
        .merge(hosted::api_routes())
        .merge(triggers::routes())
        .merge(projects::routes());
    readable_anywhere(api)
        .merge(oauth::page_routes())
        .merge(hosted::page_routes())
        .merge(readable_anywhere(icons::routes()))
        .merge(ui::routes())
        .with_state(Connect::new(state))
}

/// JSON that is rendered already.
fn json_response(bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// The answer where there is nothing to say. An object, since old clients parse whatever comes.
fn done() -> Response {
    axum::Json(json!({})).into_response()
}
