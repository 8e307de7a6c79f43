//! The request step: calls an HTTP service, one page or all of them.
//!
//! It builds the call from the step's templates (as connectors do, in [`tenon_connector::request`]), asks [`Egress`] to make it, and reads the
//! answer. It does not retry (the engine does, by the step's policy) and follows no redirect.
//! The one exception: a call that was refused with 401 under a kept OAuth token is made once
//! more with a new one.

pub(super) mod answer;
mod auth;
pub(super) mod exchange;
pub(super) mod pages;
pub(super) mod record;
mod tokens;

#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use tenon_connector::request::BuildError;
use tenon_domain::ProjectId;
use tenon_domain::workflow::steps::request::RequestStep;
use tenon_expr::Scope;

use super::{Failure, FailureClass, Outcome};
use tenon_contract::egress::Egress;

pub use tokens::TokenCache;

/// What a request step needs besides its configuration.
pub struct RequestCall<'a> {
    /// The way out.
    pub egress: &'a dyn Egress,
    /// OAuth 2 tokens that may be used again.
    pub tokens: &'a TokenCache,
    /// Whose step it is; tokens are never shared between projects.
    pub project: ProjectId,
    /// The same for every attempt of this step in this run.
    pub idempotency_key: &'a str,
    /// Bounds.
    pub limits: &'a RequestLimits,
    /// Whether this is a test run: it reads one page only.
    pub is_test: bool,
}

/// Bounds of a request step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLimits {
    /// The longest wait for one call; a step may ask for less.
    pub timeout: Duration,
    /// The largest body of one answer, in bytes.
    pub response_bytes_max: usize,
    /// The largest body of one call, in bytes.
    pub request_bytes_max: usize,
    /// The longest URL, in bytes.
    pub url_bytes_max: usize,
    /// The most pages one step reads, whatever it asks for.
    pub pages_max: u32,
    /// The bodies of all pages together, in bytes.
    pub pages_bytes_max: usize,
    /// The longest wait that an answer's `Retry-After` may ask for.
    pub retry_after_max: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            response_bytes_max: 32 << 20,
            request_bytes_max: 32 << 20,
            url_bytes_max: 16 << 10,
            pages_max: 10_000,
            pages_bytes_max: 64 << 20,
            retry_after_max: Duration::from_secs(24 * 3_600),
        }
    }
}

/// Runs one attempt of a request step. Running it again sends the same `Idempotency-Key`.
///
/// # Errors
/// When the call cannot be built, is refused, gets no answer, or is answered with a status of
/// 400 or more. The failure holds the recorded input as far as it got, and the answer.
pub async fn run(
    step: &RequestStep,
    scope: &(dyn Scope + Sync),
    call: &RequestCall<'_>,
) -> Result<Outcome, Failure> {
    if let Some(pagination) = &step.pagination {
        let reach = pages::Reach { limits: call.limits, is_test: call.is_test };
        return pages::run(pagination, scope, &reach, &mut PlainPages { step, call }).await;
    }
    let exchange = exchange::run(step, scope, call, call.idempotency_key).await?;
    Ok(Outcome {
        input: Some(exchange.input),
        output: serde_json::json!({ "response": exchange.answer.into_value() }),
        ..Outcome::default()
    })
}

/// Pages of a service that is called as it is.
struct PlainPages<'a, 'c> {
    step: &'a RequestStep,
    call: &'a RequestCall<'c>,
}

#[async_trait]
impl pages::Fetch for PlainPages<'_, '_> {
    async fn page(
        &mut self,
        scope: &(dyn Scope + Sync),
        page: u32,
    ) -> Result<exchange::Exchange, Failure> {
        let key = format!("{}:p{page}", self.call.idempotency_key);
        exchange::run(self.step, scope, self.call, &key).await
    }
}

/// A failure that comes back however often the step is tried.
pub(super) fn permanent(code: &'static str, message: impl Into<String>) -> Failure {
    Failure::new(code, message, FailureClass::Permanent)
}

/// A call that cannot be built is never tried again.
impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        permanent(error.code, error.message)
    }
}
