//! Where a call goes: the connector's base URL and the caller's path, or a URL that the caller
//! names.
//!
//! The caller's path can only go deeper than the base. It is looked at as the provider may come
//! to see it: decoded, more than once, since some servers decode twice. Nothing is repaired:
//! what looks like an attempt to leave is refused.

use percent_encoding::percent_decode;
use url::Url;

/// How often a segment is decoded in search of dots and slashes.
const DECODINGS_MAX: usize = 3;

/// What the caller asks for.
pub(crate) struct Asked<'a> {
    /// The path behind the integration, encoded as it came, without a first slash.
    pub(crate) path: &'a str,
    /// The query, encoded as it came.
    pub(crate) query: Option<&'a str>,
    /// A URL, or a path, that goes before `path`.
    pub(crate) url: Option<&'a str>,
}

/// Why a target is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("the path must stay below the base URL: no `.` or `..` segments, however encoded")]
    Traversal,
    #[error("the path must not begin with `//` and must hold no backslash or control character")]
    Malformed,
    #[error("the URL must be http or https without a user name, and its host one of the connector")]
    Host,
}

/// The URL of a call.
pub(crate) fn resolve(
    base: &Url,
    asked: &Asked<'_>,
    is_allowed: impl Fn(&Url) -> bool,
) -> Result<Url, TargetError> {
    let mut url = match asked.url {
        Some(text) if has_scheme(text) => whole(text)?,
        Some(text) => {
            let text = text.split_once('#').map_or(text, |(text, _)| text);
            let (path, query) = match text.split_once('?') {
                Some((path, query)) => (path, Some(query)),
                None => (text, None),
            };
            check_characters(text)?;
            join(base, path.strip_prefix('/').unwrap_or(path), query)?
        }
        None => return allowed(join(base, asked.path, asked.query)?, is_allowed),
    };
    if let Some(query) = asked.query.filter(|query| !query.is_empty()) {
        let query = match url.query() {
            Some(before) if !before.is_empty() => format!("{before}&{query}"),
            _ => query.to_owned(),
        };
        url.set_query(Some(&query));
    }
    allowed(url, is_allowed)
}

fn allowed(url: Url, is_allowed: impl Fn(&Url) -> bool) -> Result<Url, TargetError> {
    if is_allowed(&url) { Ok(url) } else { Err(TargetError::Host) }
}

/// Whether a text begins as absolute URLs do (RFC 3986, 3.1).
fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.bytes().all(is_scheme)
        && text[scheme.len() + 1..].starts_with(['/', '\\'])
}

/// A URL that the caller names as a whole.
fn whole(text: &str) -> Result<Url, TargetError> {
    check_characters(text)?;
    let mut url = Url::parse(text).map_err(|_| TargetError::Host)?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && !text.contains('@');
    if !is_plain {
        return Err(TargetError::Host);
    }
    url.set_fragment(None);
    // The parser has resolved dots already, so the text itself is looked at.
    let after_host = text.split_once("://").map_or("", |(_, rest)| rest);
    let path = after_host.split_once('/').map_or("", |(_, path)| path);
    check_segments(path.split(['?', '#']).next().unwrap_or_default())?;
    Ok(url)
}

/// The base URL with a path behind it.
fn join(base: &Url, path: &str, query: Option<&str>) -> Result<Url, TargetError> {
    if path.starts_with('/') {
        return Err(TargetError::Malformed);
    }
    check_characters(path)?;
    check_segments(path)?;
    let prefix = base.path().trim_end_matches('/');
    let mut joined = base.clone();
    joined.set_query(query.filter(|query| !query.is_empty()));
    if path.is_empty() {
        return Ok(joined);
    }
    joined.set_path(&format!("{prefix}/{path}"));
    // What the parser made of it must still lie below the base, segment by segment.
    let below = joined.path().strip_prefix(prefix).and_then(|below| below.strip_prefix('/'));
    let has_kept = below.is_some_and(|below| below.split('/').count() == path.split('/').count());
    if has_kept { Ok(joined) } else { Err(TargetError::Traversal) }
}

fn check_characters(text: &str) -> Result<(), TargetError> {
    let is_bad = |byte: u8| byte <= b' ' || byte == b'\\' || byte == 0x7f;
    if text.bytes().any(is_bad) { Err(TargetError::Malformed) } else { Ok(()) }
}

fn check_segments(path: &str) -> Result<(), TargetError> {
    path.split('/').try_for_each(|segment| {
        check_segment(segment.as_bytes())?;
        if segment.contains('%') { check_decoded(segment) } else { Ok(()) }
    })
}

/// Decodes a segment again and again, as servers behind servers do.
fn check_decoded(segment: &str) -> Result<(), TargetError> {
    let mut seen = segment.as_bytes().to_vec();
    for _ in 0..DECODINGS_MAX {
        let decoded: Vec<u8> = percent_decode(&seen).collect();
        if decoded == seen {
            return Ok(());
        }
        let is_control = |byte: &u8| *byte < b' ' || *byte == 0x7f || *byte == b'\\';
        if decoded.iter().any(is_control) {
            return Err(TargetError::Malformed);
        }
        decoded.split(|byte| *byte == b'/').try_for_each(check_segment)?;
        seen = decoded;
    }
    if seen.contains(&b'%') { Err(TargetError::Traversal) } else { Ok(()) }
}

/// Dots alone go up or stay; some servers cut `;parameters` off before they look.
fn check_segment(segment: &[u8]) -> Result<(), TargetError> {
    let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
    if matches!(name, b"." | b"..") { Err(TargetError::Traversal) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
