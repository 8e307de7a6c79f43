//! What history keeps of a call: everything but its secrets.

use http::header::{HeaderMap, HeaderName};
use serde_json::{Map, Value};
use tenon_connector::request::url;

/// Stands in history where a secret was.
pub(super) const MASK: &str = "***";

/// Shorter texts are only masked where they are known to be: replacing every "ab" in a body
/// would hide nothing and spoil it.
const FOUND_BYTES_MIN: usize = 8;

/// Headers whose values are secrets, whoever set them.
const SECRET_HEADERS: &[&str] = &["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// The secrets of one call, to be found again wherever a template put them.
#[derive(Default)]
pub(in crate::steps) struct Secrets(Vec<String>);

impl Secrets {
    /// Adds a secret and the form it has in a URL.
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() < FOUND_BYTES_MIN {
            return;
        }
        self.0.push(secret.to_owned());
        let encoded = url::encode(secret);
        if encoded != secret {
            self.0.push(encoded);
        }
    }

    /// A text with every secret in it masked.
    pub(super) fn mask(&self, text: &str) -> String {
        let found = self.0.iter().filter(|secret| text.contains(secret.as_str()));
        let mut masked = text.to_owned();
        for secret in found {
            masked = masked.replace(secret.as_str(), MASK);
        }
        masked
    }

    /// Masks every text in a value.
    pub(super) fn mask_value(&self, value: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        match value {
            Value::String(text) => {
                if self.0.iter().any(|secret| text.contains(secret.as_str())) {
                    *text = self.mask(text);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_value(item)),
            Value::Object(members) => members.values_mut().for_each(|value| self.mask_value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Headers as history shows them; those named in `secret` are masked whole.
    pub(in crate::steps) fn headers(&self, headers: &HeaderMap, secret: &[HeaderName]) -> Value {
        let mut shown = Map::with_capacity(headers.len());
        for name in headers.keys() {
            let is_secret = SECRET_HEADERS.contains(&name.as_str()) || secret.contains(name);
            let text = if is_secret {
                MASK.to_owned()
            } else {
                let values: Vec<_> = headers
                    .get_all(name)
                    .iter()
                    .map(|value| String::from_utf8_lossy(value.as_bytes()))
                    .collect();
                self.mask(&values.join(", "))
            };
            shown.insert(name.as_str().to_owned(), Value::String(text));
        }
        Value::Object(shown)
    }
}
