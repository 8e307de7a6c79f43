//! Opens connect sessions, tells what became of them, and clears up behind them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenon_connector::connector::Connector;
use tenon_connector::field_values::{self, Checked};
use tenon_connector::manifest::auth::{AuthKind, AuthMethod};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{NewValue, SecretOwner, Subject};
use tenon_domain::{ConnectSessionId, CredentialId, EndUserId, ProjectId, SecretId};
use url::Url;
use zeroize::Zeroizing;

use super::{ConnectOptions, ConnectSession, SessionLink, ticket};
use crate::credentials::check_external_id;
use crate::integrations::{Integration, missing_of_app};
use crate::ports::Scope;
use crate::{Configuration, Error};

/// Sessions, and events, that one sweep removes.
const SWEEP_BATCH: usize = 500;

/// A session to open.
pub struct NewConnect {
    /// Whose account it becomes.
    pub user: EndUserId,
    /// For which integration: its id or its connector.
    pub integration: String,
    /// The connector's auth method; its first one when left out.
    pub auth_method: Option<String>,
    /// What is filled in before the user is sent away. Secret values included, so it is neither
    /// printed nor kept.
    pub fields: Map<String, Value>,
    /// The account to connect again.
    pub credential: Option<CredentialId>,
    /// The builder's own name for the account.
    pub external_id: Option<String>,
    /// Whether the user may have several accounts of the integration.
    pub several_accounts: bool,
    /// The page that opened the window: it is told by `postMessage` how it ended.
    pub return_origin: Option<String>,
}

/// A session that was opened.
#[derive(Debug, Clone)]
pub struct OpenedConnect {
    /// The session.
    pub session: ConnectSession,
    /// What the user's browser opens.
    pub url: String,
}

/// What is settled before a session is opened.
pub(super) struct Opening {
    pub(super) id: ConnectSessionId,
    /// What the provider is told; this installation's own callback when left out.
    pub(super) redirect_uri: Option<String>,
}

/// What the vault keeps for a session.
#[derive(Serialize, Deserialize)]
pub(super) struct SessionSecrets {
    /// The PKCE verifier.
    pub(super) code_verifier: String,
    /// What was filled in and is secret.
    pub(super) fields: Map<String, Value>,
    /// What the provider gave before the user was sent there, base64.
    pub(super) keep: Option<String>,
}

impl SessionSecrets {
    pub(super) fn value(&self, expires_at: Timestamp) -> NewValue {
        let text = serde_json::to_vec(self).expect("a map of JSON values can be written");
        NewValue { value: SecretBytes::new(text), expires_at: Some(expires_at) }
    }
}

impl Drop for SessionSecrets {
    fn drop(&mut self) {
        drop(Zeroizing::new(std::mem::take(&mut self.code_verifier)));
        drop(Zeroizing::new(self.keep.take().unwrap_or_default()));
        wipe(&mut self.fields);
    }
}

/// Overwrites the texts of a map of secrets.
pub(crate) fn wipe(values: &mut Map<String, Value>) {
    for value in values.values_mut() {
        if let Value::String(text) = value {
            drop(Zeroizing::new(std::mem::take(text)));
        }
    }
}

pub(super) fn session_owner(project: ProjectId) -> SecretOwner {
    SecretOwner { project, subject: Subject::Session }
}

/// An integration that users may connect to, with the chosen method of its connector.
pub(super) struct Chosen {
    pub(super) integration: Integration,
    pub(super) connector: std::sync::Arc<Connector>,
    pub(super) method: AuthMethod,
}

impl Chosen {
    /// Refuses at once what could only fail in the user's browser.
    pub(super) fn check_app(&self) -> Result<(), Error> {
        let missing = missing_of_app(&self.connector, &self.method, &self.integration);
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::AppMissing {
            connector: self.integration.connector.clone(),
            method: self.method.id.clone(),
            missing,
        })
    }
}

impl Configuration {
    /// Opens a session: a link for the user's browser, good for one account.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::IntegrationInactive`],
    /// [`Error::AppMissing`], [`Error::Fields`], [`Error::Invalid`], [`Error::LimitReached`],
    /// [`Error::NoVault`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn open_connect(
        &self,
        project: ProjectId,
        new: NewConnect,
    ) -> Result<OpenedConnect, Error> {
        let opening = Opening { id: ConnectSessionId::new(), redirect_uri: None };
        self.open_session(project, new, opening).await
    }

    /// The same for a session that is found again by its id.
    pub(super) async fn open_session(
        &self,
        project: ProjectId,
        new: NewConnect,
        opening: Opening,
    ) -> Result<OpenedConnect, Error> {
        check_external_id(new.external_id.as_deref())?;
        let return_origin = new.return_origin.as_deref().map(origin).transpose()?;
        let settings = &self.linking()?.settings;
        let chosen =
            self.choose_method(project, &new.integration, new.auth_method.as_deref()).await?;
        if !is_by_browser(&chosen.method.kind) {
            return Err(Error::Invalid {
                what: "the auth method",
                rule: "one that sends the user to the provider; link this one by its fields",
            });
        }
        chosen.check_app()?;
        let Checked { public, secret } = check_fields(&chosen, &new.fields)?;
        self.check_reconnect(project, &new, &chosen.integration).await?;
        let now = self.clock.now();
        let session = ConnectSession {
            id: opening.id,
            user: new.user,
            integration: chosen.integration.id,
            auth_method: chosen.method.id.clone(),
            redirect_uri: opening.redirect_uri.unwrap_or_else(|| settings.redirect_uri()),
            return_origin,
            options: ConnectOptions {
                external_id: new.external_id,
                several_accounts: new.several_accounts,
                fields: public,
            },
            credential: new.credential,
            is_begun: false,
            outcome: None,
            created_at: now,
            expires_at: now + settings.session_ttl,
            used_at: None,
        };
        let code_verifier = ticket::draw()?.to_string();
        let secrets = SessionSecrets { code_verifier, fields: secret, keep: None };
        self.insert_session(project, &session, &secrets).await?;
        let link = SessionLink { project, session: session.id };
        let url = settings.start_url(&link);
        Ok(OpenedConnect { session, url })
    }

    /// What became of a session.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn connect_session(
        &self,
        project: ProjectId,
        session: ConnectSessionId,
    ) -> Result<ConnectSession, Error> {
        let found = self.read(project).await?.session(project, session).await?;
        found
            .map(|row| row.session)
            .ok_or_else(|| Error::NotFound { what: "connect session", id: session.to_string() })
    }

    /// Removes what ended long ago: connect sessions, with what the vault kept for them, old
    /// events, and links to the portal's page. Returns how many there were. To be called every few minutes, by one process or
    /// many.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`], [`Error::Store`], [`Error::NoVault`]; the next call goes on.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let linking = self.linking()?;
        let before = self.clock.now() - linking.settings.session_kept;
        let mut work = self.store.begin(Scope::System).await?;
        let ended = work.ended_sessions(before, SWEEP_BATCH).await?;
        for (project, session, secret) in &ended {
            if let Some(secret) = secret {
                linking.vault.delete(*project, *secret).await?;
            }
            work.delete_session(*project, *session).await?;
        }
        work.commit().await?;
        let before = self.clock.now() - linking.settings.events_kept;
        let mut work = self.store.begin(Scope::System).await?;
        let events = work.prune_events(before, SWEEP_BATCH).await?;
        work.commit().await?;
        let links = self.sweep_portal_links().await?;
        Ok(ended.len() + usize::try_from(events + links).unwrap_or(usize::MAX))
    }

    /// The active integration that a text names, and a method of its connector.
    pub(super) async fn choose_method(
        &self,
        project: ProjectId,
        integration: &str,
        method: Option<&str>,
    ) -> Result<Chosen, Error> {
        let integration = self.integration_named(project, integration).await?;
        if !integration.is_active {
            return Err(Error::IntegrationInactive { connector: integration.connector });
        }
        let connector = self.connector(project, &integration.connector).await?;
        let found = connector.auth(method).ok_or_else(|| Error::NotFound {
            what: "auth method",
            id: method.unwrap_or_default().to_owned(),
        })?;
        Ok(Chosen { method: found.clone(), connector, integration })
    }

    /// An account that is to be connected again is the same user's and integration's.
    async fn check_reconnect(
        &self,
        project: ProjectId,
        new: &NewConnect,
        integration: &Integration,
    ) -> Result<(), Error> {
        let Some(id) = new.credential else { return Ok(()) };
        let known = self.credential(project, id).await?;
        match known.user == new.user && known.integration == integration.id {
            true => Ok(()),
            false => Err(Error::no_credential(id)),
        }
    }

    async fn insert_session(
        &self,
        project: ProjectId,
        session: &ConnectSession,
        secrets: &SessionSecrets,
    ) -> Result<(), Error> {
        let vault = &self.linking()?.vault;
        let secret = SecretId::new();
        vault.create(secret, &session_owner(project), secrets.value(session.expires_at)).await?;
        let inserted = self.insert_session_row(project, session, secret).await;
        if inserted.is_err() {
            self.shred(project, secret).await;
        }
        inserted
    }

    async fn insert_session_row(
        &self,
        project: ProjectId,
        session: &ConnectSession,
        secret: SecretId,
    ) -> Result<(), Error> {
        let mut work = self.begin_change(project).await?;
        let open = work.count_open_sessions(project, session.created_at).await?;
        if open >= self.limits.connect_sessions_max {
            return Err(Error::LimitReached {
                what: "open connect sessions in a project",
                max: self.limits.connect_sessions_max,
            });
        }
        self.ensure_user_in(&mut *work, project, &session.user).await?;
        work.insert_session(project, session, secret).await?;
        Ok(work.commit().await?)
    }
}

/// What a person filled in, sorted into public and secret.
pub(super) fn check_fields(chosen: &Chosen, given: &Map<String, Value>) -> Result<Checked, Error> {
    let fields = chosen.connector.fields_of(&chosen.method);
    let asked: Vec<_> = fields.into_iter().filter(|field| !field.automated).collect();
    field_values::check(&asked, given).map_err(Error::fields)
}

/// Whether a method sends the user's browser to the provider.
#[must_use]
pub fn is_by_browser(kind: &AuthKind) -> bool {
    match kind {
        AuthKind::Oauth2(_) | AuthKind::AppInstallation(_) | AuthKind::McpOauth(_) => true,
        AuthKind::Oauth1(kind) => kind.authorize_url.is_some(),
        AuthKind::None
        | AuthKind::ApiKey
        | AuthKind::Basic
        | AuthKind::Fields
        | AuthKind::ClientCredentials(_)
        | AuthKind::TokenExchange(_)
        | AuthKind::Assertion(_) => false,
    }
}

/// The origin that may be told, and nothing but an origin.
pub(crate) fn origin(text: &str) -> Result<String, Error> {
    let is_web = |url: &Url| matches!(url.scheme(), "https" | "http") && url.host().is_some();
    match Url::parse(text).ok().filter(is_web) {
        Some(url) if url.origin().ascii_serialization() == text.trim_end_matches('/') => {
            Ok(url.origin().ascii_serialization())
        }
        _ => Err(Error::Invalid {
            what: "the return origin",
            rule: "a web origin such as https://app.example.com, without a path",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_origin_is_taken_for_one() {
        for (text, kept) in [
            ("https://app.example.com", Some("https://app.example.com")),
            ("https://app.example.com/", Some("https://app.example.com")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("https://app.example.com/path", None),
            ("https://user@app.example.com", None),
            ("javascript:alert(1)", None),
            ("*", None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(origin(text).ok().as_deref(), kept, "{text}");
        }
    }
}
