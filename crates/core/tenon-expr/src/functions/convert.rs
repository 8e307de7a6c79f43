//! Functions that change the type or the writing of a value.

use std::borrow::Cow;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde_json::Value;

use super::{Arguments, Function, Kind, Parameter, owned};
use crate::budget::Budget;
use crate::error::EvalError;
use crate::value::number_of_text;

/// Texts come from many encoders: padding may be there or not.
const LENIENT: GeneralPurposeConfig = PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "default",
        parameters: &[
            Parameter::required("value", Kind::Any),
            Parameter::required("default", Kind::Any),
        ],
        summary: "The value, or the default when it is null; as `value ?? default`.",
        examples: &[(r#"default(null, "none")"#, r#""none""#)],
        run: coalesce,
    },
    Function {
        name: "coalesce",
        parameters: &[Parameter::repeated("value", Kind::Any)],
        summary: "The first value that is not null; null when all are.",
        examples: &[("coalesce(null, false, 1)", "false")],
        run: coalesce,
    },
    Function {
        name: "string",
        parameters: &[Parameter::required("value", Kind::Any)],
        summary: "The value as a template writes it: null as nothing, lists as JSON.",
        examples: &[("string(1.5)", r#""1.5""#), ("string(null)", r#""""#)],
        run: |arguments, budget| {
            let mut text = budget.text(0);
            text.push_value(arguments.value(0))?;
            Ok(owned(text.finish()))
        },
    },
    Function {
        name: "number",
        parameters: &[Parameter::required("value", Kind::Scalar)],
        summary: "The number that a text spells; 1 for true, 0 for false.",
        examples: &[(r#"number(" 12.50 ")"#, "12.5"), ("number(true)", "1")],
        run: number,
    },
    Function {
        name: "boolean",
        parameters: &[Parameter::required("value", Kind::Scalar)],
        summary: "True or false for those words and for 1 and 0.",
        examples: &[(r#"boolean("true")"#, "true"), ("boolean(0)", "false")],
        run: boolean,
    },
    Function {
        name: "json",
        parameters: &[Parameter::required("value", Kind::Any)],
        summary: "The value as compact JSON text.",
        examples: &[(r#"json(split("a,b", ","))"#, r#""[\"a\",\"b\"]""#)],
        run: |arguments, budget| {
            let mut text = budget.text(0);
            text.push_json(arguments.value(0))?;
            Ok(owned(text.finish()))
        },
    },
    Function {
        name: "parse_json",
        parameters: &[Parameter::required("text", Kind::Text)],
        summary: "The value that a JSON text holds, at most 127 levels deep.",
        examples: &[(r#"parse_json("[1, null]")"#, "[1,null]")],
        run: parse_json,
    },
    Function {
        name: "base64_encode",
        parameters: &[Parameter::required("text", Kind::Text)],
        summary: "The text's UTF-8 bytes in Base64, with padding.",
        examples: &[(r#"base64_encode("user:pass")"#, r#""dXNlcjpwYXNz""#)],
        run: |arguments, _| Ok(owned(BASE64.encode(arguments.text(0)))),
    },
    Function {
        name: "base64_decode",
        parameters: &[Parameter::required("text", Kind::Text)],
        summary: "The text in Base64, of either alphabet, with padding or without.",
        examples: &[(r#"base64_decode("w6Q")"#, r#""ä""#)],
        run: base64_decode,
    },
    Function {
        name: "url_encode",
        parameters: &[Parameter::required("value", Kind::Scalar)],
        summary: "The value for one part of a URL: all but letters, digits and `-._~` as `%XX`.",
        examples: &[(r#"url_encode("a b/ä")"#, r#""a%20b%2F%C3%A4""#)],
        run: url_encode,
    },
    Function {
        name: "sha256",
        parameters: &[Parameter::required("text", Kind::Text)],
        summary: "The SHA-256 of the text's UTF-8 bytes, as 64 small hexadecimal digits.",
        examples: &[(
            r#"sha256("abc")"#,
            r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
        )],
        run: |arguments, _| {
            let digest = digest::digest(&digest::SHA256, arguments.text(0).as_bytes());
            Ok(owned(super::crypto::hex(digest.as_ref())))
        },
    },
];

fn coalesce<'a>(mut arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let found = arguments.values.iter().position(|value| !value.is_null()).unwrap_or_default();
    Ok(arguments.take(found))
}

fn number<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    match arguments.value(0) {
        Value::String(text) => number_of_text(text)
            .map(owned)
            .ok_or_else(|| arguments.wrong(0, "is a text that spells no finite number")),
        Value::Bool(boolean) => Ok(owned(u8::from(*boolean))),
        other => Ok(owned(other.clone())),
    }
}

fn boolean<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let boolean = match arguments.value(0) {
        Value::Bool(boolean) => Some(*boolean),
        Value::String(text) => text.parse::<bool>().ok(),
        Value::Number(number) => match super::integer_of(number) {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        _ => None,
    };
    boolean
        .map(owned)
        .ok_or_else(|| arguments.wrong(0, "must be true, false, \"true\", \"false\", 1 or 0"))
}

fn parse_json<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    budget.meter().json_text(arguments.text(0))?;
    let parsed: Value = serde_json::from_str(arguments.text(0)).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        arguments.wrong(0, &format!("is not valid JSON at {place}"))
    })?;
    Ok(Cow::Owned(parsed))
}

fn base64_decode<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let bytes =
        decoded(arguments.text(0)).ok_or_else(|| arguments.wrong(0, "is not valid Base64"))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| arguments.wrong(0, "holds bytes that are no UTF-8 text"))?;
    Ok(owned(text))
}

/// The bytes of a Base64 text of either alphabet.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let engine = if text.contains(['-', '_']) { &BASE64_URL } else { &BASE64 };
    engine.decode(text).ok()
}

fn url_encode<'a>(arguments: Arguments<'a>, budget: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let mut plain = budget.text(0);
    plain.push_value(arguments.value(0))?;
    let mut encoded = budget.text(plain.as_str().len());
    for byte in plain.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte).encode_utf8(&mut [0; 4]))?;
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            encoded.push("%")?;
            digits
                .iter()
                .try_for_each(|digit| encoded.push(char::from(*digit).encode_utf8(&mut [0; 4])))?;
        }
    }
    Ok(owned(encoded.finish()))
}
