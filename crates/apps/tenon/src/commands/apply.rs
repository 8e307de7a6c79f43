//! `tenon apply`: checks the documents of a folder, workflows and integrations, and applies them, all
//! or none.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use tenon_client::{ApplyResult, Document, DryRun, Error, Refusal};

use super::global::{Global, print_refusal};
use crate::terminal::{self, Paint, Tone, show_fault};

/// Folders in folders are read so deep.
const FOLDER_DEPTH_MAX: usize = 16;
/// The largest file that is read, in bytes; the server's own limit is smaller.
const FILE_BYTES_MAX: u64 = 16 << 20;

const EXAMPLES: &str = "\
Examples:
  tenon apply -f workflows/              deploy every *.yaml, *.yml and *.json below
  tenon apply -f welcome.yaml --dry-run  check one, and tell what would change
  render | tenon apply -f -              read one document from standard input

Exit codes: 0 done, 1 a document is not valid, 2 it could not be tried.";

/// Check documents of workflows and integrations and apply them, all or none.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ApplyArgs {
    /// A document, or a folder of documents; `-` reads standard input. May be given again.
    #[arg(short, long = "file", value_name = "PATH", required = true)]
    pub files: Vec<PathBuf>,
    /// Only check, and tell what would change.
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the command.
pub async fn run(args: ApplyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let documents = read_all(&args.files)?;
    let client = global.client()?;
    let dry_run = if args.dry_run { DryRun::Yes } else { DryRun::No };
    match client.apply(&documents, dry_run).await {
        Ok(result) => {
            if global.json {
                terminal::print_json(&result);
            } else {
                terminal::print(&applied_text(&result, global.paint()));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Error::Refused(refusal)) if refusal.code == "invalid_document" => {
            if global.json {
                terminal::print_json(&refusal);
            } else {
                eprintln!("{}", faults_text(&refusal, &documents, global.paint()));
            }
            Ok(ExitCode::from(1))
        }
        Err(error) => match global.json.then(|| print_refusal(&error)).flatten() {
            Some(code) => Ok(code),
            None => Err(error.into()),
        },
    }
}

fn applied_text(result: &ApplyResult, paint: Paint) -> String {
    let names = result.applied.iter().map(|one| &one.name);
    let connectors = result.integrations.iter().map(|one| &one.connector);
    let width = names.chain(connectors).map(|name| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for one in &result.integrations {
        let (word, tone) = match (one.changed, result.dry_run) {
            (true, false) => ("applied", Tone::Good),
            (true, true) => ("would be applied", Tone::Warning),
            (false, _) => ("unchanged", Tone::Quiet),
        };
        let word = paint.text(tone, word);
        text += &format!("{:width$}  integration  {word}\n", one.connector);
    }
    for one in &result.applied {
        let (word, tone) = match (one.changed, result.dry_run) {
            (true, false) => ("deployed", Tone::Good),
            (true, true) => ("would be deployed", Tone::Warning),
            (false, _) => ("unchanged", Tone::Quiet),
        };
        let word = paint.text(tone, word);
        text += &format!("{:width$}  version {}  {word}\n", one.name, one.version);
    }
    let changed = result.applied.iter().filter(|one| one.changed).count()
        + result.integrations.iter().filter(|one| one.changed).count();
    let total = result.applied.len() + result.integrations.len();
    let end = if result.dry_run { "; nothing was deployed (dry run)" } else { "" };
    text + &format!("{changed} of {total} changed{end}")
}

fn faults_text(refusal: &Refusal, documents: &[Document], paint: Paint) -> String {
    let texts: HashMap<&str, &str> =
        documents.iter().map(|document| (document.file.as_str(), document.text.as_str())).collect();
    let mut shown: Vec<String> = (refusal.errors.iter())
        .map(|fault| {
            let source = fault.file.as_deref().and_then(|file| texts.get(file).copied());
            show_fault(fault, source, paint)
        })
        .collect();
    shown.push(refusal.detail.clone().unwrap_or_else(|| refusal.title.clone()));
    shown.join("\n\n")
}

/// Reads all documents, each once, in the order of their paths.
fn read_all(files: &[PathBuf]) -> anyhow::Result<Vec<Document>> {
    let mut paths = BTreeSet::new();
    let mut documents = Vec::new();
    for file in files {
        if file.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read a document from standard input")?;
            documents.push(Document { file: "<stdin>".to_owned(), text });
            continue;
        }
        let metadata =
            std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
        if metadata.is_dir() {
            let before = paths.len();
            walk(file, 0, &mut paths)?;
            if paths.len() == before {
                bail!("there is no *.yaml, *.yml or *.json in {}", file.display());
            }
        } else {
            paths.insert(file.clone());
        }
    }
    for path in paths {
        documents.push(read(&path)?);
    }
    Ok(documents)
}

/// Gathers the documents of a folder and the folders below. Names that begin with a dot are
/// passed over; links to folders are not followed.
fn walk(folder: &Path, depth: usize, paths: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    if depth > FOLDER_DEPTH_MAX {
        bail!("{} is nested too deeply", folder.display());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().with_context(|| format!("cannot read {}", path.display()))?;
        if kind.is_dir() {
            walk(&path, depth + 1, paths)?;
        } else if is_document(&path) && path.is_file() {
            paths.insert(path);
        }
    }
    Ok(())
}

fn is_document(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["yaml", "yml", "json"].iter().any(|known| known.eq_ignore_ascii_case(extension))
    })
}

/// Reads one document.
pub(super) fn read(path: &Path) -> anyhow::Result<Document> {
    let file = path.display().to_string();
    let bytes = std::fs::metadata(path).with_context(|| format!("cannot read {file}"))?.len();
    if bytes > FILE_BYTES_MAX {
        bail!("{file} has {bytes} bytes; a document is never that large");
    }
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {file}"))?;
    let text = String::from_utf8(bytes).with_context(|| format!("{file} is not UTF-8"))?;
    Ok(Document { file, text })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("it is writable");
            std::fs::write(path, *file).expect("it is writable");
        }
        folder
    }

    fn names(folder: &Path, documents: &[Document]) -> Vec<String> {
        let prefix = format!("{}/", folder.display());
        documents.iter().map(|one| one.file.replace(&prefix, "")).collect()
    }

    #[test]
    fn a_folder_gives_its_documents_in_order_and_nothing_else() {
        let files =
            ["b.yml", "a.yaml", "sub/c.JSON", "notes.md", ".hidden.yaml", ".git/x.yaml", "yaml"];
        let folder = folder(&files);
        let path = folder.path().to_path_buf();
        let documents = read_all(&[path.clone(), path.join("a.yaml")]).expect("they are readable");
        assert_eq!(names(&path, &documents), ["a.yaml", "b.yml", "sub/c.JSON"]);
    }

    #[test]
    fn a_folder_without_documents_is_a_mistake() {
        let folder = folder(&["notes.md"]);
        let error = read_all(&[folder.path().to_path_buf()]).expect_err("nothing to apply");
        assert!(error.to_string().contains("there is no *.yaml"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_utf8_is_named() {
        let folder = folder(&[]);
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, b"\xff").expect("it is writable");
        let error = read_all(&[path]).expect_err("it is not UTF-8");
        assert!(error.to_string().contains("a.yaml is not UTF-8"), "{error}");
    }

    #[test]
    fn what_was_done_is_told_document_by_document() {
        let result = |dry_run| -> ApplyResult {
            let integrations =
                json!([{"integration_id": null, "connector": "slack", "changed": true}]);
            serde_json::from_value(json!({"dry_run": dry_run, "integrations": integrations,
                                          "applied": [
                {"name": "welcome", "version": 3, "changed": true,
                 "workflow_id": null, "version_id": null},
                {"name": "bye", "version": 1, "changed": false,
                 "workflow_id": null, "version_id": null},
            ]}))
            .expect("it is a result")
        };
        assert_eq!(
            applied_text(&result(false), Paint::plain()),
            "slack    integration  applied\nwelcome  version 3  deployed\n\
             bye      version 1  unchanged\n2 of 3 changed"
        );
        let dry = applied_text(&result(true), Paint::plain());
        assert!(dry.contains("would be deployed") && dry.contains("nothing was"), "{dry}");
    }

    #[test]
    fn faults_are_shown_with_the_line_of_their_document() {
        let refusal: Refusal = serde_json::from_value(json!({
            "status": 422, "code": "invalid_document", "title": "t", "detail": "1 fault",
            "errors": [{"message": "bad", "file": "a.yaml", "line": 2, "column": 1}]
        }))
        .expect("it is a problem");
        let document = Document { file: "a.yaml".into(), text: "one\ntwo\n".into() };
        let shown = faults_text(&refusal, &[document], Paint::plain());
        assert!(shown.contains("2 | two\n  | ^^^"), "{shown}");
        assert!(shown.ends_with("1 fault"), "{shown}");
    }
}
