//! Takes secrets out of what providers say, before anybody reads it: some repeat the token that
//! they refuse.

use serde_json::{Map, Value};
use zeroize::Zeroize as _;

/// Shorter values are left alone: they are found in any text.
const SECRET_CHARS_MIN: usize = 6;

/// What is shown of a provider's words, in characters.
const TEXT_CHARS_MAX: usize = 300;

/// Knows the secrets of one account. Wiped when it is dropped.
#[derive(Default)]
pub struct Scrubber(Vec<String>);

impl Scrubber {
    /// Takes up every text of an object.
    pub(crate) fn add_all(&mut self, values: &Map<String, Value>) {
        values.values().for_each(|value| self.add_value(value));
    }

    /// Takes up a secret.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.chars().count() >= SECRET_CHARS_MIN {
            self.0.push(secret.to_owned());
        }
    }

    /// Takes up what another one knows.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// The text with its secrets masked; `None` where it holds none.
    #[must_use]
    pub fn masked(&self, text: &str) -> Option<String> {
        let is_clean = !self.0.iter().any(|secret| text.contains(secret.as_str()));
        (!is_clean).then(|| self.without(text))
    }

    fn without(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |clean, secret| clean.replace(secret.as_str(), "***"))
    }

    /// The text without secrets and control characters, cut to a length that people read.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let clean = self.without(text);
        let is_plain = |c: &char| !c.is_control();
        clean.chars().filter(is_plain).take(TEXT_CHARS_MAX).collect()
    }

    pub(super) fn add_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Object(members) => self.add_all(members),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl Drop for Scrubber {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|secret| secret.zeroize());
    }
}

/// Overwrites every text of an object.
pub(crate) fn wipe(values: &mut Map<String, Value>) {
    values.values_mut().for_each(wipe_value);
}

fn wipe_value(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe_value),
        Value::Object(members) => wipe(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_at_any_depth_are_taken_out() {
        let Value::Object(values) = json!({
            "key": "canary-one", "short": "abc", "list": ["canary-two", {"deep": "canary-three"}]
        }) else {
            panic!("it is an object");
        };
        let mut scrubber = Scrubber::default();
        scrubber.add_all(&values);
        let clean = scrubber.clean("canary-one, canary-two\r\n and canary-three, but abc");
        assert_eq!(clean, "***, *** and ***, but abc");
    }

    #[test]
    fn a_long_text_is_cut_after_the_secrets_are_out() {
        let mut scrubber = Scrubber::default();
        scrubber.add("canary-canary");
        let clean = scrubber.clean(&format!("{}canary-canary", "x".repeat(TEXT_CHARS_MAX - 5)));
        assert!(!clean.contains("can"), "{clean}");
        assert_eq!(scrubber.clean(&"y".repeat(10_000)).len(), TEXT_CHARS_MAX);
    }

    #[test]
    fn wiping_leaves_nothing() {
        let Value::Object(mut values) = json!({"a": "canary", "b": [{"c": "canary"}]}) else {
            panic!("it is an object");
        };
        wipe(&mut values);
        assert!(!Value::Object(values).to_string().contains("canary"));
    }
}
