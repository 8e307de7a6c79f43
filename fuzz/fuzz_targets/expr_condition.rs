//! JSON as a condition: compiling and evaluating never panics, and a condition is written as it
//! is read. The input is the condition and the JSON that every reference looks into.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tenon_expr::{Condition, EvalError, Reference, Scope, resolve_path};

struct Everything(Value);

impl Scope for Everything {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        Ok(resolve_path(&self.0, &reference.path).map(Cow::Borrowed))
    }
}

fuzz_target!(|input: (&str, &str)| {
    let (condition, json) = input;
    let Ok(raw) = serde_json::from_str::<Value>(condition) else {
        return;
    };
    if let Ok(condition) = Condition::compile(&raw) {
        let value = serde_json::from_str(json).unwrap_or_else(|_| Value::from(json));
        let _ = condition.eval(&Everything(value));
        let written = serde_json::to_value(&condition).expect("a condition is JSON");
        assert_eq!(Condition::compile(&written), Ok(condition));
    }
});
