//! The layer itself.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};
use tenon_telemetry::trace;
use tokio::sync::Semaphore;
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use super::{LayerSettings, REQUEST_ID_HEADER, RequestId};
use crate::codes;
use crate::metrics;
use crate::problem::{Problem, Unsent};

/// Set on every answer that does not say otherwise.
static SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

/// Makes [`Frame`]s that share one limit.
#[derive(Debug, Clone)]
pub struct FrameLayer {
    settings: LayerSettings,
    slots: Arc<Semaphore>,
}

impl FrameLayer {
    /// A layer with these settings.
    #[must_use]
    pub fn new(settings: &LayerSettings) -> Self {
        let slots = settings.requests_in_flight_max.min(Semaphore::MAX_PERMITS);
        Self { settings: *settings, slots: Arc::new(Semaphore::new(slots)) }
    }
}

impl<S> Layer<S> for FrameLayer {
    type Service = Frame<S>;

    fn layer(&self, inner: S) -> Frame<S> {
        Frame { inner, layer: self.clone() }
    }
}

/// Runs one request.
#[derive(Debug, Clone)]
pub struct Frame<S> {
    inner: S,
    layer: FrameLayer,
}

impl<S> Service<Request> for Frame<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let id = RequestId::of(request.headers());
        request.extensions_mut().insert(id.clone());
        let span = span_of(&request, &id);
        let slot = Arc::clone(&self.layer.slots).try_acquire_owned();
        let settings = self.layer.settings;
        // The clone takes the place of the service that was polled ready.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let started = Instant::now();
        let work = async move {
            let response = match slot {
                Ok(_slot) => {
                    let handler = async move { inner.call(request).await };
                    answer(handler, settings.request_timeout).await
                }
                Err(_) => {
                    metrics::turned_away();
                    Problem::new(&codes::OVERLOADED)
                        .retry_after(settings.overload_retry_after)
                        .into_response()
                }
            };
            let response = finish(response, &id);
            record(&response, started);
            Ok(response)
        };
        Box::pin(work.instrument(span))
    }
}

fn span_of(request: &Request, id: &RequestId) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
    let span = tracing::info_span!(
        "http.request",
        otel.kind = "server",
        http.method = %request.method(),
        http.route = route,
        request.id = id.as_str(),
        http.status = tracing::field::Empty,
    );
    let parent = request.headers().get(trace::HEADER).map(HeaderValue::as_bytes);
    trace::follow(&span, trace::of_header(parent));
    span
}

/// Runs the handler with a deadline; a panic is an answer too.
async fn answer(
    handler: impl Future<Output = Result<Response, Infallible>>,
    timeout: Duration,
) -> Response {
    let guarded = AssertUnwindSafe(handler).catch_unwind();
    match tokio::time::timeout(timeout, guarded).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Err(_panic)) => {
            tracing::error!("a request handler panicked");
            Problem::new(&codes::INTERNAL).into_response()
        }
        Err(_) => Problem::new(&codes::REQUEST_TIMEOUT).into_response(),
    }
}

fn finish(mut response: Response, id: &RequestId) -> Response {
    if let Some(unsent) = response.extensions_mut().remove::<Unsent>() {
        response = unsent.sent_as(id.as_str(), response);
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID_HEADER, id.header_value());
    // An old header that knows no list of origins; it would contradict a page that may be framed.
    let may_be_framed = headers
        .get(CONTENT_SECURITY_POLICY)
        .and_then(|policy| policy.to_str().ok())
        .is_some_and(|policy| policy.contains("frame-ancestors *"));
    for (name, value) in &SECURITY_HEADERS {
        if may_be_framed && *name == X_FRAME_OPTIONS {
            continue;
        }
        headers.entry(name).or_insert_with(|| value.clone());
    }
    response
}

fn record(response: &Response, started: Instant) {
    let status = response.status().as_u16();
    Span::current().record("http.status", status);
    let duration = started.elapsed();
    metrics::answered(response.status(), duration);
    let duration_ms = duration.as_secs_f64() * 1_000.0;
    tracing::debug!(http.status = status, duration_ms, "request answered");
}
