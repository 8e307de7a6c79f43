//! How the portal looks, and links to its page.

use super::Client;
use crate::error::Error;
use crate::model::portal::{NewPortalLink, Portal, PortalChange, PortalLink};

impl Client {
    /// How the portal looks.
    pub async fn portal(&self) -> Result<Portal, Error> {
        self.json(self.get("portal")).await
    }

    /// Changes how the portal looks.
    pub async fn change_portal(&self, change: &PortalChange) -> Result<Portal, Error> {
        self.json(self.patch("portal", change)).await
    }

    /// Makes a link to the portal's page for a user.
    pub async fn create_portal_link(&self, new: &NewPortalLink) -> Result<PortalLink, Error> {
        self.json(self.post("portal-links", new)).await
    }
}
