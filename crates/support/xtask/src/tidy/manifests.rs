//! What each crate inherits and brings: the fields, lints and dependency lines of the workspace, a
//! README that is its crate doc, and no dependency that it does not use.

use toml::Value;

use super::repository::Crate;
use super::{Finding, Repository};

const RULE: &str = "manifest";
const UNUSED_RULE: &str = "unused";

/// The fields of `[package]` that say the same for all crates.
pub(super) const INHERITED_FIELDS: [&str; 5] =
    ["version", "edition", "rust-version", "license", "publish"];

const CRATE_DOC: &str = "#![doc = include_str!(\"../README.md\")]";

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for found in &repository.crates {
        check_inheritance(found, &mut findings);
        check_readme(repository, found, &mut findings);
        check_use(repository, found, &mut findings);
    }
    findings
}

fn is_inherited(table: Option<&Value>) -> bool {
    table.and_then(|table| table.get("workspace")).and_then(Value::as_bool) == Some(true)
}

fn check_inheritance(found: &Crate, findings: &mut Vec<Finding>) {
    let mut report =
        |message: String| findings.push(Finding::new(found.manifest_path(), RULE, message));
    for field in INHERITED_FIELDS {
        let value = found.manifest.get("package").and_then(|package| package.get(field));
        if !is_inherited(value) {
            report(format!("write `{field}.workspace = true` in [package]"));
        }
    }
    if !is_inherited(found.manifest.get("lints")) {
        report("add `[lints]` with `workspace = true`".to_owned());
    }
    for dependency in found.dependencies.iter().filter(|d| !d.is_inherited) {
        let key = &dependency.key;
        report(format!(
            "declare {key} in [workspace.dependencies] and write `{key}.workspace = true` here"
        ));
    }
}

fn check_readme(repository: &Repository, found: &Crate, findings: &mut Vec<Finding>) {
    let folder = &found.folder;
    let readme = repository.text(&format!("{folder}/README.md"));
    if readme.is_none_or(|text| text.trim().is_empty()) {
        let message = format!(
            "{} has no README.md: say what it is for, what it does not do, how to test it",
            found.name
        );
        findings.push(Finding::new(folder, RULE, message));
    }
    for root in ["lib.rs", "main.rs"].map(|name| format!("{folder}/src/{name}")) {
        if let Some(text) = repository.text(&root) {
            if !text.lines().any(|line| line.trim() == CRATE_DOC) {
                findings.push(Finding::new(root, RULE, format!("start it with `{CRATE_DOC}`")));
            }
            return; // A crate with both has its doc in lib.rs.
        }
    }
}

/// A crate is used when its name is a word of a source file. Comments count too, so that this
/// errs on the quiet side.
fn check_use(repository: &Repository, found: &Crate, findings: &mut Vec<Finding>) {
    let folder = format!("{}/", found.folder);
    let sources: Vec<&str> =
        repository.files_in(&folder, ".rs").map(|file| file.text.as_str()).collect();
    for dependency in &found.dependencies {
        let name = dependency.key.replace('-', "_");
        if !sources.iter().any(|text| has_word(text, &name)) {
            let message = format!("no source file of {} names {name}; remove the line", found.name);
            findings.push(Finding::new(found.manifest_path(), UNUSED_RULE, message));
        }
    }
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        !text[..start].ends_with(is_part) && !text[start + word.len()..].starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, lines};
    use super::*;

    const MANIFEST: &str = "crates/core/tenon-domain/Cargo.toml";

    fn found(path: &str, text: &str) -> Vec<String> {
        lines(&check(&Sample::new().file(path, text).read()))
    }

    #[test]
    fn a_crate_that_inherits_nothing_is_told_line_by_line() {
        let found = found(MANIFEST, "[package]\nname = \"tenon-domain\"\nversion = \"1.0.0\"\n");
        assert_eq!(found.len(), INHERITED_FIELDS.len() + 1, "{found:?}");
        assert!(found[0].contains("write `version.workspace = true`"), "{found:?}");
        assert!(found[5].contains("add `[lints]`"), "{found:?}");
    }

    #[test]
    fn a_dependency_with_a_version_of_its_own_is_found() {
        let sample = Sample::new().krate("core", "tenon-expr", "[dependencies]\nserde = \"1\"\n");
        let sample = sample.file("crates/core/tenon-expr/src/a.rs", "use serde as _;");
        let found = lines(&check(&sample.read()));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("declare serde in [workspace.dependencies]"), "{found:?}");
    }

    #[test]
    fn an_empty_readme_is_no_readme() {
        let found = found("crates/core/tenon-domain/README.md", " \n");
        assert!(found[0].contains("tenon-domain has no README.md"), "{found:?}");
    }

    #[test]
    fn the_readme_is_the_crate_doc() {
        let found = found("crates/core/tenon-domain/src/lib.rs", "//! Something else.\n");
        assert!(found[0].starts_with("crates/core/tenon-domain/src/lib.rs: manifest"), "{found:?}");
    }

    #[test]
    fn a_dependency_that_no_file_names_is_found() {
        let tables = "[dependencies]\nserde.workspace = true\n";
        let sample = Sample::new().krate("core", "tenon-expr", tables);
        assert_eq!(lines(&check(&sample.read())), Vec::<String>::new());
        let sample = sample.file(
            "crates/core/tenon-expr/src/lib.rs",
            "#![doc = include_str!(\"../README.md\")]\nuse serde_json as _;\n",
        );
        let found = lines(&check(&sample.read()));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("unused: no source file of tenon-expr names serde"), "{found:?}");
    }
}
