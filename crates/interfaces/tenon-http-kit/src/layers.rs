//! What happens around every handler: a request id, a span, a limit on the work in flight, a
//! deadline, a panic turned into a 500, security headers. One layer, so that a request pays for
//! one boxed future and not for six.

mod frame;
mod request_id;

use std::time::Duration;

use axum::Router;

pub use frame::FrameLayer;
pub use request_id::{REQUEST_ID_HEADER, RequestId};

use crate::codes;
use crate::problem::Problem;

/// Settings of the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerSettings {
    /// Requests that may be in work at once; more are turned away with 503.
    pub requests_in_flight_max: usize,
    /// How long a handler may take until its response begins.
    pub request_timeout: Duration,
    /// When a request that was turned away may come again.
    pub overload_retry_after: Duration,
}

impl Default for LayerSettings {
    fn default() -> Self {
        Self {
            requests_in_flight_max: 10_000,
            request_timeout: Duration::from_secs(75),
            overload_retry_after: Duration::from_secs(1),
        }
    }
}

/// Wraps a whole router: unknown routes and methods become problems, and every handler runs
/// inside a [`FrameLayer`]. To keep a fallback of your own, use the layer alone.
pub fn with_layers(router: Router, settings: &LayerSettings) -> Router {
    router
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(FrameLayer::new(settings))
}

async fn no_such_route() -> Problem {
    Problem::not_found()
}

async fn no_such_method() -> Problem {
    Problem::new(&codes::METHOD_NOT_ALLOWED)
}
