//! The real accounts: [`tenon_credentials`] opens and renews them, [`tenon_connector`] says what
//! they make of a call.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use tenon_connector::answer::{self, Reading};
use tenon_connector::call::Call;
use tenon_connector::inject::{self, BodyForSigning, Head, InjectError};
use tenon_connector::manifest::proxy::{ErrorKind, ProxyRules};
use tenon_connector::{proxy, quota};
use tenon_contract::grant::GrantKey;
use tenon_contract::quota::Bucket;
use tenon_contract::vault::{Access, Purpose};
use tenon_credentials::access::{AccessError, Account, CredentialAccess, Ready};
use tenon_domain::Clock;
use url::Url;

use crate::ports::{
    AccountOf, Accounts, CallBody, CallRules, Injected, Injection, Judged, NotReady, ReadyAccount,
    Unusable,
};
use crate::remembered::{Known, Remembered};

/// The longest reference in the vault's audit, in bytes.
const REFERENCE_BYTES_MAX: usize = 64;

/// Accounts of the vault.
pub struct Credentials {
    access: CredentialAccess,
    grants: Arc<GrantKey>,
    clock: Arc<dyn Clock>,
    remembered: Remembered,
}

/// An account of the vault, open for one call.
pub struct OpenCredential {
    ready: Ready,
    caller: quota::Caller,
    now: Timestamp,
    known: Arc<Known>,
    base: OnceLock<Arc<Url>>,
}

impl Credentials {
    /// Opens accounts through `access`, and signs with `grants` that a call is there.
    #[must_use]
    pub fn new(access: CredentialAccess, grants: Arc<GrantKey>, clock: Arc<dyn Clock>) -> Self {
        Self { access, grants, clock, remembered: Remembered::default() }
    }

    fn known(&self, account: AccountOf<'_>, now: Timestamp) -> Arc<Known> {
        self.remembered.of(account, now, &self.grants)
    }

    fn access_of(account: AccountOf<'_>, known: &Known) -> Access {
        let reference = account.reference;
        let reference = &reference[..reference.floor_char_boundary(REFERENCE_BYTES_MAX)];
        Access {
            project: account.project,
            purpose: Purpose::Proxy,
            run: None,
            step: None,
            reference: (!reference.is_empty()).then(|| reference.to_owned()),
            grant: Some(known.grant().clone()),
        }
    }
}

fn plain(account: AccountOf<'_>) -> Account<'_> {
    Account {
        project: account.project,
        user: account.user,
        integration: account.integration,
        credential: account.credential,
    }
}

impl OpenCredential {
    fn new(ready: Ready, account: AccountOf<'_>, now: Timestamp, known: Arc<Known>) -> Self {
        let caller = quota::Caller {
            project: account.project,
            integration: account.integration.id,
            credential: account.credential.id,
        };
        Self { ready, caller, now, known, base: OnceLock::new() }
    }

    fn proxy_rules(&self) -> &ProxyRules {
        &self.ready.connector().manifest().proxy
    }
}

impl Accounts for Credentials {
    type Ready = OpenCredential;

    async fn ready(&self, account: AccountOf<'_>) -> Result<OpenCredential, NotReady> {
        let now = self.clock.now();
        let known = self.known(account, now);
        let access = Self::access_of(account, &known);
        let ready = self.access.ready(plain(account), &access).await?;
        Ok(OpenCredential::new(ready, account, now, known))
    }

    async fn renew(
        &self,
        account: AccountOf<'_>,
        refused: &OpenCredential,
    ) -> Result<OpenCredential, NotReady> {
        let now = self.clock.now();
        let known = self.known(account, now);
        let access = Self::access_of(account, &known);
        let ready = self.access.renew(plain(account), &access, &refused.ready).await?;
        Ok(OpenCredential::new(ready, account, now, known))
    }

    async fn report_dead(&self, account: AccountOf<'_>, refused: &OpenCredential) {
        let reason = "the provider refuses the token although it was just renewed (401)";
        self.access.report_dead(plain(account), &refused.ready, reason).await;
    }
}

impl ReadyAccount for OpenCredential {
    fn base_url(&self) -> Result<Arc<Url>, Unusable> {
        if let Some(base) = self.base.get() {
            return Ok(base.clone());
        }
        let version = self.ready.version();
        if let Some(base) = self.known.base(version) {
            return Ok(self.base.get_or_init(|| base).clone());
        }
        let context = self.ready.context(self.now);
        let base = proxy::base_url(self.ready.connector(), &context)
            .map_err(|error| Unusable::Connector { reason: error.to_string() })?;
        let base = self.base.get_or_init(|| Arc::new(base)).clone();
        self.known.keep_base(version, &base, self.ready.connector(), self.ready.auth());
        Ok(base)
    }

    fn is_allowed(&self, url: &Url) -> bool {
        // Nearly every call goes to the base URL's own origin.
        let is_of_base = self.base.get().is_some_and(|base| {
            base.scheme() == url.scheme()
                && base.host_str() == url.host_str()
                && base.port_or_known_default() == url.port_or_known_default()
        });
        let has_user = !url.username().is_empty() || url.password().is_some();
        if is_of_base && !has_user {
            return true;
        }
        let context = self.ready.context(self.now);
        proxy::allowed_hosts(self.ready.connector(), &context)
            .is_ok_and(|allowed| allowed.contains(url))
    }

    fn rules(&self) -> CallRules<'_> {
        let rules = self.proxy_rules();
        CallRules {
            retry_statuses: &rules.retry_statuses,
            follows_redirects: rules.follow_redirects,
        }
    }

    fn buckets(&self, method: &Method, path: &str) -> Arc<[Bucket]> {
        let connector = self.ready.connector();
        if self.proxy_rules().quotas.is_empty() {
            // Neither the method nor the path matters.
            let make = || quota::buckets(connector, &self.caller, method, path).into();
            return self.known.buckets(make);
        }
        // Quotas name paths as they follow the base URL.
        let below = self.base.get().and_then(|base| {
            let below = path.strip_prefix(base.path().trim_end_matches('/'))?;
            below.starts_with('/').then_some(below)
        });
        quota::buckets(connector, &self.caller, method, below.unwrap_or(path)).into()
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Judged {
        let counts_down = self.proxy_rules().rate_limit.remaining_header.is_some();
        if !counts_down && !status.is_client_error() && !status.is_server_error() {
            return Judged::Fine;
        }
        let context = self.ready.context(self.now);
        let reading = Reading::head(status, headers);
        let verdict = answer::classify(self.ready.connector(), &[], &reading, &context);
        match (verdict.kind, verdict.wait) {
            (ErrorKind::TokenExpired, _) => Judged::TokenRefused,
            (ErrorKind::RateLimited | ErrorKind::Ok, Some(wait)) => Judged::RateLimited {
                bucket: quota::block_key(self.ready.connector(), &self.caller),
                wait,
            },
            _ => Judged::Fine,
        }
    }

    fn inject(&self, call: Injection<'_>) -> Result<Injected, Unusable> {
        let Injection { method, url, headers, body, token_type } = call;
        let injected = match body {
            // The credential may have to go into the body, which only a whole call has.
            CallBody::Whole(bytes) if inject::needs_body(self.ready.auth(), token_type) => {
                let mut call = Call {
                    method: method.clone(),
                    url: url.clone(),
                    headers: std::mem::take(headers),
                    body: std::mem::take(bytes),
                };
                let outcome = self.ready.inject(&mut call, token_type, self.now);
                (*url, *headers, *bytes) = (call.url, call.headers, call.body);
                outcome
            }
            CallBody::Whole(bytes) => {
                let body = BodyForSigning::Whole(bytes);
                let head = Head { method, url, headers, body };
                self.ready.inject_head(head, token_type, self.now)
            }
            CallBody::Streamed => {
                let head = Head { method, url, headers, body: BodyForSigning::Unsigned };
                self.ready.inject_head(head, token_type, self.now)
            }
        }
        .map_err(unusable)?;
        Ok(Injected { query: injected.query, identity: injected.client_certificate })
    }
}

fn unusable(error: InjectError) -> Unusable {
    let reason = error.to_string();
    match error {
        InjectError::TokenType { .. } | InjectError::NeedsBody => Unusable::Call { reason },
        InjectError::Missing { .. } | InjectError::Build(_) => Unusable::Connector { reason },
    }
}

impl From<AccessError> for NotReady {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Inactive { .. } => Self::Inactive,
            AccessError::Dead { reason, .. } => Self::Dead { reason },
            AccessError::UnknownConnector { .. } | AccessError::UnknownMethod { .. } => {
                Self::Misconfigured { reason: error.to_string() }
            }
            AccessError::Misconfigured { reason } => Self::Misconfigured { reason },
            AccessError::Temporary { retry_after, .. } => Self::Temporary { retry_after },
            AccessError::Gone => Self::Gone,
            AccessError::VaultAway { .. } => Self::Away(Box::new(error)),
            AccessError::Refused { .. } | AccessError::Damaged => Self::Broken(Box::new(error)),
        }
    }
}
