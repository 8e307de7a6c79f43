//! Digests of texts. Everything is taken as UTF-8.

use std::borrow::Cow;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{Arguments, Function, Kind, Parameter, owned};
use crate::budget::Budget;
use crate::error::EvalError;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "hash",
        parameters: &[
            Parameter::required("algorithm", Kind::Text),
            Parameter::required("text", Kind::Text),
            Parameter::optional("encoding", Kind::Text),
        ],
        summary: "The digest of the text: `sha1`, `sha256`, `sha384` or `sha512`; \
                  as `hex` (usual), `base64` or `base64url`.",
        examples: &[
            (r#"hash("sha1", "abc")"#, r#""a9993e364706816aba3e25717850c26c9cd0d89d""#),
            (
                r#"hash("sha256", "abc", "base64")"#,
                r#""ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=""#,
            ),
        ],
        run: hash,
    },
    Function {
        name: "hmac",
        parameters: &[
            Parameter::required("algorithm", Kind::Text),
            Parameter::required("key", Kind::Text),
            Parameter::required("text", Kind::Text),
            Parameter::optional("encoding", Kind::Text),
            Parameter::optional("key_encoding", Kind::Text),
        ],
        summary: "The HMAC of the text under the key, which is `text` (usual), `hex` or `base64`; \
                  algorithms and encodings as for `hash`.",
        examples: &[(
            r#"hmac("sha256", "Jefe", "what do ya want for nothing?")"#,
            r#""5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843""#,
        )],
        run: mac,
    },
    Function {
        name: "hex_encode",
        parameters: &[Parameter::required("text", Kind::Text)],
        summary: "The text's UTF-8 bytes as small hexadecimal digits.",
        examples: &[(r#"hex_encode("ä1")"#, r#""c3a431""#)],
        run: |arguments, _| Ok(owned(hex(arguments.text(0).as_bytes()))),
    },
    Function {
        name: "base64url_encode",
        parameters: &[Parameter::required("text", Kind::Text)],
        summary: "The text's UTF-8 bytes in the Base64 of URLs, without padding.",
        examples: &[(r#"base64url_encode("a?b>")"#, r#""YT9iPg""#)],
        run: |arguments, _| Ok(owned(URL_SAFE_NO_PAD.encode(arguments.text(0)))),
    },
];

fn hash<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let algorithm = match arguments.text(0) {
        "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        "sha512" => &digest::SHA512,
        _ => return Err(unknown_algorithm(&arguments)),
    };
    let digest = digest::digest(algorithm, arguments.text(1).as_bytes());
    written(&arguments, 2, digest.as_ref())
}

fn mac<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let algorithm = match arguments.text(0) {
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => hmac::HMAC_SHA256,
        "sha384" => hmac::HMAC_SHA384,
        "sha512" => hmac::HMAC_SHA512,
        _ => return Err(unknown_algorithm(&arguments)),
    };
    let text = arguments.text(1);
    let key = match arguments.text_or(4, "text") {
        "text" => text.as_bytes().to_vec(),
        "hex" => unhex(text).ok_or_else(|| arguments.wrong(1, "is not hexadecimal"))?,
        "base64" => super::convert::decoded(text)
            .ok_or_else(|| arguments.wrong(1, "is not valid Base64"))?,
        _ => return Err(arguments.wrong(4, "must be \"text\", \"hex\" or \"base64\"")),
    };
    let tag = hmac::sign(&hmac::Key::new(algorithm, &key), arguments.text(2).as_bytes());
    written(&arguments, 3, tag.as_ref())
}

fn unknown_algorithm(arguments: &Arguments<'_>) -> EvalError {
    arguments.wrong(0, "must be \"sha1\", \"sha256\", \"sha384\" or \"sha512\"")
}

/// Bytes in the encoding that an optional argument names.
fn written<'a>(
    arguments: &Arguments<'_>,
    encoding: usize,
    bytes: &[u8],
) -> Result<Cow<'a, Value>, EvalError> {
    match arguments.text_or(encoding, "hex") {
        "hex" => Ok(owned(hex(bytes))),
        "base64" => Ok(owned(STANDARD.encode(bytes))),
        "base64url" => Ok(owned(URL_SAFE_NO_PAD.encode(bytes))),
        _ => Err(arguments.wrong(encoding, "must be \"hex\", \"base64\" or \"base64url\"")),
    }
}

/// Small hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
