//! Rows of connect sessions.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_domain::{ConnectSessionId, ProjectId, SecretId};

use super::StoreError;
use crate::linking::{ConnectOutcome, ConnectSession};

/// What a browser was sent away with: digests, so that the row opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionStart {
    /// SHA-256 of the state.
    pub state_sha256: [u8; 32],
    /// SHA-256 of the nonce in the browser's cookie.
    pub nonce_sha256: [u8; 32],
}

/// A session as it is stored.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// What may be shown.
    pub session: ConnectSession,
    /// What the vault keeps for it, until it has ended.
    pub secret: Option<SecretId>,
    /// The latest start.
    pub start: Option<SessionStart>,
}

/// Connect sessions.
#[async_trait]
pub trait SessionRows: Send {
    /// Adds a session.
    async fn insert_session(
        &mut self,
        project: ProjectId,
        session: &ConnectSession,
        secret: SecretId,
    ) -> Result<(), StoreError>;

    /// The session.
    async fn session(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
    ) -> Result<Option<SessionRow>, StoreError>;

    /// Notes with what the browser was sent away, in place of an earlier start and its outcome;
    /// `false` where the session is used up or has ended.
    async fn start_session(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
        start: &SessionStart,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Uses the state up: `true` for one caller only, and only before the session's end.
    async fn take_session(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
        state_sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Notes what came of a session.
    async fn set_session_outcome(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
        outcome: &ConnectOutcome,
    ) -> Result<(), StoreError>;

    /// How many sessions of the project have not ended at `now`.
    async fn count_open_sessions(
        &mut self,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<usize, StoreError>;

    /// Sessions in scope that ended before `before`, with what the vault kept for them.
    async fn ended_sessions(
        &mut self,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ProjectId, ConnectSessionId, Option<SecretId>)>, StoreError>;

    /// Removes a session.
    async fn delete_session(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
    ) -> Result<(), StoreError>;
}
