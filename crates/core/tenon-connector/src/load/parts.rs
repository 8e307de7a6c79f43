//! The parts of a manifest that several rules ask for, and the rules on fields and sequences.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use tenon_domain::document::one_of;

use super::finder::{Finder, at, shown};
use crate::connector::own_fields;
use crate::manifest::Manifest;
use crate::manifest::auth::{AuthKind, AuthMethod, TokenResponse};
use crate::manifest::data_sources::{Select, SourceKind};
use crate::manifest::fields::{Field, FieldKind};
use crate::manifest::request::{RequestSpec, RequestStep};
use crate::manifest::webhooks::Registration;

/// Requests in order.
pub(super) struct Sequence<'a> {
    pub pointer: String,
    pub steps: &'a [RequestStep],
}

/// Every sequence of requests.
pub(super) fn sequences(manifest: &Manifest) -> Vec<Sequence<'_>> {
    let mut found = Vec::new();
    let mut push = |pointer: String, steps| found.push(Sequence { pointer, steps });
    for (index, method) in manifest.auth.iter().enumerate() {
        match &method.kind {
            AuthKind::TokenExchange(exchange) => {
                push(format!("/auth/{index}/steps"), exchange.steps.as_slice());
                push(format!("/auth/{index}/refresh_steps"), &exchange.refresh_steps);
            }
            AuthKind::Assertion(exchange) => push(format!("/auth/{index}/steps"), &exchange.steps),
            _ => {}
        }
    }
    if let Some(identity) = &manifest.lifecycle.identity {
        push("/lifecycle/identity/steps".to_owned(), &identity.steps);
    }
    for (index, action) in manifest.actions.iter().enumerate() {
        push(format!("/actions/{index}/before"), &action.before);
    }
    found
}

/// What a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Getting a token or giving it back: may go to any host that the manifest spells out.
    Auth,
    /// Everything else: goes where the proxy's rules allow.
    Call,
}

/// Every request, with its pointer.
pub(super) fn requests(manifest: &Manifest) -> Vec<(String, &RequestSpec, Purpose)> {
    let mut found = Vec::new();
    for sequence in sequences(manifest) {
        let is_auth = sequence.pointer.starts_with("/auth/");
        let purpose = if is_auth { Purpose::Auth } else { Purpose::Call };
        for (index, step) in sequence.steps.iter().enumerate() {
            found.push((format!("{}/{index}/request", sequence.pointer), &step.request, purpose));
        }
    }
    for (index, method) in manifest.auth.iter().enumerate() {
        if let AuthKind::AppInstallation(app) = &method.kind {
            found.push((format!("/auth/{index}/request"), &app.request, Purpose::Auth));
        }
    }
    if let Some(health) = &manifest.lifecycle.health {
        found.push(("/lifecycle/health".to_owned(), health, Purpose::Call));
    }
    for (index, request) in manifest.lifecycle.revoke.iter().enumerate() {
        found.push((format!("/lifecycle/revoke/{index}"), request, Purpose::Auth));
    }
    for (index, action) in manifest.actions.iter().enumerate() {
        found.push((format!("/actions/{index}/request"), &action.request, Purpose::Call));
    }
    for (pointer, select) in selects(manifest) {
        if let Some(request) = &select.request {
            found.push((format!("{pointer}/request"), request, Purpose::Call));
        }
    }
    for (index, webhook) in manifest.webhooks.iter().enumerate() {
        let Registration::Requests { subscribe, unsubscribe, renew, .. } = &webhook.registration
        else {
            continue;
        };
        let pointer = format!("/webhooks/{index}/registration");
        found.push((format!("{pointer}/subscribe"), subscribe, Purpose::Call));
        for (name, request) in [("unsubscribe", unsubscribe), ("renew", renew)] {
            if let Some(request) = request {
                found.push((format!("{pointer}/{name}"), request, Purpose::Call));
            }
        }
    }
    found
}

/// Every list that the provider has, with its pointer.
pub(super) fn selects(manifest: &Manifest) -> impl Iterator<Item = (String, &Select)> {
    manifest.data_sources.iter().filter_map(|(key, source)| match &source.kind {
        SourceKind::Select(select) => Some((at("/data_sources", key), select.as_ref())),
        _ => None,
    })
}

/// Where a method's token answer is read.
pub(super) fn token_response(kind: &AuthKind) -> Option<&TokenResponse> {
    match kind {
        AuthKind::Oauth2(oauth) => Some(&oauth.response),
        AuthKind::ClientCredentials(client) => Some(&client.response),
        AuthKind::TokenExchange(exchange) => Some(&exchange.response),
        AuthKind::Assertion(exchange) => Some(&exchange.response),
        AuthKind::AppInstallation(app) => Some(&app.response),
        _ => None,
    }
}

/// What an answer or a callback fills in, for a method.
pub(super) fn saved_by(method: &AuthMethod) -> HashSet<&str> {
    let callback: Option<&BTreeMap<_, _>> = match &method.kind {
        AuthKind::Oauth2(oauth) => Some(&oauth.callback),
        AuthKind::AppInstallation(app) => Some(&app.callback),
        _ => None,
    };
    let fields = token_response(&method.kind).map(|response| &response.fields);
    callback.into_iter().chain(fields).flat_map(|map| map.keys()).map(String::as_str).collect()
}

/// Every name that `{{fields.<name>}}` may have: for one method, or for any.
pub(super) fn field_names<'a>(
    manifest: &'a Manifest,
    method: Option<&'a AuthMethod>,
) -> HashSet<&'a str> {
    let methods: Vec<&AuthMethod> = match method {
        Some(method) => vec![method],
        None => manifest.auth.iter().collect(),
    };
    let mut names: HashSet<&str> = manifest.fields.iter().map(|f| f.name.as_str()).collect();
    for method in methods {
        names.extend(own_fields(method).iter().map(|field| field.name.as_str()));
        names.extend(saved_by(method));
    }
    if let Some(identity) = &manifest.lifecycle.identity {
        names.extend(identity.save.keys().map(String::as_str));
    }
    names
}

/// A field that people fill in, by its name.
pub(super) fn declared_fields<'a>(manifest: &'a Manifest, name: &str) -> Vec<&'a Field> {
    let own = manifest.auth.iter().flat_map(own_fields);
    manifest.fields.iter().chain(own).filter(|field| field.name == name).collect()
}

/// The rules on fields.
pub(super) fn check(manifest: &Manifest, finder: &mut Finder) {
    check_fields("/app_fields", &manifest.app_fields, &[], finder);
    check_fields("/fields", &manifest.fields, &[], finder);
    for (index, method) in manifest.auth.iter().enumerate() {
        let pointer = format!("/auth/{index}/fields");
        check_fields(&pointer, &method.fields, &manifest.fields, finder);
    }
    for (index, field) in manifest.app_fields.iter().enumerate() {
        if matches!(field.name.as_str(), "client_id" | "client_secret") {
            let pointer = format!("/app_fields/{index}/name");
            let message = format!("every app has \"{}\" already", field.name);
            finder.say("duplicate_name", &pointer, message, "remove the field");
        }
    }
}

fn check_fields(pointer: &str, fields: &[Field], outer: &[Field], finder: &mut Finder) {
    let mut seen: HashSet<&str> = outer.iter().map(|field| field.name.as_str()).collect();
    let known: Vec<&str> = outer.iter().chain(fields).map(|field| field.name.as_str()).collect();
    for (index, field) in fields.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        if !seen.insert(&field.name) {
            let message = format!("another field is called \"{}\"", shown(&field.name));
            let help = "names are unique among a method's and the connector's fields";
            finder.say("duplicate_name", &format!("{pointer}/name"), message, help);
        }
        if let Some(condition) = &field.visible_when
            && (condition.field == field.name || !known.contains(&condition.field.as_str()))
        {
            let message = format!("there is no other field \"{}\"", shown(&condition.field));
            let help = one_of(&condition.field, known.iter().copied());
            finder.say("unknown_name", &format!("{pointer}/visible_when/field"), message, &help);
        }
        check_field(&pointer, field, finder);
    }
}

fn check_field(pointer: &str, field: &Field, finder: &mut Finder) {
    if let Some(pattern) = &field.pattern
        && let Err(error) = crate::field_values::compile(pattern)
    {
        let message = format!("not a regular expression: {error}");
        let help = "linear-time syntax: no look-around, no back-references";
        finder.say("invalid_pattern", &format!("{pointer}/pattern"), message, help);
    }
    let is_text = !matches!(field.kind, FieldKind::Number | FieldKind::Boolean | FieldKind::Select);
    let is_stripped = !field.strip_prefix.is_empty() || !field.strip_suffix.is_empty();
    if !is_text && (field.pattern.is_some() || is_stripped) {
        let help = "remove it, or make the field one of text";
        finder.say("not_text", pointer, "only text has a pattern or is stripped", help);
    }
    let is_select = field.kind == FieldKind::Select;
    if is_select == field.options.is_empty() {
        let message = "a select has options, and nothing else has";
        finder.say("invalid_options", pointer, message, "write type: select and options");
    }
    let mut values = HashSet::new();
    for (index, option) in field.options.iter().enumerate() {
        if !values.insert(&option.value) {
            let message = format!("another option is \"{}\"", shown(&option.value));
            let pointer = format!("{pointer}/options/{index}/value");
            finder.say("duplicate_name", &pointer, message, "options are unique");
        }
    }
    let Some(default) = &field.default else { return };
    if field.kind == FieldKind::Password || field.secret {
        let message = "a secret has no default";
        finder.say("invalid_default", &format!("{pointer}/default"), message, "remove it");
    } else if let Err(message) = crate::field_values::check_one(field, default) {
        let message = format!("the default does not fit: {message}");
        let help = "write a value that a person could have given";
        finder.say("invalid_default", &format!("{pointer}/default"), message, help);
    }
}

/// The value of a source that holds no template.
pub(super) fn literal_text(source: &tenon_expr::Source) -> Option<&str> {
    source.as_literal().and_then(Value::as_str)
}
