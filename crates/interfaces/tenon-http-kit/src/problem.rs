//! [`Problem`]: the one answer to whatever goes wrong (RFC 9457), and the one place where
//! errors become HTTP. A 5xx never shows a cause: the cause is logged, the caller gets a request
//! id to name.

use std::borrow::Cow;
use std::error::Error;
use std::ops::Deref;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::codes::{self, Code};

/// The media type of a problem.
pub const CONTENT_TYPE_PROBLEM: &str = "application/problem+json";

/// A problem: one pointer wide, because it travels in every `Result` of a handler.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<ProblemBody>);

/// A problem, as the caller sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// The HTTP status, once more.
    pub status: u16,
    /// The kind of problem; stable, to be matched on.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// One line for people, the same for every problem of this kind.
    #[schema(value_type = String)]
    pub title: &'static str,
    /// What happened this time, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub detail: Option<Cow<'static, str>>,
    /// The page about this kind of problem.
    pub help: String,
    /// The single faults, where there can be many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorItem>,
    /// Names the request in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Becomes the `Retry-After` header.
    #[serde(skip)]
    pub(crate) retry_after: Option<Duration>,
}

/// One fault in what the caller sent; only the fields that apply are there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorItem {
    /// What is wrong.
    pub message: String,
    /// The kind of fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where in the JSON body (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Which line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Which column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Which step of the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What would be allowed here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(code: &'static Code) -> Self {
        Self(Box::new(ProblemBody {
            status: code.status,
            code: code.name,
            title: code.title,
            detail: None,
            help: format!("docs/errors/{}.md", code.name),
            errors: Vec::new(),
            request_id: None,
            retry_after: None,
        }))
    }

    /// Says what happened this time. On a 5xx only fixed text is shown: text made at run time
    /// could hold a cause.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        if self.0.status < 500 || matches!(detail, Cow::Borrowed(_)) {
            self.0.detail = Some(detail);
        } else {
            tracing::debug!(code = self.0.code, "detail of a server problem withheld");
        }
        self
    }

    /// Adds a single fault.
    #[must_use]
    pub fn with(mut self, item: ErrorItem) -> Self {
        self.0.errors.push(item);
        self
    }

    /// Adds many single faults.
    #[must_use]
    pub fn with_all(mut self, items: impl IntoIterator<Item = ErrorItem>) -> Self {
        self.0.errors.extend(items);
        self
    }

    /// Says when to try again; whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Nothing there, or nothing this caller may see: the two look the same.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(&codes::NOT_FOUND)
    }

    /// No valid credentials.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(&codes::UNAUTHORIZED)
            .detail("send the project's API key as `Authorization: Bearer <key>`")
    }

    /// A failure of ours. Logs the error with its causes; shows none of them.
    #[must_use]
    pub fn internal(action: &'static str, error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %chain(error), "failed to {action}");
        Self::new(&codes::INTERNAL)
    }

    /// Something we depend on is away: try again later. Logs the error, shows none of it.
    #[must_use]
    pub fn unavailable(
        action: &'static str,
        after: Duration,
        error: &(dyn Error + 'static),
    ) -> Self {
        tracing::warn!(error = %chain(error), "failed to {action}");
        Self::new(&codes::UNAVAILABLE).retry_after(after)
    }

    /// The `Retry-After` value of a duration: whole seconds, rounded up, at least 1.
    #[must_use]
    pub fn retry_after_seconds(after: Duration) -> u64 {
        after.as_millis().div_ceil(1_000).max(1).try_into().unwrap_or(u64::MAX)
    }
}

/// An error with its causes, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// Kept in the response's extensions, so that the outer layer can write the request id into the
/// body without reading it back.
#[derive(Debug, Clone)]
pub(crate) struct Unsent(Problem);

impl Unsent {
    /// The response with the request's id in it.
    pub(crate) fn sent_as(mut self, request_id: &str, mut response: Response) -> Response {
        self.0.0.request_id = Some(request_id.to_owned());
        *response.body_mut() = self.0.body();
        response
    }
}

impl Deref for Problem {
    type Target = ProblemBody;

    fn deref(&self) -> &ProblemBody {
        &self.0
    }
}

impl Problem {
    fn body(&self) -> Body {
        Body::from(serde_json::to_vec(self).expect("a problem has only text and number fields"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body());
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_PROBLEM));
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(Self::retry_after_seconds(after)));
        }
        if self.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Unsent(self));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_problem_shows_no_text_made_at_run_time() {
        let cause = std::io::Error::other("password=hunter2");
        let problem = Problem::internal("read a plan", &cause).detail(cause.to_string());
        let text = serde_json::to_string(&problem).expect("problems serialise");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains(r#""code":"internal""#), "{text}");
    }

    #[test]
    fn a_client_problem_says_what_happened() {
        let problem = Problem::new(&codes::CONFLICT).detail(format!("run {} has ended", 7));
        assert_eq!(problem.detail.as_deref(), Some("run 7 has ended"));
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        for (ms, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (30_000, 30)] {
            assert_eq!(Problem::retry_after_seconds(Duration::from_millis(ms)), seconds);
        }
    }
}
