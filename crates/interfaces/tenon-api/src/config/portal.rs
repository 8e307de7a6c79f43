//! What the API asks about the portal: how it looks, and links to its page.

use async_trait::async_trait;
use tenon_config::{
    Configuration, DesignChange, Error, NewPortalLink, OpenedPortalLink, PortalDesign,
};
use tenon_domain::ProjectId;

/// The portal of a project.
#[async_trait]
pub trait PortalPort: Send + Sync + 'static {
    /// How it looks.
    async fn portal_design(&self, project: ProjectId) -> Result<PortalDesign, Error>;

    /// Changes how it looks.
    async fn change_portal_design(
        &self,
        project: ProjectId,
        change: DesignChange,
    ) -> Result<PortalDesign, Error>;

    /// Makes a link to its page for a user.
    async fn create_portal_link(
        &self,
        project: ProjectId,
        new: NewPortalLink,
    ) -> Result<OpenedPortalLink, Error>;
}

#[async_trait]
impl PortalPort for Configuration {
    async fn portal_design(&self, project: ProjectId) -> Result<PortalDesign, Error> {
        self.portal_design(project).await
    }

    async fn change_portal_design(
        &self,
        project: ProjectId,
        change: DesignChange,
    ) -> Result<PortalDesign, Error> {
        self.change_portal_design(project, change).await
    }

    async fn create_portal_link(
        &self,
        project: ProjectId,
        new: NewPortalLink,
    ) -> Result<OpenedPortalLink, Error> {
        self.create_portal_link(project, new).await
    }
}
