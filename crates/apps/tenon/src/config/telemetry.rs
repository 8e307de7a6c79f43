//! `[metrics]` and `[telemetry]`: what processes say of themselves, and to whom.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use url::Url;

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Where every process answers `/metrics`, `/health` and `/ready`; nowhere when left out.
    pub listen: Option<SocketAddr>,
    /// Connections to it at once.
    pub connections_max: usize,
    /// How often queues are counted.
    pub sample_interval_ms: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: None, connections_max: 64, sample_interval_ms: 5_000 }
    }
}

/// `[telemetry]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// The collector that traces are sent to, by OTLP over HTTP; `/v1/traces` is added. Nothing is
    /// traced when left out.
    pub otlp_endpoint: Option<Url>,
    /// Of 1,000 traces, how many are recorded. The id of a trace decides, the same in every process.
    pub sampled_per_mille: u32,
    /// Spans that may wait to be sent; more are dropped.
    pub spans_waiting_max: usize,
    /// Spans in one message.
    pub batch_max: usize,
    /// How long a span waits for others to be sent with.
    pub export_interval_ms: u64,
    /// How long the collector may take.
    pub export_timeout_ms: u64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            sampled_per_mille: 100,
            spans_waiting_max: 8_192,
            batch_max: 512,
            export_interval_ms: 5_000,
            export_timeout_ms: 10_000,
        }
    }
}
