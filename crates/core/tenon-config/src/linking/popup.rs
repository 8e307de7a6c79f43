//! Connect sessions of a page that does not keep what it was answered: it chose a key before it
//! asked, and asks again under that key.
//!
//! The session's id is drawn from project, user and key, so that any process finds it without a
//! table of keys. Who knows all three can begin the session, and nothing more, as with any link.

use sha2::{Digest, Sha256};
use tenon_domain::{ConnectSessionId, EndUserId, ProjectId};
use url::Url;
use uuid::Builder;

use super::session::Opening;
use super::{ConnectSession, NewConnect, OpenedConnect, SessionLink};
use crate::{Configuration, Error};

/// In the message that the page at the end posts to its opener: which session it was. The opener
/// brings it along to get the account.
pub const SESSION_MEMBER: &str = "tenonSession";

/// A session to open under a key.
pub struct PopupConnect {
    /// The session.
    pub connect: NewConnect,
    /// The key: 6 to 128 letters, digits, `-` and `_`; random.
    pub key: String,
    /// Where the provider sends the user in place of this installation: a page of the builder's
    /// that passes the parameters on.
    pub redirect_uri: Option<String>,
}

impl Configuration {
    /// What providers are told where nobody says otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::NoVault`].
    pub fn redirect_uri(&self) -> Result<String, Error> {
        Ok(self.linking()?.settings.redirect_uri())
    }

    /// Opens a session under a key. Asking again while it is open gives the same one.
    ///
    /// # Errors
    ///
    /// As [`Configuration::open_connect`]; [`Error::Conflict`] where the key was used before.
    pub async fn open_popup(
        &self,
        project: ProjectId,
        popup: PopupConnect,
    ) -> Result<OpenedConnect, Error> {
        let PopupConnect { connect, key, redirect_uri } = popup;
        check_key(&key)?;
        let redirect_uri = redirect_uri.as_deref().map(checked_redirect).transpose()?;
        let id = session_id(project, &connect.user, &key);
        if let Some(session) = self.popup_session(project, &connect.user, &key).await? {
            let is_open = session.used_at.is_none() && session.expires_at > self.clock.now();
            if !is_open {
                let reason = "the key was used before; begin again with another one".to_owned();
                return Err(Error::Conflict { reason });
            }
            let link = SessionLink { project, session: id };
            let url = self.linking()?.settings.start_url(&link);
            return Ok(OpenedConnect { session, url });
        }
        self.open_session(project, connect, Opening { id, redirect_uri }).await
    }

    /// The session of a user that has a key.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Invalid`] for the key, [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn popup_session(
        &self,
        project: ProjectId,
        user: &EndUserId,
        key: &str,
    ) -> Result<Option<ConnectSession>, Error> {
        check_key(key)?;
        let id = session_id(project, user, key);
        let found = self.read(project).await?.session(project, id).await?;
        Ok(found.map(|row| row.session).filter(|session| session.user == *user))
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    let is_valid = (6..=128).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_valid {
        return Ok(());
    }
    Err(Error::Invalid { what: "the session's key", rule: "6 to 128 letters, digits, - and _" })
}

/// An address that a browser may be sent to with a code.
fn checked_redirect(text: &str) -> Result<String, Error> {
    let invalid = Error::Invalid {
        what: "the redirect URL",
        rule: "an https URL without a fragment; http is for localhost only",
    };
    let Ok(url) = Url::parse(text) else { return Err(invalid) };
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let is_web = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    // As it was written: providers compare it byte by byte.
    if is_web && is_plain && text.len() <= 2_048 { Ok(text.to_owned()) } else { Err(invalid) }
}

fn session_id(project: ProjectId, user: &EndUserId, key: &str) -> ConnectSessionId {
    let mut digest = Sha256::new_with_prefix(b"tenon connect session ");
    digest.update(project.uuid().as_bytes());
    digest.update((user.as_str().len() as u64).to_be_bytes());
    digest.update(user.as_str().as_bytes());
    digest.update(key.as_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    ConnectSessionId::from_uuid(Builder::from_random_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_project_user_or_key_is_another_session() {
        let (project, user) = (ProjectId::new(), EndUserId::new("u"));
        let id = session_id(project, &user, "abcdef");
        assert_eq!(id, session_id(project, &user, "abcdef"));
        assert_ne!(id, session_id(ProjectId::new(), &user, "abcdef"));
        assert_ne!(id, session_id(project, &user, "abcdeg"));
        assert_ne!(id, session_id(project, &EndUserId::new("ua"), "bcdef"));
        assert_eq!(id.uuid().get_version_num(), 4);
    }

    #[test]
    fn a_key_is_long_enough_and_plain() {
        for (key, is_valid) in [
            ("k3f9x0", true),
            ("a-b_C9", true),
            ("short", false),
            ("with space", false),
            ("", false),
        ] {
            assert_eq!(check_key(key).is_ok(), is_valid, "{key}");
        }
        assert!(check_key(&"x".repeat(129)).is_err());
    }

    #[test]
    fn codes_go_to_https_only() {
        for (text, is_valid) in [
            ("https://app.example.com/oauth?x=1", true),
            ("http://localhost:3000/oauth", true),
            ("http://app.example.com/oauth", false),
            ("https://u:p@app.example.com/", false),
            ("https://app.example.com/#x", false),
            ("javascript:alert(1)", false),
            ("app.example.com", false),
        ] {
            assert_eq!(checked_redirect(text).is_ok(), is_valid, "{text}");
        }
    }
}
