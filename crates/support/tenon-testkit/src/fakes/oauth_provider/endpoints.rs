//! The provider's HTTP side.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use futures::stream;
use serde_json::{Value, json};

use super::book::{Refusal, Tokens};
use super::{Fault, Manners, Shared};

type Parameters = HashMap<String, String>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/token", post(token))
        .route("/revoke", post(revoke))
        .route("/me", get(me))
        .with_state(shared)
}

async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let parameters = form(&body);
    let manners = shared.manners.lock().clone();
    let fault = shared.book.lock().faults.pop_front();
    tokio::time::sleep(manners.answers_after).await;
    if fault == Some(Fault::WrongClient) || !is_client(&headers, &parameters, &manners) {
        let text = "the client is unknown or its secret is wrong";
        return refuse(StatusCode::UNAUTHORIZED, &Refusal("invalid_client", text.to_owned()));
    }
    if let Some(answer) = fault.and_then(|fault| before(fault, &parameters)) {
        return answer;
    }
    let issued = issue(&shared, &parameters, &manners);
    if let Some(fault) = fault {
        return after(fault).await;
    }
    match issued {
        Ok(tokens) => Json(answer_of(&tokens)).into_response(),
        Err(refusal) => refuse(StatusCode::BAD_REQUEST, &refusal),
    }
}

fn issue(shared: &Shared, parameters: &Parameters, manners: &Manners) -> Result<Tokens, Refusal> {
    let parameter = |name: &str| parameters.get(name).map(String::as_str);
    let mut book = shared.book.lock();
    match (parameter("grant_type"), parameter("code"), parameter("refresh_token")) {
        (Some("authorization_code"), Some(code), _) => {
            let redirect_uri = parameter("redirect_uri").unwrap_or_default();
            book.take_code(code, redirect_uri, parameter("code_verifier"), manners)
        }
        (Some("refresh_token"), _, Some(token)) => book.refresh(token, manners),
        (Some("client_credentials"), ..) => Ok(book.new_grant(manners)),
        _ => Err(Refusal("invalid_request", "a parameter is missing".to_owned())),
    }
}

/// Faults that come before anything was issued.
fn before(fault: Fault, parameters: &Parameters) -> Option<Response> {
    Some(match fault {
        Fault::ServerError => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::TooMany(seconds) => {
            let retry_after = [(header::RETRY_AFTER, seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, retry_after, "slow down").into_response()
        }
        Fault::EchoesTheToken => {
            let token = parameters.get("refresh_token").map_or("", String::as_str);
            let text = format!("the refresh token {token} is not good");
            refuse(StatusCode::BAD_REQUEST, &Refusal("invalid_grant", text))
        }
        _ => return None,
    })
}

/// Faults that hide what was issued.
async fn after(fault: Fault) -> Response {
    match fault {
        Fault::Hang => std::future::pending().await,
        Fault::Html => {
            let html = [(header::CONTENT_TYPE, "text/html")];
            (html, "<!doctype html><title>Maintenance</title>").into_response()
        }
        Fault::Huge => Json(json!({"access_token": "x".repeat(1 << 20)})).into_response(),
        Fault::MissingFields => Json(json!({})).into_response(),
        Fault::Torn => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            (json, r#"{"access_token": "canary-torn"#).into_response()
        }
        Fault::Drip => {
            let drops = stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
            });
            Body::from_stream(drops).into_response()
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn revoke(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let parameters = form(&body);
    let manners = shared.manners.lock().clone();
    if !is_client(&headers, &parameters, &manners) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if let Some(token) = parameters.get("token") {
        shared.book.lock().revoke_token(token);
    }
    StatusCode::OK.into_response()
}

async fn me(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    match shared.book.lock().call(token) {
        Some(grant) => {
            let id = format!("account-{grant}");
            Json(json!({"id": id, "name": format!("Account {grant}")})).into_response()
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn form(body: &[u8]) -> Parameters {
    url::form_urlencoded::parse(body).into_owned().collect()
}

/// HTTP Basic, or `client_id` and `client_secret` among the parameters.
fn is_client(headers: &HeaderMap, parameters: &Parameters, manners: &Manners) -> bool {
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(basic) = basic {
        return basic == format!("{}:{}", manners.client_id, manners.client_secret);
    }
    parameters.get("client_id") == Some(&manners.client_id)
        && parameters.get("client_secret") == Some(&manners.client_secret)
}

fn refuse(status: StatusCode, Refusal(error, text): &Refusal) -> Response {
    (status, Json(json!({"error": error, "error_description": text}))).into_response()
}

fn answer_of(tokens: &Tokens) -> Value {
    let mut answer = json!({"access_token": tokens.access_token, "token_type": "Bearer"});
    if let Some(token) = &tokens.refresh_token {
        answer["refresh_token"] = json!(token);
    }
    if let Some(seconds) = tokens.expires_in {
        answer["expires_in"] = json!(seconds);
    }
    answer
}
