//! Rows of links to the portal's page, and of the sessions that they became.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_domain::{EndUserId, IntegrationId, ProjectId};

use super::StoreError;

/// A link as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalLinkRow {
    /// SHA-256 of the link.
    pub link_sha256: [u8; 32],
    /// Whom it lets in.
    pub user: EndUserId,
    /// The only integration that it opens.
    pub integration: Option<IntegrationId>,
    /// Where the page sends the user at the end.
    pub redirect_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it can no longer be used.
    pub expires_at: Timestamp,
    /// Since when it is used up.
    pub used_at: Option<Timestamp>,
    /// When the session that it became ends.
    pub session_expires_at: Option<Timestamp>,
}

/// What a session is known by: digests, so that the row opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortalSessionKeys {
    /// SHA-256 of what is in the browser's cookie.
    pub resume_sha256: [u8; 32],
    /// SHA-256 of the token in the page.
    pub token_sha256: [u8; 32],
    /// When the session ends.
    pub expires_at: Timestamp,
}

/// Links and their sessions.
#[async_trait]
pub trait PortalLinkRows: Send {
    /// Adds a link.
    async fn insert_portal_link(
        &mut self,
        project: ProjectId,
        link: &PortalLinkRow,
    ) -> Result<(), StoreError>;

    /// The link of this digest, used up or not.
    async fn portal_link(
        &mut self,
        project: ProjectId,
        link_sha256: &[u8; 32],
    ) -> Result<Option<PortalLinkRow>, StoreError>;

    /// Uses a link up and makes it a session: `true` for one caller only, and only before the
    /// link's end.
    async fn take_portal_link(
        &mut self,
        project: ProjectId,
        link_sha256: &[u8; 32],
        session: &PortalSessionKeys,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Gives the session of a cookie another token in place of its own; none where it has ended.
    async fn renew_portal_token(
        &mut self,
        project: ProjectId,
        resume_sha256: &[u8; 32],
        token_sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<PortalLinkRow>, StoreError>;

    /// The session of a token, where it has not ended.
    async fn portal_session(
        &mut self,
        project: ProjectId,
        token_sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<PortalLinkRow>, StoreError>;

    /// How many links of the project can be used at `now`.
    async fn count_open_portal_links(
        &mut self,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<usize, StoreError>;

    /// Removes links in scope that ended before `before`, with their sessions; at most `limit`.
    async fn prune_portal_links(
        &mut self,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError>;
}
