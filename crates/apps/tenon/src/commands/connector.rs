//! `tenon connector`: the connectors that come with Tenon, and folders of new ones. No server is
//! needed: all of it happens in this process, and nothing is sent.

mod folder;
mod import;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use tenon_connector::catalog::Catalog;
use tenon_connector::fixture::{Checked, Problem, Ran, run_all};
use tenon_connector::load::{self, Origin, Rules};
use tenon_connector::schema::{fixture_schema, manifest_schema};

use super::global::Global;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon connector list                              what comes with Tenon
  tenon connector show slack                        its auth methods, fields, actions, webhooks
  tenon connector validate connectors/acme          check a manifest
  tenon connector test connectors/*                 check, and run the fixtures
  tenon connector schema > connector.schema.json    for an editor
  tenon connector import-openapi acme.yaml --out connectors/

Exit codes: 0 done, 1 a connector is not valid or a fixture fails, 2 it could not be tried.";

/// See, test and import connectors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConnectorArgs {
    #[command(subcommand)]
    command: ConnectorCommand,
}

#[derive(Debug, Subcommand)]
enum ConnectorCommand {
    /// List the connectors that come with Tenon.
    List,
    /// Show one of them, or the one of a folder.
    Show(ShowArgs),
    /// Check a manifest: a folder, or a file.
    Validate(ValidateArgs),
    /// Check connectors and run their fixtures; refuses one without fixtures.
    Test(TestArgs),
    /// Print the JSON Schema of manifests or of fixtures.
    Schema(SchemaArgs),
    /// Draft a connector from an OpenAPI description (2.0, 3.0, 3.1; JSON or YAML).
    ImportOpenapi(import::ImportArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The connector's name, or a folder with a connector.yaml.
    connector: String,
}

#[derive(Debug, Args)]
struct ValidateArgs {
    /// A connector's folder, or a manifest.
    path: PathBuf,
    /// Check it as a project's own connector: it may only name public hosts.
    #[arg(long)]
    custom: bool,
}

#[derive(Debug, Args)]
struct TestArgs {
    /// Folders of connectors.
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct SchemaArgs {
    /// Of what.
    #[arg(value_enum, default_value = "manifest")]
    of: SchemaOf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaOf {
    /// Of connector.yaml.
    Manifest,
    /// Of fixtures/*.yaml.
    Fixture,
}

/// Runs the command.
///
/// # Errors
/// When it could not be tried: an unknown name, a file that cannot be read.
pub fn run(args: ConnectorArgs, global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        ConnectorCommand::List => list(global),
        ConnectorCommand::Show(args) => show(&args.connector, global),
        ConnectorCommand::Validate(args) => validate(&args, global),
        ConnectorCommand::Test(args) => test(&args.folders, global),
        ConnectorCommand::Schema(args) => {
            terminal::print_json(match args.of {
                SchemaOf::Manifest => manifest_schema(),
                SchemaOf::Fixture => fixture_schema(),
            });
            Ok(ExitCode::SUCCESS)
        }
        ConnectorCommand::ImportOpenapi(args) => import::run(&args, global),
    }
}

fn list(global: &Global) -> anyhow::Result<ExitCode> {
    let catalog = Catalog::default();
    let connectors: Vec<_> = catalog.names().filter_map(|name| catalog.get(name)).collect();
    if global.json {
        let summaries: Vec<_> = connectors.iter().map(|it| text::Summary::of(it)).collect();
        terminal::print_json(&summaries);
    } else if connectors.is_empty() {
        terminal::print("this build comes without connectors");
    } else {
        terminal::print(&text::connector_table(&connectors, global.paint()));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(name: &str, global: &Global) -> anyhow::Result<ExitCode> {
    let catalog = Catalog::default();
    let connector = match catalog.get(name) {
        Some(connector) => connector,
        None if PathBuf::from(name).is_dir() => {
            let folder = folder::read(&PathBuf::from(name))?;
            let rules = Rules { bases: &folder.bases, ..Rules::built_in() };
            match load::load(&folder.files.manifest.name, &folder.files.manifest.text, &rules) {
                Ok(connector) => std::sync::Arc::new(connector),
                Err(diagnostics) => {
                    let problems = diagnostics.into_iter().map(Problem::InFile).collect();
                    let checked = Checked { problems, ..Checked::default() };
                    return Ok(report(&[(folder, checked)], false, global));
                }
            }
        }
        None => match tenon_domain::document::did_you_mean(name, catalog.names()) {
            Some(help) => bail!("there is no connector `{name}`; {help}"),
            None => bail!("there is no connector `{name}`; `tenon connector list` shows them"),
        },
    };
    if global.json {
        terminal::print_json(connector.manifest());
    } else {
        terminal::print(&text::connector_page(&connector, global.paint()));
    }
    Ok(ExitCode::SUCCESS)
}

fn validate(args: &ValidateArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let folder = folder::read(&args.path)?;
    let origin = if args.custom { Origin::Custom } else { Origin::BuiltIn };
    let rules = Rules { origin, bases: &folder.bases, ..Rules::built_in() };
    let manifest = &folder.files.manifest;
    let mut checked = Checked::default();
    match load::load(&manifest.name, &manifest.text, &rules) {
        Ok(connector) => checked.connector = Some(connector),
        Err(found) => checked.problems = found.into_iter().map(Problem::InFile).collect(),
    }
    Ok(report(&[(folder, checked)], false, global))
}

fn test(paths: &[PathBuf], global: &Global) -> anyhow::Result<ExitCode> {
    let mut all = Vec::new();
    for path in paths {
        // `connectors/*` names the files beside the folders, too.
        if path.is_file() && paths.len() > 1 {
            continue;
        }
        let folder = folder::read(path)?;
        let rules = Rules { bases: &folder.bases, ..Rules::built_in() };
        let checked = run_all(&folder.files, &rules);
        all.push((folder, checked));
    }
    if all.is_empty() {
        bail!("there is no connector's folder among these paths");
    }
    Ok(report(&all, true, global))
}

/// What `--json` prints for each connector.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    connector: &'a str,
    good: bool,
    problems: &'a [Problem],
    fixtures: &'a [Ran],
}

fn report(all: &[(folder::Read, Checked)], has_run: bool, global: &Global) -> ExitCode {
    if global.json {
        let results: Vec<Outcome<'_>> = all
            .iter()
            .map(|(folder, checked)| Outcome {
                connector: &folder.files.name,
                good: checked.is_good(),
                problems: &checked.problems,
                fixtures: &checked.ran,
            })
            .collect();
        terminal::print_json(&results);
    } else {
        terminal::print(&text::report(all, has_run, global.paint()));
    }
    match all.iter().all(|(_, checked)| checked.is_good()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    }
}
