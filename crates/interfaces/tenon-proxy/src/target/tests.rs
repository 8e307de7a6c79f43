//! Ways to write a path that leaves its base, and paths that only look like it.

use super::*;

fn base() -> Url {
    Url::parse("https://api.example.com/v1/tenant").expect("a URL")
}

fn is_ours(url: &Url) -> bool {
    url.scheme() == "https"
        && url.port().is_none()
        && matches!(url.host_str(), Some("api.example.com" | "files.example.com"))
}

fn path(path: &str) -> Result<String, TargetError> {
    resolve(&base(), &Asked { path, query: None, url: None }, is_ours).map(String::from)
}

fn url(url: &str) -> Result<String, TargetError> {
    resolve(&base(), &Asked { path: "ignored", query: None, url: Some(url) }, is_ours)
        .map(String::from)
}

#[test]
fn a_path_goes_below_the_base_as_it_was_written() {
    for (asked, expected) in [
        ("", "https://api.example.com/v1/tenant"),
        ("users", "https://api.example.com/v1/tenant/users"),
        ("users/", "https://api.example.com/v1/tenant/users/"),
        ("a//b", "https://api.example.com/v1/tenant/a//b"),
        ("group%2Fname", "https://api.example.com/v1/tenant/group%2Fname"),
        ("a%20b", "https://api.example.com/v1/tenant/a%20b"),
        ("100%25", "https://api.example.com/v1/tenant/100%25"),
        ("%C3%A9", "https://api.example.com/v1/tenant/%C3%A9"),
        ("a:b@c", "https://api.example.com/v1/tenant/a:b@c"),
        ("users(id='1')", "https://api.example.com/v1/tenant/users(id='1')"),
        ("...", "https://api.example.com/v1/tenant/..."),
        ("..a", "https://api.example.com/v1/tenant/..a"),
        ("a;v=1", "https://api.example.com/v1/tenant/a;v=1"),
        ("http://x", "https://api.example.com/v1/tenant/http://x"),
    ] {
        assert_eq!(path(asked).as_deref(), Ok(expected), "{asked}");
    }
}

#[test]
fn the_query_is_passed_as_it_is() {
    let asked = Asked { path: "a", query: Some("x=1&y=%2F..%2F&x=2"), url: None };
    let url = resolve(&base(), &asked, is_ours).expect("allowed");
    assert_eq!(url.as_str(), "https://api.example.com/v1/tenant/a?x=1&y=%2F..%2F&x=2");
    let asked = Asked { path: "", query: Some("y=2"), url: Some("/b?x=1#z") };
    let url = resolve(&base(), &asked, is_ours).expect("allowed");
    assert_eq!(url.as_str(), "https://api.example.com/v1/tenant/b?x=1&y=2");
}

#[test]
fn no_spelling_of_a_path_leaves_the_base() {
    for asked in [
        "..",
        ".",
        "../admin",
        "a/../../admin",
        "a/./b",
        "%2e%2e/admin",
        "%2E%2E/admin",
        ".%2e/admin",
        "%2e./admin",
        "%2e/admin",
        "a/%2e%2e/%2e%2e/admin",
        "..%2fadmin",
        "..%2Fadmin",
        "%2e%2e%2fadmin",
        "a%2f..%2f..%2fadmin",
        "a%2f%2e%2e%2f%2e%2e",
        "%252e%252e/admin",
        "%252e%252e%252fadmin",
        "%25252e%25252e/admin",
        "%2525252e%2525252e/admin",
        "..;/admin",
        "..;x=y/admin",
        "%2e%2e;/admin",
        "..%3b/admin",
        "..%5cadmin",
        "..%5Cadmin",
        "%5cadmin",
        "a\\b",
        "\\admin",
        "/admin",
        "//evil.example/",
        "/\\evil.example",
        "a b",
        "a\tb",
        "a%00b",
        "a%0d%0aX: 1",
        "a%0ab",
        "a%7fb",
        "%250d%250a",
    ] {
        assert!(path(asked).is_err(), "{asked} gave {:?}", path(asked));
    }
}

#[test]
fn a_url_of_the_caller_goes_to_hosts_of_the_connector_only() {
    for (asked, expected) in [
        ("https://files.example.com/x?y=1#z", "https://files.example.com/x?y=1"),
        ("HTTPS://API.EXAMPLE.COM/other", "https://api.example.com/other"),
        ("https://api.example.com:443/a", "https://api.example.com/a"),
        ("/relative/path", "https://api.example.com/v1/tenant/relative/path"),
        ("relative?x=http://a", "https://api.example.com/v1/tenant/relative?x=http://a"),
        ("items:search", "https://api.example.com/v1/tenant/items:search"),
    ] {
        assert_eq!(url(asked).as_deref(), Ok(expected), "{asked}");
    }
    for asked in [
        "https://evil.example/",
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com@evil.example/",
        "https://user:pass@api.example.com/",
        "https://evil.example\\@api.example.com/",
        "https:\\\\api.example.com/",
        "https://api.example.com.evil.example/",
        "https://api.example.com%2eevil.example/",
        "https://api.example.com%00.evil.example/",
        "https://evil.example#@api.example.com/",
        "https://evil.example?@api.example.com/",
        "https:///api.example.com@evil.example",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://api.example.com./",
        "https://api。example。com.evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example\\",
        "file:///etc/passwd",
        "ftp://api.example.com/",
        "gopher://api.example.com/",
        "data:/text",
        "https://api.example.com/a/../b",
        "https://api.example.com/%2e%2e/b",
        "https://api.example.com/..%2fb",
        "../b",
        "a/../../b",
        "%2e%2e/b",
        "https://api.example.com/a b",
        "https://api.example.com/\r\nX: 1",
        " https://evil.example/",
        "\thttps://evil.example/",
    ] {
        assert!(url(asked).is_err(), "{asked} gave {:?}", url(asked));
    }
}

#[test]
fn a_base_without_a_path_is_kept_to_as_well() {
    let base = Url::parse("https://api.example.com").expect("a URL");
    let resolve = |path| resolve(&base, &Asked { path, query: None, url: None }, is_ours);
    assert_eq!(resolve("a/b").expect("allowed").as_str(), "https://api.example.com/a/b");
    assert_eq!(resolve("").expect("allowed").as_str(), "https://api.example.com/");
    assert!(resolve("/evil.example/").is_err());
    assert!(resolve("@evil.example/").is_ok_and(|url| url.host_str() == Some("api.example.com")));
}
