//! What a waiting caller of a request trigger gets.

use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tenon_domain::RunId;

use crate::ports::history::{RunStatus, StepError};

/// The answer of a run, from the worker to the gateway that holds the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, `content-type` among them.
    pub headers: Vec<(String, String)>,
    /// The body, base64 in transit.
    #[serde(with = "body")]
    pub body: Bytes,
    /// Whether a Response step gave it; otherwise the run ended without one.
    pub is_from_step: bool,
}

impl Answer {
    /// The answer when a run ended before a Response step was reached.
    #[must_use]
    pub fn without_response(run: RunId, status: RunStatus, error: Option<&StepError>) -> Self {
        let (http, code, title) = if status == RunStatus::Succeeded {
            (502, "no_response", "The run ended without reaching its Response step")
        } else {
            (502, "run_failed", "The run failed before its Response step")
        };
        let body = serde_json::json!({
            "status": http, "code": code, "title": title, "run": run,
            "step": error.and_then(|error| error.step.as_ref()),
            "detail": error.map(|error| error.code.as_str()),
        });
        Self {
            status: http,
            headers: vec![("content-type".to_owned(), "application/problem+json".to_owned())],
            body: Bytes::from(body.to_string()),
            is_from_step: false,
        }
    }

    /// The message on the wire between processes.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from(serde_json::to_vec(self).expect("strings and numbers always serialise"))
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the bytes are not an answer.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

mod body {
    //! Bytes as base64 text in JSON.

    use base64::Engine as _;

    use super::{Bytes, STANDARD};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
    }
}
