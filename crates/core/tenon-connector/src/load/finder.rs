//! Collects findings; keeps the rules that make them short.

use tenon_domain::document::{Finding, escape_pointer};

/// What is wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    pub findings: Vec<Finding>,
}

impl Finder {
    /// Something is wrong, and this is what to do.
    pub fn say(&mut self, code: &'static str, at: &str, message: impl Into<String>, help: &str) {
        self.findings.push(Finding::new(code, at, message).help(help));
    }

    /// Something is wrong.
    pub fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// A pointer to a member.
pub(crate) fn at(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", escape_pointer(key))
}

/// A name in a message: cut, since a manifest may hold anything.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
