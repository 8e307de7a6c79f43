//! Headers of the call: typed, so that no value can start a new line or a new header.

use std::collections::BTreeMap;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use tenon_expr::{Scope, Source};

use super::super::Failure;
use super::permanent;
use super::template::{eval, texts_of};
use tenon_contract::egress::TRANSPORT_HEADERS;

/// Names the key that a provider may use to act once.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Evaluates headers: null leaves one out, an array repeats it.
pub(super) fn build(
    sources: &BTreeMap<String, Source>,
    scope: &(dyn Scope + Sync),
) -> Result<HeaderMap, Failure> {
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
pub(super) fn parse_name(name: &str) -> Result<HeaderName, Failure> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| permanent("request_header", format!("`{name}` is not a header name")))?;
    if TRANSPORT_HEADERS.contains(&parsed.as_str()) {
        let message = format!("the header `{parsed}` is set by Tenon and cannot be given");
        return Err(permanent("request_header", message));
    }
    Ok(parsed)
}

/// A header's value. Line breaks and other control characters are refused. The message names
/// the header only: the value may be secret.
pub(super) fn parse_value(name: &str, text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        let message = format!(
            "the value of the header `{name}` holds a line break or another control character"
        );
        permanent("request_header", message)
    })
}
