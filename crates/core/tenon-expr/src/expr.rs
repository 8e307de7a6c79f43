//! Compiled expressions and templates, and their evaluation. Evaluation is total: it ends, it
//! does not panic, and what it builds is bounded by a budget.

use std::borrow::Cow;

use serde_json::Value;

use crate::budget::{BoundedText, Budget};
use crate::error::EvalError;
use crate::functions::{Call, Function};
use crate::reference::{Reference, Scope, Segment, resolve_cow};

static NULL: Value = Value::Null;

/// What stands between `{{` and `}}`.
#[derive(Debug)]
pub(crate) enum Expr {
    Literal(Value),
    Reference(Reference),
    Call {
        function: &'static Function,
        arguments: Vec<Expr>,
    },
    /// A path into the result of a call.
    Path {
        base: Box<Expr>,
        path: Vec<Segment>,
    },
    /// `a ?? b ?? c`: the first that is not null.
    Coalesce(Vec<Expr>),
}

/// A text with holes.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug)]
pub(crate) enum Part {
    Text(String),
    Hole(Expr),
}

impl Expr {
    pub(crate) fn eval<'a>(
        &'a self,
        scope: &'a dyn Scope,
        budget: &mut Budget,
    ) -> Result<Cow<'a, Value>, EvalError> {
        match self {
            Self::Literal(value) => Ok(Cow::Borrowed(value)),
            Self::Reference(reference) => Ok(scope.get(reference)?.unwrap_or(Cow::Borrowed(&NULL))),
            Self::Call { function, arguments } => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(argument.eval(scope, budget)?);
                }
                Call { function, arguments: values, budget }.run()
            }
            Self::Path { base, path } => {
                let base = base.eval(scope, budget)?;
                Ok(resolve_cow(base, path).unwrap_or(Cow::Borrowed(&NULL)))
            }
            Self::Coalesce(choices) => {
                for choice in choices {
                    let value = choice.eval(scope, budget)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Cow::Borrowed(&NULL))
            }
        }
    }

    fn references<'a>(&'a self, found: &mut Vec<&'a Reference>) {
        match self {
            Self::Literal(_) => {}
            Self::Reference(reference) => found.push(reference),
            Self::Path { base, .. } => base.references(found),
            Self::Call { arguments: inner, .. } | Self::Coalesce(inner) => {
                inner.iter().for_each(|expr| expr.references(found));
            }
        }
    }
}

impl Template {
    /// The expression, when the template is one hole and nothing else.
    pub(crate) fn as_whole(&self) -> Option<&Expr> {
        match self.parts.as_slice() {
            [Part::Hole(expr)] => Some(expr),
            _ => None,
        }
    }

    /// The text, when there is no hole.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn references<'a>(&'a self, found: &mut Vec<&'a Reference>) {
        for part in &self.parts {
            if let Part::Hole(expr) = part {
                expr.references(found);
            }
        }
    }

    /// Joins the parts as text; `encode` writes the value of a hole.
    pub(crate) fn join(
        &self,
        scope: &dyn Scope,
        budget: &mut Budget,
        encode: &mut dyn FnMut(&mut BoundedText, &Value) -> Result<(), EvalError>,
    ) -> Result<String, EvalError> {
        let mut text = budget.text(self.text_bytes() + 32);
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push(literal)?,
                Part::Hole(expr) => encode(&mut text, &*expr.eval(scope, budget)?)?,
            }
        }
        Ok(text.finish())
    }

    fn text_bytes(&self) -> usize {
        let literal = |part: &Part| match part {
            Part::Text(text) => text.len(),
            Part::Hole(_) => 0,
        };
        self.parts.iter().map(literal).sum()
    }
}
