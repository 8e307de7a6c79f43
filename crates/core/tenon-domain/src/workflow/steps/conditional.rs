//! Takes one of two branches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Condition;

use crate::ids::StepId;

/// `type: conditional`. Output: `{"result": true | false}`. After the branch taken ends, the
/// run goes on with the step's own `next`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConditionalStep {
    /// What is asked.
    #[serde(rename = "if")]
    pub condition: Condition,
    /// First step of the branch taken when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<StepId>,
    /// First step of the branch taken when it does not.
    #[serde(default, rename = "else", skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<StepId>,
}
