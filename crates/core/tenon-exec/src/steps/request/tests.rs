//! The whole step, against a way out that is kept in memory.

use std::borrow::Cow;

use serde_json::Value;
use tenon_expr::{EvalError, Reference, Scope, resolve_path};

/// A scope whose roots are the members of an object.
pub(super) struct Values(pub(super) Value);

impl Scope for Values {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        let root = self.0.get(&reference.root);
        Ok(root.and_then(|value| resolve_path(value, &reference.path)).map(Cow::Borrowed))
    }
}
