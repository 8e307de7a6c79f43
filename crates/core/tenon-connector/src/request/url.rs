//! The URL of the call.
//!
//! Each value is encoded for the place where its template stands, so that it cannot leave it:
//! a value in the path stays one segment, a value in the query stays one value. Only a value at
//! the very start is taken as it is, because it may be the whole URL; what comes out is parsed
//! and checked, and the way out checks the address.

use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tenon_expr::{Scope, Source};
use url::Url;

use super::BuildError;
use super::template::eval_encoded;

/// Everything but the characters that mean nothing anywhere in a URL (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes a text so that it can stand anywhere in a path or query.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Where in a URL the next piece stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Authority,
    Path,
    Query,
    Fragment,
}

impl Place {
    /// The place after `text`. With a base, a text that does not start like an absolute URL is a
    /// path on that base.
    fn after(text: &str, has_base: bool) -> Self {
        if text.contains('#') {
            return Self::Fragment;
        }
        if text.contains('?') {
            return Self::Query;
        }
        if has_base && !text.is_empty() && !is_absolute(text) {
            return Self::Path;
        }
        match text.find("://") {
            None => Self::Start,
            Some(at) if text[at + 3..].contains(['/', '\\']) => Self::Path,
            Some(_) => Self::Authority,
        }
    }
}

/// Whether a text starts like `https://`.
fn is_absolute(text: &str) -> bool {
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.find("://").is_some_and(|at| at > 0 && text[..at].bytes().all(is_scheme))
}

/// Evaluates a template to a checked URL of at most `bytes_max` bytes. With a base, a template
/// that gives no absolute URL gives a path on it.
///
/// # Errors
/// When the template has no value, a value would leave its place, or it is no http URL.
pub fn build(
    source: &Source,
    base: Option<&Url>,
    scope: &(dyn Scope + Sync),
    what: &str,
    bytes_max: usize,
) -> Result<Url, BuildError> {
    let mut path_values: Vec<Range<usize>> = Vec::new();
    let text = eval_encoded(source, scope, what, |so_far, value| {
        let place = Place::after(so_far, base.is_some());
        let encoded = encode_for(place, value)?;
        if place == Place::Path {
            path_values.push(so_far.len()..so_far.len() + encoded.len());
        }
        Ok(encoded)
    })?;
    if text.len() > bytes_max {
        return Err(too_long(bytes_max));
    }
    check_segments(&text, &path_values)?;
    let url = match base {
        Some(base) => join(base, &text)?,
        None => parse(&text)?,
    };
    if url.as_str().len() > bytes_max {
        return Err(too_long(bytes_max));
    }
    Ok(url)
}

/// A path and query on a base, whose own path stays in front; an absolute URL replaces the base.
/// What comes out may be on another origin only in that second case.
///
/// # Errors
/// When it holds something that could leave the base: dot segments, a host, backslashes, control
/// characters, encoded or not; or is an absolute URL that is not http.
pub fn join(base: &Url, target: &str) -> Result<Url, BuildError> {
    if is_absolute(target) {
        return parse(target);
    }
    if target.contains(|c: char| c.is_control() || c == '\\') {
        return Err(invalid("the path holds a backslash or a control character"));
    }
    if target.starts_with("//") {
        return Err(invalid("the path starts with `//`, which would name another host"));
    }
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    if path.split('/').any(leaves) {
        return Err(invalid("the path holds `.` or `..`, which would leave the base URL"));
    }
    let mut url = base.clone();
    url.set_fragment(None);
    if !path.is_empty() {
        let prefix = base.path().trim_end_matches('/');
        let rest = path.strip_prefix('/').unwrap_or(path);
        url.set_path(&format!("{prefix}/{rest}"));
    }
    if let Some(query) = query {
        let joined = match base.query() {
            Some(own) if !own.is_empty() => format!("{own}&{query}"),
            _ => query.to_owned(),
        };
        url.set_query(Some(&joined));
    }
    Ok(url)
}

/// Whether a segment is a dot segment, or holds one behind encoded slashes. Encoded slashes
/// alone are part of a name, as in GitLab's project ids.
fn leaves(segment: &str) -> bool {
    if !segment.contains(['.', '%']) {
        return false;
    }
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    decoded.contains(|c: char| c.is_control())
        || decoded.split(['/', '\\']).any(|part| part == "." || part == "..")
}

/// Encodes a value for its place.
fn encode_for(place: Place, value: &str) -> Result<String, BuildError> {
    match place {
        Place::Start => Ok(value.to_owned()),
        Place::Authority => {
            let ends_host = |c: char| {
                c.is_control()
                    || c.is_whitespace()
                    || matches!(c, '/' | '\\' | '?' | '#' | '@' | '%')
            };
            if value.contains(ends_host) {
                return Err(invalid(
                    "a value in the host holds a character that ends the host; \
                     to join a base URL and a path, write one template: `{{concat(a, b)}}`",
                ));
            }
            Ok(value.to_owned())
        }
        Place::Path | Place::Query | Place::Fragment => Ok(encode(value)),
    }
}

/// Refuses path segments that a value made empty (the call would go to the collection instead
/// of the item) or turned into `.` or `..` (it would leave the path).
fn check_segments(text: &str, values: &[Range<usize>]) -> Result<(), BuildError> {
    for value in values {
        let is_edge = |c: char| matches!(c, '/' | '\\' | '?' | '#');
        let from = text[..value.start].rfind(is_edge).map_or(0, |at| at + 1);
        let to = text[value.end..].find(is_edge).map_or(text.len(), |at| value.end + at);
        match percent_decode_str(&text[from..to]).decode_utf8_lossy().as_ref() {
            "" => {
                return Err(invalid(
                    "a value in the path is empty, so the call would go to another resource",
                ));
            }
            "." | ".." => {
                return Err(invalid("a value in the path is `.` or `..` and would leave the path"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Url, BuildError> {
    let mut url = Url::parse(text).map_err(|error| {
        let hint = match error {
            url::ParseError::RelativeUrlWithoutBase => {
                "; it must be absolute, such as https://api.example.com/items"
            }
            _ => "",
        };
        invalid(format!("the URL is not valid: {error}{hint}"))
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(format!("the URL's scheme is `{}`, not http or https", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("the URL holds a user name or password; use `auth` instead"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Adds query parameters after those that the URL has.
///
/// # Errors
/// When the URL becomes longer than `bytes_max`.
pub fn append(
    url: &mut Url,
    params: &[(String, String)],
    bytes_max: usize,
) -> Result<(), BuildError> {
    if params.is_empty() {
        return Ok(());
    }
    url.query_pairs_mut().extend_pairs(params);
    if url.as_str().len() > bytes_max {
        return Err(too_long(bytes_max));
    }
    Ok(())
}

fn too_long(bytes_max: usize) -> BuildError {
    BuildError::new("request_too_large", format!("the URL is longer than {bytes_max} bytes"))
}

fn invalid(message: impl Into<String>) -> BuildError {
    BuildError::new("request_url", message)
}

#[cfg(test)]
mod tests;
