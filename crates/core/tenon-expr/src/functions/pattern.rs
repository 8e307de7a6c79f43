//! Regular expressions: the linear-time kind, without look-around and back references. Patterns
//! and what they compile to are bounded.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{Arguments, Function, Kind, Parameter, owned};
use crate::budget::Budget;
use crate::error::EvalError;

/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 512;
/// The largest compiled pattern, in bytes.
const COMPILED_BYTES_MAX: usize = 256 << 10;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "regex_match",
        parameters: &[
            Parameter::required("text", Kind::Text),
            Parameter::required("pattern", Kind::Text),
        ],
        summary: "Whether the regular expression fits anywhere in the text; `^` and `$` bind it.",
        examples: &[
            (r#"regex_match("order-17", "^[a-z]+-[0-9]+$")"#, "true"),
            (r#"regex_match("order", "[0-9]")"#, "false"),
        ],
        run: |arguments, _| Ok(owned(pattern(&arguments)?.is_match(arguments.text(0)))),
    },
    Function {
        name: "regex_extract",
        parameters: &[
            Parameter::required("text", Kind::Text),
            Parameter::required("pattern", Kind::Text),
            Parameter::optional("group", Kind::Integer),
        ],
        summary: "What the first group of the first fit holds, or the whole fit where there is no \
                  group; null when nothing fits.",
        examples: &[
            (r#"regex_extract("https://acme.example.com/x", "^https://([^.]+)")"#, r#""acme""#),
            (r#"regex_extract("a1b22", "[0-9]+")"#, r#""1""#),
            (r#"regex_extract("a-b", "(.)-(.)", 2)"#, r#""b""#),
            (r#"regex_extract("abc", "[0-9]")"#, "null"),
        ],
        run: extract,
    },
];

fn pattern(arguments: &Arguments<'_>) -> Result<Regex, EvalError> {
    let pattern = arguments.text(1);
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(arguments.wrong(1, &format!("is longer than {PATTERN_BYTES_MAX} bytes")));
    }
    RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|_| arguments.wrong(1, "is no valid regular expression, or too large a one"))
}

fn extract<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let pattern = pattern(&arguments)?;
    let usual = i64::from(pattern.captures_len() > 1);
    let Ok(group) = usize::try_from(arguments.integer_or(2, usual)) else {
        return Err(arguments.wrong(2, "must not be negative"));
    };
    if group >= pattern.captures_len() {
        return Err(arguments.wrong(2, "is a group that the pattern does not have"));
    }
    let captures = pattern.captures(arguments.text(0));
    let found = captures.and_then(|it| it.get(group).map(|it| it.as_str().to_owned()));
    Ok(Cow::Owned(found.map_or(Value::Null, Value::from)))
}
