//! The rules of this repository that clippy does not know: layers, names, manifests, links, sizes.
//!
//! A rule is a function from [`Repository`] to [`Finding`]s; it reads, and never writes. The rules
//! take text as text: they know Rust and Markdown just well enough to leave strings, comments and
//! code blocks alone.

use std::fmt;
use std::path::Path;

mod layers;
mod links;
mod manifests;
mod names;
mod problem_codes;
mod repository;
mod sizes;
mod source;

#[cfg(test)]
mod sample;

pub(crate) use repository::Repository;

/// One break of a rule: where it is, which rule it is, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Path below the root; with `:line` where there is one.
    place: String,
    rule: &'static str,
    message: String,
}

impl Finding {
    fn new(place: impl fmt::Display, rule: &'static str, message: impl Into<String>) -> Self {
        Self { place: place.to_string(), rule, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.rule, self.message)
    }
}

/// Checks the repository at `root` and prints what it found. True when no rule is broken.
///
/// # Errors
///
/// When a file or a manifest cannot be read.
pub(crate) fn run(root: &Path) -> anyhow::Result<bool> {
    let repository = Repository::read(root)?;
    let hints = sizes::hints(&repository);
    if !hints.is_empty() {
        println!("tidy: worth a second look, no failure:");
        for hint in &hints {
            println!("  {hint}");
        }
    }
    let findings = check(&repository);
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy: {} crates, nothing to repair", repository.crates.len()),
        count => eprintln!("tidy: {count} to repair"),
    }
    Ok(findings.is_empty())
}

/// Every break of a rule, in the order of the files.
fn check(repository: &Repository) -> Vec<Finding> {
    let rules: [fn(&Repository) -> Vec<Finding>; 6] = [
        layers::check,
        manifests::check,
        names::check,
        links::check,
        problem_codes::check,
        sizes::check,
    ];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(repository)).collect();
    findings.sort();
    findings
}

#[cfg(test)]
mod tests {
    use super::sample::Sample;
    use super::*;

    #[test]
    fn this_repository_can_be_read() {
        let repository = Repository::read(&crate::root()).expect("the repository can be read");
        let own = repository.crates.iter().find(|found| found.name == "xtask");
        let own = own.expect("this crate is part of the workspace");
        assert!(own.dependencies.iter().any(|dependency| dependency.package == "toml"));
        assert!(
            repository.files.iter().any(|file| file.path == "crates/support/xtask/src/tidy.rs")
        );
    }

    #[test]
    fn a_sound_repository_has_no_findings() {
        assert_eq!(check(&Sample::new().read()), []);
    }

    #[test]
    fn findings_of_all_rules_come_in_the_order_of_the_files() {
        let repository = Sample::new()
            .file("docs/a.md", "[gone](gone.md)\n")
            .file("crates/core/tenon-domain/src/utils.rs", "")
            .file("docs/errors/README.md", "# Codes\n")
            .file("docs/errors/lost.md", "# lost\n")
            .read();
        let rules: Vec<_> = check(&repository).iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, ["names", "links", "problem codes"]);
    }

    #[test]
    fn a_finding_reads_as_place_rule_and_what_to_do() {
        let finding = Finding::new("docs/a.md:3", "links", "there is no `b.md`");
        assert_eq!(finding.to_string(), "docs/a.md:3: links: there is no `b.md`");
    }
}
