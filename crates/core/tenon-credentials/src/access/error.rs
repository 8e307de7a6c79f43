//! Why there is no credential to use, by what the caller can do.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tenon_contract::vault::{SecretHead, SecretState, VaultError};

/// Why there is no credential to use. Its texts hold no secrets.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccessError {
    /// The connector is not there (any more).
    #[error("there is no connector `{connector}`")]
    UnknownConnector {
        /// Its name.
        connector: String,
    },
    /// The connector has no such auth method (any more).
    #[error("connector `{connector}` has no auth method `{method}`")]
    UnknownMethod {
        /// The connector.
        connector: String,
        /// The method's id.
        method: String,
    },
    /// The builder has switched the integration off.
    #[error("the integration of connector `{connector}` is switched off")]
    Inactive {
        /// The connector.
        connector: String,
    },
    /// A person has to connect the account again. No request was made.
    #[error("the account has to be connected again: {reason}")]
    Dead {
        /// For machines, as in [`SecretState::Invalid`]; `expired` for a value that has ended.
        code: String,
        /// For people.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
    /// The builder's app at the provider, or the connector, is set up wrongly: nothing that the
    /// connected user can do anything about.
    #[error("the integration is set up wrongly: {reason}")]
    Misconfigured {
        /// For people.
        reason: String,
    },
    /// The provider does not renew the token now.
    #[error("the access token cannot be renewed now: {reason}")]
    Temporary {
        /// For people.
        reason: String,
        /// When to come again.
        retry_after: Duration,
    },
    /// The vault does not hold the secret (any more): the account was disconnected.
    #[error("the account was disconnected")]
    Gone,
    /// The vault does not give it to this caller.
    #[error("the vault refuses: {reason}")]
    Refused {
        /// For people, without secrets.
        reason: String,
    },
    /// The stored value does not open. An alarm, never tried again.
    #[error("a stored secret is damaged or was tampered with")]
    Damaged,
    /// The vault is away: try again later.
    #[error("the vault is away")]
    VaultAway {
        /// Why.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl AccessError {
    /// What the state of a head says; `None`: it works.
    pub(crate) fn of_state(head: &SecretHead) -> Option<Self> {
        let (code, reason) = match &head.state {
            SecretState::Valid => return None,
            SecretState::Invalid { code, reason } => (code.clone(), reason.clone()),
            SecretState::Expired => {
                ("expired".to_owned(), "it has ended and cannot be renewed".to_owned())
            }
        };
        Some(Self::Dead { code, reason, since: head.state_at })
    }
}

impl From<VaultError> for AccessError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::Gone,
            VaultError::Refused { reason } => Self::Refused { reason },
            // Only writes are answered so; a value that we made is within the limits.
            VaultError::Invalid { reason } => Self::Misconfigured { reason },
            VaultError::Damaged => Self::Damaged,
            VaultError::Unavailable { source } => Self::VaultAway { source: Arc::from(source) },
        }
    }
}
