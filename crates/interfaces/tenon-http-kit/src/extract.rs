//! Extractors whose refusals are problems: strict JSON bodies, path and query parameters.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::body::{BodyLimits, read_body};
use crate::codes;
use crate::json::{JsonLimits, from_value, parse_strict};
use crate::problem::Problem;

/// A JSON body read as `T`. The limits are those of an `Extension<BodyLimits>` and an
/// `Extension<JsonLimits>` on the route, else the defaults.
#[derive(Debug, Clone, Copy)]
pub struct StrictJson<T>(pub T);

/// A JSON body as it is, with the bytes it was sent as.
#[derive(Debug, Clone)]
pub struct StrictValue {
    /// The value.
    pub value: Value,
    /// The bytes of the body.
    pub bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for StrictValue {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        let body_limits = parts.extensions.get::<BodyLimits>().copied().unwrap_or_default();
        let json_limits = parts.extensions.get::<JsonLimits>().copied().unwrap_or_default();
        let bytes = read_body(&parts.headers, body, &body_limits).await?;
        Ok(Self { value: parse_strict(&bytes, &json_limits)?, bytes })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for StrictJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = StrictValue::from_request(request, state).await?;
        from_value(body.value).map(Self)
    }
}

/// Checks that a body is announced as JSON in UTF-8.
///
/// # Errors
///
/// [`codes::UNSUPPORTED_MEDIA_TYPE`].
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let announced = headers.get(CONTENT_TYPE).map(|value| value.to_str());
    match announced {
        Some(Ok("application/json")) => Ok(()),
        Some(Ok(value)) if is_json(value) => Ok(()),
        Some(_) => Err(media_type("the content type is not JSON; send `application/json`")),
        None => Err(media_type("there is no content type; send `application/json`")),
    }
}

fn media_type(detail: &'static str) -> Problem {
    Problem::new(&codes::UNSUPPORTED_MEDIA_TYPE).detail(detail)
}

fn is_json(value: &str) -> bool {
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json_type = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    is_json_type
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
                charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// Path parameters.
#[derive(Debug, Clone, Copy)]
pub struct PathParams<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(params)) => Ok(Self(params)),
            Err(PathRejection::FailedToDeserializePathParams(rejection)) => {
                Err(Problem::new(&codes::INVALID_PATH).detail(rejection.body_text()))
            }
            Err(rejection) => Err(Problem::internal("read the path parameters", &rejection)),
        }
    }
}

/// Query parameters; `deny_unknown_fields` on `T` refuses the others.
#[derive(Debug, Clone, Copy)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(QueryRejection::FailedToDeserializeQueryString(rejection)) => {
                Err(Problem::new(&codes::INVALID_QUERY).detail(rejection.body_text()))
            }
            Err(rejection) => {
                Err(Problem::new(&codes::INVALID_QUERY).detail(rejection.body_text()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_utf8_is_taken_and_nothing_else() {
        for value in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/cloudevents+json",
        ] {
            assert!(is_json(value), "{value}");
        }
        for value in ["text/json", "text/plain", "application/json; charset=latin1", "", "json"] {
            assert!(!is_json(value), "{value}");
        }
    }
}
