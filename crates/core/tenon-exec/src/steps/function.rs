//! The function step: parameters in, JSON out, somewhere the code can do no harm.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use tenon_domain::ProjectId;
use tenon_domain::workflow::steps::function::FunctionStep;
use tenon_expr::Scope;

use super::{Failure, FailureClass, Outcome};
use crate::ports::script::{FunctionCall, FunctionError, FunctionErrorKind, FunctionRunner};

/// What a function step needs from the engine.
pub struct Call<'a> {
    /// Where it runs.
    pub runner: &'a dyn FunctionRunner,
    /// Whose code it is.
    pub project: ProjectId,
    /// The source text, shared between calls.
    pub code: Arc<str>,
    /// The installation's limit.
    pub timeout_max: Duration,
}

/// Output: `{"result": <what the function returned>}`.
///
/// # Errors
/// What the code did wrong is permanent for syntax and unusable results, and may be retried for
/// exceptions and limits; a runner that is not there is our own fault.
pub async fn run(
    step: &FunctionStep,
    scope: &(dyn Scope + Sync),
    call: Call<'_>,
) -> Result<Outcome, Failure> {
    let mut parameters = Map::new();
    for (name, source) in &step.parameters {
        let value = source
            .eval(scope)
            .map_err(|error| Failure::template(&format!("parameters.{name}"), &error))?;
        parameters.insert(name.clone(), value);
    }
    let parameters = Value::Object(parameters);
    let text = serde_json::to_vec(&parameters).expect("a JSON value always serialises");
    let asked = step.timeout_ms.map(|ms| Duration::from_millis(ms.into()));
    let outcome = call
        .runner
        .run(FunctionCall {
            project: call.project,
            code: call.code,
            parameters: Bytes::from(text),
            timeout: asked.map_or(call.timeout_max, |asked| asked.min(call.timeout_max)),
        })
        .await;
    let input = Some(serde_json::json!({ "parameters": parameters }));
    let outcome = outcome.map_err(|error| failure(error, input.clone()))?;
    let result: Value = serde_json::from_slice(&outcome.output).map_err(|error| {
        let message = format!("the function's result is not JSON: {error}");
        Failure {
            input: input.clone().map(Box::new),
            ..Failure::new("function_result", message, FailureClass::Permanent)
        }
    })?;
    Ok(Outcome {
        input,
        output: serde_json::json!({ "result": result }),
        console: outcome.console,
        console_dropped: outcome.console_dropped,
    })
}

fn failure(error: FunctionError, input: Option<Value>) -> Failure {
    let (code, class) = match error.kind {
        FunctionErrorKind::Syntax => ("function_syntax", FailureClass::Permanent),
        FunctionErrorKind::Thrown => ("function_threw", FailureClass::Transient),
        FunctionErrorKind::Timeout => ("function_timeout", FailureClass::Transient),
        FunctionErrorKind::Memory => ("function_memory", FailureClass::Transient),
        FunctionErrorKind::Result => ("function_result", FailureClass::Permanent),
        FunctionErrorKind::Unavailable => ("function_unavailable", FailureClass::Infrastructure),
    };
    let FunctionError { message, console, .. } = error;
    Failure { input: input.map(Box::new), console, ..Failure::new(code, message, class) }
}
