//! Names and ids: their form, and that they are unique.

use std::collections::HashSet;

use super::finder::{Finder, shown};
use super::parts;
use crate::manifest::Manifest;

const ID_HELP: &str = "use 1 to 63 of a-z, 0-9 and _, starting with a letter";

pub(super) fn check(manifest: &Manifest, finder: &mut Finder) {
    identity(manifest, finder);
    let auth = manifest.auth.iter().map(|method| method.id.as_str());
    check_ids("/auth", "auth method", auth, finder);
    let actions = manifest.actions.iter().map(|action| action.id.as_str());
    check_ids("/actions", "action", actions, finder);
    let webhooks = manifest.webhooks.iter().map(|webhook| webhook.id.as_str());
    check_ids("/webhooks", "webhook", webhooks, finder);
    for sequence in parts::sequences(manifest) {
        let steps = sequence.steps.iter().map(|step| step.id.as_str());
        check_ids(&sequence.pointer, "step", steps, finder);
        for (index, step) in sequence.steps.iter().enumerate() {
            let pointer = format!("{}/{index}/save", sequence.pointer);
            saved(&pointer, step.save.keys(), finder);
        }
    }
    let fields = [
        ("/app_fields".to_owned(), &manifest.app_fields),
        ("/fields".to_owned(), &manifest.fields),
    ];
    let own = manifest.auth.iter().enumerate();
    let own = own.map(|(index, method)| (format!("/auth/{index}/fields"), &method.fields));
    for (pointer, fields) in fields.into_iter().chain(own) {
        for (index, field) in fields.iter().enumerate() {
            if !is_id(&field.name) {
                refuse(&format!("{pointer}/{index}/name"), "field name", &field.name, finder);
            }
        }
    }
    if let Some(identity) = &manifest.lifecycle.identity {
        saved("/lifecycle/identity/save", identity.save.keys(), finder);
    }
    for (index, method) in manifest.auth.iter().enumerate() {
        if let Some(response) = parts::token_response(&method.kind) {
            saved(&format!("/auth/{index}/response/extra"), response.extra.keys(), finder);
            saved(&format!("/auth/{index}/response/fields"), response.fields.keys(), finder);
        }
    }
}

fn identity(manifest: &Manifest, finder: &mut Finder) {
    if !is_connector_name(&manifest.name) {
        let message = format!("\"{}\" is not a connector's name", shown(&manifest.name));
        let help = "use 1 to 63 of a-z, 0-9 and -, not starting with -";
        finder.say("invalid_name", "/name", message, help);
    }
    let parts: Vec<&str> = manifest.version.split('.').collect();
    let is_number = |part: &&str| {
        !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit())
    };
    if parts.len() != 3 || !parts.iter().all(is_number) {
        let message = format!("\"{}\" is not a version", shown(&manifest.version));
        finder.say("invalid_version", "/version", message, "write it as 1.0.0");
    }
    for (pointer, text) in [("/title", &manifest.title), ("/description", &manifest.description)] {
        if text.trim().is_empty() {
            finder.say("empty_text", pointer, "this is empty", "write what people should read");
        }
    }
    if manifest.categories.is_empty() {
        let message = "a connector needs a category";
        finder.say("empty_list", "/categories", message, "such as crm or communication");
    }
    if !manifest.docs.starts_with("https://") || url::Url::parse(&manifest.docs).is_err() {
        let message = format!("\"{}\" is not an https URL", shown(&manifest.docs));
        finder.say("invalid_url", "/docs", message, "link the provider's API documentation");
    }
    if let Some(color) = &manifest.color {
        let digits = color.strip_prefix('#').unwrap_or_default();
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            let message = format!("\"{}\" is not a colour", shown(color));
            finder.say("invalid_color", "/color", message, "write it as #1a2b3c");
        }
    }
    if manifest.auth.is_empty() {
        let message = "a connector needs an auth method";
        finder.say("empty_list", "/auth", message, "write type: none if nothing is needed");
    }
    if manifest.proxy.base_url.is_empty() {
        let message = "a connector needs a base URL";
        finder.say("empty_list", "/proxy/base_url", message, "write - url: https://...");
    }
}

fn check_ids<'a>(
    pointer: &str,
    noun: &str,
    ids: impl Iterator<Item = &'a str>,
    finder: &mut Finder,
) {
    let mut seen = HashSet::new();
    for (index, id) in ids.enumerate() {
        let pointer = format!("{pointer}/{index}/id");
        if !is_id(id) {
            refuse(&pointer, &format!("{noun}'s id"), id, finder);
        } else if !seen.insert(id) {
            let message = format!("another {noun} is called \"{id}\"");
            finder.say("duplicate_name", &pointer, message, "give it another id");
        }
    }
}

/// Names that become part of a template's path.
fn saved<'a>(pointer: &str, names: impl Iterator<Item = &'a String>, finder: &mut Finder) {
    for name in names.filter(|name| !is_id(name)) {
        refuse(&super::finder::at(pointer, name), "name", name, finder);
    }
}

fn refuse(pointer: &str, noun: &str, text: &str, finder: &mut Finder) {
    let message = format!("\"{}\" is not a {noun}", shown(text));
    finder.say("invalid_name", pointer, message, ID_HELP);
}

pub(crate) fn is_id(id: &str) -> bool {
    (1..=63).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

pub(crate) fn is_connector_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
