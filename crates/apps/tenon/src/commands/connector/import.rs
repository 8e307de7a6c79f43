//! `tenon connector import-openapi`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use tenon_connector::openapi::{Draft, Options, import};

use super::super::global::Global;
use super::folder;
use crate::terminal::{self, Paint, Tone};

const EXAMPLES: &str = "\
Examples:
  tenon connector import-openapi acme.json                         the manifest, on standard output
  tenon connector import-openapi acme.yaml --out connectors/       writes connectors/<name>/connector.yaml
  tenon connector import-openapi acme.yaml --name acme --json      the manifest and the report, as JSON

What could not be mapped is told on standard error, or in the JSON. Fixtures are not invented.";

/// Draft a connector from an OpenAPI description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// The description: OpenAPI 2.0, 3.0 or 3.1, JSON or YAML. References to other files are not
    /// followed.
    spec: PathBuf,
    /// Write <DIR>/<name>/connector.yaml in place of standard output.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The connector's name; from the description's title when left out.
    #[arg(long)]
    name: Option<String>,
    /// Replace a connector.yaml that is there.
    #[arg(long, requires = "out")]
    force: bool,
}

/// Runs the command.
pub fn run(args: &ImportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let spec = folder::file(&args.spec)?;
    let options = Options { name: args.name.clone(), ..Options::default() };
    let draft = import(&spec.name, &spec.text, &options)
        .with_context(|| format!("cannot import {}", spec.name))?;
    let written = match &args.out {
        Some(out) => Some(write(&draft, out, args.force)?),
        None => None,
    };
    if global.json {
        terminal::print_json(&draft);
        return Ok(ExitCode::SUCCESS);
    }
    if written.is_none() {
        terminal::print(&draft.manifest);
    }
    let text = report(&draft, written.as_deref(), global.paint());
    // The report is no part of the manifest, which may be on its way into a file.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
    Ok(ExitCode::SUCCESS)
}

fn write(draft: &Draft, out: &Path, is_forced: bool) -> anyhow::Result<PathBuf> {
    let folder = out.join(&draft.name);
    let path = folder.join("connector.yaml");
    if path.exists() && !is_forced {
        bail!("{} is there already; --force replaces it", path.display());
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(&path, &draft.manifest)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn report(draft: &Draft, written: Option<&Path>, paint: Paint) -> String {
    let mut text = String::new();
    if let Some(path) = written {
        text += &format!("{} {}\n", paint.text(Tone::Good, "wrote"), path.display());
    }
    text += &format!(
        "{} of {} operations are actions; {} auth method{}\n",
        draft.actions,
        draft.operations,
        draft.auth_methods,
        if draft.auth_methods == 1 { "" } else { "s" },
    );
    if !draft.unmapped.is_empty() {
        text += &format!("\n{}\n", paint.text(Tone::Strong, "Not mapped, or not all of it"));
        for part in &draft.unmapped {
            let place = if part.pointer.is_empty() { "(all)" } else { &part.pointer };
            text += &format!("  {}  {}\n", paint.text(Tone::Busy, place), part.reason);
        }
    }
    text += &format!("\n{}\n", paint.text(Tone::Strong, "What remains to be done"));
    for task in &draft.remaining {
        text += &format!("  - {task}\n");
    }
    text
}
