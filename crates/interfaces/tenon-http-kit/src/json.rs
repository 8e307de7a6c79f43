//! Strict JSON: what is not exactly one UTF-8 JSON value, with unique names, bounded nesting and
//! numbers that exist, is refused with the place and the reason.
//!
//! The bytes are parsed once, into a [`Value`]. Everything that makes a good message (pointer,
//! kind of fault) is worked out after a failure only.

mod fault;
mod visitor;

use serde::de::{DeserializeOwned, DeserializeSeed};
use serde_json::Value;

use crate::codes;
use crate::problem::Problem;

/// Limits of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// How deep arrays and objects may be nested; at most 127.
    pub depth_max: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { depth_max: 64 }
    }
}

/// Parses one JSON value.
///
/// # Errors
///
/// A problem with line and column, and a pointer where there is one:
/// [`codes::BODY_MISSING`], [`codes::JSON_INVALID_UTF8`], [`codes::JSON_SYNTAX`],
/// [`codes::JSON_DUPLICATE_KEY`], [`codes::JSON_TOO_DEEP`], [`codes::JSON_INVALID_NUMBER`],
/// [`codes::JSON_TRAILING_DATA`].
pub fn parse_strict(bytes: &[u8], limits: &JsonLimits) -> Result<Value, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| fault::utf8(bytes, error))?;
    if text.trim_ascii().is_empty() {
        return Err(Problem::new(&codes::BODY_MISSING).detail("send a JSON value"));
    }
    let context = visitor::Context::new(limits.depth_max);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = visitor::Strict::root(&context)
        .deserialize(&mut deserializer)
        .map_err(|error| fault::syntax(text, &error, &context))?;
    deserializer.end().map_err(|error| fault::syntax(text, &error, &context))?;
    Ok(value)
}

/// Reads a parsed value as `T`, whose `deny_unknown_fields` decides what is known.
///
/// # Errors
///
/// [`codes::UNKNOWN_FIELD`] with the fields that are allowed, or [`codes::INVALID_FIELD`]; both
/// point at the field.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| fault::shape(&error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Result<Value, Problem> {
        parse_strict(text.as_bytes(), &JsonLimits::default())
    }

    fn fault_of(text: &str) -> (&'static str, Option<String>, Option<(u32, u32)>) {
        let problem = parse(text).expect_err("the text is refused");
        let item = problem.errors.first().cloned().unwrap_or_default();
        (problem.code, item.pointer, item.line.zip(item.column))
    }

    #[test]
    fn a_valid_value_is_parsed_with_its_order() {
        let text = r#"{"b": [1, -2, 3.5, "x\u00e9", null, true], "a": {}}"#;
        assert_eq!(
            parse(text).expect("it is valid").to_string(),
            text.replace(", ", ",").replace(": ", ":").replace("\\u00e9", "é")
        );
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused_with_its_pointer() {
        let (code, pointer, place) = fault_of("{\"a\": [0, {\"k/x\": 1,\n \"k/x\": 2}]}");
        assert_eq!(code, "json_duplicate_key");
        assert_eq!(pointer.as_deref(), Some("/a/1/k~1x"));
        assert_eq!(place.map(|(line, _)| line), Some(2));
    }

    #[test]
    fn nesting_is_allowed_up_to_the_limit_and_no_deeper() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(64)).is_ok());
        assert_eq!(fault_of(&nested(65)).0, "json_too_deep");
        assert_eq!(fault_of(&"[".repeat(1_000_000)).0, "json_too_deep");
        assert_eq!(fault_of(&"{\"a\":".repeat(100_000)).0, "json_too_deep");
    }

    #[test]
    fn numbers_that_do_not_exist_are_refused() {
        for text in ["NaN", "[1, NaN]", "{\"a\": Infinity}", "-Infinity", "[-NaN]", "1e400"] {
            assert_eq!(fault_of(text).0, "json_invalid_number", "{text}");
        }
        assert_eq!(fault_of("{\"a\": [1e999]}").1.as_deref(), Some("/a/0"));
    }

    #[test]
    fn what_follows_the_value_is_refused() {
        assert_eq!(fault_of("{} {}").0, "json_trailing_data");
        assert_eq!(fault_of("1 2").0, "json_trailing_data");
        assert!(parse(" {} \r\n").is_ok());
    }

    #[test]
    fn broken_text_names_line_and_column() {
        assert_eq!(
            fault_of("{\n  \"a\": tru\n}"),
            ("json_syntax", Some("/a".into()), Some((2, 11)))
        );
        for text in ["{", "[1,]", "{\"a\" 1}", "'a'", "\"\u{1}\"", "{a: 1}", "01", "\u{feff}{}"] {
            assert_eq!(fault_of(text).0, "json_syntax", "{text}");
        }
    }

    #[test]
    fn an_empty_body_and_bad_utf8_have_codes_of_their_own() {
        assert_eq!(fault_of("  ").0, "body_missing");
        let problem =
            parse_strict(b"{\n\"a\": \"\xff\"}", &JsonLimits::default()).expect_err("not UTF-8");
        assert_eq!(problem.code, "json_invalid_utf8");
        assert_eq!((problem.errors[0].line, problem.errors[0].column), (Some(2), Some(7)));
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its reading is tested")]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its reading is tested")]
        name: String,
        #[expect(dead_code, reason = "only its reading is tested")]
        size: Option<u32>,
    }

    #[test]
    fn an_unknown_field_is_named_with_those_allowed() {
        let problem = from_value::<Outer>(json!({"inner": [{"name": "a", "naem": 1}]}))
            .expect_err("there is no such field");
        assert_eq!(problem.code, "unknown_field");
        assert_eq!(problem.errors[0].pointer.as_deref(), Some("/inner/0/naem"));
        assert_eq!(problem.errors[0].allowed, ["name", "size"]);
    }

    #[test]
    fn a_field_of_the_wrong_form_is_pointed_at() {
        let problem = from_value::<Outer>(json!({"inner": [{"name": "a", "size": "big"}]}))
            .expect_err("a size is a number");
        assert_eq!(problem.code, "invalid_field");
        assert_eq!(problem.errors[0].pointer.as_deref(), Some("/inner/0/size"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_a_client_problem(bytes: Vec<u8>) {
            if let Err(problem) = parse_strict(&bytes, &JsonLimits::default()) {
                prop_assert!(problem.status == 400);
            }
        }

        #[test]
        fn agrees_with_the_plain_parser_where_that_one_is_strict_too(
            text in r#"[\[\]{}",:0-9ae.\- ntrufls]{0,24}"#
        ) {
            let plain = serde_json::from_str::<Value>(&text);
            match parse(&text) {
                Ok(value) => prop_assert_eq!(value, plain.expect("the plain parser takes more")),
                Err(problem) if problem.code == "json_duplicate_key" => {}
                Err(_) => prop_assert!(plain.is_err()),
            }
        }
    }
}
