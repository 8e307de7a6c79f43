//! Why a call failed, by what the caller can do.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused: mend the request, or wait when `retry_after` says so.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No answer: is the server running, and is the address right?
    #[error("cannot reach {server}")]
    Unreachable {
        /// The server's address.
        server: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// An answer that is not of this API: is the address right?
    #[error("{server} does not answer like a Tenon server (HTTP {status}): {reason}")]
    NotOurs {
        /// The server's address.
        server: String,
        /// The HTTP status.
        status: u16,
        /// What is odd about it.
        reason: String,
    },
    /// The address, project or key cannot be used as it is.
    #[error("{what} is not valid: {reason}")]
    Setting {
        /// Which.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// What the server said (problem+json).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem, to be matched on.
    pub code: String,
    /// One line, the same for every problem of this kind.
    pub title: String,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The page about this kind of problem.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub help: String,
    /// Single faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// Names the request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When to try again.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// One fault in what was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// The kind of fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where in the document or body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Which line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Which column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Which step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

impl fmt::Display for Refusal {
    /// `<detail or title> [<code>, HTTP <status>]`, then one line a fault and the page to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.detail.as_deref().unwrap_or(&self.title);
        write!(f, "{said} [{}, HTTP {}]", self.code, self.status)?;
        // A single fault that only says the same again is no news.
        let is_repeated = matches!(self.errors.as_slice(), [one] if said.contains(&one.message));
        if !is_repeated {
            for fault in &self.errors {
                write!(f, "\n  {fault}")?;
            }
        }
        if let Some(after) = self.retry_after {
            write!(f, "\n  try again in {} s", after.as_secs())?;
        }
        if self.status >= 500
            && let Some(id) = &self.request_id
        {
            write!(f, "\n  request {id}")?;
        }
        if !self.help.is_empty() {
            write!(f, "\n  see {}", self.help)?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}:")?;
        }
        if self.file.is_some() || self.line.is_some() {
            f.write_str(" ")?;
        } else if let Some(pointer) = self.pointer.as_deref().filter(|text| !text.is_empty()) {
            write!(f, "{pointer}: ")?;
        }
        if let Some(step) = &self.step {
            write!(f, "step \"{step}\": ")?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Refusal {
        serde_json::from_str(text).expect("it is a problem")
    }

    #[test]
    fn a_refusal_says_what_happened_where_and_what_to_read() {
        let shown = refusal(
            r#"{"status": 422, "code": "invalid_document", "title": "a workflow document is not valid",
                "detail": "1 fault in 1 document", "help": "docs/errors/invalid_document.md",
                "errors": [{"message": "unknown step \"lokup\" in next", "file": "a.yaml",
                "line": 12, "column": 7, "step": "lookup", "help": "did you mean \"lookup\"?"}],
                "request_id": "r1", "new_field": 1}"#,
        );
        assert_eq!(
            shown.to_string(),
            "1 fault in 1 document [invalid_document, HTTP 422]\n  \
             a.yaml:12:7: step \"lookup\": unknown step \"lokup\" in next; did you mean \"lookup\"?\n  \
             see docs/errors/invalid_document.md"
        );
    }

    #[test]
    fn a_failure_of_the_server_names_the_request() {
        let mut shown = refusal(
            r#"{"status": 503, "code": "unavailable", "title": "away", "request_id": "r1"}"#,
        );
        shown.retry_after = Some(Duration::from_secs(2));
        assert_eq!(
            shown.to_string(),
            "away [unavailable, HTTP 503]\n  try again in 2 s\n  request r1"
        );
    }
}
