//! Unquoted YAML words and JSON numbers as values: the core schema of YAML 1.2, without
//! infinities.
//!
//! `yes`, `on` and dates are text here, as the core schema has it.

use serde_json::{Number, Value};

/// Why a word is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarError {
    /// `.inf` or `.nan`.
    NotFinite,
    /// More digits than a number can keep.
    OutOfRange,
}

/// The value of an unquoted word.
pub(crate) fn resolve(word: &str) -> Result<Value, ScalarError> {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(ScalarError::NotFinite),
        _ => {}
    }
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(ScalarError::NotFinite);
    }
    if let Some(digits) =
        word.strip_prefix("0o").filter(|digits| is_all(digits, |c| ('0'..='7').contains(&c)))
    {
        return integer(u64::from_str_radix(digits, 8).ok());
    }
    if let Some(digits) =
        word.strip_prefix("0x").filter(|digits| is_all(digits, |c| c.is_ascii_hexdigit()))
    {
        return integer(u64::from_str_radix(digits, 16).ok());
    }
    if is_all(unsigned, |c| c.is_ascii_digit()) {
        return whole(word);
    }
    if is_decimal(unsigned) {
        return decimal(word);
    }
    Ok(Value::String(word.to_owned()))
}

/// The value of a JSON number whose grammar has been checked.
pub(crate) fn json_number(word: &str) -> Result<Value, ScalarError> {
    if word.contains(['.', 'e', 'E']) { decimal(word) } else { whole(word) }
}

fn whole(word: &str) -> Result<Value, ScalarError> {
    if word.starts_with('-') {
        return match word.parse::<i64>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => Err(ScalarError::OutOfRange),
        };
    }
    integer(word.strip_prefix('+').unwrap_or(word).parse().ok())
}

fn integer(number: Option<u64>) -> Result<Value, ScalarError> {
    number.map(Value::from).ok_or(ScalarError::OutOfRange)
}

fn decimal(word: &str) -> Result<Value, ScalarError> {
    word.parse::<f64>()
        .ok()
        .and_then(Number::from_f64)
        .map(Value::Number)
        .ok_or(ScalarError::OutOfRange)
}

/// `\.[0-9]+ | [0-9]+(\.[0-9]*)?`, then `([eE][-+]?[0-9]+)?`.
fn is_decimal(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| is_all(text, |c| c.is_ascii_digit());
    let is_mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    is_mantissa
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

fn is_all(text: &str, is_member: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(is_member)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ScalarError, resolve};

    #[test]
    fn words_are_read_by_the_core_schema() {
        let table = [
            ("~", Value::Null),
            ("True", json!(true)),
            ("yes", json!("yes")),
            ("on", json!("on")),
            ("12", json!(12)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1.5", json!(1.5)),
            ("-.5", json!(-0.5)),
            ("1e3", json!(1000.0)),
            ("1.e3", json!(1000.0)),
            ("1.2.3", json!("1.2.3")),
            ("12:30:45", json!("12:30:45")),
            ("2026-01-01", json!("2026-01-01")),
            ("1_000", json!("1_000")),
            ("-", json!("-")),
            (".", json!(".")),
            ("e5", json!("e5")),
            ("18446744073709551615", json!(u64::MAX)),
        ];
        for (word, value) in table {
            assert_eq!(resolve(word), Ok(value), "{word}");
        }
    }

    #[test]
    fn numbers_that_cannot_be_kept_are_refused() {
        for word in ["18446744073709551616", "-9223372036854775809", "1e400", "0xFFFFFFFFFFFFFFFFF"]
        {
            assert_eq!(resolve(word), Err(ScalarError::OutOfRange), "{word}");
        }
        for word in [".inf", "-.Inf", ".nan"] {
            assert_eq!(resolve(word), Err(ScalarError::NotFinite), "{word}");
        }
    }
}
