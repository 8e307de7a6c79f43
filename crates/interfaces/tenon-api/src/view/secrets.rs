//! Environment secrets as the API shows them: never their values.

use jiff::Timestamp;
use serde::Serialize;
use tenon_config::ProjectSecret;
use tenon_domain::{SecretId, SecretKey};
use utoipa::ToSchema;

/// An environment secret, without its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Secret)]
pub(crate) struct SecretView {
    #[schema(value_type = String, format = Uuid)]
    id: SecretId,
    /// What templates call it: `{{secrets.KEY}}`.
    #[schema(value_type = String)]
    key: SecretKey,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its value was last set.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<ProjectSecret> for SecretView {
    fn from(secret: ProjectSecret) -> Self {
        let ProjectSecret { id, key, created_at, updated_at } = secret;
        Self { id, key, created_at, updated_at }
    }
}

/// The environment secrets of a project, by key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretList {
    pub(crate) secrets: Vec<SecretView>,
}
