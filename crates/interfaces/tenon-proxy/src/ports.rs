//! What the proxy needs of others: accounts that are ready to use.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tenon_contract::egress::ClientIdentity;
use tenon_contract::plan::{CredentialPlan, IntegrationPlan};
use tenon_contract::quota::Bucket;
use tenon_domain::{EndUserId, ProjectId};
use url::Url;

/// The account that a call is made with. Borrowed: the hot path copies nothing of it.
#[derive(Clone, Copy)]
pub struct AccountOf<'a> {
    /// The project.
    pub project: ProjectId,
    /// Whose account it is.
    pub user: &'a EndUserId,
    /// For which integration.
    pub integration: &'a IntegrationPlan,
    /// The account.
    pub credential: &'a CredentialPlan,
    /// Names the call in the vault's audit.
    pub reference: &'a str,
    /// Of the plans that all of this comes from.
    pub revisions: Revisions,
}

/// Revisions of the plans of an account: while they are the same, so is the account, but for its
/// secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revisions {
    /// Of the project's plan.
    pub project: i64,
    /// Of the user's plan.
    pub user: i64,
}

/// Gives accounts that are ready to use. Dropping a future abandons the call, never a renewal.
pub trait Accounts: Send + Sync + 'static {
    /// An account with its values, for one call.
    type Ready: ReadyAccount;

    /// The account with a token that has not ended, renewed first where it must be.
    fn ready(
        &self,
        account: AccountOf<'_>,
    ) -> impl Future<Output = Result<Self::Ready, NotReady>> + Send;

    /// The account after the provider has refused `refused` with a 401. However many ask, the
    /// provider is asked once.
    fn renew(
        &self,
        account: AccountOf<'_>,
        refused: &Self::Ready,
    ) -> impl Future<Output = Result<Self::Ready, NotReady>> + Send;

    /// The provider refused `refused` although it was just renewed.
    fn report_dead(
        &self,
        account: AccountOf<'_>,
        refused: &Self::Ready,
    ) -> impl Future<Output = ()> + Send;
}

impl<A: Accounts> Accounts for Arc<A> {
    type Ready = A::Ready;

    fn ready(
        &self,
        account: AccountOf<'_>,
    ) -> impl Future<Output = Result<Self::Ready, NotReady>> + Send {
        self.as_ref().ready(account)
    }

    fn renew(
        &self,
        account: AccountOf<'_>,
        refused: &Self::Ready,
    ) -> impl Future<Output = Result<Self::Ready, NotReady>> + Send {
        self.as_ref().renew(account, refused)
    }

    fn report_dead(
        &self,
        account: AccountOf<'_>,
        refused: &Self::Ready,
    ) -> impl Future<Output = ()> + Send {
        self.as_ref().report_dead(account, refused)
    }
}

/// An account whose values are open for one call: what the connector makes of them. Pure and
/// quick: called several times a call.
pub trait ReadyAccount: Send + Sync + 'static {
    /// The base URL for this account: http or https, without a query.
    ///
    /// # Errors
    /// When the connector's template does not give one.
    fn base_url(&self) -> Result<Arc<Url>, Unusable>;

    /// Whether calls may go to this URL: its host is one of the connector's, its scheme and port
    /// are allowed.
    fn is_allowed(&self, url: &Url) -> bool;

    /// Rules of repetition.
    fn rules(&self) -> CallRules<'_>;

    /// The buckets that a call draws from; none for no known limits.
    fn buckets(&self, method: &Method, path: &str) -> Arc<[Bucket]>;

    /// What an answer means, by its head.
    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Judged;

    /// Puts the credential into a call, and the connector's own headers and query parameters where
    /// the caller has none. What the credential sets replaces what the caller sent under the same
    /// name.
    ///
    /// # Errors
    /// When the credential cannot be put into this call.
    fn inject(&self, call: Injection<'_>) -> Result<Injected, Unusable>;
}

/// A call that is about to get its credential.
pub struct Injection<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URL.
    pub url: &'a mut Url,
    /// The headers.
    pub headers: &'a mut HeaderMap,
    /// The body.
    pub body: CallBody<'a>,
    /// The type of token that the caller asks for, such as `user`.
    pub token_type: Option<&'a str>,
}

/// The body of a call, for schemes that sign it or put something into it.
pub enum CallBody<'a> {
    /// All of it.
    Whole(&'a mut Bytes),
    /// It streams: it can neither be signed nor changed.
    Streamed,
}

/// What was put into a call.
#[derive(Debug, Clone, Default)]
pub struct Injected {
    /// Query parameters with the credential in them. They are kept out of logs and of the
    /// `Location` of redirects.
    pub query: Vec<String>,
    /// What TLS shows, where the credential is a certificate.
    pub identity: Option<ClientIdentity>,
}

/// Rules of repetition.
#[derive(Debug, Clone, Copy)]
pub struct CallRules<'a> {
    /// Statuses after which a call that may be repeated is repeated; 502, 503 and 504 count.
    pub retry_statuses: &'a [u16],
    /// Whether redirects to the same origin are followed.
    pub follows_redirects: bool,
}

/// What an answer means for the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// Nothing.
    Fine,
    /// The provider refuses the token.
    TokenRefused,
    /// There were too many calls.
    RateLimited {
        /// The bucket to block, by its key.
        bucket: String,
        /// For how long.
        wait: Duration,
    },
}

/// The call cannot be made, by whose fault that is. No text holds a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unusable {
    /// The connector's templates do not fit the account.
    #[error("the connector cannot make this call: {reason}")]
    Connector {
        /// For people.
        reason: String,
    },
    /// The caller asks for what this account cannot do.
    #[error("the account cannot make this call: {reason}")]
    Call {
        /// For people.
        reason: String,
    },
}

/// Why an account is not ready, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// A person has to connect it again.
    #[error("the account has to be connected again: {reason}")]
    Dead {
        /// What the provider said, without secrets.
        reason: String,
    },
    /// The builder's app or the connector is set up wrongly.
    #[error("the integration is set up wrongly: {reason}")]
    Misconfigured {
        /// What is wrong, without secrets.
        reason: String,
    },
    /// The integration is switched off.
    #[error("the integration is switched off")]
    Inactive,
    /// The provider does not renew the token at the moment.
    #[error("the provider does not renew the token now")]
    Temporary {
        /// When to try again.
        retry_after: Duration,
    },
    /// The account was disconnected meanwhile.
    #[error("the account is gone")]
    Gone,
    /// The vault does not answer.
    #[error("the vault is away")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The vault refuses, or the value is damaged: a fault of ours.
    #[error("the account's secret cannot be opened")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}
