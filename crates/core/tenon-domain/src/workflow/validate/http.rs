//! URLs and headers, as far as they are written out in the document.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use tenon_expr::Source;
use url::Url;

use crate::workflow::diagnostic::{Finding, Spot};
use crate::workflow::text::locate::escape;

/// Headers that frame the message; the HTTP client sets them.
const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A URL is absolute, http or https. What a template will make of it is for the run to check.
pub(super) fn check_url(url: &Source, pointer: String, findings: &mut Vec<Finding>) {
    let problem = match url.raw() {
        Value::String(text) => match url.as_literal() {
            Some(_) => literal_problem(text),
            None => start_problem(text),
        },
        _ => Some("a URL must be text".to_owned()),
    };
    if let Some(message) = problem {
        findings.push(
            Finding::new("invalid_url", pointer, message)
                .help("write an absolute URL such as https://api.example.com/contacts"),
        );
    }
}

fn literal_problem(text: &str) -> Option<String> {
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            Some(format!("a URL must be http or https, not \"{}\"", url.scheme()))
        }
        Ok(_) => None,
        Err(url::ParseError::RelativeUrlWithoutBase) => Some("the URL is not absolute".to_owned()),
        Err(error) => Some(format!("this is not a URL: {error}")),
    }
}

/// A templated URL starts with a hole, or with a scheme that a hole may follow.
fn start_problem(text: &str) -> Option<String> {
    let start = text.split("{{").next().unwrap_or_default();
    let is_http = |scheme: &str| start.starts_with(scheme) || scheme.starts_with(start);
    let is_fine = is_http("https://") || is_http("http://");
    (!is_fine).then(|| "the URL does not start with http:// or https://".to_owned())
}

/// Names are tokens (RFC 9110), there once whatever their case, and none that frames the
/// message; values hold no line breaks.
pub(super) fn check_headers(
    headers: &BTreeMap<String, Source>,
    pointer: &str,
    findings: &mut Vec<Finding>,
) {
    let mut seen = HashSet::new();
    for (name, value) in headers {
        let pointer = format!("{pointer}/{}", escape(name));
        let folded = name.to_ascii_lowercase();
        if !is_token(name) {
            let message = format!("\"{}\" is not a header name", name.escape_debug());
            findings.push(Finding::new("invalid_header", pointer.as_str(), message).at(Spot::Key));
        } else if FRAMING.contains(&folded.as_str()) {
            let message = format!("header \"{name}\" is set by the HTTP connection itself");
            findings.push(
                Finding::new("invalid_header", pointer.as_str(), message)
                    .at(Spot::Key)
                    .help("remove it"),
            );
        } else if !seen.insert(folded) {
            let message = format!("header \"{name}\" is there twice");
            findings
                .push(Finding::new("duplicate_header", pointer.as_str(), message).at(Spot::Key));
        }
        if let Value::String(text) = value.raw() {
            check_header_value(text, pointer, findings);
        }
    }
}

pub(super) fn check_header_value(text: &str, pointer: String, findings: &mut Vec<Finding>) {
    if text.contains(|c: char| c.is_control() && c != '\t') {
        findings.push(
            Finding::new("invalid_header", pointer, "a header's value holds a control character")
                .help("a line break at the end of a YAML block goes away with |- or >-"),
        );
    }
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
