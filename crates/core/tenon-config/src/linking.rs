//! Linking accounts: by fields that a person fills in, or by sending the user's browser to the
//! provider and back.
//!
//! The way through the browser is a *connect session*. Its state is random, stored as a digest,
//! bound to a nonce in the cookie of the browser that began, and used up by one callback. What
//! goes wrong is kept in the session, so that both the user and the builder's app see it.

mod browser;
mod fields;
mod popup;
mod session;
mod through_credentials;
pub(crate) mod ticket;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenon_connector::catalog::Catalog;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, Purpose, Vault};
use tenon_domain::{ConnectSessionId, CredentialId, EndUserId, IntegrationId, ProjectId, SecretId};
use url::Url;

pub use browser::{Callback, ConnectEnd, StartedConnect};
pub use fields::{FieldLink, LinkProof};
pub use popup::{PopupConnect, SESSION_MEMBER};
pub use session::{NewConnect, OpenedConnect, is_by_browser};
pub(crate) use session::{origin, wipe};
pub use through_credentials::ThroughCredentials;
pub use ticket::SessionLink;

use crate::ports::linker::Linker;
use crate::{Configuration, Error};

/// What linking needs beside the store.
#[derive(Clone)]
pub struct LinkingParts {
    /// Keeps the secrets.
    pub vault: Arc<dyn Vault>,
    /// Talks to providers.
    pub linker: Arc<dyn Linker>,
    /// The connectors.
    pub catalog: Arc<Catalog>,
    /// How users get back here.
    pub settings: LinkSettings,
}

/// How users are sent away and get back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// Where browsers reach this installation, without a path's last `/`; https but on loopback.
    pub public_url: Url,
    /// Below `public_url`: where providers send users back to. Registered at the providers.
    pub callback_path: String,
    /// How long a session can be finished. Default 10 minutes.
    pub session_ttl: Duration,
    /// How long a session can be looked at after its end. Default 24 hours.
    pub session_kept: Duration,
    /// How long a link to the portal's page can be used where nothing is said. Default 10 minutes.
    pub portal_link_ttl: Duration,
    /// The longest that may be asked for. Default 24 hours.
    pub portal_link_ttl_max: Duration,
    /// How long the page can be used after the link was opened. Default 1 hour.
    pub portal_session_ttl: Duration,
    /// How long events are kept. Default 90 days.
    pub events_kept: Duration,
}

impl LinkSettings {
    /// The defaults for an address.
    #[must_use]
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            callback_path: "/oauth/callback".to_owned(),
            session_ttl: Duration::from_secs(600),
            session_kept: Duration::from_secs(24 * 3_600),
            portal_link_ttl: Duration::from_secs(600),
            portal_link_ttl_max: Duration::from_secs(24 * 3_600),
            portal_session_ttl: Duration::from_secs(3_600),
            events_kept: Duration::from_secs(90 * 24 * 3_600),
        }
    }

    /// Exactly what providers are told.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        self.below(&self.callback_path)
    }

    /// The page that a user opens to begin.
    #[must_use]
    pub fn start_url(&self, link: &SessionLink) -> String {
        self.below(&format!("/oauth/start/{link}"))
    }

    /// The portal's page for a link. What is behind the `#` is sent to no server, so no log has it.
    pub(crate) fn portal_url(&self, link: &str) -> String {
        self.below(&format!("/ui/hosted#link={link}"))
    }

    fn below(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

/// One attempt of a user to link an account in a browser, without its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectSession {
    /// Its id.
    pub id: ConnectSessionId,
    /// Whose account it becomes.
    pub user: EndUserId,
    /// For which integration.
    pub integration: IntegrationId,
    /// The connector's auth method.
    pub auth_method: String,
    /// What the provider is told.
    pub redirect_uri: String,
    /// Who may be told by the page at the end.
    pub return_origin: Option<String>,
    /// What was asked for.
    pub options: ConnectOptions,
    /// The account to connect again.
    pub credential: Option<CredentialId>,
    /// Whether a browser was sent to the provider.
    pub is_begun: bool,
    /// What came of it, as far as it has come.
    pub outcome: Option<ConnectOutcome>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Since when its state is used up.
    pub used_at: Option<Timestamp>,
}

/// What was asked for when a session was opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectOptions {
    /// The builder's own name for the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Whether the user may have several accounts of the integration.
    #[serde(default)]
    pub several_accounts: bool,
    /// What was filled in beforehand and is no secret.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

/// What came of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ConnectOutcome {
    /// The account is linked.
    Connected {
        /// The account.
        credential: CredentialId,
        /// Its name at the provider.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// Whether it waits for what its user has to fill in.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_pending: bool,
    },
    /// It is not.
    Failed {
        /// For machines: a problem code.
        code: String,
        /// For people: what happened and what to do.
        message: String,
    },
}

impl Configuration {
    /// What linking needs, where this process has it.
    pub(crate) fn linking(&self) -> Result<&LinkingParts, Error> {
        self.linking.as_deref().ok_or(Error::NoVault)
    }

    /// Whether browsers reach this installation by https.
    #[must_use]
    pub fn is_reached_by_https(&self) -> bool {
        self.linking.as_ref().is_some_and(|linking| linking.settings.public_url.scheme() == "https")
    }

    /// Opens a value of the vault while an account is linked, probed or unlinked.
    pub(crate) async fn open_for_connect(
        &self,
        project: ProjectId,
        secret: SecretId,
        reference: &str,
    ) -> Result<SecretBytes, Error> {
        let access = connect_access(project, reference);
        Ok(self.linking()?.vault.open(secret, &access).await?.value)
    }

    /// Deletes a value of the vault that nothing names any more. Should the vault be away, the
    /// value stays there unreachable; that is logged.
    pub(crate) async fn shred(&self, project: ProjectId, secret: SecretId) {
        let Ok(linking) = self.linking() else { return };
        if let Err(error) = linking.vault.delete(project, secret).await {
            tracing::warn!(project.id = %project, secret.id = %secret, %error,
                "a secret that is not needed any more could not be deleted");
        }
    }
}

/// Access on behalf of somebody who links, probes or unlinks an account.
pub(crate) fn connect_access(project: ProjectId, reference: &str) -> Access {
    Access {
        project,
        purpose: Purpose::Connect,
        run: None,
        step: None,
        reference: Some(reference.to_owned()),
        grant: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_below_the_public_one() {
        for base in ["https://x.example/tenon", "https://x.example/tenon/"] {
            let settings = LinkSettings::new(Url::parse(base).expect("it is a URL"));
            assert_eq!(settings.redirect_uri(), "https://x.example/tenon/oauth/callback");
        }
    }
}
