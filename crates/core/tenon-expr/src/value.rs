//! How the language looks at values: their kinds, equality and order, numbers in texts, moments.
//! The order of numbers is exact and total, also between integers and fractions.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Number, Value};

/// The longest text that is read as a number or a moment, in bytes.
const SCALAR_TEXT_BYTES_MAX: usize = 400;

/// From here on not every integer is a float.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// The kind of a value, for messages.
pub(crate) fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Whether two values are the same; 1 and 1.0 are, the text "1" is not. Inside lists and objects
/// numbers must also be written alike.
pub(crate) fn equals(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right).is_eq(),
        _ => left == right,
    }
}

/// The order of two numbers.
pub(crate) fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(left), None) => compare_mixed(left, float(right)),
        (None, Some(right)) => compare_mixed(right, float(left)).reverse(),
        (None, None) => float(left).total_cmp(&float(right)),
    }
}

/// Compares without rounding the integer: a rounded one would make the order intransitive, and
/// sorting by such an order may panic.
fn compare_mixed(integer: i128, float: f64) -> Ordering {
    // Integers of JSON have at most 64 bits and a sign.
    const BEYOND: f64 = 1e20;
    if float.abs() >= BEYOND {
        return 0.0_f64.total_cmp(&float);
    }
    let whole = float.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "below 1e20 it fits")]
    let order = integer.cmp(&(whole as i128));
    order.then_with(|| 0.0_f64.total_cmp(&(float - whole + 0.0)))
}

/// A number as a float; zero has no sign. Numbers of JSON are finite.
pub(crate) fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default() + 0.0
}

/// A float as a number: whole ones are written without a fraction. `None` when not finite.
pub(crate) fn number_of_float(float: f64) -> Option<Number> {
    if float.fract() == 0.0 && float.abs() < EXACT_INTEGER_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return Some(Number::from(float as i64));
    }
    Number::from_f64(float)
}

/// The number that a text spells, in decimal: `12`, `-0.5`, `+3`, `1e3`, also with zeros before
/// it and space around it.
pub(crate) fn number_of_text(text: &str) -> Option<Number> {
    let text = text.trim();
    if text.is_empty() || text.len() > SCALAR_TEXT_BYTES_MAX {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    if let Ok(integer) = text.parse::<u64>() {
        return Some(integer.into());
    }
    // Not `inf` and `nan`, which the standard parser takes.
    let is_decimal = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if !text.bytes().all(is_decimal) {
        return None;
    }
    number_of_float(text.parse::<f64>().ok()?)
}

/// The moment that a text names: RFC 3339, or a date with or without a time, then in UTC.
pub(crate) fn moment_of_text(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > SCALAR_TEXT_BYTES_MAX {
        return None;
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    // The parser of dates without an offset would ignore a wrong offset.
    let (date, time) = text.split_at_checked(10)?;
    let is_time = |byte: u8| byte.is_ascii_digit() || b"T:. ".contains(&byte);
    let bytes = date.as_bytes();
    if bytes[4] != b'-' || bytes[7] != b'-' || !time.bytes().all(is_time) {
        return None;
    }
    let local = text.parse::<DateTime>().ok()?;
    TimeZone::UTC.to_timestamp(local).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(value: Value) -> Number {
        value.as_number().cloned().expect("the test wrote a number")
    }

    #[test]
    fn numbers_are_ordered_without_rounding() {
        let ordered = [
            json!(-1e300),
            json!(i64::MIN),
            json!(-1.5),
            json!(-1),
            json!(-0.5),
            json!(0),
            json!(0.25),
            json!(9_007_199_254_740_992_i64),
            json!(9_007_199_254_740_993_i64),
            json!(u64::MAX),
            json!(1e19 * 2.0),
            json!(1e300),
        ];
        for (i, left) in ordered.iter().enumerate() {
            for (j, right) in ordered.iter().enumerate() {
                let order = compare_numbers(&number(left.clone()), &number(right.clone()));
                assert_eq!(order, i.cmp(&j), "{left} and {right}");
            }
        }
    }

    #[test]
    fn zero_has_no_sign() {
        assert!(equals(&json!(-0.0), &json!(0.0)));
        assert!(equals(&json!(-0.0), &json!(0)));
    }

    #[test]
    fn a_number_equals_itself_with_a_fraction_but_not_its_text() {
        assert!(equals(&json!(1), &json!(1.0)));
        assert!(!equals(&json!(1), &json!("1")));
    }

    #[test]
    fn texts_spell_finite_decimal_numbers() {
        for (text, expected) in
            [("12", json!(12)), (" -0.5 ", json!(-0.5)), ("007", json!(7)), ("1e3", json!(1000))]
        {
            assert_eq!(number_of_text(text).map(Value::Number), Some(expected), "{text}");
        }
        for text in ["", "inf", "NaN", "0x10", "1e999", "12px", "1 2", "--1"] {
            assert_eq!(number_of_text(text), None, "{text}");
        }
    }

    #[test]
    fn texts_name_moments() {
        let noon: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a valid timestamp");
        for text in [
            "2026-03-01T12:00:00Z",
            "2026-03-01T13:00:00+01:00",
            "2026-03-01T12:00",
            "2026-03-01 12:00:00",
        ] {
            assert_eq!(moment_of_text(text), Some(noon), "{text}");
        }
        assert!(moment_of_text("2026-03-01").is_some());
        for text in ["", "tomorrow", "2026-13-01", "2026-03-01T12:00+99:00", "12:00", "2026-03"] {
            assert_eq!(moment_of_text(text), None, "{text}");
        }
    }
}
