//! Who talks to providers while an account is linked, probed or unlinked.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tenon_contract::plan::{CredentialPlan, IntegrationPlan};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, NewValue};
use tenon_domain::{EndUserId, ProjectId};
use url::Url;

/// What an account is linked to.
#[derive(Clone, Copy)]
pub struct LinkTarget<'a> {
    /// The project.
    pub project: ProjectId,
    /// Whose account it becomes.
    pub user: &'a EndUserId,
    /// The integration.
    pub integration: &'a IntegrationPlan,
    /// The auth method's id.
    pub auth_method: &'a str,
    /// What the user filled in and is no secret; checked.
    pub fields: &'a Map<String, Value>,
    /// What the user filled in and is secret; checked.
    pub secrets: &'a Map<String, Value>,
}

/// How the user is sent to the provider.
pub struct LinkStart<'a> {
    /// Where the provider sends the user back to.
    pub redirect_uri: &'a str,
    /// Comes back with the user.
    pub state: &'a str,
    /// What proves at the token endpoint that it was us (RFC 7636).
    pub code_verifier: &'a str,
}

/// Where to send the user.
pub struct LinkStarted {
    /// The provider's page.
    pub url: Url,
    /// What the provider gave beforehand and is needed again at the end; a secret.
    pub keep: Option<SecretBytes>,
}

/// How the user came back.
pub struct LinkFinish<'a> {
    /// The same as at the start.
    pub redirect_uri: &'a str,
    /// The same as at the start.
    pub state: Option<&'a str>,
    /// The same as at the start.
    pub code_verifier: Option<&'a str>,
    /// The parameters of the callback; they hold the code.
    pub params: &'a BTreeMap<String, String>,
    /// What [`LinkStarted::keep`] was.
    pub keep: Option<&'a SecretBytes>,
}

/// An account as the provider gave it.
pub struct Linked {
    /// What the vault keeps.
    pub value: NewValue,
    /// Fields that are no secret: those filled in, and what the provider said.
    pub fields: Map<String, Value>,
    /// Whose account it is, where the connector asks.
    pub identity: Option<LinkedIdentity>,
    /// Scopes that were granted, as the provider wrote them.
    pub scopes: Option<String>,
}

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// Its id at the provider.
    pub id: String,
    /// A name for people.
    pub name: String,
}

/// Whether an account works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The provider takes it.
    Valid,
    /// The provider refuses it; the vault knows.
    Refused {
        /// For people.
        reason: String,
    },
    /// The provider takes it and says something else: no permission, a fault.
    Answers {
        /// For people.
        reason: String,
    },
    /// The connector has no request that would tell.
    Unknown,
}

/// Why it was not linked, by what the caller can do. Texts are for people and hold no secrets.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The user said no, or the provider did for the user.
    #[error("the provider did not allow it: {reason}")]
    Denied {
        /// What the provider said.
        reason: String,
    },
    /// What came back was not the answer of the provider that was asked.
    #[error("the answer came from another authorization server: {reason}")]
    OtherServer {
        /// What does not fit.
        reason: String,
    },
    /// What was filled in, or what came back, does not fit.
    #[error("{reason}")]
    BadInput {
        /// What is wrong.
        reason: String,
    },
    /// The builder's app or the connector is set up wrongly.
    #[error("the integration is set up wrongly: {reason}")]
    Misconfigured {
        /// What is wrong.
        reason: String,
    },
    /// The provider refuses the credentials that were given.
    #[error("the provider refuses the credentials: {reason}")]
    Rejected {
        /// What the provider said.
        reason: String,
    },
    /// The provider is away or answers nonsense: try again later.
    #[error("the provider cannot be used now: {reason}")]
    Temporary {
        /// What happened.
        reason: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// The vault is away, or does not give what is needed.
    #[error("the vault cannot be used")]
    Vault(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An account that exists.
#[derive(Clone, Copy)]
pub struct LinkedAccount<'a> {
    /// The project.
    pub project: ProjectId,
    /// Whose it is.
    pub user: &'a EndUserId,
    /// The integration.
    pub integration: &'a IntegrationPlan,
    /// The account.
    pub credential: &'a CredentialPlan,
}

/// Talks to providers. It keeps nothing; the caller stores what it gives.
#[async_trait]
pub trait Linker: Send + Sync + 'static {
    /// Where to send the user.
    async fn start(
        &self,
        target: LinkTarget<'_>,
        access: &Access,
        start: LinkStart<'_>,
    ) -> Result<LinkStarted, LinkError>;

    /// Takes what came back to an account, and asks whose it is.
    async fn finish(
        &self,
        target: LinkTarget<'_>,
        access: &Access,
        finish: LinkFinish<'_>,
    ) -> Result<Linked, LinkError>;

    /// Makes an account of what was filled in, and asks whose it is.
    async fn link_fields(
        &self,
        target: LinkTarget<'_>,
        access: &Access,
        now: Timestamp,
    ) -> Result<Linked, LinkError>;

    /// Asks the provider whether an account works. What is found out goes to the vault's head.
    async fn probe(&self, account: LinkedAccount<'_>, access: &Access)
    -> Result<Health, LinkError>;

    /// Takes an account back at the provider, as far as it lets us.
    async fn revoke(&self, account: LinkedAccount<'_>, access: &Access) -> Result<(), LinkError>;
}
