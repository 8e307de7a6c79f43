//! The way through the browser: off to the provider, and back.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use tenon_contract::plan::IntegrationPlan;
use tenon_contract::secret::SecretBytes;
use tenon_domain::ConnectSessionId;
use url::Url;
use zeroize::Zeroizing;

use super::session::{SessionSecrets, session_owner};
use super::{ConnectOutcome, ConnectSession, SessionLink, connect_access, ticket};
use crate::credentials::{Link, Wish, integration_with_plan};
use crate::error::{CONNECT_FAILED, ConnectFault};
use crate::integrations::Integration;
use crate::ports::linker::{LinkFinish, LinkStart, LinkTarget, Linked};
use crate::ports::{SessionRow, SessionStart};
use crate::{Configuration, Credential, Error};

/// The longest text of a provider that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 300;

/// A browser that is sent to the provider.
pub struct StartedConnect {
    /// Where to.
    pub url: Url,
    /// For the cookie of this browser; comes back with the callback.
    pub nonce: Zeroizing<String>,
    /// Which session; names the cookie.
    pub session: ConnectSession,
}

/// A browser that came back from the provider.
pub struct Callback {
    /// The parameters of the URL. They hold the state and the code, so they are neither printed
    /// nor kept.
    pub params: BTreeMap<String, String>,
    /// The nonces in this browser's cookies, by session.
    pub nonces: BTreeMap<ConnectSessionId, String>,
}

/// How a session ended, for the page.
#[derive(Debug, Clone)]
pub struct ConnectEnd {
    /// The session.
    pub session: ConnectSession,
    /// What came of it.
    pub outcome: ConnectOutcome,
}

/// What the callback needs of a session once its state is used up.
struct Taken {
    session: ConnectSession,
    secrets: SessionSecrets,
    integration: Integration,
    plan: IntegrationPlan,
}

impl Configuration {
    /// Sends a browser to the provider. It may be done again, say in another window, until one
    /// callback has come: the latest one counts.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] with [`ConnectFault`] where the session is unknown, used or has ended,
    /// or where the provider cannot be used (kept in the session, too);
    /// [`Error::IntegrationInactive`], [`Error::NoVault`], [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn start_connect(&self, link: &SessionLink) -> Result<StartedConnect, Error> {
        let row = self.open_row(link).await?;
        let secret = row.secret.ok_or(ConnectFault::Ended)?;
        let (integration, plan) = self.session_integration(link, &row.session).await?;
        let mut secrets = self.session_secrets(link, secret).await?;
        let state = ticket::draw_state(link)?;
        let nonce = ticket::draw()?;
        let session = row.session;
        let target = LinkTarget {
            project: link.project,
            user: &session.user,
            integration: &plan,
            auth_method: &session.auth_method,
            fields: &session.options.fields,
            secrets: &secrets.fields,
        };
        let start = LinkStart {
            redirect_uri: &session.redirect_uri,
            state: &state,
            code_verifier: &secrets.code_verifier,
        };
        let access = connect_access(link.project, &format!("session {}", session.id));
        let linking = self.linking()?;
        let started = match linking.linker.start(target, &access, start).await {
            Ok(started) => started,
            Err(error) => {
                let error = Error::link(&integration.connector, error);
                self.note_failure(link, &error).await;
                return Err(error);
            }
        };
        if let Some(keep) = started.keep {
            secrets.keep = Some(STANDARD.encode(keep.expose()));
            let value = secrets.value(session.expires_at);
            linking.vault.replace(secret, &session_owner(link.project), value).await?;
        }
        let start = SessionStart {
            state_sha256: ticket::sha256(&state),
            nonce_sha256: ticket::sha256(&nonce),
        };
        let mut work = self.begin_change(link.project).await?;
        if !work.start_session(link.project, link.session, &start, self.clock.now()).await? {
            return Err(ConnectFault::Used.into());
        }
        work.commit().await?;
        Ok(StartedConnect { url: started.url, nonce, session })
    }

    /// Takes what a browser brought back. The state is used up before the provider is asked, so
    /// a callback that comes twice links nothing twice. What went wrong from then on is in the
    /// outcome, and in the session.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] with [`ConnectFault`] where the callback is not taken: the state is not
    /// one of ours, is used up or has ended, or the browser is not the one that began;
    /// [`Error::NoVault`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn finish_connect(&self, callback: Callback) -> Result<ConnectEnd, Error> {
        let state = callback.params.get("state").ok_or(ConnectFault::Unknown)?;
        let link = ticket::link_of_state(state).ok_or(ConnectFault::Unknown)?;
        let nonce = callback.nonces.get(&link.session).map(String::as_str);
        let taken = self.take(&link, state, nonce).await?;
        let outcome = match self.link_callback(&link, &taken, &callback.params).await {
            Ok(credential) => ConnectOutcome::Connected {
                credential: credential.id,
                is_pending: !credential.is_set_up(),
                account: credential.provider_name,
            },
            Err(error) => failure(&error),
        };
        self.close_session(&link, &taken.session, &outcome).await;
        Ok(ConnectEnd { session: taken.session, outcome })
    }

    /// Checks that this browser may finish the session, and uses its state up.
    async fn take(
        &self,
        link: &SessionLink,
        state: &str,
        nonce: Option<&str>,
    ) -> Result<Taken, Error> {
        let row = self.row(link).await?.ok_or(ConnectFault::Unknown)?;
        let start = row.start.ok_or(ConnectFault::Unknown)?;
        let state_sha256 = ticket::sha256(state);
        // A state of ours that is not the latest: the user began again elsewhere.
        if !bool::from(state_sha256.ct_eq(&start.state_sha256)) {
            return Err(ConnectFault::Unknown.into());
        }
        let nonce_sha256 = ticket::sha256(nonce.unwrap_or_default());
        if !bool::from(nonce_sha256.ct_eq(&start.nonce_sha256)) {
            return Err(ConnectFault::OtherBrowser.into());
        }
        let now = self.clock.now();
        if row.session.used_at.is_some() {
            return Err(ConnectFault::Used.into());
        }
        let secret = row.secret.filter(|_| row.session.expires_at > now);
        let secret = secret.ok_or(ConnectFault::Ended)?;
        let (integration, plan) = self.session_integration(link, &row.session).await?;
        let secrets = self.session_secrets(link, secret).await?;
        let mut work = self.begin_change(link.project).await?;
        if !work.take_session(link.project, link.session, &state_sha256, now).await? {
            return Err(ConnectFault::Used.into());
        }
        work.commit().await?;
        Ok(Taken { session: row.session, secrets, integration, plan })
    }

    async fn link_callback(
        &self,
        link: &SessionLink,
        taken: &Taken,
        params: &BTreeMap<String, String>,
    ) -> Result<Credential, Error> {
        let linked = self.ask_provider(link, taken, params).await?;
        let session = &taken.session;
        let wish = Wish {
            credential: session.credential,
            external_id: session.options.external_id.clone(),
            several_accounts: session.options.several_accounts,
        };
        let made =
            Link { user: session.user.clone(), auth_method: session.auth_method.clone(), linked };
        self.store_linked(link.project, taken.integration.id, wish, made).await
    }

    async fn ask_provider(
        &self,
        link: &SessionLink,
        taken: &Taken,
        params: &BTreeMap<String, String>,
    ) -> Result<Linked, Error> {
        let Taken { session, secrets, integration, plan } = taken;
        let target = LinkTarget {
            project: link.project,
            user: &session.user,
            integration: plan,
            auth_method: &session.auth_method,
            fields: &session.options.fields,
            secrets: &secrets.fields,
        };
        let keep = secrets.keep.as_deref().map(|text| STANDARD.decode(text)).transpose();
        let keep = keep.map_err(|_| Error::damaged("a session's secrets"))?.map(SecretBytes::new);
        let finish = LinkFinish {
            redirect_uri: &session.redirect_uri,
            state: params.get("state").map(String::as_str),
            code_verifier: Some(&secrets.code_verifier),
            params,
            keep: keep.as_ref(),
        };
        let access = connect_access(link.project, &format!("session {}", session.id));
        let linked = self.linking()?.linker.finish(target, &access, finish).await;
        linked.map_err(|error| Error::link(&integration.connector, error))
    }

    /// A session that can still be begun.
    async fn open_row(&self, link: &SessionLink) -> Result<SessionRow, Error> {
        let row = self.row(link).await?.ok_or(ConnectFault::Unknown)?;
        if row.session.used_at.is_some() {
            return Err(ConnectFault::Used.into());
        }
        if row.session.expires_at <= self.clock.now() {
            return Err(ConnectFault::Ended.into());
        }
        Ok(row)
    }

    async fn row(&self, link: &SessionLink) -> Result<Option<SessionRow>, Error> {
        match self.read(link.project).await {
            Ok(mut work) => Ok(work.session(link.project, link.session).await?),
            Err(Error::NoSuchProject(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn session_integration(
        &self,
        link: &SessionLink,
        session: &ConnectSession,
    ) -> Result<(Integration, IntegrationPlan), Error> {
        let mut work = self.read(link.project).await?;
        let found = integration_with_plan(&mut *work, link.project, session.integration).await?;
        match found.0.is_active {
            true => Ok(found),
            false => Err(Error::IntegrationInactive { connector: found.0.connector }),
        }
    }

    async fn session_secrets(
        &self,
        link: &SessionLink,
        secret: tenon_domain::SecretId,
    ) -> Result<SessionSecrets, Error> {
        let reference = format!("session {}", link.session);
        let opened = self.open_for_connect(link.project, secret, &reference).await?;
        serde_json::from_slice(opened.expose()).map_err(|_| Error::damaged("a session's secrets"))
    }

    /// Keeps in the session why it could not begin; it may be begun again.
    async fn note_failure(&self, link: &SessionLink, error: &Error) {
        let outcome = failure(error);
        if let Err(error) = self.put_outcome(link, &outcome).await {
            tracing::warn!(%error, "the outcome of a connect session was not kept");
        }
    }

    /// Keeps how a session ended, and shreds what the vault kept for it.
    async fn close_session(
        &self,
        link: &SessionLink,
        session: &ConnectSession,
        outcome: &ConnectOutcome,
    ) {
        if let Err(error) = self.put_outcome(link, outcome).await {
            tracing::warn!(session.id = %session.id, %error,
                "the outcome of a connect session was not kept");
        }
        if let Ok(Some(SessionRow { secret: Some(secret), .. })) = self.row(link).await {
            self.shred(link.project, secret).await;
        }
    }

    async fn put_outcome(&self, link: &SessionLink, outcome: &ConnectOutcome) -> Result<(), Error> {
        let mut work = self.begin_change(link.project).await?;
        work.set_session_outcome(link.project, link.session, outcome).await?;
        Ok(work.commit().await?)
    }
}

/// What is kept and shown of an error. Of ours only that there was one.
fn failure(error: &Error) -> ConnectOutcome {
    let (code, message) = match error {
        Error::Connect(fault) => (fault.code(), fault.to_string()),
        Error::Conflict { reason } => (CONNECT_FAILED, reason.clone()),
        Error::IntegrationInactive { .. } => ("integration_inactive", error.to_string()),
        Error::LimitReached { .. } | Error::NotFound { .. } => (CONNECT_FAILED, error.to_string()),
        other => {
            tracing::warn!(error = %other, "an account could not be linked");
            let message = "something went wrong on our side; please try again in a while";
            (CONNECT_FAILED, message.to_owned())
        }
    };
    ConnectOutcome::Failed { code: code.to_owned(), message: shown(&message) }
}

/// Text of a provider as it is shown: one line, not too long.
fn shown(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(SHOWN_CHARS_MAX).collect()
}
