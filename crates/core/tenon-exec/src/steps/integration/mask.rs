//! Takes the credential out of an answer that repeats it: services that echo requests do, and
//! error texts that quote a token. So it reaches neither history nor later steps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};
use memchr::memmem;
use serde_json::Value;
use tenon_connector::call::{Answer, Call};
use tenon_connector::inject::Injected;
use tenon_connector::request::url::encode;
use zeroize::Zeroizing;

/// Stands where a credential was.
const MASK: &[u8] = b"***";

/// Shorter texts are left alone: replacing every "ab" would hide nothing and spoil the answer.
const FOUND_BYTES_MIN: usize = 8;

/// Bodies above this size are searched on a thread of their own, in bytes.
const INLINE_BYTES_MAX: usize = 1 << 20;

/// What of a call is secret, in the forms in which an answer may repeat it.
#[derive(Default)]
pub(super) struct Mask(Vec<Zeroizing<Vec<u8>>>);

impl Mask {
    /// What was put into a call.
    pub(super) fn of(call: &Call, injected: &Injected) -> Self {
        let mut mask = Self::default();
        for value in call.headers.values().filter(|value| value.is_sensitive()) {
            let Ok(text) = value.to_str() else { continue };
            mask.add(text);
            if let Some((scheme, credentials)) = text.split_once(' ') {
                mask.add(credentials);
                if scheme.eq_ignore_ascii_case("basic") {
                    mask.add_password(credentials);
                }
            }
        }
        for (name, value) in call.url.query_pairs() {
            if injected.query.iter().any(|secret| *secret == name) {
                mask.add(&value);
            }
        }
        mask
    }

    /// The password of HTTP Basic, which an answer may quote as the user wrote it.
    fn add_password(&mut self, credentials: &str) {
        let Ok(decoded) = STANDARD.decode(credentials).map(Zeroizing::new) else { return };
        let Ok(decoded) = std::str::from_utf8(&decoded) else { return };
        if let Some((_, password)) = decoded.split_once(':') {
            self.add(password);
        }
    }

    fn add(&mut self, secret: &str) {
        if secret.len() < FOUND_BYTES_MIN {
            return;
        }
        for form in forms(secret) {
            let form = Zeroizing::new(form.into_bytes());
            if !self.0.contains(&form) {
                self.0.push(form);
            }
        }
        // What holds another is replaced first.
        self.0.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// The answer without it.
    pub(super) async fn clean(self, answer: Answer) -> Answer {
        let Answer { status, mut headers, body } = answer;
        self.clean_headers(&mut headers);
        let whole = body.clone();
        let body = if body.len() <= INLINE_BYTES_MAX {
            self.clean_bytes(body)
        } else {
            let cleaned = tokio::task::spawn_blocking(move || self.clean_bytes(whole)).await;
            // Only a runtime that goes down leaves it unsearched; then nothing is recorded either.
            cleaned.unwrap_or_default()
        };
        Answer { status, headers, body }
    }

    fn clean_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let bytes = Bytes::copy_from_slice(value.as_bytes());
            let cleaned = self.clean_bytes(bytes.clone());
            if cleaned != bytes
                && let Ok(cleaned) = HeaderValue::from_bytes(&cleaned)
            {
                *value = cleaned;
            }
        }
    }

    fn clean_bytes(&self, mut body: Bytes) -> Bytes {
        for secret in &self.0 {
            let finder = memmem::Finder::new(secret.as_slice());
            if finder.find(&body).is_none() {
                continue;
            }
            let mut cleaned = Vec::with_capacity(body.len());
            let mut from = 0;
            for at in finder.find_iter(&body) {
                cleaned.extend_from_slice(&body[from..at]);
                cleaned.extend_from_slice(MASK);
                from = at + secret.len();
            }
            cleaned.extend_from_slice(&body[from..]);
            body = cleaned.into();
        }
        body
    }
}

/// How an answer may write a secret: as it is, as in a URL or a form, in JSON, and in HTML.
pub(crate) fn forms(secret: &str) -> [String; 6] {
    let quoted = Value::from(secret).to_string();
    let json = quoted[1..quoted.len() - 1].to_owned();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    [
        secret.to_owned(),
        encode(secret),
        encode(secret).replace("%20", "+"),
        json.replace('/', "\\/"),
        json,
        html.replace('"', "&quot;"),
    ]
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};
    use url::Url;

    use super::*;

    fn mask(authorization: &str, url: &str) -> Mask {
        let mut value = HeaderValue::from_str(authorization).expect("a header value");
        value.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert("authorization", value);
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let url = Url::parse(url).expect("a URL");
        let call = Call { method: Method::GET, url, headers, body: Bytes::new() };
        Mask::of(&call, &Injected { query: vec!["key".to_owned()], ..Injected::default() })
    }

    async fn cleaned(mask: Mask, body: &str) -> (String, HeaderMap) {
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", HeaderValue::from_str(body).expect("a header value"));
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = mask.clean(Answer { status: StatusCode::OK, headers, body }).await;
        (String::from_utf8(answer.body.to_vec()).expect("text"), answer.headers)
    }

    #[tokio::test]
    async fn each_form_of_what_was_injected_is_taken_out() {
        let url = "https://x/?key=query%2Fcanary%2B1&page=page-of-many";
        let body = r#"{"a":"Bearer head/canary/1","b":"head\/canary\/1 x","c":"query/canary+1",
            "d":"/?key=query%2Fcanary%2B1","e":"page-of-many","f":"application/json"}"#
            .replace('\n', "");
        let (text, headers) = cleaned(mask("Bearer head/canary/1", url), &body).await;
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("page-of-many") && text.contains("application/json"), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        assert!(!headers["x-echo"].to_str().expect("text").contains("canary"));
    }

    #[tokio::test]
    async fn quotes_are_found_however_they_are_written() {
        let secret = r#"canary "1"\<2> a b"#;
        for written in [
            serde_json::json!({ "said": secret }).to_string(),
            secret.replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
            "canary+%221%22%5C%3C2%3E+a+b".to_owned(),
        ] {
            let (text, _) =
                cleaned(mask(&format!("Bearer {secret}"), "https://x/"), &written).await;
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_password_of_http_basic_is_taken_out_too() {
        let basic = format!("Basic {}", STANDARD.encode("ada:canary:with-colon"));
        let (text, _) = cleaned(mask(&basic, "https://x/"), "no canary:with-colon here").await;
        assert_eq!(text, "no *** here");
    }

    #[tokio::test]
    async fn a_short_secret_and_a_large_body_are_fine() {
        let (text, _) = cleaned(mask("Basic ab", "https://x/?key=c"), "an ab and a c").await;
        assert_eq!(text, "an ab and a c");
        let body = Bytes::from(format!("{}canary-1234", "x".repeat(INLINE_BYTES_MAX)));
        let mask = mask("Bearer canary-1234", "https://x/");
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body };
        let cleaned = mask.clean(answer).await.body;
        assert!(cleaned.ends_with(b"x***"));
    }
}
