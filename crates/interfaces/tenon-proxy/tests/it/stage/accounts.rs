//! Accounts of a made-up connector, whose tokens a test controls.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use parking_lot::Mutex;
use tenon_contract::quota::Bucket;
use tenon_domain::CredentialId;
use tenon_proxy::ports::{
    AccountOf, Accounts, CallBody, CallRules, Injected, Injection, Judged, NotReady, ReadyAccount,
    Unusable,
};
use url::Url;

/// How the made-up connector behaves.
#[derive(Clone)]
pub struct Token {
    pub base: Url,
    pub credential: CredentialId,
    pub version: usize,
    pub follows_redirects: bool,
    pub in_query: bool,
    pub bucket: Option<Bucket>,
}

/// Gives tokens `token-1`, `token-2`... of each credential.
pub struct FakeAccounts {
    pub base: Mutex<Url>,
    pub follows_redirects: Mutex<bool>,
    pub in_query: Mutex<bool>,
    pub bucket: Mutex<Option<Bucket>>,
    /// The next answer to `ready`, where it is not a token.
    pub not_ready: Mutex<Option<NotReady>>,
    pub not_renewed: Mutex<Option<NotReady>>,
    pub renewals: AtomicUsize,
    pub reported_dead: AtomicUsize,
    versions: tokio::sync::Mutex<HashMap<CredentialId, usize>>,
}

impl FakeAccounts {
    pub fn new(base: String) -> Self {
        Self {
            base: Mutex::new(base.parse().expect("a URL")),
            follows_redirects: Mutex::new(false),
            in_query: Mutex::new(false),
            bucket: Mutex::new(None),
            not_ready: Mutex::new(None),
            not_renewed: Mutex::new(None),
            renewals: AtomicUsize::new(0),
            reported_dead: AtomicUsize::new(0),
            versions: tokio::sync::Mutex::default(),
        }
    }

    fn token(&self, credential: CredentialId, version: usize) -> Token {
        Token {
            base: self.base.lock().clone(),
            credential,
            version,
            follows_redirects: *self.follows_redirects.lock(),
            in_query: *self.in_query.lock(),
            bucket: self.bucket.lock().clone(),
        }
    }
}

impl Accounts for FakeAccounts {
    type Ready = Token;

    async fn ready(&self, account: AccountOf<'_>) -> Result<Token, NotReady> {
        if let Some(error) = self.not_ready.lock().take() {
            return Err(error);
        }
        let mut versions = self.versions.lock().await;
        let version = *versions.entry(account.credential.id).or_insert(1);
        Ok(self.token(account.credential.id, version))
    }

    async fn renew(&self, _: AccountOf<'_>, refused: &Token) -> Result<Token, NotReady> {
        if let Some(error) = self.not_renewed.lock().take() {
            return Err(error);
        }
        // One renewal for all who hold the same version, as the real thing promises.
        let mut versions = self.versions.lock().await;
        let version = versions.entry(refused.credential).or_insert(1);
        if *version == refused.version {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.renewals.fetch_add(1, Ordering::SeqCst);
            *version += 1;
        }
        Ok(self.token(refused.credential, *version))
    }

    async fn report_dead(&self, _: AccountOf<'_>, _: &Token) {
        self.reported_dead.fetch_add(1, Ordering::SeqCst);
    }
}

impl ReadyAccount for Token {
    fn base_url(&self) -> Result<Arc<Url>, Unusable> {
        Ok(Arc::new(self.base.clone()))
    }

    fn is_allowed(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    fn rules(&self) -> CallRules<'_> {
        CallRules { retry_statuses: &[502, 503, 504], follows_redirects: self.follows_redirects }
    }

    fn buckets(&self, _: &Method, _: &str) -> Arc<[Bucket]> {
        self.bucket.iter().cloned().collect()
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Judged {
        match status.as_u16() {
            401 => Judged::TokenRefused,
            429 => Judged::RateLimited {
                bucket: "bucket".to_owned(),
                wait: headers
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok())
                    .map_or(Duration::from_secs(30), Duration::from_secs),
            },
            _ => Judged::Fine,
        }
    }

    fn inject(&self, call: Injection<'_>) -> Result<Injected, Unusable> {
        if call.token_type == Some("none") {
            return Err(Unusable::Call { reason: "the account has no such token".to_owned() });
        }
        let _: CallBody<'_> = call.body;
        let kind = call.token_type.map_or(String::new(), |kind| format!("{kind}-"));
        let token = format!("{kind}token-{}", self.version);
        if self.in_query {
            call.url.query_pairs_mut().append_pair("api_key", &token);
            return Ok(Injected { query: vec!["api_key".to_owned()], identity: None });
        }
        let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a value");
        call.headers.insert(AUTHORIZATION, value);
        Ok(Injected::default())
    }
}
