//! The routes, one file a noun. A handler reads the request, calls one port and shows the answer;
//! it decides nothing.

mod account_settings;
mod api_keys;
mod archive;
mod connect_sessions;
mod connectors;
mod credentials;
mod events;
mod integrations;
mod oauth;
mod portal;
mod project_queue;
mod projects;
mod proxy_calls;
mod queues;
mod runs;
mod secrets;
mod signing_keys;
mod test_runs;
mod users;
mod webhooks;
mod workflows;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use utoipa_axum::router::OpenApiRouter;

use crate::openapi;
use crate::settings::ApiSettings;
use crate::state::{Api, ApiState};

/// The management API: every route under `/api/v1`, and the routes of users' browsers under
/// `/oauth`, without the layers of `tenon-http-kit`.
pub fn router(state: ApiState) -> Router {
    let (router, api) = documented(&state.settings).split_for_parts();
    let text = Bytes::from(openapi::render(&openapi::finish(api)));
    router
        .merge(oauth::routes())
        .with_state(Api::new(state))
        .route("/api/v1/openapi.json", get(async move || document(text)))
}

/// All routes with their descriptions.
pub(crate) fn documented(settings: &ApiSettings) -> OpenApiRouter<Api> {
    let project = OpenApiRouter::new()
        .merge(workflows::routes(settings))
        .merge(test_runs::routes(settings))
        .merge(runs::routes())
        .merge(archive::routes())
        .merge(proxy_calls::routes())
        .merge(users::routes())
        .merge(api_keys::routes())
        .merge(connectors::routes(settings))
        .merge(integrations::routes())
        .merge(webhooks::routes())
        .merge(credentials::routes())
        .merge(connect_sessions::routes())
        .merge(account_settings::routes())
        .merge(secrets::routes())
        .merge(signing_keys::routes())
        .merge(portal::routes())
        .merge(project_queue::routes())
        .merge(events::routes());
    openapi::start()
        .nest("/api/v1", queues::routes())
        .nest("/api/v1/projects", projects::routes())
        .nest("/api/v1/projects/{project}", project)
}

fn document(text: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}
