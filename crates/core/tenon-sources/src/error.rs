//! Why there are no options.

use std::sync::Arc;

use jiff::Timestamp;
use tenon_connector::data_source::SourceError;
use tenon_connector::pages::PositionError;
use tenon_credentials::access::AccessError;

/// Why there are no options, by what the caller can do. Its texts are for people and hold no
/// secrets.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The connector is not there (any more).
    #[error("there is no connector `{connector}`")]
    NoConnector {
        /// Its name.
        connector: String,
    },
    /// The connector has no list of this key.
    #[error("the connector has no such list")]
    UnknownSource,
    /// What was chosen, or the cursor, cannot be used.
    #[error("{reason}")]
    Parameters {
        /// Why.
        reason: String,
    },
    /// A person has to connect the account again.
    #[error("the account has to be connected again: {reason}")]
    Account {
        /// Why.
        reason: String,
    },
    /// The provider takes no more calls for now.
    #[error("{connector} takes no more calls for now")]
    Limited {
        /// The connector.
        connector: String,
        /// When to come again.
        until: Timestamp,
    },
    /// The provider did not give them, or not in the way that the connector says; or the
    /// integration is set up wrongly.
    #[error("{reason}")]
    Provider {
        /// What is known.
        reason: String,
    },
    /// The vault is away: try again later.
    #[error("the account cannot be opened now")]
    Away(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl From<AccessError> for Error {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Dead { reason, .. } => Self::Account { reason },
            AccessError::Gone => Self::Account { reason: error.to_string() },
            AccessError::UnknownConnector { connector } => Self::NoConnector { connector },
            AccessError::Inactive { .. }
            | AccessError::UnknownMethod { .. }
            | AccessError::Misconfigured { .. }
            | AccessError::Temporary { .. } => Self::Provider { reason: error.to_string() },
            AccessError::VaultAway { .. } | AccessError::Refused { .. } | AccessError::Damaged => {
                Self::Away(Arc::new(error))
            }
        }
    }
}

impl From<PositionError> for Error {
    fn from(error: PositionError) -> Self {
        Self::Parameters { reason: error.to_string() }
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Chosen { reason } => Self::Parameters { reason },
            SourceError::Position(error) => error.into(),
            SourceError::Build(_) | SourceError::Answer { .. } | SourceError::Page(_) => {
                Self::Provider { reason: error.to_string() }
            }
        }
    }
}
