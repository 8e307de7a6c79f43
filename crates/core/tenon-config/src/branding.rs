//! How a project's portal looks: its name, its colour, its logo; and which web origins its page may
//! send users back to.
//!
//! A logo is an address of the builder's, or a small file that is kept here. It says nothing about
//! integrations, which have texts and colours of their own.

use sha2::{Digest, Sha256};
use tenon_domain::ProjectId;
use url::Url;

use crate::linking::origin;
use crate::ports::StoreError;
use crate::projects::DisplayName;
use crate::{Configuration, Error};

/// The longest address of a logo, in bytes.
const LOGO_URL_BYTES_MAX: usize = 2_048;
/// How a PNG begins.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// How a project's portal looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortalDesign {
    /// What users read as the name of the builder's app.
    pub name: Option<DisplayName>,
    /// `#rrggbb`.
    pub accent_color: Option<String>,
    /// The logo.
    pub logo: Option<Logo>,
    /// Web origins that the portal's page may send users back to.
    pub return_origins: Vec<String>,
}

/// Where a logo is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logo {
    /// At an https address of the builder's.
    Url(String),
    /// Here: a file of this kind and digest.
    File {
        /// Its kind.
        kind: LogoType,
        /// Its SHA-256.
        sha256: [u8; 32],
    },
}

/// The kinds of files that a logo may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoType {
    /// Shapes.
    Svg,
    /// Pixels.
    Png,
}

/// The file of a logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoFile {
    /// Its kind.
    pub kind: LogoType,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A change of how a portal looks. `None` leaves a thing as it is, `Some(None)` takes it away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DesignChange {
    /// The name.
    pub name: Option<Option<String>>,
    /// The colour.
    pub accent_color: Option<Option<String>>,
    /// The logo.
    pub logo: Option<Option<NewLogo>>,
    /// The web origins, all of them.
    pub return_origins: Option<Vec<String>>,
}

/// A logo to show from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewLogo {
    /// At an https address of the builder's.
    Url(String),
    /// A file.
    File(LogoFile),
}

impl LogoType {
    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
        }
    }

    /// The kind of a media type.
    #[must_use]
    pub fn of_media_type(text: &str) -> Option<Self> {
        [Self::Svg, Self::Png].into_iter().find(|kind| kind.media_type() == text)
    }

    /// How its files' names end.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
        }
    }
}

impl LogoFile {
    fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    fn check(&self, bytes_max: usize) -> Result<(), Error> {
        let is_valid = match self.kind {
            LogoType::Svg => std::str::from_utf8(&self.bytes)
                .is_ok_and(|svg| tenon_connector::icon::check(svg, bytes_max).is_ok()),
            LogoType::Png => self.bytes.starts_with(PNG) && self.bytes.len() <= bytes_max,
        };
        if is_valid {
            return Ok(());
        }
        Err(Error::Invalid {
            what: "the logo",
            rule: "a PNG, or one <svg> element with shapes and nothing that acts or loads; no \
                   larger than the limit logo_bytes_max (64 KB unless set)",
        })
    }
}

impl Configuration {
    /// How a project's portal looks.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn portal_design(&self, project: ProjectId) -> Result<PortalDesign, Error> {
        Ok(self.read(project).await?.portal_design(project).await?.unwrap_or_default())
    }

    /// Changes how a project's portal looks. Open portals show it when they ask again.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Invalid`], [`Error::LimitReached`],
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn change_portal_design(
        &self,
        project: ProjectId,
        change: DesignChange,
    ) -> Result<PortalDesign, Error> {
        let mut work = self.begin_change(project).await?;
        let before = work.portal_design(project).await?.unwrap_or_default();
        let mut design = before.clone();
        if let Some(name) = change.name {
            design.name = name.as_deref().map(DisplayName::parse).transpose()?;
        }
        if let Some(color) = change.accent_color {
            design.accent_color = color.map(checked_color).transpose()?;
        }
        let mut file = None;
        if let Some(logo) = change.logo {
            design.logo = match logo {
                None => None,
                Some(NewLogo::Url(url)) => Some(Logo::Url(checked_logo_url(url)?)),
                Some(NewLogo::File(new)) => {
                    new.check(self.limits.logo_bytes_max)?;
                    let logo = Logo::File { kind: new.kind, sha256: new.sha256() };
                    file = Some(new);
                    Some(logo)
                }
            };
        }
        if let Some(origins) = change.return_origins {
            design.return_origins = self.checked_origins(&origins)?;
        }
        if design == before {
            return Ok(design);
        }
        let is_other_logo = design.logo != before.logo;
        work.put_portal_design(project, &design, self.clock.now()).await?;
        if let (Some(file), true) = (&file, is_other_logo) {
            work.put_logo_file(project, file, &file.sha256()).await?;
        }
        self.commit_and_publish(work, project, &[]).await?;
        Ok(design)
    }

    /// The file of a project's logo, where it is the one of this digest.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn logo_file(
        &self,
        project: ProjectId,
        sha256: &[u8; 32],
    ) -> Result<Option<LogoFile>, Error> {
        let mut work = self.store.snapshot(crate::ports::Scope::Project(project)).await?;
        let found = work.logo_file(project, sha256).await?;
        Ok(found)
    }

    fn checked_origins(&self, origins: &[String]) -> Result<Vec<String>, Error> {
        if origins.len() > self.limits.return_origins_max {
            return Err(Error::LimitReached {
                what: "return origins in a project",
                max: self.limits.return_origins_max,
            });
        }
        let mut checked = Vec::new();
        for text in origins {
            let origin = origin(text)?;
            if !Url::parse(&origin).is_ok_and(|url| is_https_or_loopback(&url)) {
                return Err(Error::Invalid {
                    what: "a return origin",
                    rule: "an https origin such as https://app.example.com; http is for localhost only",
                });
            }
            if !checked.contains(&origin) {
                checked.push(origin);
            }
        }
        Ok(checked)
    }
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Whether nobody between can read what is sent there.
pub(crate) fn is_https_or_loopback(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

fn checked_color(text: String) -> Result<String, Error> {
    let digits = text.strip_prefix('#');
    let is_color = digits
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    if is_color {
        return Ok(text);
    }
    Err(Error::Invalid { what: "the accent colour", rule: "six hex digits, such as #0a7cff" })
}

fn checked_logo_url(text: String) -> Result<String, Error> {
    let is_https = Url::parse(&text).is_ok_and(|url| {
        is_https_or_loopback(&url) && url.username().is_empty() && url.password().is_none()
    });
    if is_https && text.len() <= LOGO_URL_BYTES_MAX {
        return Ok(text);
    }
    Err(Error::Invalid {
        what: "the logo's address",
        rule: "an https URL of at most 2048 bytes; http is for localhost only",
    })
}

impl PortalDesign {
    /// Reads what a store keeps of a logo.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] for what was never stored so.
    pub fn stored_logo(
        url: Option<String>,
        file: Option<(String, [u8; 32])>,
    ) -> Result<Option<Logo>, StoreError> {
        match (url, file) {
            (Some(url), _) => Ok(Some(Logo::Url(url))),
            (None, Some((media_type, sha256))) => match LogoType::of_media_type(&media_type) {
                Some(kind) => Ok(Some(Logo::File { kind, sha256 })),
                None => Err(StoreError::Failed {
                    action: "read a stored logo",
                    source: format!("it is of the kind {media_type:?}").into(),
                }),
            },
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_six_digits() {
        for (text, is_valid) in [
            ("#0a7cff", true),
            ("#ABCDEF", true),
            ("0a7cff", false),
            ("#fff", false),
            ("#0a7cfg", false),
            ("red;}", false),
        ] {
            assert_eq!(checked_color(text.to_owned()).is_ok(), is_valid, "{text}");
        }
    }

    #[test]
    fn a_logo_is_at_an_https_address() {
        for (text, is_valid) in [
            ("https://cdn.example.com/logo.svg", true),
            ("http://localhost:3000/logo.png", true),
            ("http://cdn.example.com/logo.svg", false),
            ("https://u:p@cdn.example.com/logo.svg", false),
            ("data:image/svg+xml,<svg/>", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            assert_eq!(checked_logo_url(text.to_owned()).is_ok(), is_valid, "{text}");
        }
    }

    #[test]
    fn a_logo_file_is_what_it_says() {
        let file = |kind, bytes: &[u8]| LogoFile { kind, bytes: bytes.to_vec() };
        let svg = b"<svg viewBox='0 0 1 1'><path d='M0 0h1v1z'/></svg>";
        assert!(file(LogoType::Svg, svg).check(100).is_ok());
        assert!(file(LogoType::Png, b"\x89PNG\r\n\x1a\n...").check(100).is_ok());
        assert!(file(LogoType::Png, svg).check(100).is_err());
        assert!(file(LogoType::Svg, svg).check(20).is_err());
        assert!(file(LogoType::Svg, b"<svg onload='alert(1)'></svg>").check(100).is_err());
        assert!(file(LogoType::Svg, b"\xff").check(100).is_err());
    }
}
