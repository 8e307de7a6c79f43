//! The fan-out step: which items it runs over. The iterations are the engine's.

use serde_json::Value;
use tenon_domain::workflow::steps::fan_out::FanOutStep;
use tenon_expr::Scope;

use super::{Failure, FailureClass};

/// The items, in order. A test run (`is_cut`) takes the first `limit`; otherwise more is an error.
///
/// # Errors
/// When `over` is not an array, or holds more than `limit` items.
pub fn items(
    step: &FanOutStep,
    scope: &dyn Scope,
    limit: usize,
    is_cut: bool,
) -> Result<Vec<Value>, Failure> {
    let value = step.over.eval(scope).map_err(|error| Failure::template("over", &error))?;
    let mut items = match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        other => {
            let found = match other {
                Value::Object(_) => "an object",
                Value::String(_) => "text",
                _ => "not an array",
            };
            let message = format!("`over` is {found}; a fan-out runs over an array");
            return Err(Failure::new("fan_out_type", message, FailureClass::Permanent));
        }
    };
    if is_cut {
        items.truncate(limit);
    } else if items.len() > limit {
        let message = format!("`over` holds {} items; at most {limit} are allowed", items.len());
        return Err(Failure::new("fan_out_limit", message, FailureClass::Permanent));
    }
    Ok(items)
}
