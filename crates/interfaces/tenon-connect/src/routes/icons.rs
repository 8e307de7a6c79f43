//! Icons of connectors and logos of projects, for the portal and for the builder's own pages. A
//! picture that is opened as a page runs and loads nothing, whatever is in it.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use tenon_config::{Error, LogoType};
use tenon_connector::catalog::CUSTOM_PREFIX;
use tenon_domain::ProjectId;
use tenon_http_kit::WireProblem;

use crate::assets::PLACEHOLDER_PATH;
use crate::pictures::{icon_file, logo_of_file};
use crate::problem::of_config;
use crate::state::Connect;

/// A plug: for connectors that have no icon.
const PLACEHOLDER: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" role="img" aria-label="Integration"><rect width="48" height="48" rx="10" fill="#eef0f3"/><g fill="none" stroke="#5b6472" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"><path d="M18 12v7M30 12v7M14 19h20v5a10 10 0 0 1-20 0zM24 34v4"/></g></svg>"##;
/// These icons change with the program only.
const A_DAY: &str = "public, max-age=86400";
/// For pictures whose name changes with what is in them.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A picture that is opened as a page runs and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// Pages that isolate themselves may show it, too.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub(super) fn routes() -> Router<Connect> {
    Router::new()
        .route("/integrations/{file}", get(icon))
        .route("/integrations/{project}/{file}", get(own_icon))
        .route("/logos/{project}/{file}", get(logo))
        .route(PLACEHOLDER_PATH, get(async || picture(LogoType::Svg, A_DAY, PLACEHOLDER)))
}

/// The icon of a connector that comes with Tenon.
async fn icon(State(connect): State<Connect>, Path(file): Path<String>) -> Response {
    let name = file.strip_suffix(".svg").unwrap_or_default();
    let found = connect.catalog.get(name).and_then(|one| one.icon().map(str::to_owned));
    match found {
        Some(icon) => picture(LogoType::Svg, A_DAY, icon),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The icon of a connector that the project uploaded and uses.
async fn own_icon(
    State(connect): State<Connect>,
    Path((project, file)): Path<(String, String)>,
) -> Result<Response, WireProblem> {
    let missing = || StatusCode::NOT_FOUND.into_response();
    let (Ok(project), Some((slug, _))) = (project.parse::<ProjectId>(), file.split_once('.'))
    else {
        return Ok(missing());
    };
    let portal = match connect.config.project_portal(project).await {
        Ok(portal) => portal,
        Err(Error::NoSuchProject(_)) => return Ok(missing()),
        Err(error) => return Err(of_config(&connect, error)),
    };
    let name = format!("{CUSTOM_PREFIX}{slug}");
    let integration = portal.integrations.iter().find(|one| one.connector == name);
    let connector =
        integration.and_then(|one| connect.catalog.find(project, &name, one.manifest.as_ref()));
    let icon = connector.as_deref().and_then(|connector| connector.icon());
    Ok(match icon.filter(|icon| icon_file(slug, icon) == file) {
        Some(icon) => picture(LogoType::Svg, FOR_EVER, icon.to_owned()),
        None => missing(),
    })
}

/// The logo that a project uploaded.
async fn logo(
    State(connect): State<Connect>,
    Path((project, file)): Path<(String, String)>,
) -> Result<Response, WireProblem> {
    let missing = || StatusCode::NOT_FOUND.into_response();
    let (Ok(project), Some((kind, digest))) = (project.parse::<ProjectId>(), logo_of_file(&file))
    else {
        return Ok(missing());
    };
    let found = connect.config.logo_file(project, &digest).await;
    let found = found.map_err(|error| of_config(&connect, error))?;
    Ok(match found.filter(|found| found.kind == kind) {
        Some(found) => picture(kind, FOR_EVER, found.bytes),
        None => missing(),
    })
}

fn picture(kind: LogoType, kept: &'static str, bytes: impl Into<Body>) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind.media_type())),
        (CACHE_CONTROL, HeaderValue::from_static(kept)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (RESOURCE_POLICY, HeaderValue::from_static("cross-origin")),
    ];
    (headers, bytes.into()).into_response()
}
