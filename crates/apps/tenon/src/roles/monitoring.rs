//! The listener for those who watch: `/metrics`, `/health` and `/ready`, for every role, also those
//! that listen for nothing else. Plain HTTP, GET only; nobody is asked who they are, so it belongs on
//! the loopback or a private network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use parking_lot::Mutex;
use sqlx::PgPool;
use tenon_api::{NotReady, Readiness};
use tenon_http_kit::{LayerSettings, ServeSettings, serve, with_layers};
use tenon_script::ScriptPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Metrics;
use crate::telemetry::Gathered;
use crate::telemetry::tables::{POOL_CONNECTIONS, POOL_CONNECTIONS_MAX};

/// The text format of Prometheus.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How often histograms are tidied up.
const TIDY_INTERVAL: Duration = Duration::from_secs(5);
/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests in work at once.
const REQUESTS_MAX: usize = 16;
/// How long requests in work may go on when the process ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The pools of connections of a process, by the names that the metrics have for them.
#[derive(Clone, Default)]
pub(super) struct Pools(Arc<Mutex<Vec<(&'static str, PgPool)>>>);

impl Pools {
    /// Adds one; see the label `pool` for the names.
    pub(super) fn add(&self, name: &'static str, pool: &PgPool) {
        self.0.lock().push((name, pool.clone()));
    }

    fn measure(&self) {
        for (name, pool) in self.0.lock().iter() {
            let (size, idle) = (pool.size() as usize, pool.num_idle());
            POOL_CONNECTIONS.set_of(&[name, "idle"], idle as f64);
            POOL_CONNECTIONS.set_of(&[name, "busy"], size.saturating_sub(idle) as f64);
            let max = pool.options().get_max_connections();
            POOL_CONNECTIONS_MAX.set_of(&[name], f64::from(max));
        }
    }
}

/// What is looked at when somebody asks.
#[derive(Clone)]
pub(super) struct Watched {
    /// Where metrics are gathered.
    pub(super) metrics: Arc<Gathered>,
    /// Connections to databases.
    pub(super) pools: Pools,
    /// Function processes, where there are any.
    pub(super) functions: Option<Arc<ScriptPool>>,
    /// Whether the process may be sent work.
    pub(super) readiness: Arc<dyn Readiness>,
}

/// Listens until the token fires; answers where.
///
/// # Errors
/// When the address is taken.
pub(super) async fn listen(
    settings: &Metrics,
    watched: Watched,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(address) = settings.listen else { return Ok(None) };
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for metrics; each process needs a `metrics.listen` of its own")
    })?;
    let address = listener.local_addr()?;
    tasks.spawn(tidy(watched.metrics.clone(), stop.clone()));
    let layers = LayerSettings {
        requests_in_flight_max: REQUESTS_MAX,
        request_timeout: REQUEST_TIMEOUT,
        ..LayerSettings::default()
    };
    let serving = ServeSettings {
        connections_max: settings.connections_max,
        drain_timeout: DRAIN_TIMEOUT,
        ..ServeSettings::default()
    };
    let (router, stop) = (with_layers(routes(watched), &layers), stop.clone());
    tasks.spawn(async move { serve(listener, router, serving, stop).await });
    tracing::info!(%address, "metrics are at http://{address}/metrics");
    Ok(Some(address))
}

fn routes(watched: Watched) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(async || "ok\n"))
        .route("/ready", get(ready))
        .with_state(watched)
}

async fn metrics(State(watched): State<Watched>) -> impl IntoResponse {
    watched.pools.measure();
    if let Some(functions) = &watched.functions {
        functions.measure();
    }
    ([(CONTENT_TYPE, TEXT_FORMAT)], watched.metrics.render())
}

async fn ready(State(watched): State<Watched>) -> impl IntoResponse {
    match watched.readiness.check().await {
        Ok(()) => (http::StatusCode::OK, "ok\n".to_owned()),
        Err(NotReady { missing }) => {
            let text = format!("waiting for {}\n", missing.join(", "));
            (http::StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

async fn tidy(metrics: Arc<Gathered>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TIDY_INTERVAL) => metrics.tidy(),
        }
    }
}
