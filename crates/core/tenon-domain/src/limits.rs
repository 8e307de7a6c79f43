//! Every limit of a workflow document, as a named value with a unit.

use serde::{Deserialize, Serialize};

/// Bounds that a document must keep to be deployed. The defaults are the documented ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentLimits {
    /// Size of one document, in bytes.
    pub document_bytes_max: usize,
    /// Steps in one workflow.
    pub steps_max: usize,
    /// Triggers of one workflow.
    pub triggers_max: usize,
    /// Inputs of one workflow, and of one integration.
    pub inputs_max: usize,
    /// Nesting of JSON values in a document.
    pub depth_max: usize,
    /// Source text of one function step, in bytes.
    pub function_code_bytes_max: usize,
    /// Retries a step may ask for.
    pub retries_max: u32,
    /// The longest delay, in seconds (ten years).
    pub delay_seconds_max: u64,
    /// Iterations of one fan-out that may run at once.
    pub fan_out_parallelism_max: u32,
    /// Fan-outs inside fan-outs.
    pub fan_out_depth_max: usize,
    /// Pages that a request step may read.
    pub pages_max: u32,
    /// The longest delay of a retry policy, in seconds.
    pub retry_delay_seconds_max: u32,
    /// The longest that a request trigger may wait for its response, in seconds.
    pub response_timeout_seconds_max: u32,
    /// Runs at a time that a workflow may ask for; at most 32,767.
    pub concurrency_max: u16,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            document_bytes_max: 1 << 20,
            steps_max: 500,
            triggers_max: 20,
            inputs_max: 100,
            depth_max: 64,
            function_code_bytes_max: 256 << 10,
            retries_max: 20,
            delay_seconds_max: 10 * 366 * 86_400,
            fan_out_parallelism_max: 1_000,
            fan_out_depth_max: 4,
            pages_max: 100_000,
            retry_delay_seconds_max: 86_400,
            response_timeout_seconds_max: 300,
            concurrency_max: 10_000,
        }
    }
}
