//! What is wrong with a document, where, and what to do about it.
//!
//! Codes are part of the product: tests, editors and the API rely on them. They are listed in
//! `docs/reference/workflow-document.md`.

use std::fmt;

use serde::Serialize;

use crate::ids::StepId;

/// One problem of one document.
///
/// Shown as `welcome.yaml:12:7: step "lookup": unknown step "lokup" in next; did you mean
/// "lookup"? [unknown_step]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file as the caller named it; empty when the document did not come from a file.
    pub file: String,
    /// Line, counted from 1; 0 when the document has no lines (it came as a JSON value).
    pub line: u32,
    /// Column in characters, counted from 1; 0 when the document has no lines.
    pub column: u32,
    /// RFC 6901 pointer to the value, or to the nearest one that exists.
    pub pointer: String,
    /// The step it is in.
    pub step: Option<StepId>,
    /// Names the rule that is broken.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.line) {
            ("", 0) if self.pointer.is_empty() => write!(f, "document: ")?,
            ("", 0) => write!(f, "{}: ", self.pointer)?,
            (file, 0) => write!(f, "{file}: ")?,
            ("", line) => write!(f, "{line}:{}: ", self.column)?,
            (file, line) => write!(f, "{file}:{line}:{}: ", self.column)?,
        }
        if let Some(step) = &self.step {
            write!(f, "step \"{step}\": ")?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        write!(f, " [{}]", self.code)
    }
}

/// A problem before it is placed in a file. Rules make these; the loader turns them into
/// [`Diagnostic`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Pointer to the value.
    pub pointer: String,
    /// Where in the value.
    pub spot: Spot,
    /// Names the rule.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Which part of a value a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// The value as a whole.
    Value,
    /// The key before it.
    Key,
    /// This many bytes into its text.
    Offset(usize),
    /// The first template below it that refers to `root`.
    Reference {
        /// The reference's first word.
        root: String,
        /// Whether it is written with `?`.
        is_optional: bool,
    },
}

impl Finding {
    /// A finding about a value as a whole.
    pub fn new(code: &'static str, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            spot: Spot::Value,
            code,
            message: message.into(),
            help: None,
        }
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do, where that is known.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// Says which part of the value is meant.
    #[must_use]
    pub fn at(mut self, spot: Spot) -> Self {
        self.spot = spot;
        self
    }
}
