//! An authorization server with bad manners: OAuth 2 code grant with PKCE, strict rotation of
//! refresh tokens, and every ugly answer that real ones give, when a test asks for it.
//!
//! It counts. A test asks afterwards how often a grant was refreshed and whether a refresh token
//! was used twice, which revokes the grant's whole family of tokens (RFC 9700, 4.14.2).

mod book;
mod endpoints;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::book::Book;
pub use self::book::{Grant, GrantId, Tokens};

/// How the provider behaves until it is told otherwise.
#[derive(Debug, Clone)]
pub struct Manners {
    /// The one client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// How long access tokens live.
    pub life: Duration,
    /// Whether answers say so.
    pub says_expires_in: bool,
    /// Whether a refresh token is good for one use, and its second use ends the grant.
    pub rotates: bool,
    /// Whether refresh tokens are issued at all.
    pub issues_refresh_tokens: bool,
    /// How long an answer of the token endpoint takes.
    pub answers_after: Duration,
}

/// One ugly answer of the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 500, and nothing was done.
    ServerError,
    /// 500, after the refresh token was used up and new ones were issued.
    ServerErrorAfterRotating,
    /// No answer, after the tokens were issued.
    Hang,
    /// 200 with a page instead of JSON.
    Html,
    /// 200 with a megabyte of JSON.
    Huge,
    /// 200 with `{}`.
    MissingFields,
    /// 200 with half a JSON document.
    Torn,
    /// 401 `invalid_client`.
    WrongClient,
    /// 400 `invalid_grant`, although the refresh token is good; its text repeats the token.
    EchoesTheToken,
    /// 429 with `Retry-After`, in seconds.
    TooMany(u32),
    /// One byte of the answer each 200 ms, for ever.
    Drip,
}

/// How often the endpoints were asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Code exchanges that gave tokens.
    pub codes: u32,
    /// Token requests with a refresh token, whatever became of them.
    pub refreshes: u32,
    /// Families that ended because a refresh token came twice.
    pub family_revocations: u32,
    /// Tokens that the client gave back.
    pub revocations: u32,
    /// Requests for `/me` with a token that works.
    pub calls: u32,
    /// Requests for `/me` with another one.
    pub refused_calls: u32,
}

/// A running provider on loopback; ends when it is dropped.
pub struct OauthProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    issuer: String,
    manners: Mutex<Manners>,
    book: Mutex<Book>,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            client_id: "tenon-tests".to_owned(),
            client_secret: "canary-client-secret".to_owned(),
            life: Duration::from_secs(3_600),
            says_expires_in: true,
            rotates: true,
            issues_refresh_tokens: true,
            answers_after: Duration::ZERO,
        }
    }
}

impl OauthProvider {
    /// Starts one.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(manners: Manners) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to listen")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            issuer: format!("http://{address}"),
            manners: Mutex::new(manners),
            book: Mutex::default(),
        });
        let router = endpoints::router(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It serves until the test drops it; there is nobody to tell.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { address, shared, server })
    }

    /// Its issuer and base URL, without a slash at the end. Under it are `/authorize`, `/token`,
    /// `/revoke` and the API `/me`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how it behaves from now on.
    pub fn change(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.shared.manners.lock());
    }

    /// The next answers of the token endpoint are these faults, one each.
    pub fn spoil(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.book.lock().faults.extend(faults);
    }

    /// Issues tokens as if a user had consented.
    #[must_use]
    pub fn grant(&self) -> Tokens {
        let manners = self.shared.manners.lock().clone();
        self.shared.book.lock().new_grant(&manners)
    }

    /// What became of the grant that a token belongs to; `None`: it never issued that token.
    #[must_use]
    pub fn grant_of(&self, token: &str) -> Option<Grant> {
        self.shared.book.lock().grant_of(token)
    }

    /// Ends a grant, as a user does in the provider's settings.
    pub fn revoke(&self, grant: GrantId) {
        self.shared.book.lock().revoke(grant);
    }

    /// What was asked so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.book.lock().counters
    }

    /// Does what a browser and a consenting user do with an authorization URL. Answers the URL of
    /// the callback.
    ///
    /// # Errors
    /// When the URL does not lead here, or the provider refuses it.
    pub fn consent(&self, authorize_url: &url::Url) -> anyhow::Result<url::Url> {
        self.decide(authorize_url, true)
    }

    /// The same with a user who refuses.
    ///
    /// # Errors
    /// See [`Self::consent`].
    pub fn deny(&self, authorize_url: &url::Url) -> anyhow::Result<url::Url> {
        self.decide(authorize_url, false)
    }

    fn decide(&self, url: &url::Url, is_granted: bool) -> anyhow::Result<url::Url> {
        if !url.as_str().starts_with(&format!("{}/authorize?", self.url())) {
            bail!("the authorization URL leads to another place");
        }
        let parameters: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        let parameter = |name: &str| {
            let value = parameters.get(name);
            value.with_context(|| format!("the authorization URL has no `{name}`"))
        };
        if *parameter("client_id")? != self.shared.manners.lock().client_id {
            bail!("the authorization URL names an unknown client");
        }
        let redirect_uri = parameter("redirect_uri")?;
        let mut callback = url::Url::parse(redirect_uri)?;
        {
            let mut query = callback.query_pairs_mut();
            query.append_pair("iss", &self.shared.issuer);
            query.append_pair("state", parameter("state")?);
            if is_granted {
                let challenge = parameters.get("code_challenge").cloned();
                let code = self.shared.book.lock().new_code(redirect_uri, challenge);
                query.append_pair("code", &code);
            } else {
                query.append_pair("error", "access_denied");
                query.append_pair("error_description", "the user said no");
            }
        }
        Ok(callback)
    }
}

impl Drop for OauthProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}
