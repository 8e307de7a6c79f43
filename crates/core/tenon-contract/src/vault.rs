//! The vault as everybody else sees it: values under ids, versions, and who may have them.
//!
//! A *secret* is a sequence of versions of one value. Each version is sealed under a data key of
//! its own. Beside the ciphertext the vault keeps a *head* that is no secret: the current version,
//! whether it still works, and when it ends. The head is also where refreshing a token is fenced
//! (see [`Vault::claim_refresh`]): the one place that every process can reach and that is durable.

mod sharing;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenon_domain::{CredentialId, EndUserId, ProjectId, RunId, SecretId, StepId};

use crate::grant::Grant;
use crate::secret::SecretBytes;

pub use self::sharing::{
    Generation, OpenedToShare, SHARING_KEY_BYTES, SharedValue, SharedValues, SharingKey,
};

/// The largest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 256 << 10;

/// What a secret belongs to; bound into the encryption, so that it opens nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecretOwner {
    /// The tenant.
    pub project: ProjectId,
    /// What of the project.
    pub subject: Subject,
}

/// What kind of thing holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Subject {
    /// A connected user's credential.
    Credential {
        /// Which.
        credential: CredentialId,
        /// Whose account it is.
        user: EndUserId,
    },
    /// The builder's OAuth app at a provider: client secret, signing keys.
    App,
    /// Something of a connect session, such as a PKCE verifier. Short-lived.
    Session,
    /// An environment secret of the project, for steps of its runs.
    Project,
    /// What a provider signs its webhooks with.
    Webhook,
}

/// Why a value is wanted. Recorded, and bound to the role that may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A step of a run calls the provider.
    Step,
    /// A proxy call.
    Proxy,
    /// A token is renewed.
    Refresh,
    /// An account is being linked, probed or unlinked.
    Connect,
    /// A provider's webhook is verified.
    Webhook,
}

/// A request for a value: who asks, for what, and what proves it.
#[derive(Debug, Clone)]
pub struct Access {
    /// The project on whose behalf.
    pub project: ProjectId,
    /// Why.
    pub purpose: Purpose,
    /// The run, for [`Purpose::Step`] and a refresh inside one.
    pub run: Option<RunId>,
    /// The step of the run.
    pub step: Option<StepId>,
    /// The proxy call, connect session or webhook that it is for, in the caller's words; at most
    /// 64 bytes, for the audit only.
    pub reference: Option<String>,
    /// What proves that the caller has this work to do.
    pub grant: Option<Grant>,
}

/// Whether a credential can be used, as last known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SecretState {
    /// It worked when it was last used.
    Valid,
    /// The provider refuses it; a person has to connect again.
    Invalid {
        /// For machines: `revoked`, `lost_rotation`, `rotated_elsewhere`, `rejected`.
        code: String,
        /// For people: what the provider said, without secrets.
        reason: String,
    },
    /// It has ended and cannot be renewed.
    Expired,
}

/// What is known of a secret without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHead {
    /// Which.
    pub secret: SecretId,
    /// What it belongs to.
    pub owner: SecretOwner,
    /// The current version, from 1.
    pub version: u32,
    /// Whether it works.
    pub state: SecretState,
    /// Since when it is in that state.
    pub state_at: Timestamp,
    /// When the current value ends; `None`: not known, or never.
    pub expires_at: Option<Timestamp>,
    /// When the current version was written.
    pub written_at: Timestamp,
    /// Refreshes in a row that failed for a reason that may go away.
    pub refresh_failures: u32,
}

/// A value, opened.
pub struct Opened {
    /// The head at that moment.
    pub head: SecretHead,
    /// The value.
    pub value: SecretBytes,
}

/// A value to keep.
pub struct NewValue {
    /// The plaintext.
    pub value: SecretBytes,
    /// When it ends, where that is known.
    pub expires_at: Option<Timestamp>,
}

/// What became of [`Vault::claim_refresh`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "claim", rename_all = "snake_case")]
pub enum RefreshClaim {
    /// The caller is the one who refreshes. `fence` grows with every claim of this secret.
    Claimed {
        /// Proves the claim.
        fence: u64,
    },
    /// Somebody else does, until then at the latest.
    Busy {
        /// When the claim ends by itself.
        until: Timestamp,
    },
    /// There is another version already, or the state changed: read it.
    Changed,
}

/// How a refresh ended.
pub enum RefreshOutcome {
    /// The provider gave a new value.
    Renewed(NewValue),
    /// It may work later: the claim is given back.
    Failed {
        /// For people, without secrets.
        reason: String,
    },
    /// It will not work any more.
    Ended(SecretState),
}

/// What became of [`Vault::finish_refresh`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finish", rename_all = "snake_case")]
pub enum RefreshFinish {
    /// Recorded; this is the head now.
    Recorded {
        /// The head.
        head: SecretHead,
    },
    /// A later claim has already brought a newer value; this one was dropped.
    Superseded,
}

/// A change of a head, for those who follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadChange {
    /// Grows with every change of any secret; ask for what is behind it.
    pub sequence: i64,
    /// The head after the change; `None`: it was deleted.
    pub head: Option<SecretHead>,
    /// Which secret.
    pub secret: SecretId,
    /// Whose.
    pub project: ProjectId,
}

/// Why the vault did not do it, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no such secret in this project, or it was deleted.
    #[error("there is no such secret in the vault")]
    NotFound,
    /// The caller may not: wrong role, grant, project or user.
    #[error("the vault refuses: {reason}")]
    Refused {
        /// For people and the audit, without secrets.
        reason: String,
    },
    /// The value is empty or too large.
    #[error("the vault cannot keep this value: {reason}")]
    Invalid {
        /// The rule.
        reason: String,
    },
    /// The stored value does not open: it was changed, moved or cut. An alarm, never retried.
    #[error("a stored secret is damaged or was tampered with")]
    Damaged,
    /// The vault, its databases, its root key or its audit is away: try again later.
    #[error("the vault is away")]
    Unavailable {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The vault. In one process it is the service itself, elsewhere a client of the role `vault`.
///
/// Every method that gives out plaintext writes an audit record first and fails when it cannot.
#[async_trait]
pub trait Vault: Send + Sync + 'static {
    /// Keeps the first version of a secret. Repeating it with the same id, owner and a new value
    /// after an unknown outcome writes version 1 again only if nothing was committed; otherwise it
    /// is [`VaultError::Refused`].
    async fn create(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError>;

    /// Writes a new version whatever the current one is (a person connected again); the state
    /// becomes valid.
    async fn replace(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError>;

    /// Opens the current version.
    async fn open(&self, secret: SecretId, access: &Access) -> Result<Opened, VaultError>;

    /// The same, with the key under which the value may be left for other processes. Without a key
    /// where the vault shares nothing.
    async fn open_to_share(
        &self,
        secret: SecretId,
        access: &Access,
    ) -> Result<OpenedToShare, VaultError> {
        Ok(OpenedToShare { opened: self.open(secret, access).await?, key: None })
    }

    /// The key of a value that another process has left. It is an opening like any other: the same
    /// checks, and the same audit record first. `None`: too old, or changed since; open it anew.
    async fn sharing_key(
        &self,
        value: &SharedValue,
        access: &Access,
    ) -> Result<Option<SharingKey>, VaultError> {
        let _ = (value, access);
        Ok(None)
    }

    /// The head, without opening anything; no audit.
    async fn head(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<SecretHead>, VaultError>;

    /// Claims the right to refresh `version`, for `ttl`. Only where that is the current version,
    /// it is valid, and no other claim holds.
    async fn claim_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, VaultError>;

    /// Ends a claim. A renewed value is written unless a higher fence has brought one: a newer
    /// refresh token is never dropped for an older one.
    async fn finish_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
        outcome: RefreshOutcome,
    ) -> Result<RefreshFinish, VaultError>;

    /// Notes that the provider refuses the value although it was not refreshed (an API key that
    /// was revoked). Does nothing unless `version` is current.
    async fn set_state(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        state: SecretState,
    ) -> Result<(), VaultError>;

    /// Shreds every version's key and forgets the value. Repeating it is no error.
    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<(), VaultError>;

    /// Heads that changed behind `after`, in order; at most `limit`.
    async fn changes(&self, after: i64, limit: u32) -> Result<Vec<HeadChange>, VaultError>;
}
