//! Secrets of one exchange, to be found again wherever a provider repeats them.

use serde_json::{Map, Value};

use super::Place;
use crate::answer::tidy;
use crate::connector::Connector;
use crate::manifest::fields::{Field, FieldKind};

/// Shorter texts are not looked for: replacing every "ab" would hide nothing and spoil all.
const FOUND_BYTES_MIN: usize = 6;
/// Words from this length on are no words for people; they may be tokens that we do not know.
const WORD_CHARS_MAX: usize = 80;
/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 300;
const MASK: &str = "***";

/// What must not be in a message.
pub(super) struct Secrets(Vec<zeroize::Zeroizing<String>>);

impl Secrets {
    pub(super) fn of(at: &Place<'_>) -> Self {
        let mut found = Self(Vec::new());
        let account = at.ctx.account();
        found.add(account.app.get("client_secret"));
        for field in at.connector.manifest().app_fields.iter().filter(|it| is_secret(it)) {
            found.add(account.app.get(&field.name));
        }
        for name in secret_fields(at.connector, at) {
            found.add(account.fields.get(name));
        }
        if let Some(token) = account.token {
            found.add_text(&token.access_token);
            if let Some(refresh_token) = &token.refresh_token {
                found.add_text(refresh_token);
            }
            found.add_all(&token.extra);
        }
        found.add(at.oauth.get("code"));
        found.add(at.oauth.get("code_verifier"));
        found.add(at.oauth.get("client_assertion"));
        found.add(Some(&at.assertion));
        if let Value::Object(callback) = &at.callback {
            found.add_all(callback);
        }
        if let Value::Object(steps) = &at.saved {
            steps.values().filter_map(Value::as_object).for_each(|saved| found.add_all(saved));
        }
        found
    }

    fn add(&mut self, value: Option<&Value>) {
        if let Some(Value::String(text)) = value {
            self.add_text(text);
        }
    }

    fn add_all(&mut self, members: &Map<String, Value>) {
        members.values().for_each(|value| self.add(Some(value)));
    }

    fn add_text(&mut self, text: &str) {
        if text.len() >= FOUND_BYTES_MIN {
            self.0.push(text.to_owned().into());
        }
    }

    /// A provider's text as one line for people: bounded, without secrets. `None` for nothing.
    pub(super) fn clean(&self, text: &str) -> Option<String> {
        let mut clean = text.to_owned();
        for secret in &self.0 {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), MASK);
            }
        }
        let words = clean
            .split_whitespace()
            .map(|word| if word.chars().count() > WORD_CHARS_MAX { MASK } else { word });
        let line = words.collect::<Vec<_>>().join(" ");
        let line: String = line.chars().take(REASON_CHARS_MAX).collect();
        tidy(&line)
    }
}

fn secret_fields<'c>(connector: &'c Connector, at: &Place<'c>) -> impl Iterator<Item = &'c str> {
    let fields = connector.fields_of(at.method);
    fields.into_iter().filter(|field| is_secret(field)).map(|field| field.name.as_str())
}

fn is_secret(field: &Field) -> bool {
    field.secret || field.kind == FieldKind::Password
}
