//! What the provider sees of a call.

use http::Method;

use crate::stage::{Provider, Stage, json};

async fn provider() -> Provider {
    Provider::new(|_| json(200, "{\"ok\":true}")).await
}

#[tokio::test]
async fn a_call_goes_below_the_base_with_the_credential_and_its_query() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let answer = stage.client().get(&stage.own("v1/items%2Fa?x=1&y=%2e%2e&x=2")).await;
    assert_eq!(answer.status, 200);
    let seen = provider.only();
    assert_eq!(seen.method, "GET");
    assert_eq!(seen.target, "/base/v1/items%2Fa?x=1&y=%2e%2e&x=2");
    assert_eq!(seen.header("authorization"), Some("Bearer token-1"));
    assert_eq!(seen.header("host"), Some(provider.address.to_string().as_str()));
    let record = stage.calls.only().await;
    assert_eq!((record.path.as_str(), record.status), ("v1/items%2Fa", 200));
    assert_eq!(record.host, "127.0.0.1");
    assert_eq!((record.response_bytes, record.is_complete), (11, true));
    assert_eq!(record.credential, Some(stage.credentials[0]));
}

#[tokio::test]
async fn every_method_and_its_body_pass() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY"];
    for method in methods {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let headers = [("content-type", "text/plain")];
        let body = if method == Method::GET { "" } else { "content" };
        let answer = stage.client().call(method, &stage.own("a"), &headers, body).await;
        assert_eq!(answer.status, 200);
    }
    let seen = provider.seen();
    assert_eq!(seen.iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>(), methods);
    assert!(seen[1..].iter().all(|seen| seen.body == "content"));
}

#[tokio::test]
async fn headers_of_the_caller_pass_but_not_those_about_it() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let headers = [
        ("accept", "application/vnd.x+json"),
        ("x-custom", "1"),
        ("if-none-match", "\"x\""),
        ("cookie", "session=1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("x-paragon-sdk-version", "2.4.0"),
        ("proxy-authorization", "Basic x"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("referer", "https://app.example/secret"),
        ("user-agent", "builder/1"),
    ];
    stage.client().call(Method::GET, &stage.own("a"), &headers, "").await;
    let seen = provider.only();
    let mut names: Vec<_> = seen.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["accept", "authorization", "host", "if-none-match", "user-agent", "x-custom"]
    );
    assert_eq!(seen.header("user-agent"), Some("builder/1"));
}

#[tokio::test]
async fn the_caller_cannot_override_the_credential() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    *stage.accounts.in_query.lock() = true;
    let path = stage.own("a?api_key=mine&x=1&api%5Fkey=mine-too");
    stage.client().get(&path).await;
    let seen = provider.only();
    assert_eq!(seen.target, "/base/a?x=1&api_key=token-1");
    assert_eq!(seen.header("authorization"), None, "the key of the project stays here");
    assert_eq!(stage.calls.only().await.path, "a");
}

#[tokio::test]
async fn auto_is_settled_by_the_body() {
    for (given, body, expected) in [
        ("auto", "{\"a\":1}", Some("application/json")),
        ("auto", "plain", Some("application/octet-stream")),
        ("", "[1]", Some("application/json")),
        ("text/csv", "{", Some("text/csv")),
        ("auto", "", None),
    ] {
        let provider = provider().await;
        let stage = Stage::new(&provider).await;
        let headers = [("content-type", given)];
        stage.client().call(Method::POST, &stage.sdk("a"), &headers, body).await;
        let seen = provider.only();
        assert_eq!(seen.header("content-type"), expected, "{given} {body}");
        assert_eq!(seen.body, body);
    }
}

#[tokio::test]
async fn a_url_of_the_caller_replaces_the_path() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let whole = provider.url("/elsewhere?x=1");
    for (name, url) in [("x-paragon-proxy-url", whole.as_str()), ("x-tenon-proxy-url", "/b/c?x=1")]
    {
        let answer = stage.client().call(Method::GET, &stage.own("?y=2"), &[(name, url)], "").await;
        assert_eq!(answer.status, 200);
    }
    let seen = provider.seen();
    assert_eq!(seen[0].target, "/elsewhere?x=1&y=2");
    assert_eq!(seen[1].target, "/base/b/c?x=1&y=2");
}

#[tokio::test]
async fn targets_elsewhere_are_refused_and_nobody_is_called() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    for path in
        ["../admin", "%2e%2e/admin", "..%2fadmin", "/evil.example/", "%252e%252e/a", "a%5cb"]
    {
        let answer = stage.client().get(&stage.own(path)).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json()["code"], "proxy_target", "{path}");
    }
    for url in [
        "http://127.0.0.1:1/",
        "http://localhost/",
        "https://evil.example/",
        "http://169.254.169.254/latest/meta-data",
        "//evil.example/",
        "file:///etc/passwd",
        "../b",
    ] {
        let headers = [("x-tenon-proxy-url", url)];
        let answer = stage.client().call(Method::GET, &stage.own(""), &headers, "").await;
        assert_eq!(answer.status, 400, "{url}");
        assert_eq!(answer.json()["code"], "proxy_target", "{url}");
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn a_type_of_token_can_be_asked_for() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let headers = [("x-paragon-use-slack-token-type", "user")];
    stage.client().call(Method::GET, &stage.own("a"), &headers, "").await;
    assert_eq!(provider.only().header("authorization"), Some("Bearer user-token-1"));
    let headers = [("x-tenon-token-type", "none")];
    let answer = stage.client().call(Method::GET, &stage.own("a"), &headers, "").await;
    assert_eq!(answer.json()["code"], "invalid_field");
}
