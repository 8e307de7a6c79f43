//! Which headers pass. Requests lose what is about the caller, the connection or us; answers lose
//! what is about the provider's own site in a browser.

use http::header::{
    ACCEPT_ENCODING, ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED,
    HOST, HeaderName, ORIGIN, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, REFERER, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderValue};

/// Of one connection only (RFC 9110, 7.6.1), beside what `Connection` itself names.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        CONNECTION
            | PROXY_AUTHENTICATE
            | PROXY_AUTHORIZATION
            | TE
            | TRAILER
            | TRANSFER_ENCODING
            | UPGRADE
    ) || matches!(name.as_str(), "keep-alive" | "http2-settings")
        || name.as_str().starts_with("proxy-")
}

/// Headers that are spoken between the caller and us.
fn is_ours(name: &str) -> bool {
    name.starts_with("x-tenon-") || name.starts_with("x-paragon-")
}

/// What a caller's request may not bring to the provider.
fn is_kept_from_provider(name: &HeaderName) -> bool {
    if matches!(
        *name,
        HOST | AUTHORIZATION
            | COOKIE
            | CONTENT_LENGTH
            | EXPECT
            | FORWARDED
            | VIA
            | ORIGIN
            | REFERER
    ) || is_hop_by_hop(name)
    {
        return true;
    }
    let name = name.as_str();
    match name.as_bytes()[0] {
        b'x' => {
            is_ours(name)
                || name.starts_with("x-forwarded-")
                || name.starts_with("x-original-")
                || name.starts_with("x-envoy-")
                || matches!(
                    name,
                    "x-real-ip"
                        | "x-client-ip"
                        | "x-cluster-client-ip"
                        | "x-rewrite-url"
                        | "x-http-method-override"
                        | "x-request-id"
                        | "x-amzn-trace-id"
                )
        }
        b's' => name.starts_with("sec-"),
        b'c' => name.starts_with("cf-") || name == "cookie2",
        b't' => matches!(name, "traceparent" | "tracestate" | "true-client-ip"),
        b'b' => matches!(name, "baggage" | "b3"),
        b'p' => name == "priority",
        _ => false,
    }
}

/// What an answer may not bring to the caller: it would speak for our own host.
fn is_kept_from_caller(name: &HeaderName) -> bool {
    if matches!(*name, SET_COOKIE | ALT_SVC | STRICT_TRANSPORT_SECURITY) || is_hop_by_hop(name) {
        return true;
    }
    let name = name.as_str();
    is_ours(name)
        || name.starts_with("access-control-")
        || name.starts_with("public-key-pins")
        || matches!(
            name,
            "set-cookie2"
                | "clear-site-data"
                | "service-worker-allowed"
                | "nel"
                | "report-to"
                | "reporting-endpoints"
                | "refresh"
                | "content-security-policy"
                | "content-security-policy-report-only"
                | "x-frame-options"
                | "x-request-id"
        )
}

/// Takes out of a request what the provider does not get. A wrapped answer has to come
/// unencoded, so `Accept-Encoding` goes too.
pub(crate) fn clean_request(headers: &mut HeaderMap, is_wrapped: bool) {
    remove_named(headers);
    remove_all(headers, is_kept_from_provider);
    if is_wrapped {
        headers.remove(ACCEPT_ENCODING);
    }
}

/// Takes out of an answer what the caller does not get.
pub(crate) fn clean_answer(headers: &mut HeaderMap) {
    remove_named(headers);
    remove_all(headers, is_kept_from_caller);
}

fn remove_all(headers: &mut HeaderMap, is_removed: fn(&HeaderName) -> bool) {
    // Few headers go, so few names are copied.
    let removed: Vec<HeaderName> =
        headers.keys().filter(|name| is_removed(name)).cloned().collect();
    for name in removed {
        headers.remove(name);
    }
}

/// Takes out what `Connection` names.
fn remove_named(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        // What nearly every `Connection` says; that header goes anyway.
        .filter(|name| *name != "keep-alive")
        .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
}

/// A header of ours, and what Paragon calls it.
pub(crate) type OursOrParagons = [HeaderName; 2];

/// Such a pair. Both are written in lower case.
pub(crate) const fn ours(name: &'static str, paragons: &'static str) -> OursOrParagons {
    [HeaderName::from_static(name), HeaderName::from_static(paragons)]
}

/// The value of the first of two headers, ours or Paragon's; `Err` when one is there twice or is
/// no text.
pub(crate) fn of_caller<'a>(
    headers: &'a HeaderMap,
    names: &OursOrParagons,
) -> Result<Option<&'a str>, ()> {
    for name in names {
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else { continue };
        if values.next().is_some() {
            return Err(());
        }
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| ())?.trim();
        return Ok((!text.is_empty()).then_some(text));
    }
    Ok(None)
}

/// Whether a header says yes.
pub(crate) fn is_truthy(value: Option<&str>) -> bool {
    value.is_some_and(|value| {
        !matches!(value.to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
    })
}

/// Whether the length of the body is given more than once, or in two ways: the usual start of
/// request smuggling.
pub(crate) fn is_ambiguous(headers: &HeaderMap) -> bool {
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        return false;
    }
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    let encodings = headers.get_all(TRANSFER_ENCODING).iter().count();
    let is_list = headers.get(CONTENT_LENGTH).is_some_and(|value| !is_number(value));
    lengths > 1 || encodings > 1 || is_list || (lengths > 0 && encodings > 0)
}

fn is_number(value: &HeaderValue) -> bool {
    !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_request_loses_what_is_not_the_providers() {
        let mut headers = map(&[
            ("Host", "tenon.example"),
            ("Authorization", "Bearer secret"),
            ("Cookie", "a=b"),
            ("Content-Length", "3"),
            ("Connection", "keep-alive, X-Secret-Hop ,close"),
            ("Keep-Alive", "timeout=5"),
            ("X-Secret-Hop", "1"),
            ("Proxy-Authorization", "Basic x"),
            ("Proxy-Anything", "1"),
            ("TE", "trailers"),
            ("Trailer", "X"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "x"),
            ("Expect", "100-continue"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("X-Forwarded-Anything", "1"),
            ("Forwarded", "for=10.0.0.1"),
            ("X-Real-IP", "10.0.0.1"),
            ("X-Paragon-Credential", "x"),
            ("X-Tenon-User", "x"),
            ("Origin", "https://app.example"),
            ("Referer", "https://app.example/page"),
            ("Sec-Fetch-Mode", "cors"),
            ("traceparent", "00-x"),
            ("Accept", "application/json"),
            ("Content-Type", "text/plain"),
            ("X-Custom", "1"),
            ("X-Custom", "2"),
            ("If-None-Match", "\"x\""),
            ("Accept-Encoding", "gzip"),
        ]);
        clean_request(&mut headers, false);
        assert_eq!(
            names(&headers),
            ["accept", "accept-encoding", "content-type", "if-none-match", "x-custom"]
        );
        assert_eq!(headers.get_all("x-custom").iter().count(), 2);
        clean_request(&mut headers, true);
        assert!(!headers.contains_key(ACCEPT_ENCODING));
    }

    #[test]
    fn an_answer_loses_what_would_speak_for_our_host() {
        let mut headers = map(&[
            ("Set-Cookie", "a=b"),
            ("Set-Cookie", "c=d"),
            ("Connection", "close, x-hop"),
            ("X-Hop", "1"),
            ("Transfer-Encoding", "chunked"),
            ("Alt-Svc", "h3=\":443\""),
            ("Strict-Transport-Security", "max-age=1"),
            ("Access-Control-Allow-Origin", "https://a.example"),
            ("Clear-Site-Data", "\"*\""),
            ("X-Tenon-Source", "forged"),
            ("Content-Type", "application/json"),
            ("ETag", "\"x\""),
            ("Link", "<https://api.example/2>; rel=\"next\""),
            ("Retry-After", "3"),
            ("X-RateLimit-Remaining", "0"),
            ("Location", "/a"),
            ("WWW-Authenticate", "Bearer"),
        ]);
        clean_answer(&mut headers);
        assert_eq!(
            names(&headers),
            [
                "content-type",
                "etag",
                "link",
                "location",
                "retry-after",
                "www-authenticate",
                "x-ratelimit-remaining"
            ]
        );
    }

    #[test]
    fn an_ambiguous_length_is_seen() {
        assert!(is_ambiguous(&map(&[("content-length", "1"), ("content-length", "1")])));
        assert!(is_ambiguous(&map(&[("content-length", "1"), ("transfer-encoding", "chunked")])));
        assert!(is_ambiguous(&map(&[("content-length", "1, 1")])));
        assert!(is_ambiguous(&map(&[("content-length", "+1")])));
        assert!(is_ambiguous(&map(&[
            ("transfer-encoding", "chunked"),
            ("transfer-encoding", "identity")
        ])));
        assert!(!is_ambiguous(&map(&[("content-length", "1")])));
        assert!(!is_ambiguous(&map(&[("transfer-encoding", "chunked")])));
    }
}
