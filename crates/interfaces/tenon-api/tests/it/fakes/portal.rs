//! How the portal looks, in memory.

use std::time::Duration;

use async_trait::async_trait;
use tenon_api::config::PortalPort;
use tenon_config::{
    DesignChange, DisplayName, Error, Logo, NewLogo, NewPortalLink, OpenedPortalLink, PortalDesign,
};
use tenon_domain::ProjectId;
use zeroize::Zeroizing;

use super::{World, at};

#[async_trait]
impl PortalPort for World {
    async fn portal_design(&self, of: ProjectId) -> Result<PortalDesign, Error> {
        self.config(of)?;
        Ok(self.state.lock().accounts.design.clone())
    }

    async fn change_portal_design(
        &self,
        of: ProjectId,
        change: DesignChange,
    ) -> Result<PortalDesign, Error> {
        self.config(of)?;
        let mut state = self.state.lock();
        let design = &mut state.accounts.design;
        if let Some(name) = change.name {
            design.name = name.as_deref().map(DisplayName::parse).transpose()?;
        }
        if let Some(color) = change.accent_color {
            design.accent_color = color;
        }
        if let Some(logo) = change.logo {
            design.logo = logo.map(|logo| match logo {
                NewLogo::Url(url) => Logo::Url(url),
                NewLogo::File(file) => Logo::File { kind: file.kind, sha256: [7; 32] },
            });
        }
        if let Some(origins) = change.return_origins {
            design.return_origins = origins;
        }
        Ok(design.clone())
    }

    async fn create_portal_link(
        &self,
        of: ProjectId,
        new: NewPortalLink,
    ) -> Result<OpenedPortalLink, Error> {
        self.config(of)?;
        let seconds = new.ttl.unwrap_or(Duration::from_secs(600)).as_secs();
        let url = format!("https://tenon.example/ui/hosted#link={}", new.user.as_str());
        let expires_at = at(i64::try_from(seconds).expect("it is short"));
        Ok(OpenedPortalLink { url: Zeroizing::new(url), expires_at })
    }
}
