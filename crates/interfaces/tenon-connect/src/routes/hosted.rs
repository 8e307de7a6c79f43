//! The portal as a page of its own, `/ui/hosted`: for builders who do not embed an SDK.
//!
//! The page exchanges its link, once, for a token that it keeps in memory. Looking at the address
//! uses nothing up: the link is behind the `#`, and the exchange is a `POST` that only the page makes.
//! The cookie holds what a reload of the page needs, goes to this one route, and to no other site.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tenon_config::{PortalLinkFault, PortalSession};
use tenon_http_kit::wire::cross_origin;
use tenon_http_kit::{Problem, WireProblem, codes as kit};

use super::connecting::InstallOptions;
use super::oauth::{Opening, open_popup};
use crate::caller::Caller;
use crate::problem::{WireJson, of_config};
use crate::state::Connect;

/// Where the cookie is sent.
const COOKIE_PATH: &str = "/connect/hosted";
/// The longest link that is looked at, in bytes.
const LINK_BYTES_MAX: usize = 200;

/// What the page alone asks, on its own origin.
pub(super) fn page_routes() -> Router<Connect> {
    Router::new().route("/connect/hosted/session", post(session))
}

/// What it asks as a user.
pub(super) fn api_routes() -> Router<Connect> {
    Router::new().route("/projects/{project}/sdk/hosted/oauth", cross_origin(post(begin_oauth)))
}

#[derive(Deserialize)]
struct Exchange {
    /// Left out after a reload: then the cookie says whose session it is.
    #[serde(default)]
    link: Option<String>,
}

/// `POST /connect/hosted/session`: a link, or the cookie of an earlier one, for a token.
async fn session(
    State(connect): State<Connect>,
    headers: HeaderMap,
    WireJson(exchange): WireJson<Exchange>,
) -> Result<Response, WireProblem> {
    // Another site's page must not open sessions in this browser. Old browsers do not say.
    let from = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if from.is_some_and(|from| !matches!(from, "same-origin" | "none")) {
        let problem = Problem::new(&kit::FORBIDDEN);
        return Err(problem.detail("only the portal's own page may ask for a session").into());
    }
    let is_https = connect.config.is_reached_by_https();
    let opened = match exchange.link.as_deref() {
        Some(link) if link.len() > LINK_BYTES_MAX => Err(PortalLinkFault::Unknown.into()),
        Some(link) => connect.config.open_portal_link(link).await,
        None => match resume_of(&headers, is_https) {
            Some(resume) => connect.config.resume_portal_session(resume).await,
            None => Err(PortalLinkFault::NoSession.into()),
        },
    };
    let opened = opened.map_err(|error| of_config(&connect, error))?;
    let mut response = Json(answer(&connect, &opened)).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie(&connect, &opened, is_https) {
        headers.insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

fn answer(connect: &Connect, opened: &PortalSession) -> Value {
    json!({
        "token": opened.token.as_str(),
        "projectId": opened.project,
        "integration": opened.integration,
        "apiUrl": connect.settings.below(""),
        "redirectUrl": opened.redirect_url,
        "expiresAt": opened.expires_at,
        "options": {},
    })
}

const fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Secure-tenon-portal" } else { "tenon-portal" }
}

/// The cookie of a session that has just begun. It ends with the session.
fn cookie(connect: &Connect, opened: &PortalSession, is_https: bool) -> Option<HeaderValue> {
    let resume = opened.resume.as_ref()?.as_str();
    let seconds = opened.expires_at.duration_since(connect.clock.now()).as_secs().max(0);
    let path = connect.settings.public_url.path().trim_end_matches('/');
    let name = cookie_name(is_https);
    let secure = if is_https { "; Secure" } else { "" };
    let text = format!(
        "{name}={resume}; Path={path}{COOKIE_PATH}; Max-Age={seconds}; HttpOnly; \
         SameSite=Strict{secure}"
    );
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn resume_of(headers: &HeaderMap, is_https: bool) -> Option<&str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == cookie_name(is_https)).then_some(value))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BeginOauth {
    integration_id: String,
    #[serde(default)]
    account_type: Option<String>,
    /// What was filled in before the user is sent away.
    #[serde(default)]
    end_user_supplied_values: Option<Map<String, Value>>,
    #[serde(default)]
    install_options: Option<InstallOptions>,
    /// Under which the page asks what became of it.
    oauth_meta_key_id: String,
    /// The page that is told how it ended.
    #[serde(default)]
    origin_for_post_message: Option<String>,
}

/// `POST …/sdk/hosted/oauth`: where the page's small window goes. Nothing of it is in an address.
async fn begin_oauth(
    State(connect): State<Connect>,
    caller: Caller,
    WireJson(asked): WireJson<BeginOauth>,
) -> Result<(StatusCode, Json<Value>), WireProblem> {
    let options = asked.install_options.unwrap_or_default().or_account_type(asked.account_type);
    let opening = Opening {
        integration: asked.integration_id,
        options,
        fields: asked.end_user_supplied_values.unwrap_or_default(),
        origin: asked.origin_for_post_message,
        redirect: None,
        key: Some(asked.oauth_meta_key_id),
    };
    let url = open_popup(&connect, &caller, opening).await?;
    Ok((StatusCode::OK, Json(json!({ "url": url }))))
}
