//! Why an account cannot be linked, by who can do something about it.

use std::time::Duration;

use crate::access::{AccessError, Scrubber};
use crate::exchange::Failure;

/// The wait where the provider names none.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Why an account cannot be linked. Its texts hold no secrets and may be shown to the user.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LinkError {
    /// The user said no at the provider. Start again to change that.
    #[error("access was denied: {reason}")]
    Denied {
        /// What the provider said.
        reason: String,
    },
    /// The provider does not take what was filled in, or the code of the callback, or it does not
    /// fit the connector: correct it, or start again.
    #[error("the account cannot be linked with this: {reason}")]
    Rejected {
        /// What the provider said, or the rule.
        reason: String,
    },
    /// What came back with the user does not fit what was sent out: start again.
    #[error("{reason}")]
    BadInput {
        /// The rule.
        reason: String,
    },
    /// The browser brought the answer of another authorization server than the one that it was
    /// sent to (RFC 9207). Nothing of it was used: start again.
    #[error("the answer came from another authorization server: {reason}")]
    OtherServer {
        /// What does not fit; never the answer itself.
        reason: String,
    },
    /// The provider does not know the builder's app or refuses its secret: the builder has to act.
    #[error("the integration's app is set up wrongly: {reason}")]
    WrongClient {
        /// What the provider said.
        reason: String,
    },
    /// The connector's requests cannot be made: the builder, or the connector's author, has to act.
    #[error("the connector cannot do this: {reason}")]
    Connector {
        /// The rule.
        reason: String,
    },
    /// The provider answers with something that nobody can use.
    #[error("the provider's answer cannot be used: {reason}")]
    Garbage {
        /// What is wrong with it; never the answer itself.
        reason: String,
    },
    /// The provider is away: try again.
    #[error("the provider cannot answer now: {reason}")]
    Temporary {
        /// For people.
        reason: String,
        /// When to come again.
        retry_after: Duration,
    },
    /// There is no such connector or method, or the vault does not help.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl LinkError {
    /// What a failed exchange means while linking.
    pub(super) fn of(failure: Failure, secrets: &Scrubber) -> Self {
        match failure.map_reason(|reason| secrets.clean(reason)) {
            Failure::Dead { reason, .. } | Failure::BadInput { reason } => {
                Self::Rejected { reason }
            }
            Failure::WrongClient { reason } => Self::WrongClient { reason },
            Failure::Denied { reason } => Self::Denied { reason },
            Failure::Temporary { reason, wait } => {
                Self::Temporary { reason, retry_after: wait.unwrap_or(RETRY_AFTER) }
            }
            Failure::Garbage { reason } => Self::Garbage { reason },
            Failure::NotAllowed { reason } => Self::Connector { reason },
        }
    }
}
