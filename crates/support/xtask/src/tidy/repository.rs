//! What the rules look at: the crates of the workspace and the text files, read once.
//!
//! It holds what is written in the files and judges nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context;
use toml::{Table, Value};

/// Folders that hold nothing we wrote.
const FOREIGN_FOLDERS: [&str; 6] =
    ["target", "node_modules", "corpus", "artifacts", ".git", ".tenon"];

/// The endings of the files whose text the rules read.
const TEXT_ENDINGS: [&str; 3] = [".rs", ".md", "Cargo.toml"];

/// The crates and files below one folder.
#[derive(Debug)]
pub(crate) struct Repository {
    /// The members of the workspace, in the order of their folders.
    pub(crate) crates: Vec<Crate>,
    /// The Rust and Markdown files and manifests, in the order of their paths.
    pub(crate) files: Vec<TextFile>,
    /// Every file and folder, so that links can be checked.
    paths: BTreeSet<String>,
}

/// One text file.
#[derive(Debug)]
pub(crate) struct TextFile {
    /// Below the root, with `/` between folders on every system.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One crate of the workspace.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) layer: Layer,
    /// Its folder below the root, such as `crates/core/tenon-domain`.
    pub(crate) folder: String,
    pub(crate) manifest: Table,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A folder below `crates/`, which decides what a crate may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    Core,
    Adapters,
    Interfaces,
    Apps,
    Support,
}

/// One line of a dependency table.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// The name in the source of the crate.
    pub(crate) key: String,
    /// The name of the package; another one where the dependency is renamed.
    pub(crate) package: String,
    /// Whether only tests, examples and benchmarks see it.
    pub(crate) is_for_tests: bool,
    /// Whether the line says `workspace = true`.
    pub(crate) is_inherited: bool,
}

impl Repository {
    /// Reads the workspace at `root`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or a manifest is not valid.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut found = Self { crates: Vec::new(), files: Vec::new(), paths: BTreeSet::new() };
        found.read_folder(root, "")?;
        found.files.sort_by(|a, b| a.path.cmp(&b.path));
        let workspace = found.text("Cargo.toml").context("there is no Cargo.toml at the root")?;
        let workspace: Table = workspace.parse().context("failed to read Cargo.toml")?;
        let declared = workspace
            .get("workspace")
            .and_then(|table| table.get("dependencies"))
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default();
        for file in &found.files {
            if let Some((layer, folder)) = crate_of_manifest(&file.path) {
                let manifest = file.text.parse();
                let manifest = manifest.with_context(|| format!("failed to read {}", file.path))?;
                found.crates.push(read_crate(layer, folder, manifest, &declared));
            }
        }
        Ok(found)
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        let place = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        Some(&self.files[place].text)
    }

    /// Whether there is a file or folder of this name.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// The files whose path starts with `prefix` and ends with `ending`.
    pub(crate) fn files_in<'a>(
        &'a self,
        prefix: &'a str,
        ending: &'a str,
    ) -> impl Iterator<Item = &'a TextFile> {
        self.files.iter().filter(move |f| f.path.starts_with(prefix) && f.path.ends_with(ending))
    }

    fn read_folder(&mut self, folder: &Path, path: &str) -> anyhow::Result<()> {
        let entries = fs::read_dir(folder);
        let entries = entries.with_context(|| format!("failed to list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("failed to list {}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let kind = entry.file_type().with_context(|| format!("failed to look at {path}"))?;
            self.paths.insert(path.clone());
            if kind.is_dir() {
                if !FOREIGN_FOLDERS.contains(&name.as_str()) {
                    self.read_folder(&entry.path(), &path)?;
                }
            } else if TEXT_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                let text = fs::read_to_string(entry.path());
                let text = text.with_context(|| format!("failed to read {path}"))?;
                self.files.push(TextFile { path, text });
            }
        }
        Ok(())
    }
}

impl Crate {
    /// The path of its manifest.
    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }
}

fn crate_of_manifest(path: &str) -> Option<(Layer, &str)> {
    let folder = path.strip_suffix("/Cargo.toml")?;
    let (layer, name) = folder.strip_prefix("crates/")?.split_once('/')?;
    let layer = match layer {
        "core" => Layer::Core,
        "adapters" => Layer::Adapters,
        "interfaces" => Layer::Interfaces,
        "apps" => Layer::Apps,
        "support" => Layer::Support,
        _ => return None,
    };
    (!name.contains('/')).then_some((layer, folder))
}

fn read_crate(layer: Layer, folder: &str, manifest: Table, declared: &Table) -> Crate {
    let name = manifest.get("package").and_then(|package| package.get("name"));
    let name = name.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut dependencies = Vec::new();
    let mut tables = vec![&manifest];
    if let Some(targets) = manifest.get("target").and_then(Value::as_table) {
        tables.extend(targets.values().filter_map(Value::as_table));
    }
    for table in tables {
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(lines) = table.get(section).and_then(Value::as_table) else { continue };
            for (key, line) in lines {
                let is_for_tests = section == "dev-dependencies";
                dependencies.push(read_dependency(key, line, is_for_tests, declared));
            }
        }
    }
    Crate { name, layer, folder: folder.to_owned(), manifest, dependencies }
}

fn read_dependency(key: &str, line: &Value, is_for_tests: bool, declared: &Table) -> Dependency {
    let package = |line: &Value| line.get("package").and_then(Value::as_str).map(str::to_owned);
    let package = package(line).or_else(|| package(declared.get(key)?));
    Dependency {
        key: key.to_owned(),
        package: package.unwrap_or_else(|| key.to_owned()),
        is_for_tests,
        is_inherited: line.get("workspace").and_then(Value::as_bool) == Some(true),
    }
}
