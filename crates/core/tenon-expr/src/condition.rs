//! Conditions: groups of operators. Checked for shape, depth and number when compiled.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::budget::Limits;
use crate::error::{EvalError, Pointer, SourceError, did_you_mean};
use crate::operator::Operator;
use crate::reference::{Reference, Scope};
use crate::source::Source;

/// Groups inside groups.
pub const DEPTH_MAX: usize = 16;
/// Groups and operators in one condition.
pub const CONDITIONS_MAX: usize = 256;

const SHAPES: &str = "write {\"any\": [...]}, {\"all\": [...]} or {\"operator\": \"$...\", \
                      \"variable\": ..., \"argument\": ...}";

/// `{"any": [..]}`, `{"all": [..]}` or `{"operator": "$..", "variable": .., "argument": ..}`.
/// Reads the form `{"type": "JOIN" | "OPERATOR", ..}` too, and writes its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Condition {
    /// True when one of them is; false when there are none.
    Any {
        /// The alternatives, asked in order up to the first true one.
        any: Vec<Condition>,
    },
    /// True when each of them is; true when there are none.
    All {
        /// The parts, asked in order up to the first false one.
        all: Vec<Condition>,
    },
    /// One question.
    Operator {
        /// What is asked.
        operator: Operator,
        /// About what.
        variable: Source,
        /// Compared with what; only for operators that compare.
        #[serde(skip_serializing_if = "Option::is_none")]
        argument: Option<Source>,
    },
}

impl Condition {
    /// Compiles a condition.
    ///
    /// # Errors
    /// [`SourceError`] when the shape, an operator or a template is not valid, an argument is
    /// missing or too much, or there are too many conditions or levels.
    pub fn compile(raw: &Value) -> Result<Self, SourceError> {
        let mut compiler = Compiler { pointer: Pointer::default(), count: 0 };
        compiler.condition(raw, 0)
    }

    /// Every reference in it, in the order of the text, repeats included.
    #[must_use]
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::Any { any: inner } | Self::All { all: inner } => {
                inner.iter().flat_map(Self::references).collect()
            }
            Self::Operator { variable, argument, .. } => {
                let mut found = variable.references();
                found.extend(argument.iter().flat_map(Source::references));
                found
            }
        }
    }

    /// Whether it holds, within the default [`Limits`] for each side of an operator.
    ///
    /// # Errors
    /// [`EvalError`] when a value has a kind that its operator cannot use.
    pub fn eval(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        match self {
            Self::Any { any } => {
                for condition in any {
                    if condition.eval(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::All { all } => {
                for condition in all {
                    if !condition.eval(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Operator { operator, variable, argument } => {
                let variable = variable.eval_with(scope, Limits::default())?;
                match argument {
                    Some(argument) => {
                        let argument = argument.eval_with(scope, Limits::default())?;
                        operator.apply(&variable, &argument)
                    }
                    None => operator.apply(&variable, &Value::Null),
                }
            }
        }
    }
}

struct Compiler {
    pointer: Pointer,
    count: usize,
}

impl Compiler {
    fn condition(&mut self, raw: &Value, depth: usize) -> Result<Condition, SourceError> {
        self.count += 1;
        if depth > DEPTH_MAX {
            let message = format!("conditions are nested deeper than {DEPTH_MAX} levels");
            return Err(self.pointer.shape(message, "join the groups"));
        }
        if self.count > CONDITIONS_MAX {
            let message = format!("there are more than {CONDITIONS_MAX} conditions");
            return Err(self.pointer.shape(message, "ask them in a function step"));
        }
        let Some(members) = raw.as_object() else {
            return Err(self.pointer.shape("a condition must be an object", SHAPES));
        };
        match members.get("type") {
            Some(kind) => self.wire(members, kind, depth),
            None => self.plain(members, depth),
        }
    }

    fn plain(
        &mut self,
        members: &Map<String, Value>,
        depth: usize,
    ) -> Result<Condition, SourceError> {
        if let Some(any) = members.get("any") {
            self.only(members, &["any"])?;
            Ok(Condition::Any { any: self.group("any", any, depth)? })
        } else if let Some(all) = members.get("all") {
            self.only(members, &["all"])?;
            Ok(Condition::All { all: self.group("all", all, depth)? })
        } else if members.contains_key("operator") {
            self.operator(members)
        } else {
            self.only(members, &["any", "all", "operator"])?;
            Err(self.pointer.shape("the condition is empty", SHAPES))
        }
    }

    /// The form `{"type": "JOIN" | "OPERATOR", ..}`.
    fn wire(
        &mut self,
        members: &Map<String, Value>,
        kind: &Value,
        depth: usize,
    ) -> Result<Condition, SourceError> {
        match kind.as_str() {
            Some("JOIN") => {
                self.only(members, &["type", "join", "conditions"])?;
                let conditions = members.get("conditions").unwrap_or(&Value::Null);
                let inner = self.group("conditions", conditions, depth)?;
                match members.get("join").and_then(Value::as_str) {
                    Some("OR") => Ok(Condition::Any { any: inner }),
                    Some("AND") => Ok(Condition::All { all: inner }),
                    _ => Err(self.pointer.shape("`join` is missing", "write \"AND\" or \"OR\"")),
                }
            }
            Some("OPERATOR") => {
                self.only(members, &["type", "condition"])?;
                let Some(inner) = members.get("condition").and_then(Value::as_object) else {
                    return Err(self.pointer.shape("`condition` must be an object", SHAPES));
                };
                self.inside("condition", |compiler| compiler.operator(inner))
            }
            _ => Err(self.pointer.shape("there is no such `type` of condition", SHAPES)),
        }
    }

    fn group(
        &mut self,
        key: &str,
        raw: &Value,
        depth: usize,
    ) -> Result<Vec<Condition>, SourceError> {
        let Some(items) = raw.as_array() else {
            return Err(self.pointer.shape(format!("`{key}` must be a list"), SHAPES));
        };
        self.inside(key, |compiler| {
            let condition = |(index, item): (usize, &Value)| {
                compiler.inside(&index.to_string(), |compiler| compiler.condition(item, depth + 1))
            };
            items.iter().enumerate().map(condition).collect()
        })
    }

    fn operator(&mut self, members: &Map<String, Value>) -> Result<Condition, SourceError> {
        self.only(members, &["operator", "variable", "argument"])?;
        let Some(name) = members.get("operator").and_then(Value::as_str) else {
            return Err(self.pointer.shape("`operator` must be a text", SHAPES));
        };
        let Some(operator) = Operator::parse(name) else {
            let names = Operator::ALL.iter().map(|operator| operator.as_str());
            let help = match did_you_mean(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "docs/reference/expressions.md lists the operators".to_owned(),
            };
            return Err(self.pointer.shape(format!("there is no operator `{name}`"), &help));
        };
        let variable = match members.get("variable") {
            Some(raw) => self.source("variable", raw)?,
            None if operator.takes_variable() => {
                let message = format!("`{name}` needs a `variable`");
                return Err(self.pointer.shape(message, "write what is asked about"));
            }
            None => Source::literal(Value::Null),
        };
        let argument = match members.get("argument") {
            Some(raw) if operator.takes_argument() => Some(self.source("argument", raw)?),
            None if operator.takes_argument() => {
                let message = format!("`{name}` needs an `argument`");
                return Err(self.pointer.shape(message, "write what to compare with"));
            }
            None | Some(Value::Null) => None,
            Some(_) => {
                let message = format!("`{name}` takes no `argument`");
                return Err(self.pointer.shape(message, "leave it out"));
            }
        };
        Ok(Condition::Operator { operator, variable, argument })
    }

    fn source(&mut self, key: &str, raw: &Value) -> Result<Source, SourceError> {
        Source::compile(raw).map_err(|SourceError { pointer: inner, error }| {
            let mut error = self.inside(key, |compiler| compiler.pointer.error(error));
            error.pointer.push_str(&inner);
            error
        })
    }

    /// Refuses members that the shape does not have.
    fn only(&self, members: &Map<String, Value>, known: &[&str]) -> Result<(), SourceError> {
        match members.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(odd) => {
                let message = format!("there is no `{odd}` in this condition");
                Err(self.pointer.shape(message, SHAPES))
            }
        }
    }

    fn inside<T>(&mut self, key: &str, then: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.push(key);
        let result = then(self);
        self.pointer.truncate(length);
        result
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Value::deserialize(deserializer)?;
        Self::compile(&raw).map_err(|error| serde::de::Error::custom(error.one_line()))
    }
}

impl JsonSchema for Condition {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn schema_id() -> Cow<'static, str> {
        concat!(module_path!(), "::Condition").into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let condition = generator.subschema_for::<Self>();
        let operator = generator.subschema_for::<Operator>();
        let source = generator.subschema_for::<Source>();
        let question = json_schema!({
            "type": "object",
            "description": "One question: an operator, what it looks at, what it compares with.",
            "properties": { "operator": operator, "variable": source, "argument": source },
            "required": ["operator"],
            "additionalProperties": false
        });
        let group = |key: &str, description: &str| {
            json_schema!({
                "type": "object",
                "description": description,
                "properties": { key: { "type": "array", "items": condition } },
                "required": [key],
                "additionalProperties": false
            })
        };
        json_schema!({
            "description": "A question or a group of conditions.",
            "anyOf": [
                group("any", "True when one of them is."),
                group("all", "True when each of them is."),
                question,
                {
                    "type": "object",
                    "description": "A group, as the wire format of other tools writes it.",
                    "properties": {
                        "type": { "const": "JOIN" },
                        "join": { "enum": ["AND", "OR"] },
                        "conditions": { "type": "array", "items": condition }
                    },
                    "required": ["type", "join", "conditions"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "description": "A question, as the wire format of other tools writes it.",
                    "properties": { "type": { "const": "OPERATOR" }, "condition": question },
                    "required": ["type", "condition"],
                    "additionalProperties": false
                }
            ]
        })
    }
}
