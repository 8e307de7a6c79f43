//! Small documents, and their diagnostics in a form that is easy to compare.

use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::{Diagnostic, Workflow, load};

/// The lines before the steps of [`document`], so that line 10 is the first line of the steps.
const HEAD: &str = "\
version: 1
name: welcome
triggers:
  - {type: app_event, event: contact.created}
  - {type: request}
settings:
  values:
    site: https://example.com
steps:
";

/// A document with these steps; their first line is line 10.
pub fn document(steps: &str) -> String {
    format!("{HEAD}{steps}")
}

/// A valid step of some type.
pub fn step(id: &str, rest: &str) -> String {
    format!("  - {{id: {id}, type: function, code: 'x', {rest}}}\n")
}

/// Loads a document that must be fine.
pub fn loaded(text: &str) -> Workflow {
    match load("welcome.yaml", text, &DocumentLimits::default()) {
        Ok(workflow) => workflow,
        Err(diagnostics) => panic!("{}", lines(&diagnostics).join("\n")),
    }
}

/// The diagnostics of a document; empty when it is fine.
pub fn diagnostics(text: &str) -> Vec<Diagnostic> {
    load("welcome.yaml", text, &DocumentLimits::default()).err().unwrap_or_default()
}

/// The diagnostics as people see them.
pub fn lines(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(ToString::to_string).collect()
}

/// `line:column code` of each diagnostic.
pub fn places(text: &str) -> Vec<String> {
    let place = |it: &Diagnostic| format!("{}:{} {}", it.line, it.column, it.code);
    diagnostics(text).iter().map(place).collect()
}

/// Checks a table of step snippets and the diagnostics that they must give.
pub fn expect_places(table: &[(&str, &[&str])]) {
    for (steps, expected) in table {
        assert_eq!(&places(&document(steps)), expected, "for the steps\n{steps}");
    }
}
