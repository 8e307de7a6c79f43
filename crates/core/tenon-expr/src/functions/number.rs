//! Functions on numbers. Whole numbers stay whole and exact as long as 64 bits hold them.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::{Arguments, Function, Kind, Parameter, owned};
use crate::budget::Budget;
use crate::error::EvalError;
use crate::value::{compare_numbers, float, kind_name, number_of_float};

/// Decimals that `round` keeps at most; a float has no more.
const DIGITS_MAX: i64 = 15;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "sum",
        parameters: &[Parameter::required("list", Kind::List)],
        summary: "The sum of the numbers; 0 when there are none.",
        examples: &[(r#"sum(parse_json("[1,2.5]"))"#, "3.5"), (r#"sum(parse_json("[]"))"#, "0")],
        run: sum,
    },
    Function {
        name: "min",
        parameters: &[Parameter::repeated("number", Kind::NumberOrList)],
        summary: "The smallest of numbers and lists of numbers; null when there is none.",
        examples: &[("min(3, 2, 10)", "2"), (r#"min(parse_json("[]"))"#, "null")],
        run: |arguments, _| extreme(&arguments, |best, next| compare_numbers(next, best).is_lt()),
    },
    Function {
        name: "max",
        parameters: &[Parameter::repeated("number", Kind::NumberOrList)],
        summary: "The largest of numbers and lists of numbers; null when there is none.",
        examples: &[(r#"max(parse_json("[3,2]"), 10)"#, "10")],
        run: |arguments, _| extreme(&arguments, |best, next| compare_numbers(next, best).is_gt()),
    },
    Function {
        name: "round",
        parameters: &[
            Parameter::required("number", Kind::Number),
            Parameter::optional("digits", Kind::Integer),
        ],
        summary: "The number with 0 to 15 decimals (0); halves go away from zero.",
        examples: &[("round(2.5)", "3"), ("round(-1.25, 1)", "-1.3")],
        run: round,
    },
    Function {
        name: "floor",
        parameters: &[Parameter::required("number", Kind::Number)],
        summary: "The next whole number below.",
        examples: &[("floor(-1.5)", "-2")],
        run: |arguments, _| whole(&arguments, f64::floor),
    },
    Function {
        name: "ceil",
        parameters: &[Parameter::required("number", Kind::Number)],
        summary: "The next whole number above.",
        examples: &[("ceil(1.2)", "2")],
        run: |arguments, _| whole(&arguments, f64::ceil),
    },
    Function {
        name: "abs",
        parameters: &[Parameter::required("number", Kind::Number)],
        summary: "The number without its sign.",
        examples: &[("abs(-3)", "3")],
        run: |arguments, _| match arguments.number(0).as_i64() {
            Some(integer) => Ok(owned(integer.unsigned_abs())),
            None => whole(&arguments, f64::abs),
        },
    },
];

/// Applies `change` to a fraction; whole numbers stay as they are.
fn whole<'a>(
    arguments: &Arguments<'a>,
    change: fn(f64) -> f64,
) -> Result<Cow<'a, Value>, EvalError> {
    let number = arguments.number(0);
    if !number.is_f64() {
        return Ok(owned(number.clone()));
    }
    finite(arguments, change(float(number)))
}

fn finite<'a>(arguments: &Arguments<'_>, result: f64) -> Result<Cow<'a, Value>, EvalError> {
    let name = arguments.function.name;
    number_of_float(result)
        .map(owned)
        .ok_or_else(|| EvalError::new(format!("`{name}`: the result is too large for a number")))
}

fn round<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let digits = arguments.integer_or(1, 0);
    if !(0..=DIGITS_MAX).contains(&digits) {
        return Err(arguments.wrong(1, &format!("must be 0 to {DIGITS_MAX}")));
    }
    let number = arguments.number(0);
    if !number.is_f64() {
        return Ok(owned(number.clone()));
    }
    let digits = i32::try_from(digits).expect("it is at most 15");
    let scale = 10_f64.powi(digits);
    let scaled = float(number) * scale;
    // So large a number has no decimals to round.
    let rounded = if scaled.is_finite() { scaled.round() / scale } else { float(number) };
    finite(&arguments, rounded)
}

fn sum<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let (mut whole, mut fraction, mut is_whole) = (0_i128, 0.0_f64, true);
    for item in arguments.list(0) {
        let number = number_in(&arguments, 0, item)?;
        match number.as_i128() {
            // 2^64 times the length of a list fits.
            Some(integer) => whole += integer,
            None => {
                is_whole = false;
                fraction += float(number);
            }
        }
    }
    let exact = || {
        i64::try_from(whole).map(Number::from).or_else(|_| u64::try_from(whole).map(Number::from))
    };
    match exact() {
        Ok(exact) if is_whole => Ok(owned(exact)),
        _ => finite(&arguments, whole as f64 + fraction),
    }
}

fn extreme<'a>(
    arguments: &Arguments<'a>,
    is_better: fn(&Number, &Number) -> bool,
) -> Result<Cow<'a, Value>, EvalError> {
    let mut best: Option<&Number> = None;
    for (index, value) in arguments.values.iter().enumerate() {
        let candidates = match &**value {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for candidate in candidates {
            let next = number_in(arguments, index, candidate)?;
            if best.is_none_or(|best| is_better(best, next)) {
                best = Some(next);
            }
        }
    }
    Ok(Cow::Owned(best.map_or(Value::Null, |best| Value::Number(best.clone()))))
}

fn number_in<'v>(
    arguments: &Arguments<'_>,
    index: usize,
    item: &'v Value,
) -> Result<&'v Number, EvalError> {
    item.as_number().ok_or_else(|| {
        let what = format!("must hold only numbers; it holds {}", kind_name(item));
        arguments.wrong(index, &what)
    })
}
