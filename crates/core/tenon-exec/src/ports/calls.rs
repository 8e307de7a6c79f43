//! The log of proxy calls: who called what and how it went. Written in batches by the proxy, read
//! by the API.
//!
//! It is for people who look for what happened, not for billing: what cannot be kept in time is
//! dropped and counted, so that a call never waits for it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId};
use uuid::Uuid;

use super::{history, store};

/// A call in the log. Later calls have larger ids (UUID version 7, of the time it ended).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyCallId(Uuid);

impl ProxyCallId {
    /// An id for a call that has just ended.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Wraps a stored UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID inside.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl Default for ProxyCallId {
    fn default() -> Self {
        Self::new()
    }
}

/// A call that is over. No bodies, no headers, no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyCall {
    /// Its place in the log.
    pub id: ProxyCallId,
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
    /// The provider's host; empty where the call failed before that was known.
    pub host: String,
    /// The path that the caller asked for.
    pub path: String,
    /// The status that the caller got.
    pub status: u16,
    /// The problem's code, where the status is not the provider's.
    pub problem: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
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

/// Which calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyCallFilter {
    /// Of this user.
    pub user: Option<EndUserId>,
    /// With this integration.
    pub integration: Option<IntegrationId>,
    /// With a status of this hundred: 2 for 200 to 299.
    pub status_class: Option<u16>,
    /// That ended at or after this time.
    pub since: Option<Timestamp>,
}

/// A page of calls, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyCallPage {
    /// The calls.
    pub calls: Vec<ProxyCall>,
    /// Where the next page begins, if there is one.
    pub next: Option<ProxyCallId>,
}

/// Keeps calls. The proxy may do nothing else with the database that it is in.
#[async_trait]
pub trait ProxyCallStore: Send + Sync + 'static {
    /// Keeps calls. One that is there already (a batch whose answer was lost) is passed over.
    async fn append(&self, calls: &[ProxyCall]) -> Result<(), store::Error>;
}

/// Makes room for calls and drops old ones.
#[async_trait]
pub trait ProxyCallRetention: Send + Sync + 'static {
    /// Drops the days before the last `keep_days`. Answers what was dropped.
    async fn drop_old_calls(
        &self,
        now: Timestamp,
        keep_days: u32,
    ) -> Result<Vec<String>, store::Error>;
}

/// Reads the log. Every call names the project: nothing of another is ever seen.
#[async_trait]
pub trait ProxyCallReader: Send + Sync + 'static {
    /// A page of calls, newest first; behind `cursor` if there is one.
    async fn calls(
        &self,
        project: ProjectId,
        filter: &ProxyCallFilter,
        cursor: Option<ProxyCallId>,
        limit: usize,
    ) -> Result<ProxyCallPage, history::Error>;
}
