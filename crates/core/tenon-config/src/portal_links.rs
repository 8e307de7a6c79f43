//! Links to the portal's page, for builders who do not embed an SDK: the builder's server makes one
//! for a user, and the user's browser exchanges it, once, for a session.
//!
//! A link lets in whoever opens it first, so it is short-lived and used up by a request that the
//! page makes; looking at the address does nothing. Of link, cookie and token only digests are
//! stored. It decides nothing about what a session may do: that is for whoever takes its token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tenon_domain::{EndUserId, IntegrationId, ProjectId};
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::branding::{PortalDesign, is_https_or_loopback, is_loopback};
use crate::linking::ticket;
use crate::ports::{PortalLinkRow, PortalSessionKeys, Scope, StoreError, UnitOfWork};
use crate::{Configuration, Error};

/// What tokens of the portal's page begin with; tokens of users and API keys never do.
pub const TOKEN_PREFIX: &str = "tps_";
/// Characters of a project's id in a link and in a cookie.
const PROJECT_CHARS: usize = 22;
/// Characters of 256 random bits.
const RANDOM_CHARS: usize = 43;
/// The longest address to send users back to, in bytes.
const REDIRECT_BYTES_MAX: usize = 2_048;
/// Links that one sweep removes.
const SWEEP_BATCH: usize = 500;

/// A link to make.
#[derive(Debug, Clone)]
pub struct NewPortalLink {
    /// Whom it lets in; made known where it was not.
    pub user: EndUserId,
    /// The only integration that it opens: its id or its connector. All without one.
    pub integration: Option<String>,
    /// Where the page sends the user at the end.
    pub redirect_url: Option<String>,
    /// Merged into the user's metadata.
    pub meta: Map<String, Value>,
    /// How long it can be used; the setting's time where nothing is said.
    pub ttl: Option<Duration>,
}

/// A link that was made. It is shown this once.
pub struct OpenedPortalLink {
    /// What the user's browser opens.
    pub url: Zeroizing<String>,
    /// When it can no longer be used.
    pub expires_at: Timestamp,
}

/// What a link, or a cookie, was exchanged for.
pub struct PortalSession {
    /// The project.
    pub project: ProjectId,
    /// Whose session.
    pub user: EndUserId,
    /// The only connector that it is for.
    pub integration: Option<String>,
    /// Where the page sends the user at the end.
    pub redirect_url: Option<String>,
    /// For the page's calls; the one before it holds no longer.
    pub token: Zeroizing<String>,
    /// For the browser's cookie. Only where a link was exchanged: a cookie stays.
    pub resume: Option<Zeroizing<String>>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Whose session a token is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalUser {
    /// The user.
    pub user: EndUserId,
    /// The only connector that the session is for.
    pub integration: Option<String>,
}

/// Why a link does not open the portal's page. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortalLinkFault {
    /// It is not one of ours, or was removed since.
    #[error("this link is not known; please ask for a new one")]
    Unknown,
    /// It was opened before.
    #[error("this link was used already; please ask for a new one")]
    Used,
    /// Its time is over.
    #[error("this link has ended; please ask for a new one")]
    Ended,
    /// There is no session to go on with.
    #[error("this session has ended; please ask for a new link")]
    NoSession,
}

impl Configuration {
    /// Makes a link to the portal's page for a user.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`] for the integration,
    /// [`Error::IntegrationInactive`], [`Error::Invalid`], [`Error::Conflict`] where the user is
    /// disabled, [`Error::LimitReached`], [`Error::NoVault`], [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn create_portal_link(
        &self,
        project: ProjectId,
        new: NewPortalLink,
    ) -> Result<OpenedPortalLink, Error> {
        let ttl = self.checked_ttl(new.ttl)?;
        let integration = self.linkable(project, new.integration.as_deref()).await?;
        let link = Zeroizing::new(format!("{}{}", name_of(project), ticket::draw()?.as_str()));
        let mut work = self.begin_change(project).await?;
        let redirect_url = match &new.redirect_url {
            None => None,
            Some(url) => {
                let design = work.portal_design(project).await?.unwrap_or_default();
                Some(checked_return(url, &design, &self.linking()?.settings.public_url)?)
            }
        };
        let now = self.clock.now();
        if work.count_open_portal_links(project, now).await? >= self.limits.portal_links_max {
            return Err(Error::LimitReached {
                what: "open links to the portal's page in a project",
                max: self.limits.portal_links_max,
            });
        }
        let (user, changed) =
            self.merge_user_meta(&mut *work, project, &new.user, new.meta).await?;
        if user.disabled_at.is_some() {
            let reason = "the connected user is disabled; enable the user first".to_owned();
            return Err(Error::Conflict { reason });
        }
        let row = PortalLinkRow {
            link_sha256: ticket::sha256(&link),
            user: new.user,
            integration,
            redirect_url,
            created_at: now,
            expires_at: now + ttl,
            used_at: None,
            session_expires_at: None,
        };
        work.insert_portal_link(project, &row).await?;
        work.commit().await?;
        if let Some(workflows) = changed {
            self.after_installations_changed(project, &row.user, &workflows).await;
        }
        let url = Zeroizing::new(self.linking()?.settings.portal_url(&link));
        Ok(OpenedPortalLink { url, expires_at: row.expires_at })
    }

    /// Exchanges a link for a session. Of several who bring the same link, one gets it.
    ///
    /// # Errors
    ///
    /// [`Error::PortalLink`], [`Error::NoVault`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn open_portal_link(&self, link: &str) -> Result<PortalSession, Error> {
        let project = project_of(link).ok_or(PortalLinkFault::Unknown)?;
        let (now, digest) = (self.clock.now(), ticket::sha256(link));
        let token = draw_token()?;
        let resume = Zeroizing::new(format!("{}{}", name_of(project), ticket::draw()?.as_str()));
        let keys = PortalSessionKeys {
            resume_sha256: ticket::sha256(&resume),
            token_sha256: ticket::sha256(&token),
            expires_at: now + self.linking()?.settings.portal_session_ttl,
        };
        let mut work = self.store.begin(Scope::Project(project)).await?;
        let is_taken = work.take_portal_link(project, &digest, &keys, now).await?;
        let row = work.portal_link(project, &digest).await?.ok_or(PortalLinkFault::Unknown)?;
        if !is_taken {
            let is_used = row.used_at.is_some();
            let fault = if is_used { PortalLinkFault::Used } else { PortalLinkFault::Ended };
            return Err(fault.into());
        }
        let integration = connector_of(&mut *work, project, row.integration).await?;
        work.commit().await?;
        Ok(PortalSession {
            project,
            user: row.user,
            integration,
            redirect_url: row.redirect_url,
            token,
            resume: Some(resume),
            expires_at: keys.expires_at,
        })
    }

    /// Goes on with the session of a cookie, after the page was loaded again. It gets another token
    /// and lasts no longer than before.
    ///
    /// # Errors
    ///
    /// As [`Configuration::open_portal_link`].
    pub async fn resume_portal_session(&self, resume: &str) -> Result<PortalSession, Error> {
        let project = project_of(resume).ok_or(PortalLinkFault::NoSession)?;
        let token = draw_token()?;
        let (resume, fresh) = (ticket::sha256(resume), ticket::sha256(&token));
        let mut work = self.store.begin(Scope::Project(project)).await?;
        let row = work.renew_portal_token(project, &resume, &fresh, self.clock.now()).await?;
        let row = row.ok_or(PortalLinkFault::NoSession)?;
        let integration = connector_of(&mut *work, project, row.integration).await?;
        work.commit().await?;
        Ok(PortalSession {
            project,
            user: row.user,
            integration,
            redirect_url: row.redirect_url,
            token,
            resume: None,
            expires_at: row.session_expires_at.unwrap_or(row.expires_at),
        })
    }

    /// Whose session a token is of, as long as that lasts.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn portal_session(
        &self,
        project: ProjectId,
        token: &str,
    ) -> Result<Option<PortalUser>, Error> {
        let is_token =
            token.strip_prefix(TOKEN_PREFIX).is_some_and(|random| random.len() == RANDOM_CHARS);
        if !is_token {
            return Ok(None);
        }
        let digest = ticket::sha256(token);
        let mut work = self.store.snapshot(Scope::Project(project)).await?;
        let Some(row) = work.portal_session(project, &digest, self.clock.now()).await? else {
            return Ok(None);
        };
        let integration = connector_of(&mut *work, project, row.integration).await?;
        Ok(Some(PortalUser { user: row.user, integration }))
    }

    /// Removes links that ended long ago.
    pub(crate) async fn sweep_portal_links(&self) -> Result<u64, Error> {
        let before = self.clock.now() - self.linking()?.settings.session_kept;
        let mut work = self.store.begin(Scope::System).await?;
        let removed = work.prune_portal_links(before, SWEEP_BATCH).await?;
        work.commit().await?;
        Ok(removed)
    }

    fn checked_ttl(&self, asked: Option<Duration>) -> Result<Duration, Error> {
        let settings = &self.linking()?.settings;
        let ttl = asked.unwrap_or(settings.portal_link_ttl);
        if ttl >= Duration::from_secs(1) && ttl <= settings.portal_link_ttl_max {
            return Ok(ttl);
        }
        Err(Error::Invalid {
            what: "`expires_seconds`",
            rule: "at least 1, and no more than the setting connect.portal_link_ttl_max_ms allows \
                   (24 hours unless set)",
        })
    }

    /// The integration that a link may be for.
    async fn linkable(
        &self,
        project: ProjectId,
        name: Option<&str>,
    ) -> Result<Option<IntegrationId>, Error> {
        let Some(name) = name else { return Ok(None) };
        let integration = self.integration_named(project, name).await?;
        match integration.is_active {
            true => Ok(Some(integration.id)),
            false => Err(Error::IntegrationInactive { connector: integration.connector }),
        }
    }
}

/// The connector of an integration. An integration that was removed took its links along.
async fn connector_of(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    integration: Option<IntegrationId>,
) -> Result<Option<String>, Error> {
    let Some(id) = integration else { return Ok(None) };
    let found = work.integration(project, id).await?.ok_or_else(|| {
        let source = "its integration is not there".into();
        Error::Store(StoreError::Failed { action: "read a link to the portal's page", source })
    })?;
    Ok(Some(found.connector))
}

fn draw_token() -> Result<Zeroizing<String>, Error> {
    Ok(Zeroizing::new(format!("{TOKEN_PREFIX}{}", ticket::draw()?.as_str())))
}

fn name_of(project: ProjectId) -> String {
    URL_SAFE_NO_PAD.encode(project.uuid().as_bytes())
}

/// The project that a link or a cookie names; `None` for what is none.
fn project_of(text: &str) -> Option<ProjectId> {
    let is_plain = text.len() == PROJECT_CHARS + RANDOM_CHARS && text.is_ascii();
    let name = is_plain.then(|| text.get(..PROJECT_CHARS)).flatten()?;
    let mut bytes = [0_u8; 16];
    let length = URL_SAFE_NO_PAD.decode_slice(name, &mut bytes).ok()?;
    (length == bytes.len()).then(|| ProjectId::from_uuid(Uuid::from_bytes(bytes)))
}

/// An address that a user may be sent back to: of a registered origin, or of this machine where the
/// installation itself is on it.
fn checked_return(text: &str, design: &PortalDesign, public_url: &Url) -> Result<String, Error> {
    let url = Url::parse(text).ok().filter(|url| {
        let is_plain = url.username().is_empty() && url.password().is_none();
        is_plain && is_https_or_loopback(url) && text.len() <= REDIRECT_BYTES_MAX
    });
    let url = url.ok_or(Error::Invalid {
        what: "`redirect_url`",
        rule: "an https URL of at most 2048 bytes; http is for localhost only",
    })?;
    let origin = url.origin().ascii_serialization();
    let is_registered = design.return_origins.contains(&origin);
    let is_development = is_loopback(public_url) && is_loopback(&url);
    match is_registered || is_development {
        true => Ok(url.into()),
        false => Err(Error::Invalid {
            what: "`redirect_url`",
            rule: "of an origin that is registered with the project; register it with \
                   `tenon portal set --return-origin <origin>`",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("it is a URL")
    }

    #[test]
    fn users_go_back_to_registered_origins_only() {
        let design = PortalDesign {
            return_origins: vec!["https://app.example.com".to_owned()],
            ..PortalDesign::default()
        };
        let (public, local) = (url("https://tenon.example.com"), url("http://127.0.0.1:7070"));
        for (text, on, is_allowed) in [
            ("https://app.example.com/settings?x=1#y", &public, true),
            ("https://app.example.com:8443/", &public, false),
            ("https://app.example.com.evil.example/", &public, false),
            ("https://app.example.com@evil.example/", &public, false),
            ("http://app.example.com/", &public, false),
            ("http://localhost:3000/", &public, false),
            ("http://localhost:3000/", &local, true),
            ("https://evil.example/", &local, false),
            ("javascript:alert(1)", &local, false),
            ("/settings", &local, false),
        ] {
            assert_eq!(checked_return(text, &design, on).is_ok(), is_allowed, "{text} on {on}");
        }
    }

    #[test]
    fn a_link_names_its_project() {
        let project = ProjectId::new();
        let random = "x".repeat(RANDOM_CHARS);
        let link = format!("{}{random}", name_of(project));
        assert_eq!(project_of(&link), Some(project));
        for text in ["", "x", &link[1..], &format!("{link}x"), &format!("ü{}", &link[2..])] {
            assert_eq!(project_of(text), None, "{text}");
        }
    }
}
