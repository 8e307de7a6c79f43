//! A function runner without JavaScript: a function of the test gives the result.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use tenon_exec::ports::script::{FunctionCall, FunctionError, FunctionOutcome, FunctionRunner};

type Body = dyn Fn(&str, &Value) -> Result<Value, FunctionError> + Send + Sync;

/// Gives code and parameters to a function of the test.
pub struct ScriptedRunner {
    body: Box<Body>,
    calls: Mutex<Vec<(String, Value)>>,
}

impl ScriptedRunner {
    /// Runs `body` in place of every function's code.
    pub fn new(
        body: impl Fn(&str, &Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        Self { body: Box::new(body), calls: Mutex::default() }
    }

    /// Code and parameters of the calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.calls.lock().clone()
    }
}

#[async_trait]
impl FunctionRunner for ScriptedRunner {
    async fn run(&self, call: FunctionCall) -> Result<FunctionOutcome, FunctionError> {
        let parameters: Value =
            serde_json::from_slice(&call.parameters).expect("the engine sends JSON");
        self.calls.lock().push((call.code.to_string(), parameters.clone()));
        // A result never comes at once: others get their turn.
        tokio::task::yield_now().await;
        let output = (self.body)(&call.code, &parameters)?;
        let output = Bytes::from(output.to_string());
        Ok(FunctionOutcome { output, console: Vec::new(), console_dropped: 0 })
    }

    async fn check(&self, _: &str) -> Result<(), FunctionError> {
        Ok(())
    }
}
