//! Requests to OAuth 2 token endpoints.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Map, Value};
use tenon_expr::Source;
use url::form_urlencoded;

use super::{ExchangeError, Place};
use crate::assertion;
use crate::authorize::{Params, check_secure};
use crate::call::Call;
use crate::encoding;
use crate::inject::secret_value;
use crate::manifest::auth::{ClientAuth, ClientCredentials, Oauth2, TokenFormat, TokenRequest};
use crate::request::headers::{parse_name, parse_value};
use crate::request::template::{eval, eval_text, texts_of};
use crate::request::url as request_url;

/// The longest URL of a token endpoint, in bytes.
const URL_BYTES_MAX: usize = 16 << 10;

/// The type of a client's assertion (RFC 7523, 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client that asks.
struct Client {
    id: String,
    secret: String,
}

/// Exchanges the code of a callback.
pub(super) fn code(at: &mut Place<'_>, oauth2: &Oauth2) -> Result<Call, ExchangeError> {
    let code = at.callback.get(oauth2.code_param.as_str()).and_then(Value::as_str);
    let Some(code) = code.filter(|code| !code.is_empty()).map(str::to_owned) else {
        let reason = "the provider sent the user back without a code".to_owned();
        return Err(ExchangeError::BadInput { reason });
    };
    at.set_oauth("code", Some(code.clone()));
    let mut params = Params::default();
    params.set("grant_type", Some("authorization_code"));
    params.set("code", Some(&code));
    params.set("redirect_uri", at.oauth["redirect_uri"].as_str());
    if oauth2.pkce {
        params.set("code_verifier", at.oauth["code_verifier"].as_str());
    }
    let client = app_client(at);
    let request = &oauth2.token_request;
    ask(at, &oauth2.token_url, request, params, &client, &request.params, &[&request.headers])
}

/// Renews with a refresh token. The further parameters of the first request are for that one;
/// its format, client authentication and headers hold here too.
pub(super) fn refresh(at: &mut Place<'_>, oauth2: &Oauth2) -> Result<Call, ExchangeError> {
    let token = at.ctx.account().token.and_then(|token| token.refresh_token.clone());
    let mut params = Params::default();
    params.set("grant_type", Some("refresh_token"));
    params.set("refresh_token", token.as_deref());
    let client = app_client(at);
    let url = oauth2.refresh.url.as_ref().unwrap_or(&oauth2.token_url);
    let request = &oauth2.token_request;
    let headers = [&request.headers, &oauth2.refresh.headers];
    ask(at, url, request, params, &client, &oauth2.refresh.params, &headers)
}

/// Asks as a client.
pub(super) fn client_credentials(
    at: &mut Place<'_>,
    credentials: &ClientCredentials,
) -> Result<Call, ExchangeError> {
    let app = app_client(at);
    let client = Client {
        id: match &credentials.client_id {
            Some(source) => eval_text(source, &at.scope(), "the client id")?,
            None => app.id,
        },
        secret: match &credentials.client_secret {
            Some(source) => eval_text(source, &at.scope(), "the client secret")?,
            None => app.secret,
        },
    };
    let mut params = Params::default();
    params.set("grant_type", Some("client_credentials"));
    params.set(&credentials.scopes.param, at.oauth["scope"].as_str());
    let request = &credentials.token_request;
    ask(at, &credentials.token_url, request, params, &client, &request.params, &[&request.headers])
}

/// The builder's app.
fn app_client(at: &Place<'_>) -> Client {
    let app = at.ctx.account().app;
    let text = |name: &str| app.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Client { id: text("client_id"), secret: text("client_secret") }
}

fn ask(
    at: &mut Place<'_>,
    url: &Source,
    request: &TokenRequest,
    mut params: Params,
    client: &Client,
    overrides: &BTreeMap<String, Source>,
    header_sets: &[&BTreeMap<String, Source>],
) -> Result<Call, ExchangeError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    authenticate(at, request, client, &mut params, &mut headers)?;
    let scope = at.scope();
    for (name, source) in overrides {
        let value = eval(source, &scope, &format!("the token parameter `{name}`"))?;
        params.replace(name, texts_of(value));
    }
    for (name, source) in header_sets.iter().copied().flatten() {
        let parsed = parse_name(name)?;
        headers.remove(&parsed);
        for text in texts_of(eval(source, &scope, &format!("the header `{name}`"))?) {
            headers.append(parsed.clone(), secret_value(name, &text)?);
        }
    }
    let mut url = request_url::build(url, None, &scope, "the token URL", URL_BYTES_MAX)?;
    check_secure(at.connector, &url)?;
    let mut body = Bytes::new();
    let mut method = Method::POST;
    match request.format {
        TokenFormat::Form => {
            body = form(&params);
            default_type(&mut headers, "application/x-www-form-urlencoded")?;
        }
        TokenFormat::Json => {
            body = json(&params);
            default_type(&mut headers, "application/json")?;
        }
        TokenFormat::Query => request_url::append(&mut url, &params.pairs, URL_BYTES_MAX)?,
        TokenFormat::Get => {
            request_url::append(&mut url, &params.pairs, URL_BYTES_MAX)?;
            method = Method::GET;
        }
    }
    Ok(Call { method, url, headers, body })
}

/// Who asks, among the parameters or headers.
fn authenticate(
    at: &mut Place<'_>,
    request: &TokenRequest,
    client: &Client,
    params: &mut Params,
    headers: &mut HeaderMap,
) -> Result<(), ExchangeError> {
    let is_given = |name: &str| request.params.contains_key(name);
    if client.id.is_empty() && !is_given("client_id") && request.client_auth != ClientAuth::None {
        let reason = "no client id is set up for this integration".to_owned();
        return Err(ExchangeError::WrongClient { reason });
    }
    match &request.client_auth {
        ClientAuth::Body => {
            params.set("client_id", Some(&client.id));
            params.set("client_secret", Some(&client.secret));
        }
        ClientAuth::None => params.set("client_id", Some(&client.id)),
        ClientAuth::Basic => {
            headers.insert(header::AUTHORIZATION, basic(client)?);
        }
        ClientAuth::PrivateKeyJwt(jwt) => {
            let signed = assertion::jwt(jwt, &at.scope(), at.ctx.now())?;
            params.set("client_id", Some(&client.id));
            params.set("client_assertion_type", Some(JWT_BEARER));
            params.set("client_assertion", Some(&signed));
            at.set_oauth("client_assertion", Some(signed));
        }
    }
    Ok(())
}

/// HTTP Basic with both parts encoded first (RFC 6749, 2.3.1).
fn basic(client: &Client) -> Result<HeaderValue, ExchangeError> {
    let pair = zeroize::Zeroizing::new(format!(
        "{}:{}",
        request_url::encode(&client.id),
        request_url::encode(&client.secret)
    ));
    let value = format!("Basic {}", encoding::base64(pair.as_bytes()));
    Ok(secret_value("authorization", &value)?)
}

fn default_type(headers: &mut HeaderMap, content_type: &str) -> Result<(), ExchangeError> {
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, parse_value("content-type", content_type)?);
    }
    Ok(())
}

pub(super) fn form(params: &Params) -> Bytes {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(&params.pairs);
    text.finish().into()
}

fn json(params: &Params) -> Bytes {
    let member = |(name, value): &(String, String)| (name.clone(), Value::from(value.as_str()));
    let members: Map<String, Value> = params.pairs.iter().map(member).collect();
    serde_json::to_vec(&members).expect("texts always serialise").into()
}
