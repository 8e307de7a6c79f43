//! Sources: the value positions of a document. A source is compiled once and evaluated often.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::budget::{Budget, Limits};
use crate::error::{EvalError, ParseError, Pointer, SourceError};
use crate::expr::Template;
use crate::parse;
use crate::reference::{Reference, Scope};

/// Lists and objects inside each other in one source.
pub const DEPTH_MAX: usize = 64;

/// A compiled value position of a document: any JSON value whose strings may hold `{{...}}`.
/// A string that is one `{{...}}` and nothing else keeps the type of what it refers to; other
/// strings become text. Keys of objects are taken as they are. Cloning copies a pointer.
#[derive(Clone)]
pub struct Source(Arc<Compiled>);

struct Compiled {
    raw: Value,
    body: Body,
}

enum Body {
    /// No template in it: the value is `raw`.
    Raw,
    /// No template, but an escaped `\{{`: the value is this.
    Literal(Value),
    Dynamic(Node),
}

/// One value of the raw value, compiled; lists and objects run parallel to it.
enum Node {
    Raw,
    Text(String),
    Template(Template),
    List(Vec<Node>),
    Object(Vec<Node>),
}

impl Source {
    /// Compiles a value.
    ///
    /// # Errors
    /// [`SourceError`] when a template in it is not valid or it is nested too deep.
    pub fn compile(raw: &Value) -> Result<Self, SourceError> {
        Self::compile_owned(raw.clone())
    }

    /// As [`Source::compile`], without a copy.
    ///
    /// # Errors
    /// As [`Source::compile`].
    pub fn compile_owned(raw: Value) -> Result<Self, SourceError> {
        let node = Node::compile(&raw, &mut Pointer::default(), 0)?;
        let body = match node {
            Node::Raw => Body::Raw,
            node if node.is_dynamic() => Body::Dynamic(node),
            node => Body::Literal(node.literal(&raw)),
        };
        Ok(Self(Arc::new(Compiled { raw, body })))
    }

    /// A source that is a value without templates: braces in it mean nothing.
    #[must_use]
    pub fn literal(value: Value) -> Self {
        Self(Arc::new(Compiled { raw: value, body: Body::Raw }))
    }

    /// The value as it was written.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.0.raw
    }

    /// The value itself where it holds no template.
    #[must_use]
    pub fn as_literal(&self) -> Option<&Value> {
        match &self.0.body {
            Body::Raw => Some(&self.0.raw),
            Body::Literal(value) => Some(value),
            Body::Dynamic(_) => None,
        }
    }

    /// Every reference in it, in the order of the text, repeats included.
    #[must_use]
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        if let Body::Dynamic(node) = &self.0.body {
            node.references(&mut found);
        }
        found
    }

    /// The value, within the default [`Limits`].
    ///
    /// # Errors
    /// [`EvalError`] when the values that it meets do not fit, or the result is too large.
    pub fn eval(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        self.eval_with(scope, Limits::default()).map(Cow::into_owned)
    }

    /// The value, borrowed where nothing had to be built: a literal, or one reference whose
    /// value the scope lends.
    ///
    /// # Errors
    /// As [`Source::eval`].
    pub fn eval_with<'a>(
        &'a self,
        scope: &'a dyn Scope,
        limits: Limits,
    ) -> Result<Cow<'a, Value>, EvalError> {
        let node = match &self.0.body {
            Body::Raw => return Ok(Cow::Borrowed(&self.0.raw)),
            Body::Literal(value) => return Ok(Cow::Borrowed(value)),
            Body::Dynamic(node) => node,
        };
        let mut budget = Budget::new(limits);
        if let Node::Template(template) = node
            && let Some(expr) = template.as_whole()
        {
            // What comes out exists already or was counted when a function built it.
            return expr.eval(scope, &mut budget);
        }
        node.build(&self.0.raw, scope, &mut budget, 0).map(Cow::Owned)
    }

    /// The value as text, where the value of each `{{...}}` is encoded for its place: `encode`
    /// gets the text so far (empty at the start) and the text of the value, and gives what is
    /// inserted. Text that is
    /// written in the source is not encoded. For URLs, XML and the like.
    ///
    /// # Errors
    /// As [`Source::eval`].
    pub fn eval_text(
        &self,
        scope: &dyn Scope,
        encode: &mut dyn for<'v> FnMut(&str, &'v str) -> Cow<'v, str>,
    ) -> Result<String, EvalError> {
        let mut budget = Budget::new(Limits::default());
        if let Body::Dynamic(Node::Template(template)) = &self.0.body {
            return template.join(scope, &mut budget, &mut |text, value| {
                let mut inserted = text.fresh();
                inserted.push_value(value)?;
                let encoded = encode(text.as_str(), inserted.as_str());
                text.push(&encoded)
            });
        }
        let mut text = budget.text(0);
        text.push_value(&*self.eval_with(scope, Limits::default())?)?;
        Ok(text.finish())
    }
}

impl Node {
    fn compile(raw: &Value, pointer: &mut Pointer, depth: usize) -> Result<Self, SourceError> {
        if depth > DEPTH_MAX {
            let message = format!("the value is nested deeper than {DEPTH_MAX} levels");
            return Err(pointer.error(ParseError::new(0, 0, message)));
        }
        match raw {
            Value::String(text) if text.contains("{{") => {
                let template = parse::template(text).map_err(|error| pointer.error(error))?;
                Ok(match template.as_text() {
                    Some(text) => Self::Text(text.to_owned()),
                    None => Self::Template(template),
                })
            }
            Value::Array(items) => {
                let compile = |(index, item): (usize, &Value)| {
                    pointer
                        .at(&index.to_string(), |pointer| Self::compile(item, pointer, depth + 1))
                };
                let nodes = items.iter().enumerate().map(compile).collect::<Result<_, _>>()?;
                Ok(Self::raw_or(nodes, Self::List))
            }
            Value::Object(members) => {
                let compile = |(key, member): (&String, &Value)| {
                    pointer.at(key, |pointer| Self::compile(member, pointer, depth + 1))
                };
                let nodes = members.iter().map(compile).collect::<Result<_, _>>()?;
                Ok(Self::raw_or(nodes, Self::Object))
            }
            _ => Ok(Self::Raw),
        }
    }

    fn raw_or(nodes: Vec<Self>, container: fn(Vec<Self>) -> Self) -> Self {
        let is_raw = nodes.iter().all(|node| matches!(node, Self::Raw));
        if is_raw { Self::Raw } else { container(nodes) }
    }

    fn is_dynamic(&self) -> bool {
        match self {
            Self::Raw | Self::Text(_) => false,
            Self::Template(_) => true,
            Self::List(nodes) | Self::Object(nodes) => nodes.iter().any(Self::is_dynamic),
        }
    }

    fn references<'a>(&'a self, found: &mut Vec<&'a Reference>) {
        match self {
            Self::Raw | Self::Text(_) => {}
            Self::Template(template) => template.references(found),
            Self::List(nodes) | Self::Object(nodes) => {
                nodes.iter().for_each(|node| node.references(found));
            }
        }
    }

    /// The value of a node without templates.
    fn literal(&self, raw: &Value) -> Value {
        match (self, raw) {
            (Self::Text(text), _) => text.as_str().into(),
            (Self::List(nodes), Value::Array(items)) => {
                nodes.iter().zip(items).map(|(node, raw)| node.literal(raw)).collect()
            }
            (Self::Object(nodes), Value::Object(members)) => {
                let member = |(node, (key, raw)): (&Self, (&String, &Value))| {
                    (key.clone(), node.literal(raw))
                };
                Value::Object(nodes.iter().zip(members).map(member).collect())
            }
            _ => raw.clone(),
        }
    }

    fn build(
        &self,
        raw: &Value,
        scope: &dyn Scope,
        budget: &mut Budget,
        depth: usize,
    ) -> Result<Value, EvalError> {
        match (self, raw) {
            (Self::Text(text), _) => {
                budget.output_text(text)?;
                Ok(text.as_str().into())
            }
            (Self::Template(template), _) => match template.as_whole() {
                Some(expr) => {
                    let value = expr.eval(scope, budget)?;
                    budget.output(&value, depth)?;
                    Ok(value.into_owned())
                }
                None => {
                    let text =
                        template.join(scope, budget, &mut |text, value| text.push_value(value))?;
                    budget.output_text(&text)?;
                    Ok(text.into())
                }
            },
            (Self::List(nodes), Value::Array(items)) => {
                budget.deeper(depth)?;
                let mut built = Vec::with_capacity(items.len());
                for (node, item) in nodes.iter().zip(items) {
                    budget.output_frame("")?;
                    built.push(node.build(item, scope, budget, depth + 1)?);
                }
                Ok(built.into())
            }
            (Self::Object(nodes), Value::Object(members)) => {
                budget.deeper(depth)?;
                let mut built = serde_json::Map::with_capacity(members.len());
                for (node, (key, member)) in nodes.iter().zip(members) {
                    budget.output_frame(key)?;
                    built.insert(key.clone(), node.build(member, scope, budget, depth + 1)?);
                }
                Ok(built.into())
            }
            (_, raw) => {
                budget.output(raw, depth)?;
                Ok(raw.clone())
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.0.raw).finish()
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Value::deserialize(deserializer)?;
        Self::compile_owned(raw).map_err(|error| serde::de::Error::custom(error.one_line()))
    }
}

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        "Source".into()
    }

    fn schema_id() -> Cow<'static, str> {
        concat!(module_path!(), "::Source").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Any JSON value; its strings may hold {{expressions}}. \
                            A string that is one {{expression}} keeps its type."
        })
    }
}
