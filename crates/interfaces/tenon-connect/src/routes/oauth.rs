//! The way through the provider: the small window that the SDK opens, the address that it is sent
//! to, and what became of it.
//!
//! The session itself, its state, its nonce cookie and its single use are those of `/oauth/start` and
//! `/oauth/callback`, which are on one host. The user's token is in the addresses here, because the
//! SDK puts it there: they are not logged, and not passed on as a referrer.

use axum::Json;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{LOCATION, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tenon_config::linking::{PopupConnect, SESSION_MEMBER};
use tenon_config::{ConnectOutcome, NewConnect};
use tenon_domain::ConnectSessionId;
use tenon_http_kit::bearer::bearer_token;
use tenon_http_kit::wire::cross_origin;
use tenon_http_kit::{Problem, WireProblem, codes as kit};
use url::Url;

use super::connecting::{InstallOptions, browser_method};
use super::credentials::{check_connect, connector_of};
use super::done;
use crate::caller::{Caller, ProjectPath};
use crate::page::PopupPage;
use crate::problem::{WirePath, invalid, of_config};
use crate::state::Connect;

/// The longest query that is read, in bytes: a token of 8 KB, and what is filled in.
const QUERY_BYTES_MAX: usize = 32 << 10;

/// Said on `/oauth/start` by whoever knows that a person is there: the address was handed to the
/// page of a signed-in user, and is in no message that a program might look at first.
const BY_A_PERSON: &str = "continue=1";
/// Said there too by clients that ask how it ended, and would hear of it twice if they were told.
const ASKS: &str = "asks=1";

/// What the SDK fetches.
pub(super) fn api_routes() -> Router<Connect> {
    Router::new()
        .route("/v2/projects/{project}/sdk/actions/build-oauth", cross_origin(get(build)))
        .route(
            "/projects/{project}/sdk/actions/session-id/{key}",
            cross_origin(get(session).delete(forget)),
        )
}

/// What it opens as a window.
pub(super) fn page_routes() -> Router<Connect> {
    Router::new()
        .route("/projects/{project}/sdk/actions/oauth-nonce", get(ready))
        .route("/projects/{project}/sdk/actions/build-oauth", get(go))
}

/// The parameters of both; the others are the client's own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    user_token: Option<String>,
    integration_id: Option<String>,
    origin_for_post_message: Option<String>,
    end_user_supplied_values: Option<String>,
    install_options: Option<String>,
    redirect_url: Option<String>,
    oauth_meta_key_id: Option<String>,
    session_id: Option<String>,
}

impl Asked {
    fn read(query: Option<String>) -> Result<Self, WireProblem> {
        let query = query.unwrap_or_default();
        let invalid_query = |detail: &'static str| {
            WireProblem::from(Problem::new(&kit::INVALID_QUERY).detail(detail))
        };
        if query.len() > QUERY_BYTES_MAX {
            return Err(invalid_query("the query is too long"));
        }
        let mut values = Map::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if values.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
                return Err(invalid_query("a parameter comes twice"));
            }
        }
        serde_json::from_value(Value::Object(values))
            .map_err(|_| invalid_query("a parameter cannot be read"))
    }

    /// Where the opener is; only what is an origin and nothing else.
    fn origin(&self) -> Option<String> {
        let given = self.origin_for_post_message.as_deref()?;
        let url = Url::parse(given).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let origin = url.origin().ascii_serialization();
        (origin == given.trim_end_matches('/')).then_some(origin)
    }

    /// The key under which the client asks what became of it.
    fn key(&self) -> Option<&str> {
        let given = self.oauth_meta_key_id.as_deref().or(self.session_id.as_deref());
        given.filter(|key| !key.is_empty())
    }
}

/// A parameter that holds JSON.
fn json_of<T: DeserializeOwned + Default>(
    name: &str,
    text: Option<&str>,
) -> Result<T, WireProblem> {
    match text.filter(|text| !text.trim().is_empty()) {
        None => Ok(T::default()),
        Some(text) => {
            serde_json::from_str(text).map_err(|_| invalid(name, "this must be a JSON object"))
        }
    }
}

/// A redirect URL of the builder's own, as it was written but for a missing scheme.
pub(super) fn checked_redirect(given: &str) -> Option<String> {
    let given = given.trim();
    let full = if given.contains("://") { given.to_owned() } else { format!("https://{given}") };
    let url = Url::parse(&full).ok()?;
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let is_web = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    (is_web && url.fragment().is_none()).then_some(full)
}

/// The session that the payload of `POST sdk/credentials` names.
pub(super) fn session_of(payload: &Map<String, Value>) -> Option<ConnectSessionId> {
    payload.get(SESSION_MEMBER)?.as_str()?.parse().ok()
}

/// `GET …/oauth-nonce`: the window's first page. It says that it is there, to whom it was told.
async fn ready(
    State(connect): State<Connect>,
    Path(path): Path<ProjectPath>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> PopupPage {
    let asked = match Asked::read(query) {
        Ok(asked) => asked,
        Err(problem) => return PopupPage::refused(&problem, None, None),
    };
    let origin = asked.origin();
    let checked = async {
        let token = asked.user_token.as_deref();
        let caller = Caller::of_token(&connect, &path.project, token, &headers).await?;
        let name = asked.integration_id.as_deref().unwrap_or_default();
        connect.view(&caller).await?.integration(name)?;
        origin.clone().ok_or_else(|| {
            invalid("originForPostMessage", "this must be a web origin, without a path")
        })
    };
    match checked.await {
        Ok(origin) => PopupPage::ready(origin),
        Err(problem) => {
            PopupPage::refused(&problem, origin.clone(), asked.integration_id.as_deref())
        }
    }
}

/// `GET /v2/…/build-oauth`: where the window goes.
async fn build(
    State(connect): State<Connect>,
    Path(path): Path<ProjectPath>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, WireProblem> {
    let asked = Asked::read(query)?;
    let mut url = open(&connect, &path, &asked, &headers).await?;
    if asked.key().is_some() {
        url = format!("{url}&{ASKS}");
    }
    Ok(Json(json!({ "redirectUrl": url })))
}

/// `GET …/build-oauth`: the same for versions that open the window here.
async fn go(
    State(connect): State<Connect>,
    Path(path): Path<ProjectPath>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = match Asked::read(query) {
        Ok(asked) => asked,
        Err(problem) => return PopupPage::refused(&problem, None, None).into_response(),
    };
    let location = match open(&connect, &path, &asked, &headers).await {
        Ok(url) => HeaderValue::try_from(url).map_err(|_| Problem::not_found().into()),
        Err(problem) => Err(problem),
    };
    match location {
        Ok(location) => {
            let referrer = HeaderValue::from_static("no-referrer");
            (StatusCode::FOUND, [(LOCATION, location), (REFERRER_POLICY, referrer)]).into_response()
        }
        Err(problem) => {
            let integration = asked.integration_id.as_deref();
            PopupPage::refused(&problem, asked.origin(), integration).into_response()
        }
    }
}

/// Opens a session as the parameters say, and gives the address that begins it.
async fn open(
    connect: &Connect,
    path: &ProjectPath,
    asked: &Asked,
    headers: &HeaderMap,
) -> Result<String, WireProblem> {
    let token = bearer_token(headers).or(asked.user_token.as_deref());
    let caller = Caller::of_token(connect, &path.project, token, headers).await?;
    let given = asked.end_user_supplied_values.as_deref();
    let opening = Opening {
        integration: asked.integration_id.clone().unwrap_or_default(),
        options: json_of("installOptions", asked.install_options.as_deref())?,
        fields: json_of("endUserSuppliedValues", given)?,
        origin: asked.origin_for_post_message.clone(),
        redirect: asked.redirect_url.clone(),
        key: asked.key().map(str::to_owned),
    };
    open_popup(connect, &caller, opening).await
}

/// A session to open for a window of a page.
pub(super) struct Opening {
    pub(super) integration: String,
    pub(super) options: InstallOptions,
    /// What was filled in before.
    pub(super) fields: Map<String, Value>,
    /// The page that is told how it ended.
    pub(super) origin: Option<String>,
    /// Where the provider sends the user, if not here.
    pub(super) redirect: Option<String>,
    /// Under which the page asks what became of it; without one nobody asks.
    pub(super) key: Option<String>,
}

/// Opens a session and gives the address that begins it.
pub(super) async fn open_popup(
    connect: &Connect,
    caller: &Caller,
    opening: Opening,
) -> Result<String, WireProblem> {
    let view = connect.view(caller).await?;
    let integration = view.integration(&opening.integration)?;
    let target = opening.options.target(&view, integration)?;
    check_connect(&view, caller, integration, &target)?;
    let connector = connector_of(connect, &view, integration)?;
    let method = browser_method(&connector, opening.options.account_type()).ok_or_else(|| {
        invalid("integrationId", "accounts of this integration are connected by a form")
    })?;
    let new = NewConnect {
        user: caller.user.clone(),
        integration: integration.id.to_string(),
        auth_method: Some(method.id.clone()),
        fields: super::connecting::filled_in(opening.fields),
        credential: target.id(),
        external_id: target.external_id.clone(),
        several_accounts: target.several_accounts,
        return_origin: opening.origin,
    };
    let redirect = opening.redirect.as_deref().filter(|url| !url.trim().is_empty());
    let redirect_uri = redirect.map(|url| {
        checked_redirect(url).ok_or_else(|| invalid("redirectUrl", "this must be an https URL"))
    });
    let redirect_uri = redirect_uri.transpose()?;
    let key = opening.key.unwrap_or_else(|| ConnectSessionId::new().to_string());
    let popup = PopupConnect { connect: new, key, redirect_uri };
    let opened = connect.config.open_popup(caller.project, popup).await;
    let opened = opened.map_err(|error| of_config(connect, error))?;
    Ok(format!("{}?{BY_A_PERSON}", opened.url))
}

#[derive(Deserialize)]
struct KeyPath {
    key: String,
}

/// `GET …/session-id/{key}`: the account, once it is there. Asked every second, so what is not there
/// yet is no error.
async fn session(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<KeyPath>,
) -> Result<Json<Value>, WireProblem> {
    let found = connect.config.popup_session(caller.project, &caller.user, &path.key).await;
    let found = found.map_err(|error| of_config(&connect, error))?;
    let answer = match found.and_then(|session| session.outcome) {
        Some(ConnectOutcome::Connected { credential, .. }) => {
            json!({ "connectCredentialId": credential })
        }
        Some(ConnectOutcome::Failed { code, message }) => json!({
            "connectCredentialId": null, "error": { "code": code, "message": message },
        }),
        None => json!({ "connectCredentialId": null }),
    };
    Ok(Json(answer))
}

/// `DELETE …/session-id/{key}`: the client does not ask any more. Sessions go by themselves.
async fn forget(_caller: Caller) -> Response {
    done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_origin_is_told() {
        for (given, expected) in [
            ("https://app.example.com", Some("https://app.example.com")),
            ("http://localhost:3000/", Some("http://localhost:3000")),
            ("https://app.example.com/path", None),
            ("https://a@app.example.com", None),
            ("javascript:alert(1)", None),
            ("*", None),
            ("null", None),
        ] {
            let asked =
                Asked { origin_for_post_message: Some(given.to_owned()), ..Asked::default() };
            assert_eq!(asked.origin().as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn a_parameter_comes_once() {
        assert!(Asked::read(Some("integrationId=a&userToken=b&other=c".to_owned())).is_ok());
        assert!(Asked::read(Some("userToken=a&userToken=b".to_owned())).is_err());
        assert!(Asked::read(Some("x".repeat(QUERY_BYTES_MAX + 1))).is_err());
    }

    #[test]
    fn a_redirect_goes_to_a_page_of_the_builder() {
        assert_eq!(
            checked_redirect("app.example.com/done").as_deref(),
            Some("https://app.example.com/done")
        );
        assert!(checked_redirect("http://app.example.com/done").is_none());
        assert!(checked_redirect("javascript:alert(1)").is_none());
    }
}
