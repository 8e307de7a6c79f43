//! AWS's own examples: the signature of a GET with headers and query ("Examples of Signature
//! Version 4", service `service`), IAM `ListUsers`, and those of the S3 documentation.

use http::Method;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn keys(service: &str, secret: &str) -> Keys {
    let access_key = if service == "s3" { "AKIAIOSFODNN7EXAMPLE" } else { "AKIDEXAMPLE" };
    Keys {
        service: service.to_owned(),
        region: "us-east-1".to_owned(),
        access_key: access_key.to_owned(),
        secret_key: secret.to_owned(),
        session_token: None,
    }
}

/// Signs with all headers and gives the signature.
fn signature(
    keys: &Keys,
    time: &str,
    (method, url): (&str, &str),
    headers: &[(&'static str, &str)],
    payload: &[u8],
) -> String {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().expect("a value"));
    }
    let signed: Vec<HeaderName> = map.keys().cloned().collect();
    let url = Url::parse(url).expect("a URL");
    let payload = encoding::hex(encoding::sha256(payload).as_ref());
    let canonical = canonical_request(method, &url, &map, &signed, &payload, keys.service == "s3");
    let value = authorization(keys, time, &canonical, &header_names(&signed));
    value.rsplit('=').next().unwrap_or_default().to_owned()
}

#[test]
fn the_vectors_of_the_test_suite_hold() {
    let keys = keys("service", SECRET);
    let time = "20150830T123600Z";
    let date = [("x-amz-date", time)];
    let host = "https://example.amazonaws.com";
    for (name, method, target, expected) in [
        (
            "get-vanilla",
            "GET",
            "/",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-key-case",
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "post-vanilla",
            "POST",
            "/",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ] {
        let url = format!("{host}{target}");
        let got = signature(&keys, time, (method, &url), &date, b"");
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn the_iam_example_of_the_documentation_holds() {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("x-amz-date", "20150830T123600Z"),
    ];
    let url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08";
    let keys = keys("iam", SECRET);
    assert_eq!(
        signature(&keys, "20150830T123600Z", ("GET", url), &headers, b""),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
}

#[test]
fn the_s3_examples_of_the_documentation_hold() {
    let keys = keys("s3", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let time = "20130524T000000Z";
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let host = "https://examplebucket.s3.amazonaws.com";
    let get = [("range", "bytes=0-9"), ("x-amz-content-sha256", empty), ("x-amz-date", time)];
    assert_eq!(
        signature(&keys, time, ("GET", &format!("{host}/test.txt")), &get, b""),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
    let body = b"Welcome to Amazon S3.";
    let put = [
        ("date", "Fri, 24 May 2013 00:00:00 GMT"),
        (
            "x-amz-content-sha256",
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        ),
        ("x-amz-date", time),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ];
    // The key is `test$file.text`.
    assert_eq!(
        signature(&keys, time, ("PUT", &format!("{host}/test%24file.text")), &put, body),
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    );
    let list = [("x-amz-content-sha256", empty), ("x-amz-date", time)];
    for (query, expected) in [
        ("?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            "?max-keys=2&prefix=J",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let got = signature(&keys, time, ("GET", &format!("{host}/{query}")), &list, b"");
        assert_eq!(got, expected, "{query}");
    }
}

#[test]
fn a_streamed_body_is_signed_as_unknown_and_the_session_goes_along() {
    let keys = Keys { session_token: Some("session".to_owned()), ..keys("s3", SECRET) };
    let mut url = Url::parse("https://b.s3.amazonaws.com/a b?x=1+2").expect("a URL");
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-date", "forged".parse().expect("a value"));
    headers.insert("user-agent", "caller".parse().expect("a value"));
    let mut injected = Injected::default();
    let head = Head {
        method: &Method::PUT,
        url: &mut url,
        headers: &mut headers,
        body: BodyForSigning::Unsigned,
    };
    let now = "2013-05-24T00:00:00Z".parse().expect("a moment");
    apply(&keys, now, head, &mut injected).expect("signed");
    assert_eq!(headers["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
    assert_eq!(headers["x-amz-date"], "20130524T000000Z");
    assert_eq!(url.query(), Some("x=1%202"));
    let value = headers["authorization"].to_str().expect("text");
    let names = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,";
    assert!(value.contains(names), "{value}");
    assert!(headers["authorization"].is_sensitive());
}

#[test]
fn a_slash_in_a_key_is_signed_as_one_however_it_is_written() {
    let path = |text: &str| super::path(&text.parse().expect("a URL"), true);
    let expected = "/bucket/a%20b/c%2525%28%29~";
    assert_eq!(path("https://s3.example.com/bucket/a%20b%2Fc%2525()~"), expected);
    assert_eq!(path("https://s3.example.com/bucket/a%20b/c%2525%28%29~"), expected);
}
