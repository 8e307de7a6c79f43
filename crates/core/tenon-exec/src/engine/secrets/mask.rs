//! Takes opened secrets out of what an attempt leaves behind: what history keeps of its input, its
//! output, its console and its error. Later steps see the output as history does.
//!
//! A secret is found as it is and in the forms that services and functions give back: escaped,
//! encoded, in Base64 at any offset, in hexadecimal; of one with several lines each line, of a JSON
//! object each text in it. What was computed from it otherwise (a signature, a digest) is no secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use serde_json::Value;
use tenon_domain::secrets::SECRET_BYTES_MIN;
use zeroize::Zeroizing;

use crate::steps::integration::mask::forms;
use crate::steps::{Failure, FailureClass, Outcome};

/// Stands where a secret was.
const MASK: &str = "***";

/// Parts of a secret (lines, texts of a JSON object) that are looked for beside the whole; more are
/// left alone, so that a search stays a search.
const PARTS_MAX: usize = 256;

/// Values above this size are searched on a thread of their own, in bytes.
const INLINE_BYTES_MAX: usize = 256 << 10;

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// For people: a short password is taken out too, wherever it may be a part of something else.
    Record,
    /// For later steps: replacing each "12" would spoil it, so a short password goes only where it
    /// stands alone.
    Output,
}

/// What is secret in one attempt, in every form that is looked for. Wiped when dropped.
#[derive(Default)]
pub(in crate::engine) struct Mask {
    /// Longest first: what holds another is replaced first.
    found: Vec<Zeroizing<String>>,
    /// Shorter than a secret of the project may be: passwords that users chose.
    short: Vec<Zeroizing<String>>,
}

impl Mask {
    /// Looks for these texts.
    pub(in crate::engine) fn of<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let mut mask = Self::default();
        for secret in secrets {
            mask.add(secret);
            let whole = secret.trim_end_matches(['\r', '\n']);
            if whole != secret {
                mask.add(whole);
            }
            mask.add_parts(secret);
        }
        mask.found.sort_by_key(|form| std::cmp::Reverse(form.len()));
        mask.found.dedup();
        mask
    }

    /// What came out of an attempt, without them.
    pub(in crate::engine) async fn clean(
        self,
        result: Result<Outcome, Failure>,
    ) -> Result<Outcome, Failure> {
        if bytes_of(&result) <= INLINE_BYTES_MAX {
            return self.cleaned(result);
        }
        let cleaned = tokio::task::spawn_blocking(move || self.cleaned(result)).await;
        cleaned.unwrap_or_else(|_| {
            // Only a runtime that goes down leaves it unsearched: then it is not recorded either.
            let message = "the result could not be searched for secrets";
            Err(Failure::new("secret_unavailable", message, FailureClass::Infrastructure))
        })
    }

    fn cleaned(&self, result: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
        match result {
            Ok(mut outcome) => {
                outcome.input.iter_mut().for_each(|input| self.clean_value(input, Reach::Record));
                self.clean_value(&mut outcome.output, Reach::Output);
                for line in &mut outcome.console {
                    self.clean_text(&mut line.message, Reach::Record);
                }
                Ok(outcome)
            }
            Err(mut failure) => {
                self.clean_text(&mut failure.message, Reach::Record);
                failure.input.iter_mut().for_each(|input| self.clean_value(input, Reach::Record));
                let output = failure.output.iter_mut();
                output.for_each(|output| self.clean_value(output, Reach::Output));
                for line in &mut failure.console {
                    self.clean_text(&mut line.message, Reach::Record);
                }
                Err(failure)
            }
        }
    }

    fn add(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        if secret.len() < SECRET_BYTES_MIN {
            self.short.push(Zeroizing::new(secret.to_owned()));
            return;
        }
        for form in distinct_forms(secret) {
            // What is escaped may be encoded once more, as the bytes of a file are.
            self.found.extend(base64_forms(form.as_bytes()));
            self.found.push(form);
        }
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.found.push(Zeroizing::new(hex.to_uppercase()));
        self.found.push(Zeroizing::new(hex));
    }

    /// What of a secret may come back without the rest of it.
    fn add_parts(&mut self, secret: &str) {
        let mut parts = Vec::new();
        if secret.starts_with(['{', '[']) {
            match serde_json::from_str::<Value>(secret) {
                Ok(value) => texts_in(&value, &mut parts),
                Err(_) => parts.push(Zeroizing::new(secret.to_owned())),
            }
        } else {
            parts.push(Zeroizing::new(secret.to_owned()));
        }
        let lines = parts.iter().flat_map(|part| {
            let whole = (part.as_str() != secret).then_some(part.as_str());
            let lines = part.lines().map(str::trim).filter(|_| part.contains('\n'));
            // The first and last line of a PEM text are no secret.
            whole.into_iter().chain(lines.filter(|line| !line.starts_with("-----")))
        });
        let lines = lines.filter(|line| line.len() >= SECRET_BYTES_MIN).take(PARTS_MAX);
        for line in lines {
            self.found.extend(distinct_forms(line));
        }
    }

    fn clean_value(&self, value: &mut Value, reach: Reach) {
        match value {
            Value::String(text) => self.clean_text(text, reach),
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean_value(item, reach)),
            Value::Object(members) => {
                if members.keys().any(|name| self.cleaned_text(name, reach).is_some()) {
                    let whole = std::mem::take(members);
                    members.extend(whole.into_iter().map(|(name, value)| {
                        (self.cleaned_text(&name, reach).unwrap_or(name), value)
                    }));
                }
                members.values_mut().for_each(|member| self.clean_value(member, reach));
            }
            Value::Number(number) => {
                if self.cleaned_text(&number.to_string(), reach).is_some() {
                    *value = Value::from(MASK);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn clean_text(&self, text: &mut String, reach: Reach) {
        if let Some(cleaned) = self.cleaned_text(text, reach) {
            *text = cleaned;
        }
    }

    /// The text without them; `None`: there is none in it.
    fn cleaned_text(&self, text: &str, reach: Reach) -> Option<String> {
        let mut cleaned: Option<String> = None;
        let is_in = |text: &str, secret: &str| {
            text.len() >= secret.len() && memmem::find(text.as_bytes(), secret.as_bytes()).is_some()
        };
        let short = self.short.iter().filter(|it| reach == Reach::Record || it.as_str() == text);
        for secret in self.found.iter().chain(short) {
            let current = cleaned.as_deref().unwrap_or(text);
            if is_in(current, secret) {
                cleaned = Some(current.replace(secret.as_str(), MASK));
            }
        }
        cleaned
    }
}

/// The ways to write a secret, each once.
fn distinct_forms(secret: &str) -> Vec<Zeroizing<String>> {
    let mut distinct = Vec::with_capacity(6);
    for form in forms(secret).map(Zeroizing::new) {
        if !distinct.contains(&form) {
            distinct.push(form);
        }
    }
    distinct
}

/// Every text in a value.
fn texts_in(value: &Value, found: &mut Vec<Zeroizing<String>>) {
    match value {
        Value::String(text) => found.push(Zeroizing::new(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts_in(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts_in(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What of Base64 depends on the secret only, wherever it begins in what was encoded: with 0, 1 or 2
/// bytes before it in its group of three.
fn base64_forms(secret: &[u8]) -> Vec<Zeroizing<String>> {
    let mut found = Vec::with_capacity(6);
    for (before, first) in [(0, 0), (1, 2), (2, 3)] {
        let mut bytes = Zeroizing::new(vec![0; before]);
        bytes.extend_from_slice(secret);
        // The last digit may be shared with what follows.
        let whole = bytes.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&*bytes), URL_SAFE_NO_PAD.encode(&*bytes)] {
            let encoded = Zeroizing::new(encoded);
            found.push(Zeroizing::new(encoded[first..whole].to_owned()));
        }
    }
    found
}

/// About how much there is to search.
fn bytes_of(result: &Result<Outcome, Failure>) -> usize {
    fn of_value(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(of_value).sum(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| name.len() + of_value(value)).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        }
    }
    match result {
        Ok(outcome) => outcome.input.as_ref().map_or(0, of_value) + of_value(&outcome.output),
        Err(failure) => {
            let parts = [failure.input.as_deref(), failure.output.as_deref()];
            parts.into_iter().flatten().map(of_value).sum()
        }
    }
}

#[cfg(test)]
mod tests;
