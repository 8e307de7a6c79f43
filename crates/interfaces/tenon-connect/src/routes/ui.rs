//! `/ui`: the portal's page and what it loads. Any page may frame it: it holds no token, and does
//! nothing by itself but what the framing page's SDK asks for. `/ui/hosted` holds one, so no page may.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::assets::Asset;
use crate::state::Connect;

/// Scripts only of our own files. Styles also where components set them; pictures from wherever
/// builders keep theirs.
macro_rules! policy {
    ($ancestors:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; ",
            "img-src http: https: data:; font-src 'self'; connect-src 'self'; ",
            "base-uri 'none'; form-action 'none'; frame-ancestors ",
            $ancestors
        )
    };
}
const POLICY: &str = policy!("*");
/// Of the page that acts by itself: nobody may lay something over it.
const ALONE_POLICY: &str = policy!("'none'");
/// The page that acts by itself.
const ALONE: &str = "ui/hosted.html";
/// For files whose name changes with what is in them.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For pages: they may be kept, and are asked for again each time.
const ASK_AGAIN: &str = "no-cache";

pub(super) fn routes() -> Router<Connect> {
    Router::new().route("/ui", get(page)).route("/ui/{*path}", get(file))
}

async fn page(State(connect): State<Connect>, headers: HeaderMap) -> Response {
    match connect.assets.get("ui.html") {
        Some(asset) => answer(asset, POLICY, ASK_AGAIN, &headers),
        None => missing("The portal is not part of this installation."),
    }
}

async fn file(
    State(connect): State<Connect>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    let exact = format!("ui/{path}");
    let page = format!("{exact}.html");
    for name in [exact, page] {
        let Some(asset) = connect.assets.get(&name) else { continue };
        let kept = if path.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
        let policy = if name == ALONE { ALONE_POLICY } else { POLICY };
        return answer(asset, policy, kept, &headers);
    }
    missing("There is nothing here.")
}

fn answer(asset: Asset, policy: &'static str, kept: &'static str, asked: &HeaderMap) -> Response {
    let is_known = asked
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|one| one.trim() == asset.etag));
    let etag = HeaderValue::try_from(asset.etag).unwrap_or(HeaderValue::from_static("\"\""));
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static(kept)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (ETAG, etag),
    ];
    match is_known {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, asset.bytes).into_response(),
    }
}

fn missing(text: &'static str) -> Response {
    (StatusCode::NOT_FOUND, text).into_response()
}
