//! `Idempotency-Key`: a call that is made again has no second effect.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::refusal::Refusal;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The longest key, in bytes: keys are remembered.
pub(super) const KEY_BYTES_MAX: usize = 256;

/// The key of a call, if it has one.
///
/// # Errors
/// When the key is too long, or is not visible ASCII.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if key.len() <= KEY_BYTES_MAX => Ok(Some(key.to_owned())),
        _ => Err(Refusal::invalid(format!(
            "an Idempotency-Key is visible ASCII, at most {KEY_BYTES_MAX} bytes"
        ))),
    }
}

/// What creating something came to.
#[derive(Debug)]
pub(super) enum Created {
    /// It is new.
    Now(Value),
    /// An earlier call with the same key made it.
    Before(Value),
}

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        match self {
            Self::Now(value) => (StatusCode::CREATED, Json(value)).into_response(),
            Self::Before(value) => {
                (StatusCode::OK, [(REPLAYED, "true")], Json(value)).into_response()
            }
        }
    }
}
