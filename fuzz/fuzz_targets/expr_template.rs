//! A text as a template: compiling and evaluating never panics, and errors point into the text.
//! The input is the template and the JSON that every reference looks into.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tenon_expr::{EvalError, Reference, Scope, Source, resolve_path};

struct Everything(Value);

impl Scope for Everything {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        Ok(resolve_path(&self.0, &reference.path).map(Cow::Borrowed))
    }
}

fuzz_target!(|input: (&str, &str)| {
    let (text, json) = input;
    match Source::compile(&Value::from(text)) {
        Ok(source) => {
            let value = serde_json::from_str(json).unwrap_or_else(|_| Value::from(json));
            let _ = source.eval(&Everything(value));
        }
        Err(error) => {
            let error = error.error;
            assert!(text.is_char_boundary(error.offset));
            assert!(text.is_char_boundary(error.offset + error.len));
            assert_eq!(error.caret(text).lines().count(), 2);
        }
    }
});
