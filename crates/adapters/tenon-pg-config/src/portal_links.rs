//! Rows of links to the portal's page, and of the sessions that they became.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_config::ports::{PortalLinkRow, PortalLinkRows, PortalSessionKeys, StoreError};
use tenon_domain::{EndUserId, IntegrationId, ProjectId};
use uuid::Uuid;

use crate::api_keys::sha256;
use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

struct Columns {
    link_sha256: Vec<u8>,
    user_id: String,
    integration_id: Option<Uuid>,
    redirect_url: Option<String>,
    created_at: Moment,
    expires_at: Moment,
    used_at: Option<Moment>,
    session_expires_at: Option<Moment>,
}

impl Columns {
    fn row(self) -> Result<PortalLinkRow, StoreError> {
        Ok(PortalLinkRow {
            link_sha256: sha256(&self.link_sha256)?,
            user: EndUserId::new(self.user_id),
            integration: self.integration_id.map(IntegrationId::from_uuid),
            redirect_url: self.redirect_url,
            created_at: self.created_at.0,
            expires_at: self.expires_at.0,
            used_at: self.used_at.map(|moment| moment.0),
            session_expires_at: self.session_expires_at.map(|moment| moment.0),
        })
    }
}

#[async_trait]
impl PortalLinkRows for PgUnitOfWork {
    async fn insert_portal_link(
        &mut self,
        project: ProjectId,
        link: &PortalLinkRow,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "INSERT INTO portal_link
                 (project_id, link_sha256, user_id, integration_id, redirect_url, created_at,
                  expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            project.uuid(),
            &link.link_sha256[..],
            link.user.as_str(),
            link.integration.map(IntegrationId::uuid),
            link.redirect_url,
            Moment(link.created_at) as _,
            Moment(link.expires_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a link to the portal"))?;
        expect_one("add a link to the portal", done.rows_affected())
    }

    async fn portal_link(
        &mut self,
        project: ProjectId,
        link_sha256: &[u8; 32],
    ) -> Result<Option<PortalLinkRow>, StoreError> {
        let row = sqlx::query_as!(
            Columns,
            r#"SELECT link_sha256, user_id, integration_id, redirect_url,
                      created_at AS "created_at: Moment", expires_at AS "expires_at: Moment",
                      used_at AS "used_at: Moment",
                      session_expires_at AS "session_expires_at: Moment"
               FROM portal_link WHERE project_id = $1 AND link_sha256 = $2"#,
            project.uuid(),
            &link_sha256[..],
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a link to the portal"))?;
        row.map(Columns::row).transpose()
    }

    async fn take_portal_link(
        &mut self,
        project: ProjectId,
        link_sha256: &[u8; 32],
        session: &PortalSessionKeys,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "UPDATE portal_link
             SET used_at = $3, session_expires_at = $4, resume_sha256 = $5, token_sha256 = $6
             WHERE project_id = $1 AND link_sha256 = $2 AND used_at IS NULL AND expires_at > $3",
            project.uuid(),
            &link_sha256[..],
            Moment(now) as _,
            Moment(session.expires_at) as _,
            &session.resume_sha256[..],
            &session.token_sha256[..],
        )
        .execute(self.connection())
        .await
        .map_err(failed("use up a link to the portal"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn renew_portal_token(
        &mut self,
        project: ProjectId,
        resume_sha256: &[u8; 32],
        token_sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<PortalLinkRow>, StoreError> {
        let row = sqlx::query_as!(
            Columns,
            r#"UPDATE portal_link SET token_sha256 = $3
               WHERE project_id = $1 AND resume_sha256 = $2 AND session_expires_at > $4
               RETURNING link_sha256, user_id, integration_id, redirect_url,
                         created_at AS "created_at: Moment", expires_at AS "expires_at: Moment",
                         used_at AS "used_at: Moment",
                         session_expires_at AS "session_expires_at: Moment""#,
            project.uuid(),
            &resume_sha256[..],
            &token_sha256[..],
            Moment(now) as _,
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("renew a token of the portal"))?;
        row.map(Columns::row).transpose()
    }

    async fn portal_session(
        &mut self,
        project: ProjectId,
        token_sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<PortalLinkRow>, StoreError> {
        let row = sqlx::query_as!(
            Columns,
            r#"SELECT link_sha256, user_id, integration_id, redirect_url,
                      created_at AS "created_at: Moment", expires_at AS "expires_at: Moment",
                      used_at AS "used_at: Moment",
                      session_expires_at AS "session_expires_at: Moment"
               FROM portal_link
               WHERE project_id = $1 AND token_sha256 = $2 AND session_expires_at > $3"#,
            project.uuid(),
            &token_sha256[..],
            Moment(now) as _,
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a session of the portal"))?;
        row.map(Columns::row).transpose()
    }

    async fn count_open_portal_links(
        &mut self,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM portal_link
               WHERE project_id = $1 AND expires_at > $2 AND used_at IS NULL"#,
            project.uuid(),
            Moment(now) as _,
        )
        .fetch_one(self.connection())
        .await
        .map_err(failed("count the open links to the portal"))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    async fn prune_portal_links(
        &mut self,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM portal_link WHERE (project_id, link_sha256) IN (
                 SELECT project_id, link_sha256 FROM portal_link
                 WHERE COALESCE(session_expires_at, expires_at) < $1
                 ORDER BY COALESCE(session_expires_at, expires_at) LIMIT $2
                 FOR UPDATE SKIP LOCKED)",
            Moment(before) as _,
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .execute(self.connection())
        .await
        .map_err(failed("remove old links to the portal"))?;
        Ok(done.rows_affected())
    }
}
