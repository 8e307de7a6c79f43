//! What this process says of itself: its log, its traces, its metrics. Libraries know none of who
//! gathers them; everything is put together here, before anything else is built.

mod export;
mod process;
pub mod tables;
mod tracer;

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat, Settings};
use crate::roles::Roles;

/// What gathers, until the process ends.
pub struct Telemetry {
    metrics: Option<Arc<Gathered>>,
    traces: Option<SdkTracerProvider>,
}

/// The metrics of this process.
pub struct Gathered {
    handle: PrometheusHandle,
}

impl Gathered {
    /// All metrics, as text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        process::append(&mut text);
        text
    }

    /// Moves what histograms have taken into their buckets. Without it they grow.
    pub fn tidy(&self) {
        self.handle.run_upkeep();
    }
}

impl Telemetry {
    /// Starts the log and what else is switched on. To be called once, inside a Tokio runtime,
    /// before anything that measures.
    ///
    /// # Errors
    /// When the exporter of traces cannot be built.
    pub fn start(settings: &Settings, roles: &Roles) -> anyhow::Result<Self> {
        let traces = match &settings.telemetry.otlp_endpoint {
            Some(endpoint) => Some(export::provider(endpoint, &settings.telemetry, roles)?),
            None => None,
        };
        let subscriber = tracing_subscriber::registry()
            .with(log_layer(&settings.log))
            .with(traces.as_ref().map(tracer::layer));
        let is_first = subscriber.try_init().is_ok();
        if traces.is_some() && is_first {
            tracer::install();
        }
        let metrics = match settings.metrics.listen {
            Some(_) => Some(Arc::new(Gathered { handle: tables::install(roles)? })),
            None => None,
        };
        Ok(Self { metrics, traces })
    }

    /// The metrics, where they are gathered.
    #[must_use]
    pub fn metrics(&self) -> Option<Arc<Gathered>> {
        self.metrics.clone()
    }

    /// Sends what is left of the traces.
    pub async fn stop(self) {
        let Some(traces) = self.traces else { return };
        let ended = tokio::task::spawn_blocking(move || traces.shutdown()).await;
        match ended.context("the exporter of traces panicked") {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "the last traces were not sent"),
            Err(error) => tracing::warn!(error = %error, "the last traces were not sent"),
        }
    }
}

/// The log alone, for commands that serve nothing.
pub fn init_log(log: &Log) {
    // A second call in the same process (the demo) keeps the first.
    let _ = tracing_subscriber::registry().with(log_layer(log)).try_init();
}

/// Logs to standard error; `RUST_LOG` wins over the setting.
fn log_layer<S>(log: &Log) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(&log.filter))
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A log file is for reading, too. On a terminal, `NO_COLOR` still refuses colours.
    let layer = if std::io::stderr().is_terminal() { layer } else { layer.with_ansi(false) };
    match log.format {
        LogFormat::Text => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().with_filter(filter).boxed(),
    }
}
