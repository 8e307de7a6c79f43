//! Sends spans to a collector: OTLP, protobuf over HTTP, in batches, off the paths that make them.
//! The collector is the operator's and named in the settings, so its address is not checked as
//! those of providers are.

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};
use tokio::runtime::Handle;
use url::Url;
use uuid::Uuid;

use crate::config::Telemetry;
use crate::roles::Roles;

/// The largest answer of a collector that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Samples, batches and sends.
///
/// # Errors
/// When the exporter cannot be built.
pub(super) fn provider(
    endpoint: &Url,
    settings: &Telemetry,
    roles: &Roles,
) -> anyhow::Result<SdkTracerProvider> {
    let timeout = Duration::from_millis(settings.export_timeout_ms);
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .context("the client for traces cannot be built")?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client { client, runtime: Handle::current() })
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/')))
        .with_timeout(timeout)
        .build()
        .context("telemetry.otlp_endpoint cannot be used")?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(settings.spans_waiting_max)
        .with_max_export_batch_size(settings.batch_max)
        .with_scheduled_delay(Duration::from_millis(settings.export_interval_ms))
        .build();
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "tenon"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
            KeyValue::new("tenon.roles", roles.to_string()),
        ])
        .build();
    Ok(SdkTracerProvider::builder()
        // By the id of the trace alone, so that all processes decide alike, and no caller can have
        // more recorded than the operator wants.
        .with_sampler(Sampler::TraceIdRatioBased(f64::from(settings.sampled_per_mille) / 1_000.0))
        .with_span_processor(
            BatchSpanProcessor::builder(exporter).with_batch_config(batches).build(),
        )
        .with_resource(resource)
        .build())
}

/// Sends on our runtime: the exporter has a thread of its own without one.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { send(&client, request).await }).await?;
        if let Err(error) = &sent {
            tracing::warn!(error = %error, "traces were not sent");
        }
        sent
    }
}

async fn send(
    client: &reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let (parts, body) = request.into_parts();
    let mut answer = client
        .request(parts.method, parts.uri.to_string())
        .headers(parts.headers)
        .body(body)
        .send()
        .await
        .map_err(reqwest::Error::without_url)?;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        *headers = answer.headers().clone();
    }
    let mut read = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if read.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err("the answer of the collector is too large".into());
        }
        read.extend_from_slice(&chunk);
    }
    Ok(response.body(read.into())?)
}
