//! The conditional step: asks, and says which branch is taken.

use tenon_domain::workflow::steps::conditional::ConditionalStep;
use tenon_expr::Scope;

use super::{Failure, Outcome};

/// Output: `{"result": true | false}`.
///
/// # Errors
/// When an operand has a type that the operator cannot compare.
pub fn run(step: &ConditionalStep, scope: &dyn Scope) -> Result<Outcome, Failure> {
    let holds = step.condition.eval(scope).map_err(|error| Failure::template("if", &error))?;
    Ok(Outcome { output: serde_json::json!({ "result": holds }), ..Outcome::default() })
}
