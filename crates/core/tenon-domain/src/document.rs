//! Documents of any kind that people write in YAML or JSON: read with their places, checked
//! against a JSON Schema, and every problem shown with its line.
//!
//! [`crate::workflow`] has a loader of its own on the same parts. This knows nothing about what a
//! document means: rules are the caller's, who says what is wrong as [`Finding`]s.

use serde_json::Value;

pub use crate::workflow::diagnostic::{Diagnostic, Finding, Spot};
pub use crate::workflow::suggest::{did_you_mean, expected, one_of};
use crate::workflow::text::{self, Node, Position, locate};

/// Bounds of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Size of the text, in bytes.
    pub bytes_max: usize,
    /// Nesting of lists and mappings.
    pub depth_max: usize,
    /// Problems that are told.
    pub diagnostics_max: usize,
}

/// A document that was read: a JSON value that knows where its parts stood in the text.
#[derive(Debug)]
pub struct Document<'a> {
    file: &'a str,
    source: &'a str,
    root: Node,
    limits: ReadLimits,
    problems: Vec<Diagnostic>,
}

/// What a check against a schema came to.
#[derive(Debug)]
pub struct Shaped {
    /// The value, without what could not be accepted.
    pub value: Value,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Something is wrong that could not be taken out, so the value does not keep the schema.
    pub is_beyond_repair: bool,
}

impl<'a> Document<'a> {
    /// Reads a text. The file's name tells YAML from JSON, else the first character does.
    ///
    /// # Errors
    /// What is wrong, when there is no value that is worth further checks.
    pub fn read(
        file: &'a str,
        source: &'a str,
        limits: ReadLimits,
    ) -> Result<Self, Vec<Diagnostic>> {
        if source.len() > limits.bytes_max {
            return Err(vec![unplaced(file, 1, too_large(source.len(), limits))]);
        }
        let reading = text::read(file, source, limits.depth_max);
        let is_whole = !reading.problems.iter().any(|problem| problem.loses_value);
        let problems = reading.problems.into_iter().map(|problem| placed(file, problem)).collect();
        match reading.root.filter(|_| is_whole) {
            Some(root) => Ok(Self { file, source, root, limits, problems }),
            None => Err(sorted(problems, limits)),
        }
    }

    /// Takes a JSON value, whose diagnostics carry a pointer and no line.
    ///
    /// # Errors
    /// When it is larger or nested deeper than the limits allow.
    pub fn of_value(
        file: &'a str,
        value: Value,
        limits: ReadLimits,
    ) -> Result<Self, Vec<Diagnostic>> {
        let bytes = serde_json::to_string(&value).map_or(usize::MAX, |text| text.len());
        if bytes > limits.bytes_max {
            return Err(vec![unplaced(file, 0, too_large(bytes, limits))]);
        }
        let root = Node::of_value(value);
        if root.depth() > limits.depth_max {
            let message = format!("values are nested more than {} deep", limits.depth_max);
            return Err(vec![unplaced(file, 0, Finding::new("too_deep", "", message))]);
        }
        Ok(Self { file, source: "", root, limits, problems: Vec::new() })
    }

    /// The value without its places.
    #[must_use]
    pub fn value(&self) -> Value {
        self.root.to_value()
    }

    /// The value, or every problem: those of the text and `findings`, in the order of the text.
    /// A finding whose pointer is not in the text stands at the nearest value that is.
    ///
    /// # Errors
    /// The problems, at most as many as the limits allow.
    pub fn finish<T>(self, value: Option<T>, findings: Vec<Finding>) -> Result<T, Vec<Diagnostic>> {
        // Placing a finding reads the text, so what cannot be shown anyway is not placed.
        let placed_max = 3 * self.limits.diagnostics_max;
        let placed = findings.into_iter().take(placed_max).map(|finding| self.place(finding));
        let problems: Vec<Diagnostic> = self.problems.iter().cloned().chain(placed).collect();
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ => Err(sorted(problems, self.limits)),
        }
    }

    fn place(&self, finding: Finding) -> Diagnostic {
        let at = self.position(&finding);
        Diagnostic { column: at.column, ..unplaced(self.file, at.line, finding) }
    }

    fn position(&self, finding: &Finding) -> Position {
        let found = locate::find(&self.root, &finding.pointer);
        match &finding.spot {
            Spot::Value => found.node.at,
            Spot::Key => found.member.map_or(found.node.at, |member| member.key_at),
            Spot::Offset(offset) => locate::place(self.source, found.node, *offset),
            Spot::Reference { root, is_optional } => {
                match locate::mention(found.node, root, *is_optional) {
                    Some((node, offset)) => locate::place(self.source, node, offset),
                    None => found.node.at,
                }
            }
        }
    }
}

/// Checks a value against a schema of the vocabulary that `schemars` generates, and compiles what
/// the schema calls `Source` and `Condition`.
#[must_use]
pub fn check_shape(value: Value, schema: &Value) -> Shaped {
    let mut root = Node::of_value(value);
    let shape = crate::workflow::shape::check(&mut root, schema);
    Shaped {
        value: root.to_value(),
        findings: shape.findings,
        is_beyond_repair: shape.is_beyond_repair,
    }
}

/// Reads a text that other tools wrote: keys that are numbers become text, tags and anchors are
/// passed over. What could not be kept is told; there is no value only where the syntax is broken.
#[must_use]
pub fn read_leniently(
    file: &str,
    source: &str,
    limits: ReadLimits,
) -> (Option<Value>, Vec<Diagnostic>) {
    if source.len() > limits.bytes_max {
        return (None, vec![unplaced(file, 1, too_large(source.len(), limits))]);
    }
    let reading = text::read(file, source, limits.depth_max);
    let problems = reading.problems.into_iter().filter(|problem| {
        problem.loses_value || !matches!(problem.code, "key_not_text" | "tag" | "anchor")
    });
    let problems = problems.map(|problem| placed(file, problem)).collect();
    (reading.root.map(|root| root.to_value()), sorted(problems, limits))
}

fn placed(file: &str, problem: text::tree::TextProblem) -> Diagnostic {
    Diagnostic {
        file: file.to_owned(),
        line: problem.at.line,
        column: problem.at.column,
        pointer: String::new(),
        step: None,
        code: problem.code,
        message: problem.message,
        help: problem.help,
    }
}

/// One token of a pointer, escaped (RFC 6901).
#[must_use]
pub fn escape_pointer(token: &str) -> String {
    locate::escape(token)
}

fn too_large(bytes: usize, limits: ReadLimits) -> Finding {
    let bytes_max = limits.bytes_max;
    let message = format!("the document has {bytes} bytes, at most {bytes_max} are allowed");
    Finding::new("too_large", "", message)
}

/// A diagnostic at the start of a line.
fn unplaced(file: &str, line: u32, finding: Finding) -> Diagnostic {
    Diagnostic {
        file: file.to_owned(),
        line,
        column: line.min(1),
        pointer: finding.pointer,
        step: None,
        code: finding.code,
        message: finding.message,
        help: finding.help,
    }
}

fn sorted(mut problems: Vec<Diagnostic>, limits: ReadLimits) -> Vec<Diagnostic> {
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.truncate(limits.diagnostics_max);
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMITS: ReadLimits = ReadLimits { bytes_max: 1_000, depth_max: 8, diagnostics_max: 2 };

    #[test]
    fn a_finding_stands_where_its_value_is_or_the_nearest_one() {
        let text = "a:\n  b: [x, '{{y.z}}']\nc: 1\n";
        let place = |finding: Finding| {
            let document = Document::read("x.yaml", text, LIMITS).expect("it is YAML");
            let found = document.finish(Some(()), vec![finding]).expect_err("there is a finding");
            (found[0].line, found[0].column)
        };
        assert_eq!(place(Finding::new("code", "/a/b/0", "")), (2, 7));
        assert_eq!(place(Finding::new("code", "/a/b", "").at(Spot::Key)), (2, 3));
        assert_eq!(place(Finding::new("code", "/a/b/7/nothing", "")), (2, 6));
        let spot = Spot::Reference { root: "y".to_owned(), is_optional: false };
        assert_eq!(place(Finding::new("code", "/a/b/1", "").at(spot)), (2, 13));
        assert_eq!(place(Finding::new("code", "/c", "")), (3, 4));
    }

    #[test]
    fn findings_are_in_the_order_of_the_text_and_not_too_many() {
        let document = Document::read("x.yaml", "a: 1\nb: 2\n", LIMITS).expect("it is YAML");
        let pointers = ["/b", "/a", "/b"];
        let findings = pointers.iter().map(|at| Finding::new("code", *at, "")).collect();
        let found = document.finish(Some(()), findings).expect_err("there are findings");
        let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/b"]);
    }

    #[test]
    fn limits_hold_for_texts_and_for_values() {
        let long = "a".repeat(1_001);
        let codes = |result: Result<Document<'_>, Vec<Diagnostic>>| -> Vec<(&str, u32)> {
            result.expect_err("it is beyond").iter().map(|it| (it.code, it.line)).collect()
        };
        assert_eq!(codes(Document::read("x.yaml", &long, LIMITS)), [("too_large", 1)]);
        assert_eq!(codes(Document::of_value("", json!(long), LIMITS)), [("too_large", 0)]);
        let deep = format!("{}1{}", "[".repeat(9), "]".repeat(9));
        assert_eq!(codes(Document::read("x.json", &deep, LIMITS)), [("too_deep", 1)]);
        let deep = serde_json::from_str(&deep).expect("it is JSON");
        assert_eq!(codes(Document::of_value("", deep, LIMITS)), [("too_deep", 0)]);
    }

    #[test]
    fn texts_of_other_tools_are_read_with_numbers_as_keys() {
        let text = "responses:\n  200: {ok: !x yes}\n  big: 1e999\n";
        let (value, problems) = read_leniently("x.yaml", text, LIMITS);
        let read = json!({"responses": {"200": {"ok": "yes"}, "big": null}});
        assert_eq!(value, Some(read));
        assert_eq!(problems.iter().map(|it| it.code).collect::<Vec<_>>(), ["number_out_of_range"]);
        let (value, problems) = read_leniently("x.yaml", "a: [", LIMITS);
        assert!(value.is_none() && problems[0].code == "syntax");
    }
}
