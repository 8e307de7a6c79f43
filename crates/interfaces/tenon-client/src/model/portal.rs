//! How the portal looks, and links to its page.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How the portal of a project looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portal {
    /// What users read as the name of the app.
    pub name: Option<String>,
    /// `#rrggbb`.
    pub accent_color: Option<String>,
    /// The logo.
    pub logo: Option<PortalLogo>,
    /// Web origins that the portal's page may send users back to.
    pub return_origins: Vec<String>,
}

/// A logo: an address, or a file that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalLogo {
    /// Where it is.
    pub url: Option<String>,
    /// The kind of the file.
    pub media_type: Option<String>,
    /// The SHA-256 of the file.
    pub sha256: Option<String>,
}

/// A change of how the portal looks. `None` leaves a thing as it is, `Some(None)` takes it away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PortalChange {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Option<String>>,
    /// The colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent_color: Option<Option<String>>,
    /// The logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<Option<NewLogo>>,
    /// The web origins, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_origins: Option<Vec<String>>,
}

/// A logo to show from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum NewLogo {
    /// At an address.
    Url {
        /// Where.
        url: String,
    },
    /// A file.
    File {
        /// `image/svg+xml` or `image/png`.
        media_type: String,
        /// The file, base64.
        data: String,
    },
}

/// A link to make.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NewPortalLink {
    /// The builder's own id of the user.
    pub user: String,
    /// The only integration that the page shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    /// Where the page sends the user at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    /// Merged into the user's metadata.
    pub metadata: Map<String, Value>,
    /// How long it can be used, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_seconds: Option<u32>,
}

/// A link to the portal's page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalLink {
    /// What the user's browser opens. Whoever opens it first acts as the user.
    pub url: String,
    /// When it can no longer be used.
    pub expires_at: Timestamp,
}

impl fmt::Debug for PortalLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortalLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
