//! Rows of how projects' portals look.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_domain::ProjectId;

use super::StoreError;
use crate::branding::{LogoFile, PortalDesign};

/// How projects' portals look.
#[async_trait]
pub trait BrandingRows: Send {
    /// How a project's portal looks, without the bytes of its logo; none where nothing was set.
    async fn portal_design(
        &mut self,
        project: ProjectId,
    ) -> Result<Option<PortalDesign>, StoreError>;

    /// Sets it. The logo's file stays where the design names it, and goes where it does not.
    async fn put_portal_design(
        &mut self,
        project: ProjectId,
        design: &PortalDesign,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Sets the logo's file of a project that has a design, in place of any other logo.
    async fn put_logo_file(
        &mut self,
        project: ProjectId,
        file: &LogoFile,
        sha256: &[u8; 32],
    ) -> Result<(), StoreError>;

    /// The logo's file, where it has this digest.
    async fn logo_file(
        &mut self,
        project: ProjectId,
        sha256: &[u8; 32],
    ) -> Result<Option<LogoFile>, StoreError>;
}
