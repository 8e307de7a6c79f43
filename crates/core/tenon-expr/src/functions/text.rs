//! Functions on texts, and those that take a text or a list. Positions and lengths of texts
//! count characters (Unicode scalar values).

use std::borrow::Cow;

use serde_json::Value;

use super::{Arguments, Function, Kind, Parameter, owned};
use crate::budget::Budget;
use crate::error::EvalError;
use crate::value::equals;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "upper",
        parameters: &[Parameter::required("text", Kind::Text)],
        summary: "The text in capital letters.",
        examples: &[(r#"upper("straße")"#, r#""STRASSE""#)],
        run: |arguments, _| Ok(owned(arguments.text(0).to_uppercase())),
    },
    Function {
        name: "lower",
        parameters: &[Parameter::required("text", Kind::Text)],
        summary: "The text in small letters.",
        examples: &[(r#"lower("ÄB")"#, r#""äb""#)],
        run: |arguments, _| Ok(owned(arguments.text(0).to_lowercase())),
    },
    Function {
        name: "trim",
        parameters: &[Parameter::required("text", Kind::Text)],
        summary: "The text without white space at both ends.",
        examples: &[(r#"trim(" a b ")"#, r#""a b""#)],
        run: |arguments, _| Ok(owned(arguments.text(0).trim())),
    },
    Function {
        name: "length",
        parameters: &[Parameter::required("value", Kind::Sized)],
        summary: "How many characters, items or members there are.",
        examples: &[(r#"length("häuser")"#, "6"), (r#"length(split("a,b", ","))"#, "2")],
        run: |arguments, _| {
            Ok(owned(match arguments.value(0) {
                Value::String(text) => text.chars().count(),
                Value::Array(items) => items.len(),
                Value::Object(members) => members.len(),
                _ => 0,
            }))
        },
    },
    Function {
        name: "concat",
        parameters: &[Parameter::repeated("value", Kind::Any)],
        summary: "Lists one after another when all are lists, else texts as a template joins them.",
        examples: &[
            (r#"concat("order ", 17, null)"#, r#""order 17""#),
            (r#"concat(split("a", ","), split("b", ","))"#, r#"["a","b"]"#),
        ],
        run: concat,
    },
    Function {
        name: "join",
        parameters: &[
            Parameter::required("list", Kind::List),
            Parameter::optional("separator", Kind::Text),
        ],
        summary: "The items as one text, with the separator (`,`) between them.",
        examples: &[(r#"join(split("a b", " "), " - ")"#, r#""a - b""#)],
        run: join,
    },
    Function {
        name: "split",
        parameters: &[
            Parameter::required("text", Kind::Text),
            Parameter::required("separator", Kind::Text),
        ],
        summary: "The parts of the text between the separators.",
        examples: &[(r#"split("a,b,,c", ",")"#, r#"["a","b","","c"]"#)],
        run: split,
    },
    Function {
        name: "replace",
        parameters: &[
            Parameter::required("text", Kind::Text),
            Parameter::required("search", Kind::Text),
            Parameter::required("replacement", Kind::Text),
        ],
        summary: "The text with every occurrence replaced.",
        examples: &[(r#"replace("a-b-c", "-", "+")"#, r#""a+b+c""#)],
        run: replace,
    },
    Function {
        name: "slice",
        parameters: &[
            Parameter::required("value", Kind::TextOrList),
            Parameter::required("start", Kind::Integer),
            Parameter::optional("end", Kind::Integer),
        ],
        summary: "The part from `start` up to, not with, `end`; negative ones count from the end.",
        examples: &[
            (r#"slice("workflow", 0, 4)"#, r#""work""#),
            (r#"slice("abc", -2)"#, r#""bc""#),
        ],
        run: slice,
    },
    Function {
        name: "contains",
        parameters: &[
            Parameter::required("value", Kind::Sized),
            Parameter::required("item", Kind::Any),
        ],
        summary: "Whether a text holds a text, a list an item, an object a key.",
        examples: &[
            (r#"contains("invoice", "voice")"#, "true"),
            (r#"contains(split("a,b", ","), "c")"#, "false"),
        ],
        run: contains,
    },
    Function {
        name: "starts_with",
        parameters: &[
            Parameter::required("text", Kind::Text),
            Parameter::required("start", Kind::Text),
        ],
        summary: "Whether the text starts so.",
        examples: &[(r#"starts_with("order-17", "order-")"#, "true")],
        run: |arguments, _| Ok(owned(arguments.text(0).starts_with(arguments.text(1)))),
    },
    Function {
        name: "ends_with",
        parameters: &[
            Parameter::required("text", Kind::Text),
            Parameter::required("end", Kind::Text),
        ],
        summary: "Whether the text ends so.",
        examples: &[(r#"ends_with("a.pdf", ".pdf")"#, "true")],
        run: |arguments, _| Ok(owned(arguments.text(0).ends_with(arguments.text(1)))),
    },
];

fn concat<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    if !arguments.values.iter().all(|value| value.is_array()) {
        let mut text = budget.text(0);
        for value in &arguments.values {
            text.push_value(value)?;
        }
        return Ok(owned(text.finish()));
    }
    let mut meter = budget.meter();
    let mut items = Vec::new();
    for index in 0..arguments.values.len() {
        for item in arguments.list(index) {
            meter.value(item)?;
            items.push(item.clone());
        }
    }
    Ok(owned(items))
}

fn join<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let separator = arguments.text_or(1, ",");
    let mut text = budget.text(0);
    for (index, item) in arguments.list(0).iter().enumerate() {
        if index > 0 {
            text.push(separator)?;
        }
        text.push_value(item)?;
    }
    Ok(owned(text.finish()))
}

fn split<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let separator = arguments.text(1);
    if separator.is_empty() {
        return Err(arguments.wrong(1, "must not be empty"));
    }
    let mut meter = budget.meter();
    let mut parts = Vec::new();
    for part in arguments.text(0).split(separator) {
        meter.text(part)?;
        parts.push(Value::from(part));
    }
    Ok(owned(parts))
}

fn replace<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let search = arguments.text(1);
    if search.is_empty() {
        return Err(arguments.wrong(1, "must not be empty"));
    }
    let mut text = budget.text(arguments.text(0).len());
    for (index, part) in arguments.text(0).split(search).enumerate() {
        if index > 0 {
            text.push(arguments.text(2))?;
        }
        text.push(part)?;
    }
    Ok(owned(text.finish()))
}

fn slice<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let range = |length: usize| {
        let start = super::list::position(arguments.integer(1), length);
        let end = super::list::position(arguments.integer_or(2, i64::MAX), length);
        start..end.max(start)
    };
    Ok(match arguments.value(0) {
        Value::String(text) => {
            let range = range(text.chars().count());
            owned(text.chars().skip(range.start).take(range.len()).collect::<String>())
        }
        _ => {
            let items = arguments.list(0);
            owned(items[range(items.len())].to_vec())
        }
    })
}

fn contains<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let item = arguments.value(1);
    let text = || {
        item.as_str().ok_or_else(|| arguments.wrong(1, "must be a text when the first is no list"))
    };
    Ok(owned(match arguments.value(0) {
        Value::String(value) => value.contains(text()?),
        Value::Object(members) => members.contains_key(text()?),
        _ => arguments.list(0).iter().any(|candidate| equals(candidate, item)),
    }))
}
