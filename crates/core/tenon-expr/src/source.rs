//! Signatures other crates build on; the module is being filled in.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a template is wrong: `offset` and `len` are bytes into the template's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    pub offset: usize,
    pub len: usize,
    pub message: String,
    pub help: Option<String>,
}

/// A parse error inside a larger JSON value; `pointer` is an RFC 6901 pointer to the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct SourceError {
    pub pointer: String,
    pub error: ParseError,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    pub message: String,
    pub help: Option<String>,
}

/// `step.path[0].name`: where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The first word: a step id, `trigger`, `self`, `user`, `run`, `settings`.
    pub root: String,
    /// Written with `?` after the root: the step may not have run, then the value is null.
    pub is_optional: bool,
    pub path: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    Key(String),
    Index(usize),
}

/// What the references of an expression see.
pub trait Scope {
    /// The value at a reference; `Ok(None)` when there is nothing there (it then counts as null).
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError>;
}

/// A compiled value position of a document: any JSON value whose strings may hold `{{...}}`.
/// A string that is one `{{...}}` and nothing else keeps the type of what it refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    raw: Value,
}

impl Source {
    pub fn compile(raw: &Value) -> Result<Self, SourceError> {
        Ok(Self { raw: raw.clone() })
    }
    /// The value as it was written.
    pub fn raw(&self) -> &Value {
        &self.raw
    }
    /// The value itself where it holds no template.
    pub fn as_literal(&self) -> Option<&Value> {
        None
    }
    /// Every reference in it, in the order of the text.
    pub fn references(&self) -> Vec<&Reference> {
        Vec::new()
    }
    pub fn eval(&self, _scope: &dyn Scope) -> Result<Value, EvalError> {
        Ok(self.raw.clone())
    }
}

impl Serialize for Source {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = Value::deserialize(d)?;
        Self::compile(&raw).map_err(serde::de::Error::custom)
    }
}

/// `{"any": [..]}`, `{"all": [..]}` or `{"operator": "$..", "variable": .., "argument": ..}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Condition {
    Any { any: Vec<Condition> },
    All { all: Vec<Condition> },
    Operator { operator: Operator, variable: Source, #[serde(default, skip_serializing_if = "Option::is_none")] argument: Option<Source> },
}

impl Condition {
    pub fn references(&self) -> Vec<&Reference> {
        Vec::new()
    }
    pub fn eval(&self, _scope: &dyn Scope) -> Result<bool, EvalError> {
        Ok(false)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    #[serde(rename = "$exists")]
    Exists,
}
