//! What the routes of the published Connect SDK share: its shape of an error, and cross-origin
//! calls from the pages of any builder.
//!
//! The SDK signs its user out on any 401 and 403, but for an error of an integration and for the
//! code [`INSUFFICIENT_PERMISSION`]. So those two statuses are kept for the session itself.
//!
//! It decides nothing about callers, and it is not for `/api/v1`, whose errors are problem+json.

use std::borrow::Cow;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use crate::codes;
use crate::problem::{ErrorItem, Problem};

/// The code for which the SDK keeps its user signed in: the token does not allow this.
pub const INSUFFICIENT_PERMISSION: &str = "7210";

/// How long browsers may remember the answer to a preflight request.
const PREFLIGHT_KEPT: Duration = Duration::from_secs(2 * 60 * 60);
/// The longest list of headers that a preflight request may ask for, in bytes.
const ASKED_HEADERS_BYTES_MAX: usize = 8 << 10;

/// A [`Problem`] in the shape that the SDK reads: `{message, code, status, meta}`.
#[derive(Debug, Clone)]
pub struct WireProblem {
    problem: Problem,
    code: Cow<'static, str>,
    meta: Map<String, Value>,
}

impl WireProblem {
    /// A problem of this kind, under its own code.
    #[must_use]
    pub fn new(code: &'static codes::Code) -> Self {
        Problem::new(code).into()
    }

    /// The user's token does not allow this; the user stays signed in.
    #[must_use]
    pub fn not_permitted(detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::from(Problem::new(&codes::FORBIDDEN).detail(detail));
        problem.code = Cow::Borrowed(INSUFFICIENT_PERMISSION);
        problem
    }

    /// Marks it as an error of the provider or of the account, rather than of the caller or ours.
    /// The SDK then hands `meta` to the builder's app, so the message goes in there, too.
    #[must_use]
    pub fn of_integration(mut self) -> Self {
        self.meta.insert("isIntegrationError".to_owned(), Value::Bool(true));
        self.meta.insert("message".to_owned(), Value::String(self.message()));
        self
    }

    /// Adds something for the app.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.meta.insert(name.to_owned(), value.into());
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.problem.status
    }

    /// What the caller reads.
    #[must_use]
    pub fn message(&self) -> String {
        let first = self.problem.detail.as_deref().unwrap_or(self.problem.title);
        let mut message = first.to_owned();
        for (index, item) in self.problem.errors.iter().enumerate() {
            message.push_str(if index == 0 { ": " } else { "; " });
            message.push_str(&line(item));
        }
        message
    }

    fn body(&self) -> Value {
        let mut meta = self.meta.clone();
        if !self.problem.errors.is_empty() {
            meta.insert("errors".to_owned(), json!(self.problem.errors));
        }
        json!({
            "message": self.message(),
            "code": self.code,
            "status": self.problem.status,
            "meta": meta,
        })
    }
}

fn line(item: &ErrorItem) -> String {
    match item.pointer.as_deref() {
        None | Some("") => item.message.clone(),
        Some(pointer) => format!("`{}`: {}", pointer.trim_start_matches('/'), item.message),
    }
}

impl From<Problem> for WireProblem {
    fn from(problem: Problem) -> Self {
        Self { code: Cow::Borrowed(problem.code), problem, meta: Map::new() }
    }
}

impl IntoResponse for WireProblem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body().to_string()));
        let status = StatusCode::from_u16(self.problem.status);
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(after) = self.problem.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(Problem::retry_after_seconds(after)));
        }
        if self.problem.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A route that pages of any origin may call: it answers preflight requests, and a method that it
/// does not know in the shape of the SDK.
pub fn cross_origin<S: Clone + Send + Sync + 'static>(methods: MethodRouter<S>) -> MethodRouter<S> {
    methods.options(preflight).fallback(no_such_method)
}

/// Lets pages of any origin read what the routes of a router answer.
pub fn readable_anywhere<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(middleware::map_response(allow_any_origin))
}

/// The answer to a preflight request: every method, and the headers that were asked for. Cookies
/// are not part of it, so that any origin may be let in.
async fn preflight(headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answered = response.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
    answered.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
    if let Some(asked) = asked.filter(|asked| asked.len() <= ASKED_HEADERS_BYTES_MAX) {
        answered.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    answered.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_KEPT.as_secs()));
    answered.insert(VARY, HeaderValue::from_static("access-control-request-headers"));
    response
}

async fn no_such_method() -> WireProblem {
    WireProblem::new(&codes::METHOD_NOT_ALLOWED)
}

async fn allow_any_origin(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let exposed = HeaderValue::from_static("retry-after, x-request-id, tenon-run");
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    response
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use http::{Method, Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::layers::{LayerSettings, with_layers};

    #[test]
    fn a_problem_is_told_with_its_faults() {
        let item = |pointer: &str| ErrorItem {
            message: "this is needed".to_owned(),
            pointer: Some(pointer.to_owned()),
            ..ErrorItem::default()
        };
        let problem = Problem::new(&codes::INVALID_FIELD).with(item("/code")).with(item(""));
        let body = WireProblem::from(problem).body();
        assert_eq!(
            body["message"],
            "a field of the body is not valid: `code`: this is needed; this is needed"
        );
        assert_eq!((&body["code"], &body["status"]), (&json!("invalid_field"), &json!(422)));
        assert_eq!(body["meta"]["errors"][0]["pointer"], "/code");
    }

    #[test]
    fn an_error_of_an_integration_says_so_in_its_meta() {
        let problem = Problem::new(&codes::CONFLICT).detail("Slack says: no");
        let body = WireProblem::from(problem).of_integration().body();
        assert_eq!(body["meta"], json!({"isIntegrationError": true, "message": "Slack says: no"}));
    }

    #[test]
    fn a_missing_permission_keeps_the_user_signed_in() {
        let body = WireProblem::not_permitted("the token does not allow this").body();
        assert_eq!((&body["code"], &body["status"]), (&json!("7210"), &json!(403)));
    }

    fn routes() -> Router {
        let route =
            cross_origin(get(async || "here").delete(async || WireProblem::new(&codes::CONFLICT)));
        with_layers(readable_anywhere(Router::new().route("/a", route)), &LayerSettings::default())
    }

    async fn send(method: Method) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder()
            .method(method)
            .uri("/a")
            .header("origin", "https://app.example")
            .header("access-control-request-headers", "authorization,x-own")
            .body(Body::empty())
            .expect("it is a valid request");
        let response = routes().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body is whole").to_bytes();
        (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn a_preflight_request_gets_what_it_asked_for() {
        let (status, headers, body) = send(Method::OPTIONS).await;
        assert_eq!((status, body.as_str()), (StatusCode::NO_CONTENT, ""));
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "authorization,x-own");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(
            headers[ACCESS_CONTROL_ALLOW_METHODS].to_str().is_ok_and(|all| all.contains("PATCH"))
        );
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }

    #[tokio::test]
    async fn every_answer_can_be_read_by_the_page() {
        for (method, expected) in [(Method::GET, 200), (Method::DELETE, 409), (Method::PUT, 405)] {
            let (status, headers, body) = send(method).await;
            assert_eq!(status.as_u16(), expected, "{body}");
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{expected}");
            assert!(expected == 200 || body.contains(r#""status":"#), "{body}");
        }
    }
}
