//! What `tenon connector` shows.

use std::collections::HashMap;
use std::sync::Arc;

use comfy_table::Cell;
use serde::Serialize;
use tenon_client::Fault;
use tenon_connector::connector::Connector;
use tenon_connector::field_values::is_secret;
use tenon_connector::fixture::{Checked, Problem};
use tenon_connector::manifest::actions::Effect;
use tenon_connector::manifest::auth::{AuthKind, AuthMethod};
use tenon_connector::manifest::data_sources::SourceKind;
use tenon_domain::workflow::Diagnostic;

use super::folder::Read;
use crate::terminal::{self, Paint, Tone, one_line, show_fault};

/// The longest text in a cell, in characters.
const CELL_CHARS_MAX: usize = 60;

/// A connector in a list.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    name: &'a str,
    version: &'a str,
    title: &'a str,
    categories: &'a [String],
    auth: Vec<&'static str>,
    actions: usize,
    webhooks: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecated: Option<&'a str>,
}

impl<'a> Summary<'a> {
    /// Of a connector.
    pub fn of(connector: &'a Connector) -> Self {
        let manifest = connector.manifest();
        Self {
            name: &manifest.name,
            version: &manifest.version,
            title: &manifest.title,
            categories: &manifest.categories,
            auth: manifest.auth.iter().map(auth_name).collect(),
            actions: manifest.actions.len(),
            webhooks: manifest.webhooks.len(),
            deprecated: manifest.deprecated.as_deref(),
        }
    }
}

fn auth_name(method: &AuthMethod) -> &'static str {
    match &method.kind {
        AuthKind::None => "none",
        AuthKind::ApiKey => "api_key",
        AuthKind::Basic => "basic",
        AuthKind::Fields => "fields",
        AuthKind::Oauth2(_) => "oauth2",
        AuthKind::ClientCredentials(_) => "client_credentials",
        AuthKind::TokenExchange(_) => "token_exchange",
        AuthKind::Assertion(_) => "assertion",
        AuthKind::Oauth1(_) => "oauth1",
        AuthKind::AppInstallation(_) => "app_installation",
        AuthKind::McpOauth(_) => "mcp_oauth",
    }
}

fn effect_name(effect: Effect) -> (&'static str, Tone) {
    match effect {
        Effect::Read => ("read", Tone::Good),
        Effect::Create => ("create", Tone::Busy),
        Effect::Update => ("update", Tone::Warning),
        Effect::Delete => ("delete", Tone::Bad),
    }
}

/// Connectors, one a line.
pub fn connector_table(connectors: &[Arc<Connector>], paint: Paint) -> String {
    let header = ["connector", "title", "version", "auth", "actions", "webhooks", "categories"];
    let mut table = terminal::table(&header, paint);
    for connector in connectors {
        let summary = Summary::of(connector);
        table.add_row(vec![
            Cell::new(summary.name),
            Cell::new(one_line(summary.title, CELL_CHARS_MAX)),
            Cell::new(summary.version),
            Cell::new(summary.auth.join(", ")),
            Cell::new(summary.actions),
            Cell::new(summary.webhooks),
            Cell::new(one_line(&summary.categories.join(", "), CELL_CHARS_MAX)),
        ]);
    }
    table.to_string()
}

/// Everything about one connector that a builder asks first.
pub fn connector_page(connector: &Connector, paint: Paint) -> String {
    let manifest = connector.manifest();
    let mut page = format!(
        "{}  {} {}\n{}\n{}\n",
        paint.text(Tone::Strong, &manifest.title),
        manifest.name,
        manifest.version,
        manifest.description,
        paint.text(Tone::Quiet, &manifest.docs),
    );
    if let Some(reason) = &manifest.deprecated {
        page += &format!("{} {reason}\n", paint.text(Tone::Warning, "deprecated:"));
    }
    let mut table = terminal::table(&["auth method", "type", "fields"], paint);
    for method in &manifest.auth {
        let fields = connector.fields_of(method);
        let fields: Vec<String> = fields
            .into_iter()
            .filter(|field| !field.automated)
            .map(|field| {
                let mark = if is_secret(field) { " (secret)" } else { "" };
                format!("{}{mark}", field.name)
            })
            .collect();
        table.add_row(vec![method.id.as_str(), auth_name(method), &fields.join(", ")]);
    }
    page += &format!("\n{table}\n");
    if !manifest.actions.is_empty() {
        let mut table = terminal::table(&["action", "title", "effect", "scopes"], paint);
        for action in &manifest.actions {
            let (effect, tone) = effect_name(action.effect);
            table.add_row(vec![
                Cell::new(&action.id),
                Cell::new(one_line(&action.title, CELL_CHARS_MAX)),
                terminal::toned(effect, tone),
                Cell::new(one_line(&action.scopes.join(" "), CELL_CHARS_MAX)),
            ]);
        }
        page += &format!("\n{table}\n");
    }
    if !manifest.webhooks.is_empty() {
        let mut table = terminal::table(&["webhook", "title", "events"], paint);
        for webhook in &manifest.webhooks {
            let events: Vec<&str> = webhook.events.keys().map(String::as_str).collect();
            table.add_row(vec![
                webhook.id.clone(),
                one_line(&webhook.title, CELL_CHARS_MAX),
                one_line(&events.join(", "), CELL_CHARS_MAX),
            ]);
        }
        page += &format!("\n{table}\n");
    }
    if !manifest.data_sources.is_empty() {
        let mut table = terminal::table(&["data source", "title", "kind"], paint);
        for (key, source) in &manifest.data_sources {
            let kind = source_name(&source.kind);
            let title = one_line(&source.title, CELL_CHARS_MAX);
            table.add_row(vec![key.as_str(), title.as_str(), kind]);
        }
        page += &format!("\n{table}\n");
    }
    page
}

/// As the manifest writes it.
fn source_name(kind: &SourceKind) -> &'static str {
    match kind {
        SourceKind::Select(_) => "select",
        SourceKind::Static(_) => "static",
        SourceKind::FieldMapper(_) => "field_mapper",
        SourceKind::Combo(_) => "combo",
        SourceKind::DynamicCombo(_) => "dynamic_combo",
    }
}

/// What came of checking folders: problems with their source lines, failed fixtures with what
/// differed, one line each for the rest.
pub fn report(all: &[(Read, Checked)], has_run: bool, paint: Paint) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (folder, checked) in all {
        let texts: HashMap<&str, &str> = std::iter::once(&folder.files.manifest)
            .chain(&folder.files.fixtures)
            .map(|file| (file.name.as_str(), file.text.as_str()))
            .collect();
        for problem in &checked.problems {
            parts.push(match problem {
                Problem::InFile(diagnostic) => {
                    let source = texts.get(diagnostic.file.as_str()).copied();
                    show_fault(&fault(diagnostic), source, paint)
                }
                Problem::Whole { message } => {
                    let word = paint.text(Tone::Bad, "error");
                    format!("{word}: {}: {message}", folder.files.name)
                }
            });
        }
        for ran in checked.ran.iter().filter(|ran| !ran.differences.is_empty()) {
            let word = paint.text(Tone::Bad, "failed");
            let lines: Vec<String> =
                ran.differences.iter().map(|line| format!("    {line}")).collect();
            parts.push(format!("{word}: {} ({})\n{}", ran.title, ran.file, lines.join("\n")));
        }
    }
    let width = all.iter().map(|(folder, _)| folder.files.name.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = all
        .iter()
        .map(|(folder, checked)| {
            let name = &folder.files.name;
            format!("{name:width$}  {}", summary(checked, has_run, paint))
        })
        .collect();
    parts.push(lines.join("\n"));
    parts.join("\n\n")
}

fn summary(checked: &Checked, has_run: bool, paint: Paint) -> String {
    let failed = checked.ran.iter().filter(|ran| !ran.differences.is_empty()).count();
    let passed = checked.ran.len() - failed;
    let mut words = vec![match checked.is_good() {
        true => paint.text(Tone::Good, "good"),
        false => paint.text(Tone::Bad, "not good"),
    }];
    if has_run {
        words.push(format!("{passed} passed"));
    }
    if failed > 0 {
        words.push(paint.text(Tone::Bad, &format!("{failed} failed")));
    }
    if !checked.problems.is_empty() {
        let count = checked.problems.len();
        words.push(format!("{count} problem{}", if count == 1 { "" } else { "s" }));
    }
    words.join(", ")
}

fn fault(diagnostic: &Diagnostic) -> Fault {
    let place = |number: u32| (number > 0).then_some(number);
    Fault {
        message: diagnostic.message.clone(),
        code: Some(diagnostic.code.to_owned()),
        help: diagnostic.help.clone(),
        pointer: Some(diagnostic.pointer.clone()),
        file: Some(diagnostic.file.clone()),
        line: place(diagnostic.line),
        column: place(diagnostic.column),
        ..Fault::default()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tenon_connector::fixture::run_all;
    use tenon_connector::load::Rules;

    use super::*;
    use crate::commands::connector::folder;

    const MANIFEST: &str = "format: 1
name: acme
version: 1.0.0
title: Acme
description: Orders.
categories: [shop]
docs: https://acme.example
auth:
  - {id: key, type: api_key, inject: {headers: {x-key: '{{fields.api_key}}'}}}
proxy: {base_url: [{url: 'https://api.acme.example'}]}
actions:
  - id: list
    title: List
    effect: read
    input: {type: object}
    output: {}
    request: {url: /orders}
";
    const FIXTURE: &str = "title: It lists
run: {action: list}
given: {fields: {api_key: k}}
exchanges:
  - request: {url: 'https://api.acme.example/orders', headers: {x-key: k}}
    response: {json: [1]}
expect: {output: [1]}
";

    fn checked(manifest: &str, fixture: &str) -> String {
        let parent = tempfile::tempdir().expect("a folder can be made");
        let path = parent.path().join("acme");
        let write = |name: &str, text: &str| {
            let path = path.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))
                .expect("a folder can be made");
            std::fs::write(path, text).expect("a file can be written");
        };
        write("connector.yaml", manifest);
        write("icon.svg", "<svg></svg>");
        write("fixtures/list.yaml", fixture);
        write("fixtures/notes.txt", "not a fixture");
        let read = folder::read(&path).expect("it can be read");
        let checked = run_all(&read.files, &Rules { bases: &read.bases, ..Rules::built_in() });
        let text = report(&[(read, checked)], true, Paint::plain());
        text.replace(&path.display().to_string(), "acme")
    }

    #[test]
    fn a_good_connector_is_one_line() {
        assert_eq!(checked(MANIFEST, FIXTURE), "acme  good, 1 passed");
    }

    #[test]
    fn a_fixture_that_fails_says_what_differed() {
        let fixture = FIXTURE.replace("output: [1]", "output: [2]");
        assert_eq!(
            checked(MANIFEST, &fixture),
            "failed: It lists (acme/fixtures/list.yaml)\n    output[0]: expected 2, got 1\n\n\
             acme  not good, 0 passed, 1 failed"
        );
    }

    #[test]
    fn a_broken_manifest_is_shown_with_its_line() {
        let text = checked(&MANIFEST.replace("effect: read", "effect: look"), FIXTURE);
        for part in ["error[invalid_value]", "acme/connector.yaml:14:13", "effect: look", "^^^^"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn the_page_of_a_connector_names_its_parts() {
        let connector = Connector::load("c.yaml", MANIFEST).expect("it is valid");
        let page = connector_page(&connector, Paint::plain());
        for part in ["Acme  acme 1.0.0", "api_key (secret)", "list", "read"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let table = connector_table(&[Arc::new(connector)], Paint::plain());
        assert!(table.contains("acme") && !table.contains('\u{1b}'), "{table}");
    }
}
