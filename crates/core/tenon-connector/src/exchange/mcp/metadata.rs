//! Metadata documents of resources, authorization servers and clients.

use http::StatusCode;
use serde_json::Value;
use url::Url;

use super::{ExchangeError, Place};
use crate::answer::Reading;
use crate::exchange::failure;

/// What an authorization server says of itself (RFC 8414).
pub(super) struct Server {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) registration_endpoint: Option<Url>,
    /// Whether its callbacks name the issuer (RFC 9207).
    pub(super) has_iss: bool,
    /// How clients prove themselves.
    auth_methods: Vec<String>,
}

/// A client at that server.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Option<String>,
    pub(super) auth: String,
}

impl Client {
    /// The builder's client, as the server wants it proven.
    pub(super) fn given(id: String, secret: Option<String>, server: &Server) -> Self {
        let secret = secret.filter(|secret| !secret.is_empty());
        let takes = |method: &str| server.auth_methods.iter().any(|it| it == method);
        let auth = match secret {
            None => "none",
            // What a server means that does not say (RFC 8414, 2).
            Some(_) if server.auth_methods.is_empty() || takes("client_secret_basic") => {
                "client_secret_basic"
            }
            Some(_) => "client_secret_post",
        };
        Self { id, secret, auth: auth.to_owned() }
    }
}

/// An answer that may be used, or that says that there is nothing; others end the search.
pub(super) fn check_there(answer: &Reading) -> Result<(), ExchangeError> {
    let status = answer.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let number = status.as_u16();
        let reason = format!("the server cannot answer now (status {number})");
        return Err(ExchangeError::Temporary { reason, wait: None });
    }
    Ok(())
}

/// The authorization server that a resource names.
pub(super) fn authorization_server(answer: &Reading) -> Option<Url> {
    if !answer.status().is_success() {
        return None;
    }
    let named = answer.body().pointer("/authorization_servers/0")?.as_str()?;
    Url::parse(named).ok().filter(|url| url.has_host())
}

/// Scopes that a resource knows.
pub(super) fn scopes(answer: &Reading) -> Option<String> {
    let scopes = answer.body().get("scopes_supported")?.as_array()?;
    let names: Vec<&str> = scopes.iter().filter_map(Value::as_str).take(100).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// What a server says; `None` when it says nothing here.
pub(super) fn server(answer: &Reading, issuer: &Url) -> Result<Option<Server>, ExchangeError> {
    let body = answer.body();
    if !answer.status().is_success() || !body.is_object() {
        return Ok(None);
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let url = |name: &str| Url::parse(text(name)?).ok().filter(Url::has_host);
    let garbage = |what: &str| {
        let host = issuer.host_str().unwrap_or_default();
        let reason = format!("the authorization server `{host}` {what}");
        ExchangeError::Garbage { reason }
    };
    // RFC 8414, 3.3: metadata that speak for another server must not be used.
    let named = text("issuer").unwrap_or_default();
    if named.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
        return Err(garbage("describes another one"));
    }
    let (Some(authorization_endpoint), Some(token_endpoint)) =
        (url("authorization_endpoint"), url("token_endpoint"))
    else {
        return Err(garbage("names no usable endpoints"));
    };
    let list = |name: &str| {
        let items = body.get(name).and_then(Value::as_array);
        items.map(|it| it.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    if list("code_challenge_methods_supported").is_some_and(|it| !it.iter().any(|it| it == "S256"))
    {
        return Err(garbage("does not know PKCE with S256"));
    }
    Ok(Some(Server {
        issuer: named.to_owned(),
        authorization_endpoint,
        token_endpoint,
        registration_endpoint: url("registration_endpoint"),
        has_iss: body.get("authorization_response_iss_parameter_supported")
            == Some(&Value::Bool(true)),
        auth_methods: list("token_endpoint_auth_methods_supported").unwrap_or_default(),
    }))
}

/// The endpoints of servers that describe nothing, as the first MCP specification has them.
pub(super) fn usual(issuer: &Url) -> Server {
    let at = |path: &str| {
        let mut url = issuer.clone();
        url.set_path(path);
        url
    };
    Server {
        issuer: issuer.as_str().trim_end_matches('/').to_owned(),
        authorization_endpoint: at("/authorize"),
        token_endpoint: at("/token"),
        registration_endpoint: Some(at("/register")),
        has_iss: false,
        auth_methods: Vec::new(),
    }
}

/// A client that was registered.
pub(super) fn client(at: &Place<'_>, answer: &Reading) -> Result<Client, ExchangeError> {
    failure::check(at, &super::USUAL, answer)?;
    let text = |name: &str| {
        let value = answer.body().get(name).and_then(Value::as_str);
        value.filter(|it| !it.is_empty() && it.len() <= 4_096).map(str::to_owned)
    };
    let Some(id) = text("client_id") else {
        let reason = "the server registered no client".to_owned();
        return Err(ExchangeError::Garbage { reason });
    };
    let secret = text("client_secret");
    let usual = if secret.is_some() { "client_secret_basic" } else { "none" };
    let auth = text("token_endpoint_auth_method").unwrap_or_else(|| usual.to_owned());
    Ok(Client { id, secret, auth })
}

/// Where metadata of a URL are: with its path behind the well-known part (RFC 8414, 3.1; RFC 9728,
/// 3.1), and for OpenID also with the well-known part behind the path.
pub(super) fn places(url: &Url, names: &[&str]) -> Vec<Url> {
    let path = url.path().trim_end_matches('/');
    let mut places: Vec<Url> = names.iter().map(|name| well_known(url, name, path)).collect();
    if names.contains(&"openid-configuration") && !path.is_empty() {
        let mut behind = origin(url);
        behind.set_path(&format!("{path}/.well-known/openid-configuration"));
        places.push(behind);
    }
    places
}

pub(super) fn well_known(url: &Url, name: &str, path: &str) -> Url {
    let mut place = origin(url);
    place.set_path(&format!("/.well-known/{name}{path}"));
    place
}

/// The URL without path and query.
pub(super) fn origin(url: &Url) -> Url {
    let mut origin = url.clone();
    origin.set_path("/");
    origin.set_query(None);
    origin.set_fragment(None);
    origin
}

/// A resource as tokens name it: without a trailing slash where there is no path.
pub(super) fn resource_text(resource: &Url) -> String {
    let text = resource.as_str();
    match resource.path() {
        "/" if resource.query().is_none() => text.trim_end_matches('/').to_owned(),
        _ => text.to_owned(),
    }
}
