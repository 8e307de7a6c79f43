//! Functions on lists and objects.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Arguments, Function, Kind, Parameter, owned};
use crate::budget::Budget;
use crate::error::EvalError;
use crate::reference::{Segment, resolve_cow};
use crate::value::{compare_numbers, float, kind_name, number_of_float};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "keys",
        parameters: &[Parameter::required("object", Kind::Object)],
        summary: "The keys, in order.",
        examples: &[(r#"keys(parse_json('{"a":1,"b":2}'))"#, r#"["a","b"]"#)],
        run: |arguments, _| Ok(owned(arguments.object(0).keys().cloned().collect::<Vec<String>>())),
    },
    Function {
        name: "values",
        parameters: &[Parameter::required("object", Kind::Object)],
        summary: "The values of the members, in order.",
        examples: &[(r#"values(parse_json('{"a":1,"b":2}'))"#, "[1,2]")],
        run: |arguments, _| {
            Ok(owned(arguments.object(0).values().cloned().collect::<Vec<Value>>()))
        },
    },
    Function {
        name: "merge",
        parameters: &[Parameter::repeated("object", Kind::Object)],
        summary: "One object with the members of all; a later one wins. Not deep.",
        examples: &[(
            r#"merge(parse_json('{"a":1,"b":1}'), parse_json('{"b":2}'))"#,
            r#"{"a":1,"b":2}"#,
        )],
        run: merge,
    },
    Function {
        name: "first",
        parameters: &[Parameter::required("list", Kind::List)],
        summary: "The first item; null when there is none.",
        examples: &[(r#"first(split("a,b", ","))"#, r#""a""#)],
        run: |mut arguments, _| Ok(item(arguments.take(0), 0)),
    },
    Function {
        name: "last",
        parameters: &[Parameter::required("list", Kind::List)],
        summary: "The last item; null when there is none.",
        examples: &[(r#"last(split("a,b", ","))"#, r#""b""#)],
        run: |mut arguments, _| Ok(item(arguments.take(0), -1)),
    },
    Function {
        name: "at",
        parameters: &[
            Parameter::required("value", Kind::ListOrObject),
            Parameter::required("key", Kind::Any),
        ],
        summary: "The item at a position (from 0; negative from the end) or the member of a key; \
                  else null.",
        examples: &[
            (r#"at(split("a,b,c", ","), -1)"#, r#""c""#),
            (r#"at(parse_json('{"a":1}'), "a")"#, "1"),
        ],
        run: at,
    },
    Function {
        name: "flatten",
        parameters: &[Parameter::required("list", Kind::List)],
        summary: "The list with the items of its lists in their place, one level deep.",
        examples: &[(r#"flatten(parse_json("[1,[2,[3]]]"))"#, "[1,2,[3]]")],
        run: flatten,
    },
    Function {
        name: "unique",
        parameters: &[Parameter::required("list", Kind::List)],
        summary: "The items, each only where it stands first.",
        examples: &[(r#"unique(parse_json("[1,\"1\",1.0,2,1]"))"#, r#"[1,"1",2]"#)],
        run: unique,
    },
    Function {
        name: "sort",
        parameters: &[Parameter::required("list", Kind::List)],
        summary: "Numbers by value or texts by code points, from small to large.",
        examples: &[(r#"sort(parse_json("[10,9,1.5]"))"#, "[1.5,9,10]")],
        run: sort,
    },
    Function {
        name: "reverse",
        parameters: &[Parameter::required("value", Kind::TextOrList)],
        summary: "The items or characters from the end to the start.",
        examples: &[(r#"reverse("abc")"#, r#""cba""#)],
        run: reverse,
    },
];

/// A position that counts from the end when negative, kept inside the length.
pub(super) fn position(position: i64, length: usize) -> usize {
    let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position < 0 { length.saturating_sub(distance) } else { distance.min(length) }
}

fn item(list: Cow<'_, Value>, index: i64) -> Cow<'_, Value> {
    let length = list.as_array().map_or(0, Vec::len);
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let index = if index < 0 { length.checked_sub(distance) } else { Some(distance) };
    index
        .and_then(|index| resolve_cow(list, &[Segment::Index(index)]))
        .unwrap_or(Cow::Owned(Value::Null))
}

fn merge<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let mut meter = budget.meter();
    let mut merged = Map::new();
    for index in 0..arguments.values.len() {
        for (key, value) in arguments.object(index) {
            meter.member(key, value)?;
            merged.insert(key.clone(), value.clone());
        }
    }
    Ok(owned(merged))
}

fn at<'a>(mut arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let is_list = arguments.value(0).is_array();
    if is_list {
        let Some(index) = arguments.value(1).as_number().and_then(super::integer_of) else {
            return Err(arguments.wrong(1, "must be a whole number when the first is a list"));
        };
        return Ok(item(arguments.take(0), index));
    }
    let Some(key) = arguments.value(1).as_str().map(str::to_owned) else {
        return Err(arguments.wrong(1, "must be a text when the first is an object"));
    };
    let found = resolve_cow(arguments.take(0), &[Segment::Key(key)]);
    Ok(found.unwrap_or(Cow::Owned(Value::Null)))
}

fn flatten<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let mut flat = Vec::with_capacity(arguments.list(0).len());
    for item in arguments.list(0) {
        match item {
            Value::Array(inner) => flat.extend_from_slice(inner),
            other => flat.push(other.clone()),
        }
    }
    Ok(owned(flat))
}

fn unique<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let mut seen = HashSet::new();
    let items = arguments.list(0).iter();
    Ok(owned(items.filter(|item| seen.insert(identity(item))).cloned().collect::<Vec<_>>()))
}

/// What makes an item the same as another: 1 and 1.0 are.
fn identity(item: &Value) -> Cow<'_, Value> {
    match item {
        Value::Number(number) if number.is_f64() => match number_of_float(float(number)) {
            Some(number) => owned(number),
            None => Cow::Borrowed(item),
        },
        _ => Cow::Borrowed(item),
    }
}

fn sort<'a>(mut arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let items = arguments.list(0);
    let is_numbers = items.first().is_none_or(Value::is_number);
    let fits = |item: &Value| {
        if is_numbers { item.is_number() } else { item.is_string() }
    };
    if let Some(odd) = items.iter().find(|item| !fits(item)) {
        let what = format!("must hold only numbers or only texts; it holds {}", kind_name(odd));
        return Err(arguments.wrong(0, &what));
    }
    let mut sorted = arguments.take(0).into_owned();
    if let Value::Array(items) = &mut sorted {
        items.sort_by(|left, right| match (left, right) {
            (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
            (Value::String(left), Value::String(right)) => left.cmp(right),
            _ => Ordering::Equal,
        });
    }
    Ok(Cow::Owned(sorted))
}

fn reverse<'a>(mut arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    if let Value::String(text) = arguments.value(0) {
        return Ok(owned(text.chars().rev().collect::<String>()));
    }
    let mut reversed = arguments.take(0).into_owned();
    if let Value::Array(items) = &mut reversed {
        items.reverse();
    }
    Ok(Cow::Owned(reversed))
}
