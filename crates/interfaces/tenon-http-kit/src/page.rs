//! Pages that Tenon itself shows to a person: self-contained, with one style and at most small
//! scripts, both known to the browser by a nonce. They load nothing, send nothing, stand in no
//! frame and are not kept. What is on them is the caller's affair.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};

/// An answer with a page: `html` writes it for a fresh nonce. Its address may hold a secret, so
/// it is told to nobody. There is no `Cross-Origin-Opener-Policy`: a page in a popup may have to
/// speak to an opener of another origin.
pub fn page(status: StatusCode, html: impl FnOnce(&str) -> String) -> Response {
    let mut random = [0_u8; 16];
    // Without random bytes the script does not run; the page says all the same.
    let nonce = match getrandom::fill(&mut random) {
        Ok(()) => STANDARD_NO_PAD.encode(random),
        Err(_) => String::new(),
    };
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy =
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (status, headers, html(&nonce)).into_response()
}

/// Text for an element or a quoted attribute.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}

/// JSON for a `<script type="application/json">`.
#[must_use]
pub fn json_element(value: &serde_json::Value) -> String {
    // `<` could end the element early; the other characters mean nothing inside of it.
    value.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(escape("<a b=\"c\">'&"), "&lt;a b=&quot;c&quot;&gt;&#39;&amp;");
        let value = serde_json::json!({"a": "</script>"});
        assert_eq!(json_element(&value), "{\"a\":\"\\u003c/script>\"}");
    }

    #[test]
    fn each_page_has_its_own_nonce_and_its_policy_names_it() {
        let mut nonces = Vec::new();
        for _ in 0..2 {
            let answer = page(StatusCode::OK, |nonce| {
                nonces.push(nonce.to_owned());
                String::new()
            });
            let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
            let nonce = nonces.last().expect("the page was written");
            assert!(policy.contains(&format!("script-src 'nonce-{nonce}'")), "{policy}");
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        }
        assert_ne!(nonces[0], nonces[1]);
    }
}
