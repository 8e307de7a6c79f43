//! The portal as the API shows it.

use jiff::Timestamp;
use serde::Serialize;
use tenon_config::{Logo, OpenedPortalLink, PortalDesign};
use utoipa::ToSchema;

/// How the portal of a project looks, and where its page may send users back to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Portal)]
pub(crate) struct PortalView {
    /// What users read as the name of your app.
    name: Option<String>,
    /// `#rrggbb`.
    accent_color: Option<String>,
    /// Your logo.
    logo: Option<LogoView>,
    /// Web origins that the portal's page may send users back to.
    return_origins: Vec<String>,
}

/// A logo: an address, or a file that was uploaded.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = PortalLogo)]
struct LogoView {
    /// Where it is.
    url: Option<String>,
    /// The kind of the file.
    media_type: Option<&'static str>,
    /// The SHA-256 of the file, in hexadecimal digits.
    sha256: Option<String>,
}

impl From<PortalDesign> for PortalView {
    fn from(design: PortalDesign) -> Self {
        Self {
            name: design.name.map(|name| name.to_string()),
            accent_color: design.accent_color,
            logo: design.logo.map(|logo| match logo {
                Logo::Url(url) => LogoView { url: Some(url), ..LogoView::default() },
                Logo::File { kind, sha256 } => LogoView {
                    media_type: Some(kind.media_type()),
                    sha256: Some(sha256.iter().map(|byte| format!("{byte:02x}")).collect()),
                    ..LogoView::default()
                },
            }),
            return_origins: design.return_origins,
        }
    }
}

/// A link to the portal's page.
#[derive(Serialize, ToSchema)]
#[schema(as = PortalLink)]
pub(crate) struct PortalLinkView {
    /// What the user's browser opens. Whoever opens it first acts as this user.
    url: String,
    /// When it can no longer be used.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<OpenedPortalLink> for PortalLinkView {
    fn from(opened: OpenedPortalLink) -> Self {
        Self { url: opened.url.as_str().to_owned(), expires_at: opened.expires_at }
    }
}
