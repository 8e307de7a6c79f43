//! The token of an account for a page: providers' own file pickers run in the browser and need it
//! there. Only the connectors of a setting give one, and what leaves is the access token, never
//! what renews it.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_contract::plan::{CredentialPlan, IntegrationPlan};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, Purpose};
use tenon_credentials::access::{AccessError, Account, CredentialAccess};
use tenon_domain::{EndUserId, ProjectId};

/// The account that is meant.
#[derive(Debug, Clone, Copy)]
pub struct AuthOf<'a> {
    /// The project.
    pub project: ProjectId,
    /// Whose account.
    pub user: &'a EndUserId,
    /// The integration.
    pub integration: &'a IntegrationPlan,
    /// The account.
    pub credential: &'a CredentialPlan,
    /// Now.
    pub now: Timestamp,
}

/// Why there is no token, by what the caller can do. Texts are for people and hold no secrets.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The account has no token, or it does not work any more.
    #[error("{reason}")]
    Account {
        /// Why.
        reason: String,
    },
    /// The vault or the provider is away.
    #[error("the account cannot be opened now")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Gives out tokens of accounts.
#[async_trait]
pub trait AccountAuth: Send + Sync + 'static {
    /// A token that works as far as anybody knows.
    async fn access_token(&self, account: AuthOf<'_>) -> Result<SecretBytes, AuthError>;
}

/// The real accounts: opened, and renewed where it has to be, by the process's own access to the
/// vault.
#[async_trait]
impl AccountAuth for CredentialAccess {
    async fn access_token(&self, account: AuthOf<'_>) -> Result<SecretBytes, AuthError> {
        let AuthOf { project, user, integration, credential, now } = account;
        let access = Access {
            project,
            purpose: Purpose::Connect,
            run: None,
            step: None,
            reference: Some(format!("file picker {}", credential.id)),
            grant: None,
        };
        let account = Account { project, user, integration, credential };
        let ready = self.ready(account, &access).await.map_err(AuthError::from)?;
        let token = ready.context(now).account().token.map(|token| token.access_token.clone());
        let token = token.ok_or_else(|| AuthError::Account {
            reason: "the account has no access token".to_owned(),
        })?;
        Ok(SecretBytes::from_text(token))
    }
}

impl From<AccessError> for AuthError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Temporary { .. } | AccessError::VaultAway { .. } => {
                Self::Away(Box::new(error))
            }
            AccessError::Refused { .. } | AccessError::Damaged => Self::Away(Box::new(error)),
            AccessError::Inactive { .. }
            | AccessError::Dead { .. }
            | AccessError::UnknownConnector { .. }
            | AccessError::UnknownMethod { .. }
            | AccessError::Misconfigured { .. }
            | AccessError::Gone => Self::Account { reason: error.to_string() },
        }
    }
}
