use http::HeaderValue;

use super::*;

/// RFC 5849, 3.4.1.1 and 3.4.1.3.1.
#[test]
fn the_base_string_is_that_of_the_rfc() {
    let url =
        Url::parse("http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b").expect("URL");
    let params = [
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
    ];
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form);
    let form = form_fields(&headers, BodyForSigning::Whole(b"c2&a3=2+q"));
    assert_eq!(
        base_string(&Method::POST, &url, &params, &form),
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D\
         %253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce\
         %3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26\
         oauth_token%3Dkkk9d7dh3k39sjv7"
    );
}

fn keys(method: Oauth1Method) -> Keys {
    Keys {
        method,
        consumer_key: "dpf43f3p2l4k3l03".to_owned(),
        consumer_secret: "kd94hf93k423kf44".to_owned(),
        token: Some("nnch734d00sl2jdk".to_owned()),
        token_secret: "pfkkdhi9sl3r4s00".to_owned(),
        realm: None,
    }
}

/// RFC 5849, 1.2: the photo of the example.
#[test]
fn the_signatures_are_those_of_the_rfc() {
    let url = Url::parse("http://photos.example.net/photos?file=vacation.jpg&size=original")
        .expect("URL");
    let params = [
        ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
        ("oauth_token", "nnch734d00sl2jdk"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131202"),
        ("oauth_nonce", "chapoH"),
    ];
    let base = base_string(&Method::GET, &url, &params, &[]);
    let got = signature(&keys(Oauth1Method::HmacSha1), &base);
    assert_eq!(got.as_deref(), Ok("MdpQcU8iPSUjWoN/UDMsK2sui9I="));
    // RFC 5849, 1.2: the request for token credentials.
    let url = Url::parse("https://photos.example.net/token").expect("URL");
    let params = [
        ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
        ("oauth_token", "hh5s93j4hdidpola"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "walatlh"),
        ("oauth_verifier", "hfdp7dh39dks9884"),
    ];
    let base = base_string(&Method::POST, &url, &params, &[]);
    let last = Keys { token_secret: "hdhd0244k9j7ao03".to_owned(), ..keys(Oauth1Method::HmacSha1) };
    assert_eq!(signature(&last, &base).as_deref(), Ok("gKgrFCywp7rO0OXSjdot/IHF7IU="));
}

#[test]
fn plaintext_is_both_secrets_and_rsa_sha1_is_refused() {
    let got = signature(&keys(Oauth1Method::Plaintext), "whatever");
    assert_eq!(got.as_deref(), Ok("kd94hf93k423kf44&pfkkdhi9sl3r4s00"));
    assert!(signature(&keys(Oauth1Method::RsaSha1), "whatever").is_err());
}

#[test]
fn the_header_has_all_parts_encoded() {
    let text = header_text(&[("oauth_token", "a/b=")], "x+y/z=", Some("my realm"));
    assert_eq!(
        text,
        "OAuth realm=\"my%20realm\", oauth_token=\"a%2Fb%3D\", oauth_signature=\"x%2By%2Fz%3D\""
    );
}
