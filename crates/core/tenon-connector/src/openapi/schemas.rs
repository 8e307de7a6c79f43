//! Schemas of the description, as JSON Schema (2020-12) that stands alone.
//!
//! References are written out where they are used, since an action shows its input by itself; only
//! those that lead back to themselves stay references, into `$defs`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::spec::Spec;

/// Members that are taken over as they are when their value has the right kind.
const NUMBERS: [&str; 3] = ["multipleOf", "minimum", "maximum"];
const COUNTS: [&str; 6] =
    ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"];
const TEXTS: [&str; 3] = ["title", "description", "format"];
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// The longest description that is kept, in characters.
const DESCRIPTION_CHARS_MAX: usize = 500;

/// Converts schemas within bounds.
pub(super) struct Converter<'s> {
    spec: &'s Spec,
    depth_max: usize,
    /// Parts that may still be written.
    budget: usize,
    /// References that are being written out.
    stack: Vec<&'s str>,
    /// References that lead back to themselves, by their name in `$defs`.
    recursive: BTreeSet<&'s str>,
    defs: Map<String, Value>,
    /// Whether something was left out because of the bounds.
    pub is_cut: bool,
    /// What could not be taken over, with its reason.
    pub problems: BTreeSet<String>,
}

impl<'s> Converter<'s> {
    pub fn new(spec: &'s Spec, depth_max: usize, parts_max: usize) -> Self {
        Self {
            spec,
            depth_max,
            budget: parts_max,
            stack: Vec::new(),
            recursive: BTreeSet::new(),
            defs: Map::new(),
            is_cut: false,
            problems: BTreeSet::new(),
        }
    }

    /// What recursive references of all that was converted lead to. Call it last.
    pub fn defs(&mut self) -> Map<String, Value> {
        let is_missing = |defs: &Map<String, Value>, it: &str| !defs.contains_key(&def_name(it));
        while let Some(reference) =
            self.recursive.iter().copied().find(|it| is_missing(&self.defs, it))
        {
            // There before it is written, so that it does not write itself out again.
            self.defs.insert(def_name(reference), Value::Bool(true));
            let written = match self.spec.target(reference) {
                Ok(target) => {
                    self.stack.push(reference);
                    let written = self.schema(target);
                    self.stack.pop();
                    written
                }
                Err(_) => json!({}),
            };
            self.defs.insert(def_name(reference), written);
        }
        self.defs.clone()
    }

    /// One schema.
    pub fn schema(&mut self, schema: &'s Value) -> Value {
        if let Value::Bool(any) = schema {
            return if *any { json!({}) } else { json!({ "not": {} }) };
        }
        if !schema.is_object() {
            return json!({});
        }
        let Some(budget) = self.budget.checked_sub(1) else {
            self.is_cut = true;
            return json!({});
        };
        self.budget = budget;
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.reference(reference, schema),
            None => self.object(schema),
        }
    }

    fn reference(&mut self, reference: &'s str, schema: &'s Value) -> Value {
        if self.stack.contains(&reference) || self.recursive.contains(reference) {
            self.recursive.insert(reference);
            return json!({ "$ref": format!("#/$defs/{}", def_name(reference)) });
        }
        if self.stack.len() >= self.depth_max {
            self.is_cut = true;
            return json!({});
        }
        let target = match self.spec.target(reference) {
            Ok(target) => target,
            Err(reason) => {
                self.problems.insert(reason);
                return json!({});
            }
        };
        self.stack.push(reference);
        let mut written = self.schema(target);
        self.stack.pop();
        // It led back to itself: then everybody refers to one place.
        if self.recursive.contains(reference) {
            return json!({ "$ref": format!("#/$defs/{}", def_name(reference)) });
        }
        // 3.1 allows a description beside a reference.
        if let (Some(text), Some(members)) =
            (schema["description"].as_str(), written.as_object_mut())
        {
            members.insert("description".to_owned(), json!(cut(text)));
        }
        written
    }

    fn object(&mut self, schema: &'s Value) -> Value {
        let mut out = Map::new();
        self.types(schema, &mut out);
        for key in TEXTS {
            if let Some(text) = schema[key].as_str().filter(|text| !text.trim().is_empty()) {
                out.insert(key.to_owned(), json!(cut(text)));
            }
        }
        self.bounds(schema, &mut out);
        if let Some(values) = schema["enum"].as_array().filter(|values| !values.is_empty()) {
            let mut distinct: Vec<Value> = Vec::new();
            for value in values {
                if !distinct.contains(value) {
                    distinct.push(value.clone());
                }
            }
            if is_nullable(schema) && !distinct.contains(&Value::Null) {
                distinct.push(Value::Null);
            }
            out.insert("enum".to_owned(), Value::Array(distinct));
        }
        for key in ["const", "default"] {
            if let Some(value) = schema.get(key) {
                out.insert(key.to_owned(), value.clone());
            }
        }
        self.pattern(schema, &mut out);
        self.properties(schema, &mut out);
        if let Some(items) = schema.get("items") {
            match items {
                // A list of schemas was a tuple before 3.1.
                Value::Array(_) => {
                    self.problems.insert("a list of items is a tuple".to_owned());
                }
                items => drop(out.insert("items".to_owned(), self.schema(items))),
            }
        }
        for key in LISTS {
            let Some(choices) = schema[key].as_array().filter(|choices| !choices.is_empty()) else {
                continue;
            };
            let choices = choices.iter().map(|choice| self.schema(choice)).collect();
            out.insert(key.to_owned(), choices);
        }
        if schema.get("not").is_some_and(Value::is_object) {
            out.insert("not".to_owned(), self.schema(&schema["not"]));
        }
        Value::Object(out)
    }

    fn types(&mut self, schema: &'s Value, out: &mut Map<String, Value>) {
        let mut types: Vec<&str> = match &schema["type"] {
            // 2.0 has a type of its own for files.
            Value::String(kind) if kind == "file" => {
                out.insert("format".to_owned(), json!("binary"));
                vec!["string"]
            }
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ if schema["properties"].is_object() => vec!["object"],
            _ => Vec::new(),
        };
        if let Some(other) = types.iter().find(|kind| !TYPES.contains(kind)) {
            self.problems.insert(format!("type \"{other}\" is not one of JSON Schema"));
            types.retain(|kind| TYPES.contains(kind));
        }
        if is_nullable(schema) && !types.is_empty() && !types.contains(&"null") {
            types.push("null");
        }
        types.dedup();
        match types.as_slice() {
            [] => {}
            [kind] => drop(out.insert("type".to_owned(), json!(kind))),
            kinds => drop(out.insert("type".to_owned(), json!(kinds))),
        }
    }

    fn bounds(&mut self, schema: &Value, out: &mut Map<String, Value>) {
        for key in NUMBERS {
            if let Some(number) = schema[key].as_f64()
                && (key != "multipleOf" || number > 0.0)
            {
                out.insert(key.to_owned(), schema[key].clone());
            }
        }
        // Before 3.1 these said how the others are meant.
        for (key, of) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            match &schema[key] {
                Value::Bool(true) => {
                    if let Some(bound) = out.shift_remove(of) {
                        out.insert(key.to_owned(), bound);
                    }
                }
                Value::Number(number) => {
                    out.insert(key.to_owned(), Value::Number(number.clone()));
                }
                _ => {}
            }
        }
        for key in COUNTS {
            if let Some(count) = schema[key].as_u64() {
                out.insert(key.to_owned(), json!(count));
            }
        }
        if schema["uniqueItems"] == true {
            out.insert("uniqueItems".to_owned(), json!(true));
        }
    }

    /// Patterns are kept where they are of the syntax that takes linear time.
    fn pattern(&mut self, schema: &Value, out: &mut Map<String, Value>) {
        let Some(pattern) = schema["pattern"].as_str() else { return };
        let probe = json!({ "pattern": pattern });
        match crate::load::schemas::compile(&probe) {
            Ok(_) => drop(out.insert("pattern".to_owned(), json!(pattern))),
            Err(_) => {
                let shown: String = pattern.chars().take(60).collect();
                self.problems
                    .insert(format!("the pattern {shown} was left out: its syntax is not taken"));
            }
        }
    }

    fn properties(&mut self, schema: &'s Value, out: &mut Map<String, Value>) {
        let mut known = Map::new();
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            known.insert(name.clone(), self.schema(of));
        }
        let mut required: Vec<&str> = Vec::new();
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !required.contains(&name) {
                required.push(name);
            }
        }
        if !known.is_empty() {
            out.insert("properties".to_owned(), Value::Object(known));
        }
        if !required.is_empty() {
            out.insert("required".to_owned(), json!(required));
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(others)) => {
                out.insert("additionalProperties".to_owned(), json!(others));
            }
            Some(others) if others.is_object() => {
                let others = self.schema(others);
                out.insert("additionalProperties".to_owned(), others);
            }
            _ => {}
        }
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema["nullable"] == true || schema["x-nullable"] == true
}

/// The name of a reference in `$defs`, without characters that pointers encode.
fn def_name(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    last.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(DESCRIPTION_CHARS_MAX) {
        Some((end, _)) => format!("{}...", text[..end].trim_end()),
        None => text.trim().to_owned(),
    }
}
