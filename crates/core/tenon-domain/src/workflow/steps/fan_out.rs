//! Runs a branch for each item of an array and waits for all of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Source;

use crate::ids::StepId;

/// `type: fan_out`. Inside the branch `{{<id>.instance}}` is the item and `{{<id>.index}}` its
/// position. Afterwards the steps of the branch are arrays, one element an item, and the
/// fan-out's own output is `{"count": n}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FanOutStep {
    /// The array.
    pub over: Source,
    /// First step of the branch.
    pub each: StepId,
    /// Iterations that may run at once.
    #[serde(default = "default_parallelism")]
    pub parallelism: u32,
}

fn default_parallelism() -> u32 {
    10
}
