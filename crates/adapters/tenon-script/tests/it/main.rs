//! Functions in real runner processes.

mod calls;
mod libraries;
mod limits;
mod pool;
mod sandbox;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tenon_domain::ProjectId;
use tenon_exec::ports::script::{
    FunctionCall, FunctionError, FunctionErrorKind, FunctionOutcome, FunctionRunner as _,
};
use tenon_script::{RunnerCommand, ScriptPool, Settings};

/// The defaults, with this crate's own runner.
fn settings() -> Settings {
    Settings::new(RunnerCommand {
        program: env!("CARGO_BIN_EXE_tenon-function-runner").into(),
        args: Vec::new(),
    })
}

async fn pool() -> ScriptPool {
    pool_with(settings()).await
}

async fn pool_with(settings: Settings) -> ScriptPool {
    ScriptPool::start(settings).await.expect("the runner starts on this machine")
}

fn call(project: ProjectId, code: &str, parameters: &Value) -> FunctionCall {
    FunctionCall {
        project,
        code: Arc::from(code),
        parameters: Bytes::from(parameters.to_string()),
        timeout: Duration::from_secs(10),
    }
}

async fn run(code: &str, parameters: Value) -> Result<FunctionOutcome, FunctionError> {
    pool().await.run(call(ProjectId::new(), code, &parameters)).await
}

/// The result of code that must succeed.
async fn value_of(code: &str, parameters: Value) -> Value {
    let outcome = run(code, parameters).await.expect("the function returns");
    serde_json::from_slice(&outcome.output).expect("the output is JSON")
}

/// Kind and message of code that must fail.
async fn failure_of(code: &str) -> (FunctionErrorKind, String) {
    let error = run(code, Value::Object(serde_json::Map::new())).await;
    let error = error.expect_err("the function fails");
    (error.kind, error.message)
}
