//! Headers of the call: typed, so that no value can start a new line or a new header.

use std::collections::BTreeMap;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use tenon_contract::egress::TRANSPORT_HEADERS;
use tenon_expr::{Scope, Source};

use super::BuildError;
use super::template::{eval, texts_of};

/// Evaluates headers: null leaves one out, an array repeats it.
///
/// # Errors
/// When a template has no value, or a name or value may not be sent.
pub fn build(
    sources: &BTreeMap<String, Source>,
    scope: &(dyn Scope + Sync),
) -> Result<HeaderMap, BuildError> {
    let mut headers = HeaderMap::with_capacity(sources.len() + 4);
    for (name, source) in sources {
        let parsed = parse_name(name)?;
        let value = eval(source, scope, &format!("the header `{name}`"))?;
        for text in texts_of(value) {
            headers.append(parsed.clone(), parse_value(name, &text)?);
        }
    }
    Ok(headers)
}

/// A header's name, if the caller may set it.
///
/// # Errors
/// When it is no name, or one that says how the message is framed.
pub fn parse_name(name: &str) -> Result<HeaderName, BuildError> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| BuildError::new("request_header", format!("`{name}` is not a header name")))?;
    if TRANSPORT_HEADERS.contains(&parsed.as_str()) {
        let message = format!("the header `{parsed}` is set by Tenon and cannot be given");
        return Err(BuildError::new("request_header", message));
    }
    Ok(parsed)
}

/// A header's value. Line breaks and other control characters are refused. The message names
/// the header only: the value may be secret.
///
/// # Errors
/// When it holds a line break or another control character.
pub fn parse_value(name: &str, text: &str) -> Result<HeaderValue, BuildError> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        let message = format!(
            "the value of the header `{name}` holds a line break or another control character"
        );
        BuildError::new("request_header", message)
    })
}
