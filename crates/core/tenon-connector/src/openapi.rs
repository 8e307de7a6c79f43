//! Drafts a connector from an API description: OpenAPI 2.0, 3.0 or 3.1, JSON or YAML.
//!
//! What it can express becomes a manifest that [`crate::load`] accepts; everything else is listed
//! with its place and the reason. It invents nothing: no fixtures, no identity request, no error
//! rules. Nothing is fetched, so references to other files are not followed.

mod auth;
mod body;
mod emit;
mod input;
mod operations;
mod schemas;
mod servers;
mod spec;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tenon_domain::document::{ReadLimits, read_leniently};
use tenon_domain::workflow::Diagnostic;

use self::spec::Spec;
use crate::load::{self, ManifestLimits, Rules};

/// How a description is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The connector's name; from the description's title when left out.
    pub name: Option<String>,
    /// Size of the description, in bytes.
    pub spec_bytes_max: usize,
    /// References inside each other that are written out in an action's schema.
    pub depth_max: usize,
    /// Size of the schemas of one action, in bytes.
    pub schema_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { name: None, spec_bytes_max: 64 << 20, depth_max: 8, schema_bytes_max: 64 << 10 }
    }
}

/// A drafted connector.
#[derive(Debug, Clone, Serialize)]
pub struct Draft {
    /// The connector's name.
    pub name: String,
    /// `connector.yaml`.
    pub manifest: String,
    /// How many auth methods it has.
    pub auth_methods: usize,
    /// How many actions it has.
    pub actions: usize,
    /// How many operations the description has.
    pub operations: usize,
    /// What could not be mapped.
    pub unmapped: Vec<Unmapped>,
    /// What is left for a person to do.
    pub remaining: Vec<String>,
}

/// A part of the description that is not in the connector, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unmapped {
    /// Where in the description (RFC 6901).
    pub pointer: String,
    /// Why, and what was done instead.
    pub reason: String,
}

/// Why nothing could be drafted.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The text is neither JSON nor YAML that can be read.
    #[error("the description cannot be read: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Unreadable(Vec<Diagnostic>),
    /// It is not an OpenAPI description of a version that is known.
    #[error("this is not OpenAPI 2.0, 3.0 or 3.1: {0}")]
    NotOpenApi(String),
    /// What was drafted does not load: a fault of this module.
    #[error("the draft breaks rules of connectors: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Broken(Vec<Diagnostic>),
}

/// Drafts a connector.
///
/// # Errors
/// When the text is not a description that can be read.
pub fn import(file_name: &str, text: &str, options: &Options) -> Result<Draft, ImportError> {
    let limits =
        ReadLimits { bytes_max: options.spec_bytes_max, depth_max: 512, diagnostics_max: 100 };
    let (root, problems) = read_leniently(file_name, text, limits);
    let Some(root) = root else { return Err(ImportError::Unreadable(problems)) };
    let spec = Spec::of(root).map_err(ImportError::NotOpenApi)?;
    let (manifest_value, text, mut report) = fitting(&spec, options)?;
    for problem in &problems {
        let place = format!("line {}", problem.line);
        report.say(&place, &format!("{}; the value is read as null", problem.message));
    }
    let count = |key: &str| manifest_value[key].as_array().map_or(0, Vec::len);
    let name = manifest_value["name"].as_str().unwrap_or_default().to_owned();
    Ok(Draft {
        manifest: text,
        auth_methods: count("auth"),
        actions: count("actions"),
        operations: spec.operations().len(),
        unmapped: report.unmapped.into_iter().collect(),
        remaining: remaining(&name, &manifest_value),
        name,
    })
}

/// The manifest, with schemas that are written out only as far as the whole is of a size that
/// loads.
fn fitting(spec: &Spec, options: &Options) -> Result<(Value, String, Report), ImportError> {
    let bytes_max = ManifestLimits::default().manifest_bytes_max;
    let mut options = options.clone();
    loop {
        let mut report = Report::default();
        let mut manifest = draft(spec, &options, &mut report);
        let is_last = options.depth_max <= 1;
        let text = emit::yaml(&manifest);
        if text.len() > bytes_max && !is_last {
            options.depth_max /= 2;
            options.schema_bytes_max /= 4;
            continue;
        }
        if text.len() > bytes_max {
            for action in manifest["actions"].as_array_mut().into_iter().flatten() {
                action["output"] = json!({});
            }
            report.say("/paths", "the schemas of answers were left out: there is too much of them");
        }
        let manifest = settle(&mut manifest, &mut report)?;
        let text = emit::yaml(&manifest);
        return Ok((manifest, text, report));
    }
}

/// What could not be mapped; the same thing is said once.
#[derive(Debug, Default)]
struct Report {
    unmapped: BTreeSet<Unmapped>,
}

impl Report {
    fn say(&mut self, pointer: &str, reason: &str) {
        self.unmapped.insert(Unmapped { pointer: pointer.to_owned(), reason: reason.to_owned() });
    }
}

fn draft(spec: &Spec, options: &Options, report: &mut Report) -> Value {
    let info = &spec.root["info"];
    let title = info["title"].as_str().map(str::trim).filter(|title| !title.is_empty());
    let title = title.unwrap_or("Imported API");
    let server = servers::of(spec, report);
    let auth = auth::of(spec, &server, report);
    let mut actions = operations::of(spec, options, &auth, report);
    servers::describe_leftovers(spec, report);
    let name = options.name.clone().unwrap_or_else(|| slug(title));
    let mut proxy = json!({ "base_url": [{ "url": server.url }] });
    if !actions.hosts.is_empty() {
        proxy["allowed_hosts"] = actions.hosts.iter().cloned().collect();
    }
    if server.is_http {
        proxy["allow_http"] = true.into();
    }
    let mut manifest = Map::new();
    for (key, value) in [
        ("format", json!(1)),
        ("name", json!(name)),
        ("version", json!("0.1.0")),
        ("title", json!(title)),
        ("description", json!(description(info, title))),
        ("categories", json!(["other"])),
        ("docs", json!(docs(spec, &server))),
        ("fields", Value::Array(server.fields.clone())),
        ("auth", Value::Array(auth.methods)),
        ("proxy", proxy),
        ("actions", Value::Array(std::mem::take(&mut actions.found))),
    ] {
        if key != "fields" || value.as_array().is_some_and(|fields| !fields.is_empty()) {
            manifest.insert(key.to_owned(), value);
        }
    }
    Value::Object(manifest)
}

/// Takes out what the loader refuses: a description may hold schemas that are none. Each is
/// listed.
fn settle(manifest: &mut Value, report: &mut Report) -> Result<Value, ImportError> {
    const ROUNDS_MAX: usize = 50;
    let mut last = Vec::new();
    for _ in 0..ROUNDS_MAX {
        last = match load::load_value(manifest, &Rules::built_in()) {
            Ok(_) => return Ok(manifest.take()),
            Err(diagnostics) => diagnostics,
        };
        let mut dropped = BTreeSet::new();
        for diagnostic in &last {
            let mut tokens = diagnostic.pointer.split('/').skip(1);
            let (Some("actions"), Some(index)) = (tokens.next(), tokens.next()) else { continue };
            let Ok(index) = index.parse::<usize>() else { continue };
            if tokens.next() == Some("output") {
                manifest["actions"][index]["output"] = json!({});
                let id = manifest["actions"][index]["id"].as_str().unwrap_or_default();
                let reason = format!("the answer's schema cannot be used: {}", diagnostic.message);
                report.say(&format!("action {id}"), &reason);
            } else {
                dropped.insert((std::cmp::Reverse(index), diagnostic.message.clone()));
            }
        }
        let mut done = BTreeSet::new();
        for (std::cmp::Reverse(index), message) in dropped {
            let Value::Array(actions) = &mut manifest["actions"] else { break };
            if done.insert(index) && index < actions.len() {
                let action = actions.remove(index);
                let id = action["id"].as_str().unwrap_or_default();
                report.say(&format!("action {id}"), &format!("left out: {message}"));
            }
        }
        let is_elsewhere = |d: &Diagnostic| !d.pointer.starts_with("/actions/");
        if last.iter().any(is_elsewhere) {
            last.retain(is_elsewhere);
            break;
        }
    }
    Err(ImportError::Broken(last))
}

fn description(info: &Value, title: &str) -> String {
    let text = info["description"].as_str().or(info["summary"].as_str()).unwrap_or_default();
    let paragraph = text.split("\n\n").map(str::trim).find(|part| !part.is_empty());
    match paragraph {
        Some(text) => brief(text, 300),
        None => format!("The {title} API."),
    }
}

/// Text in one line of at most so many characters.
fn brief(text: &str, chars_max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}...", line[..end].trim_end()),
        None => line,
    }
}

fn docs(spec: &Spec, server: &servers::Server) -> String {
    let root = &spec.root;
    let candidates = [
        root["externalDocs"]["url"].as_str(),
        root["info"]["contact"]["url"].as_str(),
        root["info"]["termsOfService"].as_str(),
    ];
    let is_link = |link: &&str| link.starts_with("https://") && url::Url::parse(link).is_ok();
    candidates.into_iter().flatten().find(is_link).map_or_else(
        || match url::Url::parse(&server.url).ok().and_then(|url| url.host_str().map(str::to_owned))
        {
            Some(host) => format!("https://{host}"),
            None => "https://example.com".to_owned(),
        },
        str::to_owned,
    )
}

/// A connector's name from a title.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let cut: String = slug.chars().take(63).collect();
    match cut.trim_matches('-') {
        "" => "imported-api".to_owned(),
        slug => slug.to_owned(),
    }
}

/// A name that is an id: `[a-z][a-z0-9_]{0,62}`.
fn snake(text: &str) -> String {
    let mut id = String::new();
    let mut was_lower = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && was_lower {
                id.push('_');
            }
            was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
            id.push(c.to_ascii_lowercase());
        } else {
            was_lower = false;
            if !id.is_empty() && !id.ends_with('_') {
                id.push('_');
            }
        }
    }
    if !id.starts_with(|c: char| c.is_ascii_lowercase()) {
        id.insert_str(0, "x_");
    }
    let cut: String = id.chars().take(63).collect();
    cut.trim_end_matches('_').to_owned()
}

/// The id, or with a number behind it when it is taken.
fn unique(id: String, taken: &mut BTreeSet<String>) -> String {
    if taken.insert(id.clone()) {
        return id;
    }
    let base: String = id.chars().take(58).collect();
    let free = (2..).map(|number| format!("{base}_{number}")).find(|id| !taken.contains(id));
    let free = free.expect("numbers do not end");
    taken.insert(free.clone());
    free
}

fn remaining(name: &str, manifest: &Value) -> Vec<String> {
    let mut left = vec![
        format!("draw connectors/{name}/icon.svg"),
        "read the texts: title, description, categories and docs come from the description"
            .to_owned(),
        "write lifecycle.identity, so that people see whose account is linked".to_owned(),
        "write pagination of actions that list, error rules and rate limits".to_owned(),
        "remove actions that nobody needs".to_owned(),
    ];
    let is_oauth = |method: &Value| method["type"] == "oauth2";
    if manifest["auth"].as_array().is_some_and(|methods| methods.iter().any(is_oauth)) {
        left.push("choose the default scopes, and see whether the provider takes PKCE".to_owned());
    }
    left.push(format!(
        "write fixtures: `tenon connector test connectors/{name}` says which are missing"
    ));
    left
}
