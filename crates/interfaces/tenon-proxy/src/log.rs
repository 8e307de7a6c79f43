//! What is kept of calls: who called what, how it went, how much. Never bodies, headers or the
//! query.

use std::time::Duration;

use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId};

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// The project.
    pub project: ProjectId,
    /// The connected user; none where the call failed before that was known.
    pub user: Option<EndUserId>,
    /// The integration.
    pub integration: Option<IntegrationId>,
    /// The account.
    pub credential: Option<CredentialId>,
    /// The method.
    pub method: String,
    /// The provider's host.
    pub host: String,
    /// The path that the caller asked for, without the query.
    pub path: String,
    /// The status that the caller got.
    pub status: u16,
    /// The problem's code, where the status is not the provider's.
    pub problem: Option<&'static str>,
    /// From the request's head to the last byte of the answer.
    pub duration: Duration,
    /// Bytes of the request's body that came in.
    pub request_bytes: u64,
    /// Bytes of the answer's body that went out.
    pub response_bytes: u64,
    /// Whether the whole answer was passed on.
    pub is_complete: bool,
    /// How often the provider was asked.
    pub attempts: u32,
}

/// Takes calls that are over.
pub trait CallLog: Send + Sync + 'static {
    /// Takes one. Called at the end of every call, on its task: must not wait, so an
    /// implementation puts it into a bounded queue and counts what does not fit.
    fn record(&self, record: CallRecord);

    /// Whether records are wanted at all; without, they are not even put together.
    fn is_on(&self) -> bool {
        true
    }
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCallLog;

impl CallLog for NoCallLog {
    fn record(&self, _: CallRecord) {}

    fn is_on(&self) -> bool {
        false
    }
}

/// Whether anybody reads the event of [`write`].
pub(crate) fn is_traced() -> bool {
    tracing::enabled!(target: "tenon_proxy::calls", tracing::Level::INFO)
}

/// One event for a call.
pub(crate) fn write(record: &CallRecord) {
    tracing::info!(
        target: "tenon_proxy::calls",
        {
            project.id = %record.project,
            integration.id = record.integration.map(tracing::field::display),
            credential.id = record.credential.map(tracing::field::display),
            method = record.method,
            host = record.host,
            path = record.path,
            status = record.status,
            problem = record.problem,
            duration_ms = u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
            request_bytes = record.request_bytes,
            response_bytes = record.response_bytes,
            is_complete = record.is_complete,
            attempts = record.attempts,
        },
        "proxy call ended with status {}",
        record.status,
    );
}
