//! Icons of connectors, for the portal and for the builder's own pages.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::assets::PLACEHOLDER_PATH;
use crate::state::Connect;

/// A plug: for connectors that have no icon.
const PLACEHOLDER: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" role="img" aria-label="Integration"><rect width="48" height="48" rx="10" fill="#eef0f3"/><g fill="none" stroke="#5b6472" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"><path d="M18 12v7M30 12v7M14 19h20v5a10 10 0 0 1-20 0zM24 34v4"/></g></svg>"##;
/// Icons change with the program only.
const A_DAY: &str = "public, max-age=86400";
/// An icon that is opened as a page runs and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// Pages that isolate themselves may show it, too.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub(super) fn routes() -> Router<Connect> {
    Router::new()
        .route("/integrations/{file}", get(icon))
        .route(PLACEHOLDER_PATH, get(async || svg(PLACEHOLDER.to_owned())))
}

async fn icon(State(connect): State<Connect>, Path(file): Path<String>) -> Response {
    let name = file.strip_suffix(".svg").unwrap_or_default();
    let found = connect.catalog.get(name).and_then(|one| one.icon().map(str::to_owned));
    match found {
        Some(icon) => svg(icon),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn svg(text: String) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")),
        (CACHE_CONTROL, HeaderValue::from_static(A_DAY)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (RESOURCE_POLICY, HeaderValue::from_static("cross-origin")),
    ];
    (headers, text).into_response()
}
