//! `/healthz` and `/readyz`, outside of `/api/v1` and without a key.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;

/// What the process still waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReady {
    /// Names of what is away, such as `postgres`; fixed text, no causes.
    pub missing: Vec<&'static str>,
}

/// Tells whether this process may be sent work.
#[async_trait]
pub trait Readiness: Send + Sync + 'static {
    /// Checks what the process depends on. Must answer soon: it is asked every few seconds.
    async fn check(&self) -> Result<(), NotReady>;
}

/// `GET /healthz` answers 200 while the process runs; `GET /readyz` answers 200 when it may be
/// sent work, else 503 with what is missing.
pub fn health_router(readiness: Arc<dyn Readiness>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(readiness)
}

async fn ready(State(readiness): State<Arc<dyn Readiness>>) -> (StatusCode, String) {
    match readiness.check().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(NotReady { missing }) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}\n", missing.join(", ")))
        }
    }
}
