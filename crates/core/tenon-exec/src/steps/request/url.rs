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

use super::super::Failure;
use super::permanent;
use super::template::eval_encoded;

/// Everything but the characters that mean nothing anywhere in a URL (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes a text so that it can stand anywhere in a path or query.
pub(super) fn encode(text: &str) -> String {
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
    /// The place after `text`.
    fn after(text: &str) -> Self {
        if text.contains('#') {
            return Self::Fragment;
        }
        if text.contains('?') {
            return Self::Query;
        }
        match text.find("://") {
            None => Self::Start,
            Some(at) if text[at + 3..].contains(['/', '\\']) => Self::Path,
            Some(_) => Self::Authority,
        }
    }
}

/// Evaluates a template to a checked URL of at most `bytes_max` bytes.
pub(super) fn build(
    source: &Source,
    scope: &(dyn Scope + Sync),
    what: &str,
    bytes_max: usize,
) -> Result<Url, Failure> {
    let mut path_values: Vec<Range<usize>> = Vec::new();
    let text = eval_encoded(source, scope, what, |so_far, value| {
        let place = Place::after(so_far);
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
    parse(&text)
}

/// Encodes a value for its place.
fn encode_for(place: Place, value: &str) -> Result<String, Failure> {
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
fn check_segments(text: &str, values: &[Range<usize>]) -> Result<(), Failure> {
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

fn parse(text: &str) -> Result<Url, Failure> {
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
pub(super) fn append(
    url: &mut Url,
    params: &[(String, String)],
    bytes_max: usize,
) -> Result<(), Failure> {
    if params.is_empty() {
        return Ok(());
    }
    url.query_pairs_mut().extend_pairs(params);
    if url.as_str().len() > bytes_max {
        return Err(too_long(bytes_max));
    }
    Ok(())
}

fn too_long(bytes_max: usize) -> Failure {
    permanent("request_too_large", format!("the URL is longer than {bytes_max} bytes"))
}

fn invalid(message: impl Into<String>) -> Failure {
    permanent("request_url", message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::Values;
    use super::*;

    const BYTES_MAX: usize = 1_000;

    fn joined(parts: &[Value]) -> Result<String, Failure> {
        // Texts at even places are the template's, the rest are values.
        let mut template = String::new();
        for (index, part) in parts.iter().enumerate() {
            match part {
                Value::String(text) if index % 2 == 0 => template.push_str(text),
                _ => template.push_str(&format!("{{{{values[{index}]}}}}")),
            }
        }
        let source = Source::compile(&template.into()).expect("a template");
        let scope = Values(json!({ "values": parts }));
        build(&source, &scope, "the URL", BYTES_MAX).map(String::from)
    }

    #[test]
    fn a_value_stays_in_its_path_segment() {
        let tricky = "a/b?c=d#e%2f é\\..;&";
        assert_eq!(
            joined(&[json!("https://h.example/x/"), json!(tricky), json!("/y?z=1")]),
            Ok("https://h.example/x/a%2Fb%3Fc%3Dd%23e%252f%20%C3%A9%5C..%3B%26/y?z=1".to_owned())
        );
    }

    #[test]
    fn a_value_stays_in_its_query_value() {
        assert_eq!(
            joined(&[json!("https://h.example/x?a="), json!("1&b=2#c+ d"), json!("&e=f")]),
            Ok("https://h.example/x?a=1%26b%3D2%23c%2B%20d&e=f".to_owned())
        );
    }

    #[test]
    fn a_leading_value_may_be_the_whole_url_or_its_base() {
        let whole = "https://h.example/a?b=c&d=%20";
        assert_eq!(joined(&[json!(""), json!(whole)]), Ok(whole.to_owned()));
        assert_eq!(
            joined(&[json!(""), json!("https://h.example/v1"), json!("/users/"), json!(7)]),
            Ok("https://h.example/v1/users/7".to_owned())
        );
        assert_eq!(
            joined(&[json!("https://"), json!("h.example:8443"), json!("/a")]),
            Ok("https://h.example:8443/a".to_owned())
        );
    }

    #[test]
    fn a_value_in_the_host_cannot_leave_it() {
        for value in [
            "evil.example/",
            "evil.example?",
            "evil.example#",
            "u@evil.example",
            "a\\b",
            "a b",
            "%2f",
        ] {
            let failure = joined(&[json!("https://"), json!(value), json!(".vendor.example/x")])
                .expect_err(value);
            assert_eq!(failure.code, "request_url", "{value}");
        }
    }

    #[test]
    fn a_value_cannot_climb_out_of_the_path() {
        for (before, value, after) in [
            ("https://h.example/a/", "..", "/b"),
            ("https://h.example/a/", ".", ""),
            ("https://h.example/a/.", ".", "/b"),
            ("https://h.example/a/%2e", ".", "/b"),
            ("https://h.example/a/", "..", "?x=1"),
            ("https://h.example/a/", ".", "%2E"),
        ] {
            let failure = joined(&[json!(before), json!(value), json!(after)]).expect_err(value);
            assert!(failure.message.contains("would leave the path"), "{}", failure.message);
        }
        // Dots that are part of a name are names, and encoded dots are text.
        assert_eq!(
            joined(&[json!("https://h.example/a/"), json!("..b"), json!("/c")]),
            Ok("https://h.example/a/..b/c".to_owned())
        );
        assert_eq!(
            joined(&[json!("https://h.example/a/"), json!("%2e%2e"), json!("/c")]),
            Ok("https://h.example/a/%252e%252e/c".to_owned())
        );
    }

    #[test]
    fn a_value_that_is_missing_does_not_change_the_resource() {
        for empty in [json!(null), json!("")] {
            let failure = joined(&[json!("https://h.example/users/"), empty]).expect_err("empty");
            assert!(failure.message.contains("is empty"), "{}", failure.message);
        }
        assert_eq!(
            joined(&[json!("https://h.example/users"), json!("")]),
            Ok("https://h.example/users".to_owned())
        );
    }

    #[test]
    fn only_absolute_http_urls_without_credentials_pass() {
        for (url, expected) in [
            ("/items", "must be absolute"),
            ("ftp://h.example/", "scheme is `ftp`"),
            ("file:///etc/passwd", "scheme is `file`"),
            ("javascript:alert(1)", "scheme is `javascript`"),
            ("https://user:pass@h.example/", "user name or password"),
            ("https://user@h.example/", "user name or password"),
            ("https://", "not valid"),
            ("https://h.example:99999/", "not valid"),
        ] {
            let failure = joined(&[json!(url)]).expect_err(url);
            assert!(failure.message.contains(expected), "{url}: {}", failure.message);
        }
    }

    #[test]
    fn a_url_that_is_too_long_is_refused_before_it_is_built() {
        let long = "x".repeat(BYTES_MAX);
        let failure = joined(&[json!("https://h.example/"), json!(long)]).expect_err("long");
        assert_eq!(failure.code, "request_too_large");
    }

    #[test]
    fn parameters_come_after_those_of_the_url() {
        let mut url = Url::parse("https://h.example/?a=1").expect("a URL");
        let pairs = [("b".to_owned(), "x y&z".to_owned()), ("b".to_owned(), "é".to_owned())];
        append(&mut url, &pairs, BYTES_MAX).expect("short");
        assert_eq!(url.as_str(), "https://h.example/?a=1&b=x+y%26z&b=%C3%A9");
    }
}
