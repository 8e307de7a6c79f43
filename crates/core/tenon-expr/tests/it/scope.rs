//! A scope over one JSON object, whose members are the roots.

use std::borrow::Cow;

use serde_json::Value;
use tenon_expr::{EvalError, Reference, Scope, Source, resolve_path};

pub struct Roots(pub Value);

impl Scope for Roots {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        match self.0.get(&reference.root) {
            Some(value) => Ok(resolve_path(value, &reference.path).map(Cow::Borrowed)),
            None if reference.is_optional => Ok(None),
            None => Err(EvalError::new(format!("`{}` is not known", reference.root))),
        }
    }
}

pub fn compile(raw: &Value) -> Source {
    match Source::compile(raw) {
        Ok(source) => source,
        Err(error) => panic!("`{raw}` does not compile: {}", error.one_line()),
    }
}

pub fn eval(raw: &Value, roots: &Value) -> Result<Value, EvalError> {
    compile(raw).eval(&Roots(roots.clone()))
}
