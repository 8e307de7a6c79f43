//! Environment secrets, as the API shows them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenon_domain::SecretId;

/// An environment secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Its id.
    pub id: SecretId,
    /// What templates call it: `{{secrets.KEY}}`.
    pub key: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its value was last set.
    pub updated_at: Timestamp,
}

#[derive(Deserialize)]
pub(crate) struct SecretList {
    pub(crate) secrets: Vec<Secret>,
}
