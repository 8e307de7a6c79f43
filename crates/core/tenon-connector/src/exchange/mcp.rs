//! OAuth of MCP servers: whose authorization server it is (RFC 9728), what that can (RFC 8414),
//! a client of our own (RFC 7591) where the builder has none, then a usual code exchange with the
//! resource named (RFC 8707).

mod metadata;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use url::Url;

use super::{ExchangeError, Place, Redirect, Work, failure, token_answer, token_request};
use crate::answer::Reading;
use crate::authorize::{Params, check_secure};
use crate::call::Call;
use crate::encoding;
use crate::inject::secret_value;
use crate::manifest::auth::{McpOauth, TokenResponse};
use crate::request::url as request_url;
use metadata::Server;

const URL_BYTES_MAX: usize = 16 << 10;

/// What is kept beside the token, under this name.
const KEPT: &str = "mcp";

static USUAL: LazyLock<TokenResponse> = LazyLock::new(TokenResponse::default);

/// Where it is.
pub(super) struct Stage<'a> {
    call: Call,
    want: Want<'a>,
}

enum Want<'a> {
    /// The resource's metadata; the next places to look.
    Resource { search: Search<'a>, rest: Vec<Url> },
    /// The authorization server's.
    Server { search: Search<'a>, rest: Vec<Url>, issuer: Url, is_named: bool },
    /// A client.
    Client { search: Search<'a>, server: Server },
    /// A token.
    Token { kept: Map<String, Value> },
}

/// What the search started from and has found.
struct Search<'a> {
    mcp: &'a McpOauth,
    /// The server, as tokens are asked for.
    resource: Url,
    /// Scopes to ask for, once known.
    scope: Option<String>,
}

impl<'a> Stage<'a> {
    pub(super) fn call(&self) -> Call {
        self.call.clone()
    }

    pub(super) fn take(
        self,
        at: &mut Place<'a>,
        answer: &Reading,
    ) -> Result<Work<'a>, ExchangeError> {
        match self.want {
            Want::Resource { search, rest } => resource_answer(at, search, rest, answer),
            Want::Server { search, rest, issuer, is_named } => {
                server_answer(at, search, rest, issuer, is_named, answer)
            }
            Want::Client { search, server } => {
                let client = metadata::client(at, answer)?;
                redirect(at, &search, &server, client).map(Work::Redirect)
            }
            Want::Token { kept } => {
                failure::check(at, &USUAL, answer)?;
                let mut outcome = token_answer::read(at, &USUAL, answer)?;
                if let Some(token) = &mut outcome.token {
                    token.extra.insert(KEPT.to_owned(), Value::Object(kept));
                }
                Ok(Work::Done(Box::new(outcome)))
            }
        }
    }
}

/// Starts at the server's own metadata.
pub(super) fn discover<'a>(
    at: &Place<'a>,
    mcp: &'a McpOauth,
    scope: Option<String>,
) -> Result<Stage<'a>, ExchangeError> {
    let what = "the server URL";
    let resource = request_url::build(&mcp.server_url, None, &at.scope(), what, URL_BYTES_MAX)?;
    check_secure(at.connector, &resource)?;
    let mut places = metadata::places(&resource, &["oauth-protected-resource"]);
    let bare = metadata::well_known(&resource, "oauth-protected-resource", "");
    if !places.contains(&bare) {
        places.push(bare);
    }
    let first = places.remove(0);
    let search = Search { mcp, resource, scope };
    Ok(Stage { call: get(first), want: Want::Resource { search, rest: places } })
}

fn resource_answer<'a>(
    at: &Place<'a>,
    mut search: Search<'a>,
    mut rest: Vec<Url>,
    answer: &Reading,
) -> Result<Work<'a>, ExchangeError> {
    metadata::check_there(answer)?;
    let named = metadata::authorization_server(answer);
    let is_named = named.is_some();
    if !is_named && !rest.is_empty() {
        let call = get(rest.remove(0));
        return Ok(work(call, Want::Resource { search, rest }));
    }
    // Servers that are older than RFC 9728 are their own authorization server.
    let issuer = match named {
        Some(issuer) => issuer,
        None => metadata::origin(&search.resource),
    };
    check_secure(at.connector, &issuer)?;
    if search.scope.is_none() {
        search.scope = metadata::scopes(answer);
    }
    let mut places =
        metadata::places(&issuer, &["oauth-authorization-server", "openid-configuration"]);
    let first = places.remove(0);
    Ok(work(get(first), Want::Server { search, rest: places, issuer, is_named }))
}

fn server_answer<'a>(
    at: &Place<'a>,
    search: Search<'a>,
    mut rest: Vec<Url>,
    issuer: Url,
    is_named: bool,
    answer: &Reading,
) -> Result<Work<'a>, ExchangeError> {
    metadata::check_there(answer)?;
    let server = match metadata::server(answer, &issuer)? {
        Some(server) => server,
        None if !rest.is_empty() => {
            let call = get(rest.remove(0));
            return Ok(work(call, Want::Server { search, rest, issuer, is_named }));
        }
        None if is_named => {
            let host = issuer.host_str().unwrap_or_default();
            let reason = format!("the authorization server `{host}` does not describe itself");
            return Err(ExchangeError::Garbage { reason });
        }
        None => metadata::usual(&issuer),
    };
    for url in [&server.authorization_endpoint, &server.token_endpoint] {
        check_secure(at.connector, url)?;
    }
    let app = at.ctx.account().app;
    if let Some(id) = app.get("client_id").and_then(Value::as_str).filter(|id| !id.is_empty()) {
        let secret = app.get("client_secret").and_then(Value::as_str).map(str::to_owned);
        let client = metadata::Client::given(id.to_owned(), secret, &server);
        return redirect(at, &search, &server, client).map(Work::Redirect);
    }
    match &server.registration_endpoint {
        Some(endpoint) if search.mcp.dynamic_registration => {
            check_secure(at.connector, endpoint)?;
            let call = registration(at, &search, endpoint.clone());
            Ok(work(call, Want::Client { search, server }))
        }
        _ => Err(ExchangeError::WrongClient {
            reason: "no client id is set up, and the server registers no clients".to_owned(),
        }),
    }
}

fn work<'a>(call: Call, want: Want<'a>) -> Work<'a> {
    Work::Mcp(Box::new(Stage { call, want }))
}

fn get(url: Url) -> Call {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    Call { method: Method::GET, url, headers, body: Bytes::new() }
}

fn post(url: Url, content_type: &'static str, body: Bytes) -> Call {
    let mut call = Call { method: Method::POST, body, ..get(url) };
    call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    call
}

/// Registers a public client (RFC 7591).
fn registration(at: &Place<'_>, search: &Search<'_>, endpoint: Url) -> Call {
    let mut client = json!({
        "client_name": search.mcp.client_name,
        "redirect_uris": [at.oauth["redirect_uri"]],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    if let Some(scope) = &search.scope {
        client["scope"] = scope.as_str().into();
    }
    post(endpoint, "application/json", client.to_string().into())
}

fn redirect(
    at: &Place<'_>,
    search: &Search<'_>,
    server: &Server,
    client: metadata::Client,
) -> Result<Redirect, ExchangeError> {
    let Some(challenge) = at.oauth["code_challenge"].as_str() else {
        return Err(at.bad_input("needs a PKCE challenge"));
    };
    let resource = metadata::resource_text(&search.resource);
    let mut params = Params::default();
    params.set("response_type", Some("code"));
    params.set("client_id", Some(&client.id));
    params.set("redirect_uri", at.oauth["redirect_uri"].as_str());
    params.set("scope", search.scope.as_deref());
    params.set("state", at.oauth["state"].as_str());
    params.set("code_challenge", Some(challenge));
    params.set("code_challenge_method", Some("S256"));
    params.set("resource", Some(&resource));
    let mut url = server.authorization_endpoint.clone();
    request_url::append(&mut url, &params.pairs, URL_BYTES_MAX)?;
    let kept = json!({
        "issuer": server.issuer,
        "token_endpoint": server.token_endpoint.as_str(),
        "has_iss": server.has_iss,
        "client_id": client.id,
        "client_secret": client.secret,
        "client_auth": client.auth,
        "resource": resource,
    });
    let Value::Object(kept) = kept else { return Err(super::ended()) };
    Ok(Redirect { url, kept })
}

/// Exchanges the code of a callback.
pub(super) fn code<'a>(
    at: &Place<'_>,
    kept: &Map<String, Value>,
) -> Result<Stage<'a>, ExchangeError> {
    let given = |name: &str| at.callback.get(name).and_then(Value::as_str);
    let issuer = text(kept, "issuer");
    match given("iss") {
        // RFC 9207: an answer of another server must not be taken to this one.
        Some(given) if given != issuer => {
            return Err(at.bad_input("got the callback of another authorization server"));
        }
        None if kept.get("has_iss") == Some(&Value::Bool(true)) => {
            return Err(at.bad_input("got a callback that does not say whose it is"));
        }
        _ => {}
    }
    let Some(code) = given("code") else {
        let reason = "the provider sent the user back without a code".to_owned();
        return Err(ExchangeError::BadInput { reason });
    };
    let mut params = Params::default();
    params.set("grant_type", Some("authorization_code"));
    params.set("code", Some(code));
    params.set("redirect_uri", at.oauth["redirect_uri"].as_str());
    params.set("code_verifier", at.oauth["code_verifier"].as_str());
    token(at, kept.clone(), params)
}

/// Renews with the client that got the token.
pub(super) fn refresh<'a>(at: &Place<'_>) -> Result<Stage<'a>, ExchangeError> {
    let token_of_account = at.ctx.account().token;
    let kept = token_of_account.and_then(|token| token.extra.get(KEPT)?.as_object());
    let Some(kept) = kept.cloned() else {
        let reason = "it is not known who issued this account's token".to_owned();
        return Err(ExchangeError::Dead { code: "no_issuer".to_owned(), reason });
    };
    let mut params = Params::default();
    params.set("grant_type", Some("refresh_token"));
    let old = token_of_account.and_then(|token| token.refresh_token.as_deref());
    params.set("refresh_token", old);
    token(at, kept, params)
}

fn token<'a>(
    at: &Place<'_>,
    mut kept: Map<String, Value>,
    mut params: Params,
) -> Result<Stage<'a>, ExchangeError> {
    let url = Url::parse(text(&kept, "token_endpoint"))
        .map_err(|_| at.bad_input("was not started here"))?;
    check_secure(at.connector, &url)?;
    params.set("resource", Some(text(&kept, "resource")));
    let (id, secret) = (text(&kept, "client_id"), text(&kept, "client_secret"));
    let mut authorization = None;
    match text(&kept, "client_auth") {
        "client_secret_basic" => {
            let pair = format!("{}:{}", request_url::encode(id), request_url::encode(secret));
            let pair = zeroize::Zeroizing::new(pair);
            let value = format!("Basic {}", encoding::base64(pair.as_bytes()));
            authorization = Some(secret_value("authorization", &value)?);
        }
        "client_secret_post" => {
            params.set("client_id", Some(id));
            params.set("client_secret", Some(secret));
        }
        _ => params.set("client_id", Some(id)),
    }
    let body = token_request::form(&params);
    let mut call = post(url, "application/x-www-form-urlencoded", body);
    if let Some(value) = authorization {
        call.headers.insert(header::AUTHORIZATION, value);
    }
    kept.shift_remove("has_iss");
    Ok(Stage { call, want: Want::Token { kept } })
}

fn text<'k>(kept: &'k Map<String, Value>, name: &str) -> &'k str {
    kept.get(name).and_then(Value::as_str).unwrap_or_default()
}
