//! Functions that give lists and objects another shape. A path is a text of names with dots:
//! `owner.emails.0`; what is not there is null.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{Arguments, Function, Kind, Parameter, owned};
use crate::budget::{Budget, Meter};
use crate::error::EvalError;
use crate::value::{compare_numbers, equals};

static NULL: Value = Value::Null;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "pick",
        parameters: &[
            Parameter::required("value", Kind::ListOrObject),
            Parameter::repeated("field", Kind::Text),
        ],
        summary: "An object with these fields only; of a list, each item so. A field is a path, \
                  or `name=path` for another name.",
        examples: &[
            (r#"pick(parse_json('{"a":1,"b":2}'), "a", "c")"#, r#"{"a":1,"c":null}"#),
            (
                r#"pick(parse_json('[{"id":1,"owner":{"name":"x"}}]'), "id", "owner=owner.name")"#,
                r#"[{"id":1,"owner":"x"}]"#,
            ),
        ],
        run: pick,
    },
    Function {
        name: "pluck",
        parameters: &[
            Parameter::required("list", Kind::List),
            Parameter::required("path", Kind::Text),
        ],
        summary: "The value at the path of each item.",
        examples: &[(r#"pluck(parse_json('[{"a":{"b":1}},{}]'), "a.b")"#, "[1,null]")],
        run: pluck,
    },
    Function {
        name: "filter",
        parameters: &[
            Parameter::required("list", Kind::List),
            Parameter::required("path", Kind::Text),
            Parameter::optional("value", Kind::Any),
        ],
        summary: "The items whose value at the path equals the given one; without it, those that \
                  have a value there.",
        examples: &[
            (r#"filter(parse_json('[{"a":1},{"a":2}]'), "a", 2)"#, r#"[{"a":2}]"#),
            (r#"filter(parse_json('[{"a":1},{"b":2}]'), "b")[0].b"#, "2"),
        ],
        run: filter,
    },
    Function {
        name: "sort_by",
        parameters: &[
            Parameter::required("list", Kind::List),
            Parameter::required("path", Kind::Text),
        ],
        summary: "The items in the order of their values at the path: numbers, then texts, then \
                  the rest as they came.",
        examples: &[(r#"pluck(sort_by(parse_json('[{"a":2},{"a":1}]'), "a"), "a")"#, "[1,2]")],
        run: sort_by,
    },
    Function {
        name: "entries",
        parameters: &[Parameter::required("object", Kind::Object)],
        summary: "The members as a list of objects with `key` and `value`.",
        examples: &[(r#"entries(parse_json('{"a":1}'))"#, r#"[{"key":"a","value":1}]"#)],
        run: entries,
    },
    Function {
        name: "from_entries",
        parameters: &[
            Parameter::required("list", Kind::List),
            Parameter::optional("key_path", Kind::Text),
            Parameter::optional("value_path", Kind::Text),
        ],
        summary: "An object of the items' keys and values, which are at `key` and `value` unless \
                  other paths are given. Items without a text as key are left out.",
        examples: &[(
            r#"from_entries(parse_json('[{"name":"To","value":"x"}]'), "name", "value")"#,
            r#"{"To":"x"}"#,
        )],
        run: from_entries,
    },
    Function {
        name: "join_members",
        parameters: &[
            Parameter::required("object", Kind::Object),
            Parameter::optional("between", Kind::Text),
            Parameter::optional("separator", Kind::Text),
        ],
        summary: "Names and values as one text, sorted by name; for signatures over parameters.",
        examples: &[
            (r#"join_members(parse_json('{"b":2,"a":1}'))"#, r#""a1b2""#),
            (r#"join_members(parse_json('{"b":2,"a":1}'), "=", "&")"#, r#""a=1&b=2""#),
        ],
        run: join_members,
    },
    Function {
        name: "if",
        parameters: &[
            Parameter::required("condition", Kind::Any),
            Parameter::required("then", Kind::Any),
            Parameter::optional("else", Kind::Any),
        ],
        summary: "`then`, unless the condition is false or null; then `else`, or null.",
        examples: &[(r#"if(contains("abc", "b"), 1, 2)"#, "1"), (r#"if(null, "yes")"#, "null")],
        run: |mut arguments, _| {
            let is_off = matches!(arguments.value(0), Value::Null | Value::Bool(false));
            Ok(arguments.take(if is_off { 2 } else { 1 }))
        },
    },
    Function {
        name: "equals",
        parameters: &[
            Parameter::required("left", Kind::Any),
            Parameter::required("right", Kind::Any),
        ],
        summary: "Whether two values are the same; 1 and 1.0 are, the text \"1\" is not.",
        examples: &[(r#"equals("a", lower("A"))"#, "true"), (r#"equals(1, "1")"#, "false")],
        run: |arguments, _| Ok(owned(equals(arguments.value(0), arguments.value(1)))),
    },
];

/// The value at a path; null when there is nothing.
fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    if path.is_empty() {
        return value;
    }
    path.split('.')
        .try_fold(value, |value, name| match value {
            Value::Object(members) => members.get(name),
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        })
        .unwrap_or(&NULL)
}

fn pick<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let mut fields = Vec::with_capacity(arguments.values.len() - 1);
    for index in 1..arguments.values.len() {
        let text = arguments.text(index);
        fields.push(text.split_once('=').unwrap_or_else(|| (last_name(text), text)));
    }
    let mut meter = budget.meter();
    match arguments.value(0) {
        Value::Array(items) => {
            let picked: Result<Vec<Value>, EvalError> =
                items.iter().map(|item| picked(item, &fields, &mut meter)).collect();
            Ok(owned(picked?))
        }
        one => Ok(Cow::Owned(picked(one, &fields, &mut meter)?)),
    }
}

/// `owner.name` is called `name` where no other name is given.
fn last_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn picked(value: &Value, fields: &[(&str, &str)], meter: &mut Meter) -> Result<Value, EvalError> {
    let mut members = Map::with_capacity(fields.len());
    for (name, path) in fields {
        let member = at(value, path);
        meter.member(name, member)?;
        members.insert((*name).to_owned(), member.clone());
    }
    Ok(Value::Object(members))
}

fn pluck<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let path = arguments.text(1);
    let mut meter = budget.meter();
    let mut found = Vec::with_capacity(arguments.list(0).len());
    for item in arguments.list(0) {
        let value = at(item, path);
        meter.value(value)?;
        found.push(value.clone());
    }
    Ok(owned(found))
}

fn filter<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let (path, wanted) = (arguments.text(1), arguments.value(2));
    let is_kept = |item: &&Value| {
        let value = at(item, path);
        if wanted.is_null() { !value.is_null() } else { equals(value, wanted) }
    };
    Ok(owned(arguments.list(0).iter().filter(is_kept).cloned().collect::<Vec<_>>()))
}

fn sort_by<'a>(mut arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let path = arguments.text(1).to_owned();
    let mut sorted = arguments.take(0).into_owned();
    if let Value::Array(items) = &mut sorted {
        items.sort_by(|left, right| order(at(left, &path), at(right, &path)));
    }
    Ok(Cow::Owned(sorted))
}

fn order(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        _ => 2,
    };
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn entries<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let mut meter = budget.meter();
    let mut list = Vec::with_capacity(arguments.object(0).len());
    for (key, value) in arguments.object(0) {
        meter.member(key, value)?;
        meter.text("keyvalue")?;
        list.push(serde_json::json!({ "key": key, "value": value }));
    }
    Ok(owned(list))
}

fn from_entries<'a>(
    arguments: Arguments<'a>,
    budget: &Budget,
) -> Result<Cow<'a, Value>, EvalError> {
    let (key_path, value_path) = (arguments.text_or(1, "key"), arguments.text_or(2, "value"));
    let mut meter = budget.meter();
    let mut members = Map::new();
    for item in arguments.list(0) {
        if let Value::String(key) = at(item, key_path) {
            let value = at(item, value_path);
            meter.member(key, value)?;
            members.insert(key.clone(), value.clone());
        }
    }
    Ok(owned(members))
}

fn join_members<'a>(
    arguments: Arguments<'a>,
    budget: &Budget,
) -> Result<Cow<'a, Value>, EvalError> {
    let (between, separator) = (arguments.text_or(1, ""), arguments.text_or(2, ""));
    let mut members: Vec<(&String, &Value)> = arguments.object(0).iter().collect();
    members.sort_unstable_by(|left, right| left.0.cmp(right.0));
    let mut text = budget.text(0);
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            text.push(separator)?;
        }
        text.push(name)?;
        text.push(between)?;
        text.push_value(value)?;
    }
    Ok(owned(text.finish()))
}
