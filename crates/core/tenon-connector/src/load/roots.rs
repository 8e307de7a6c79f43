//! What templates refer to: roots that their place knows, and names below them that exist.

use std::collections::HashSet;

use serde_json::Value;
use tenon_domain::document::{Finding, Spot, one_of};
use tenon_expr::{Reference, Segment};

use super::finder::{Finder, shown};
use super::parts;
use super::sites::{EVERYWHERE, Site, sites};
use crate::manifest::Manifest;
use crate::manifest::auth::AuthKind;

/// What is below the roots whose members never depend on the connector.
const FIXED: &[(&str, &[&str])] = &[
    (
        "oauth",
        &[
            "redirect_uri",
            "state",
            "scope",
            "code",
            "code_verifier",
            "code_challenge",
            "client_assertion",
            "webhook_url",
        ],
    ),
    ("response", &["status", "headers", "body"]),
    ("request", &["method", "url", "host", "path", "query", "body", "headers"]),
    ("webhook", &["headers", "query", "body", "raw", "url", "method", "form"]),
    ("page", &["number", "offset", "cursor"]),
    ("now", &["unix", "unix_ms", "rfc3339", "http_date", "date"]),
    ("random", &["uuid", "hex"]),
];

/// What a token always may have.
const TOKEN: [&str; 7] = [
    "access_token",
    "refresh_token",
    "token_type",
    "scope",
    "expires_at",
    "issued_at",
    "token_secret",
];

pub(super) fn check(manifest: &Manifest, finder: &mut Finder) {
    for site in sites(manifest) {
        let mut said = HashSet::new();
        for reference in site.references() {
            if said.insert(reference.to_string()) {
                check_reference(manifest, &site, reference, finder);
            }
        }
    }
}

fn check_reference(
    manifest: &Manifest,
    site: &Site<'_>,
    reference: &Reference,
    finder: &mut Finder,
) {
    let root = reference.root.as_str();
    if !EVERYWHERE.contains(&root) && !site.roots.contains(&root) {
        let known = EVERYWHERE.iter().chain(site.roots).copied();
        return refuse(
            site,
            reference,
            format!("\"{}\" is not known here", shown(root)),
            &one_of(root, known),
            finder,
        );
    }
    let (name, rest) = match reference.path.split_first() {
        Some((Segment::Key(name), rest)) => (name.as_str(), rest),
        Some((Segment::Index(_), _)) => {
            let message = format!("{root} is no list");
            return refuse(site, reference, message, "write a name after it", finder);
        }
        // The whole of it; `input` as a body is common.
        None => return,
    };
    if matches!(root, "response" | "webhook") && name == "headers" {
        return check_header(site, reference, rest, finder);
    }
    let known: HashSet<&str> = match root {
        "fields" => parts::field_names(manifest, site.auth),
        "app" => app_names(manifest),
        "token" => token_names(manifest),
        "steps" => return check_step(site, reference, name, rest, finder),
        "chosen" => site.chosen.iter().map(String::as_str).collect(),
        "input" => match input_names(site.input) {
            Some(names) => names,
            None => return,
        },
        _ => match FIXED.iter().find(|(fixed, _)| *fixed == root) {
            Some((_, names)) => names.iter().copied().collect(),
            None => return,
        },
    };
    if !known.contains(name) {
        let message = format!("{root} has no \"{}\"", shown(name));
        let help = match root {
            "fields" => undeclared("fields", name, &known),
            "app" => undeclared("app_fields", name, &known),
            "chosen" => undeclared("depends_on", name, &known),
            "input" => undeclared("the properties of the action's input", name, &known),
            _ => help_of(name, &known),
        };
        refuse(site, reference, message, &help, finder);
    }
}

fn refuse(
    site: &Site<'_>,
    reference: &Reference,
    message: String,
    help: &str,
    finder: &mut Finder,
) {
    let spot = Spot::Reference { root: reference.root.clone(), is_optional: reference.is_optional };
    let finding = Finding::new("unknown_reference", &site.pointer, message).help(help).at(spot);
    finder.push(finding);
}

fn help_of(name: &str, known: &HashSet<&str>) -> String {
    let mut names: Vec<&str> = known.iter().copied().collect();
    names.sort_unstable();
    one_of(name, names)
}

fn undeclared(list: &str, name: &str, known: &HashSet<&str>) -> String {
    match tenon_domain::document::did_you_mean(name, known.iter().copied()) {
        Some(help) => help,
        None => format!("declare it in {list}"),
    }
}

fn app_names(manifest: &Manifest) -> HashSet<&str> {
    let own = manifest.app_fields.iter().map(|field| field.name.as_str());
    own.chain(["client_id", "client_secret"]).collect()
}

fn token_names(manifest: &Manifest) -> HashSet<&str> {
    let mut names: HashSet<&str> = TOKEN.into_iter().collect();
    for method in &manifest.auth {
        let response = parts::token_response(&method.kind);
        names.extend(response.into_iter().flat_map(|r| r.extra.keys()).map(String::as_str));
        if matches!(method.kind, AuthKind::McpOauth(_)) {
            names.extend(["client_id", "client_secret", "token_url", "resource"]);
        }
    }
    names
}

/// The names of an input whose schema lists them all.
fn input_names(schema: Option<&Value>) -> Option<HashSet<&str>> {
    let schema = schema?;
    let is_open = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"]
        .iter()
        .any(|key| schema.get(key).is_some())
        || schema.get("additionalProperties").is_some_and(|others| others != &Value::Bool(false));
    let properties = schema["properties"].as_object();
    (!is_open)
        .then(|| properties.into_iter().flat_map(|map| map.keys()).map(String::as_str).collect())
}

fn check_step(
    site: &Site<'_>,
    reference: &Reference,
    id: &str,
    rest: &[Segment],
    finder: &mut Finder,
) {
    let ids = || site.steps.iter().map(|(id, _)| *id).collect::<HashSet<_>>();
    let Some((_, saved)) = site.steps.iter().find(|(step, _)| *step == id) else {
        let message = format!("no earlier step is called \"{}\"", shown(id));
        return refuse(site, reference, message, &help_of(id, &ids()), finder);
    };
    let Some(Segment::Key(name)) = rest.first() else { return };
    if !saved.contains(&name.as_str()) {
        let message = format!("step \"{id}\" saves no \"{}\"", shown(name));
        let help = help_of(name, &saved.iter().copied().collect());
        refuse(site, reference, message, &help, finder);
    }
}

fn check_header(site: &Site<'_>, reference: &Reference, rest: &[Segment], finder: &mut Finder) {
    let Some(Segment::Key(name)) = rest.first() else { return };
    let lower = name.to_ascii_lowercase();
    if *name != lower {
        let message = format!("header \"{}\" is never there", shown(name));
        refuse(site, reference, message, &format!("write it as \"{}\"", shown(&lower)), finder);
    }
}
