//! Rows of how projects' portals look.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_config::ports::{BrandingRows, StoreError};
use tenon_config::{Logo, LogoFile, LogoType, PortalDesign};
use tenon_domain::ProjectId;

use crate::api_keys::sha256;
use crate::error::{expect_one, failed};
use crate::projects::display_name;
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

#[async_trait]
impl BrandingRows for PgUnitOfWork {
    async fn portal_design(
        &mut self,
        project: ProjectId,
    ) -> Result<Option<PortalDesign>, StoreError> {
        let row = sqlx::query!(
            "SELECT name, accent_color, logo_url, logo_media_type, logo_sha256, return_origins
             FROM project_portal WHERE project_id = $1",
            project.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read how a portal looks"))?;
        let Some(row) = row else { return Ok(None) };
        let file = match (row.logo_media_type, row.logo_sha256) {
            (Some(media_type), Some(digest)) => Some((media_type, sha256(&digest)?)),
            _ => None,
        };
        Ok(Some(PortalDesign {
            name: row.name.as_deref().map(display_name).transpose()?,
            accent_color: row.accent_color,
            logo: PortalDesign::stored_logo(row.logo_url, file)?,
            return_origins: row.return_origins,
        }))
    }

    async fn put_portal_design(
        &mut self,
        project: ProjectId,
        design: &PortalDesign,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (url, file) = match &design.logo {
            Some(Logo::Url(url)) => (Some(url.as_str()), None),
            Some(Logo::File { sha256, .. }) => (None, Some(&sha256[..])),
            None => (None, None),
        };
        let done = sqlx::query!(
            "INSERT INTO project_portal AS held
                 (project_id, name, accent_color, logo_url, return_origins, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (project_id) DO UPDATE SET
                 name = EXCLUDED.name,
                 accent_color = EXCLUDED.accent_color,
                 logo_url = EXCLUDED.logo_url,
                 return_origins = EXCLUDED.return_origins,
                 updated_at = EXCLUDED.updated_at,
                 logo_media_type = CASE WHEN held.logo_sha256 = $7 THEN held.logo_media_type END,
                 logo_bytes = CASE WHEN held.logo_sha256 = $7 THEN held.logo_bytes END,
                 logo_sha256 = CASE WHEN held.logo_sha256 = $7 THEN held.logo_sha256 END",
            project.uuid(),
            design.name.as_ref().map(|name| name.as_str()),
            design.accent_color,
            url,
            &design.return_origins,
            Moment(now) as _,
            file,
        )
        .execute(self.connection())
        .await
        .map_err(failed("set how a portal looks"))?;
        expect_one("set how a portal looks", done.rows_affected())
    }

    async fn put_logo_file(
        &mut self,
        project: ProjectId,
        file: &LogoFile,
        sha256: &[u8; 32],
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "UPDATE project_portal
             SET logo_url = NULL, logo_media_type = $2, logo_bytes = $3, logo_sha256 = $4
             WHERE project_id = $1",
            project.uuid(),
            file.kind.media_type(),
            file.bytes,
            &sha256[..],
        )
        .execute(self.connection())
        .await
        .map_err(failed("keep a logo"))?;
        expect_one("keep a logo", done.rows_affected())
    }

    async fn logo_file(
        &mut self,
        project: ProjectId,
        sha256: &[u8; 32],
    ) -> Result<Option<LogoFile>, StoreError> {
        let row = sqlx::query!(
            r#"SELECT logo_media_type AS "media_type!", logo_bytes AS "bytes!"
               FROM project_portal WHERE project_id = $1 AND logo_sha256 = $2"#,
            project.uuid(),
            &sha256[..],
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a logo"))?;
        Ok(row.and_then(|row| {
            let kind = LogoType::of_media_type(&row.media_type)?;
            Some(LogoFile { kind, bytes: row.bytes })
        }))
    }
}
