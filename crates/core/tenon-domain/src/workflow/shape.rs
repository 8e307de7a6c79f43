//! Checks the shape of a document against the JSON Schema, and compiles its templates.
//!
//! It reads only the schema's vocabulary that the document's types generate, and knows three
//! ways to choose among alternatives: by a `type` field, by the one key that is there, by the
//! kind of value. What it cannot accept it takes out of the tree, where that is possible, so
//! that the rules behind it still see the rest.

mod choice;
mod template;

use serde_json::Value;

use super::diagnostic::{Finding, Spot};
use super::suggest::{expected, one_of};
use super::text::{Node, NodeKind, locate::escape};

/// What a shape check came to.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub findings: Vec<Finding>,
    /// Something is wrong that could not be taken out.
    pub is_beyond_repair: bool,
}

/// Checks a document and repairs it for further checks.
pub(crate) fn check(document: &mut Node, schema: &Value) -> Shape {
    let mut checker = Checker { root: schema, shape: Shape::default() };
    checker.check(schema, document, String::new());
    checker.shape
}

struct Checker<'s> {
    root: &'s Value,
    shape: Shape,
}

impl<'s> Checker<'s> {
    fn check(&mut self, schema: &'s Value, node: &mut Node, pointer: String) {
        match schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            Some("Source") => return self.check_source(node, &pointer),
            Some("Condition") => return self.check_condition(node, &pointer),
            Some(name) => return self.check(&self.root["$defs"][name], node, pointer),
            None => {}
        }
        if let Some(choices) = alternatives(schema) {
            return self.choose(choices, node, pointer);
        }
        if let Some(allowed) = constants(schema) {
            return self.check_constant(&allowed, node, &pointer);
        }
        if !self.fits(schema, node) {
            return self.refuse_type(&[schema], node, &pointer);
        }
        match &mut node.kind {
            NodeKind::Scalar(value) => check_bounds(schema, value, &pointer, &mut self.shape),
            NodeKind::Array(items) => {
                let Some(of) = schema.get("items") else { return };
                for (index, item) in items.iter_mut().enumerate() {
                    self.check(of, item, format!("{pointer}/{index}"));
                }
            }
            NodeKind::Object(_) => self.check_object(schema, node, &pointer),
        }
    }

    fn check_object(&mut self, schema: &'s Value, node: &mut Node, pointer: &str) {
        self.refuse_missing(schema, node, pointer);
        let known = schema["properties"].as_object();
        let others = &schema["additionalProperties"];
        let NodeKind::Object(members) = &mut node.kind else { return };
        members.retain_mut(|member| {
            let pointer = format!("{pointer}/{}", escape(&member.key));
            if let Some(of) = known.and_then(|known| known.get(&member.key)) {
                self.check(of, &mut member.value, pointer);
                return true;
            }
            if others.is_object() {
                self.check(others, &mut member.value, pointer);
                return true;
            }
            if others == &Value::Bool(false) {
                let names: Vec<&str> =
                    known.into_iter().flat_map(|m| m.keys()).map(String::as_str).collect();
                self.shape.findings.push(
                    Finding::new(
                        "unknown_field",
                        pointer,
                        format!("unknown field \"{}\"", shown(&member.key)),
                    )
                    .at(Spot::Key)
                    .help(one_of(&member.key, names)),
                );
                return false;
            }
            true
        });
    }

    fn refuse_missing(&mut self, schema: &Value, node: &Node, pointer: &str) {
        let required =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required.filter(|name| node.get(name).is_none()) {
            self.shape.is_beyond_repair = true;
            self.shape.findings.push(Finding::new(
                "missing_field",
                pointer,
                format!("{} needs \"{name}\"", self.noun(pointer)),
            ));
        }
    }

    fn check_constant(&mut self, allowed: &[&Value], node: &Node, pointer: &str) {
        if let NodeKind::Scalar(value) = &node.kind
            && allowed.contains(&value)
        {
            return;
        }
        let texts: Vec<&str> = allowed.iter().filter_map(|value| value.as_str()).collect();
        let help = match node.as_str() {
            Some(text) if !texts.is_empty() => one_of(text, texts),
            _ if !texts.is_empty() => expected(texts),
            _ => format!(
                "expected {}",
                allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
            ),
        };
        self.shape.is_beyond_repair = true;
        let message = match node.as_str() {
            Some(text) => format!("{} cannot be \"{}\"", self.noun(pointer), shown(text)),
            None => format!("{} cannot be {}", self.noun(pointer), node.describe()),
        };
        self.shape.findings.push(Finding::new("invalid_value", pointer, message).help(help));
    }

    fn refuse_type(&mut self, schemas: &[&Value], node: &Node, pointer: &str) {
        let mut kinds: Vec<&str> = Vec::new();
        for schema in schemas {
            for kind in types(resolve(self.root, schema)).into_iter().map(describe_type) {
                if !kinds.contains(&kind) && kind != "null" {
                    kinds.push(kind);
                }
            }
        }
        let found = match &node.kind {
            NodeKind::Scalar(Value::Number(number)) => format!("{number}"),
            _ => node.describe().to_owned(),
        };
        self.shape.is_beyond_repair = true;
        self.shape.findings.push(Finding::new(
            "wrong_type",
            pointer,
            format!("{} must be {}, not {found}", self.noun(pointer), kinds.join(" or ")),
        ));
    }

    /// Whether a value is of a type that the schema takes; what is inside does not count.
    fn fits(&self, schema: &Value, node: &Node) -> bool {
        let schema = resolve(self.root, schema);
        if let Some(allowed) = constants(schema) {
            return matches!(&node.kind, NodeKind::Scalar(value)
                if allowed.iter().any(|one| std::mem::discriminant(*one) == std::mem::discriminant(value)));
        }
        if let Some(choices) = alternatives(schema) {
            return choices.iter().any(|choice| self.fits(choice, node));
        }
        let types = types(schema);
        types.is_empty()
            || types.into_iter().any(|kind| match &node.kind {
                NodeKind::Array(_) => kind == "array",
                NodeKind::Object(_) => kind == "object",
                NodeKind::Scalar(Value::Null) => kind == "null",
                NodeKind::Scalar(Value::Bool(_)) => kind == "boolean",
                NodeKind::Scalar(Value::String(_)) => kind == "string",
                NodeKind::Scalar(Value::Number(number)) => {
                    kind == "number" || (kind == "integer" && !number.is_f64())
                }
                NodeKind::Scalar(_) => false,
            })
    }

    /// What a pointer is called in a message: the path inside its step, or in the document.
    fn noun(&self, pointer: &str) -> String {
        let mut tokens: Vec<&str> = pointer.split('/').skip(1).collect();
        match tokens.as_slice() {
            [] => return "the document".to_owned(),
            ["steps", _] => return "the step".to_owned(),
            ["triggers", _] => return "the trigger".to_owned(),
            ["steps", _, ..] => drop(tokens.drain(..2)),
            _ => {}
        }
        let mut path = String::new();
        for token in tokens {
            if token.bytes().all(|b| b.is_ascii_digit()) {
                path.push_str(&format!("[{token}]"));
            } else {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&token.replace("~1", "/").replace("~0", "~"));
            }
        }
        shown(&path)
    }
}

/// What a reference leads to.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        Some(name) => resolve(root, &root["$defs"][name]),
        None => schema,
    }
}

/// The alternatives of a schema, unless they are only names of constants.
fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    let choices = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    choices.iter().any(|choice| constants(choice).is_none()).then_some(choices)
}

/// The constants that a schema takes, if it takes only these.
fn constants(schema: &Value) -> Option<Vec<&Value>> {
    if let Some(one) = schema.get("const") {
        return Some(vec![one]);
    }
    if let Some(many) = schema["enum"].as_array() {
        return Some(many.iter().collect());
    }
    let choices = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    let each: Option<Vec<Vec<&Value>>> = choices.iter().map(constants).collect();
    Some(each?.concat())
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ if schema.get("properties").is_some() => vec!["object"],
        _ => match constants(schema) {
            Some(values) if values.iter().all(|value| value.is_string()) => vec!["string"],
            _ => Vec::new(),
        },
    }
}

fn describe_type(kind: &str) -> &str {
    match kind {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        other => other,
    }
}

fn check_bounds(schema: &Value, value: &Value, pointer: &str, shape: &mut Shape) {
    let Some(number) = value.as_f64() else { return };
    let format_max = match schema["format"].as_str() {
        Some("uint8") => Some(f64::from(u8::MAX)),
        Some("uint16") => Some(f64::from(u16::MAX)),
        Some("uint32") => Some(f64::from(u32::MAX)),
        _ => None,
    };
    let min = schema["minimum"].as_f64();
    let max = schema["maximum"].as_f64().or(format_max);
    if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
        let range = match (min, max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => String::new(),
        };
        shape.is_beyond_repair = true;
        let message = format!("the number must be {range}, not {value}");
        shape.findings.push(Finding::new("out_of_range", pointer, message));
    }
}

/// Names in messages are cut, since a document may hold anything.
fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
