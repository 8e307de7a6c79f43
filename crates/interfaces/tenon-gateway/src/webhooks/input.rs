//! What a run sees of a call: the event and the headers, without what proves that the call is real.

use http::HeaderMap;
use serde_json::{Map, Value, json};
use tenon_connector::manifest::webhooks::{Verification, Webhook};
use tenon_connector::webhook::Event;
use zeroize::Zeroizing;

use crate::triggers::visible_headers;

/// Secrets from this length on are looked for inside of texts.
const CONTAINED_BYTES_MIN: usize = 8;
/// Stands where a secret was.
const HIDDEN: &str = "***";

/// The headers that runs see: neither credentials, nor the signature, nor a secret.
pub(super) fn headers(
    webhook: &Webhook,
    headers: &HeaderMap,
    secrets: &[Zeroizing<String>],
) -> Value {
    let mut visible = visible_headers(headers);
    if let Value::Object(members) = &mut visible {
        let signature = match &webhook.verification {
            Verification::Hmac { signature, .. } | Verification::Asymmetric { signature, .. } => {
                Some(signature.header.to_ascii_lowercase())
            }
            _ => None,
        };
        members.retain(|name, value| {
            let is_secret = value.as_str().is_some_and(|text| holds_one(text, secrets));
            signature.as_ref() != Some(name) && !is_secret
        });
    }
    visible
}

/// What templates see as `trigger`.
pub(super) fn of_event(event: &Event, headers: &Value, secrets: &[Zeroizing<String>]) -> Value {
    let mut body = event.body.clone();
    hide(&mut body, secrets);
    let mut webhook = Map::new();
    webhook.insert("event".to_owned(), Value::from(event.event.as_str()));
    webhook.insert("body".to_owned(), body);
    webhook.insert("headers".to_owned(), headers.clone());
    json!({ "webhook": webhook })
}

/// Some providers prove a call by a secret in its body.
fn hide(value: &mut Value, secrets: &[Zeroizing<String>]) {
    match value {
        Value::String(text) if holds_one(text, secrets) => *value = Value::from(HIDDEN),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        Value::Object(members) => members.values_mut().for_each(|member| hide(member, secrets)),
        _ => {}
    }
}

fn holds_one(text: &str, secrets: &[Zeroizing<String>]) -> bool {
    secrets.iter().any(|secret| match secret.len() {
        0 => false,
        // A short one is a part of many texts.
        1..CONTAINED_BYTES_MIN => text == secret.as_str(),
        _ => text.contains(secret.as_str()),
    })
}
