//! Credentials: the accounts that connected users linked. What opens them is in the vault; here is
//! whose they are, and whether they work as far as is known.

mod disconnect;
mod probe;
mod setup;
mod store;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_contract::plan::{CredentialPlan, IntegrationPlan};
use tenon_contract::vault::{SecretHead, SecretOwner, SecretState, Subject};
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId, SecretId};

pub use probe::Probed;
pub use setup::setup_fields;
pub(crate) use store::{Link, Wish, bump_routes};

use crate::integrations::Integration;
use crate::ports::UnitOfWork;
use crate::{Configuration, Error};

/// The longest external id, in bytes.
const EXTERNAL_ID_BYTES_MAX: usize = 255;

/// A connected account, without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Which integration it is for.
    pub integration: IntegrationId,
    /// Whose it is.
    pub user: EndUserId,
    /// The builder's own name for it, unique among the user's accounts of the integration.
    pub external_id: Option<String>,
    /// The connector's auth method that made it.
    pub auth_method: String,
    /// Where its secrets are.
    pub secret: SecretId,
    /// The account's id at the provider, where the connector asks for it.
    pub provider_id: Option<String>,
    /// The account's name at the provider, for people.
    pub provider_name: Option<String>,
    /// Values of fields that are no secret.
    pub fields: Map<String, Value>,
    /// Scopes that were granted, as the provider wrote them.
    pub scopes: Option<String>,
    /// Whether it works, as last known.
    pub status: CredentialStatus,
    /// When it was linked first.
    pub created_at: Timestamp,
    /// When it was last linked or its status changed.
    pub updated_at: Timestamp,
}

/// Whether an account works, as last known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialStatus {
    /// The state.
    pub state: CredentialState,
    /// Why, for machines.
    pub code: Option<String>,
    /// Why, for people, without secrets.
    pub reason: Option<String>,
    /// Since when.
    pub at: Timestamp,
}

/// The states of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    /// Its set-up is not complete.
    Pending,
    /// It worked when it was last used.
    Valid,
    /// The provider refuses it; the user has to connect again.
    Invalid,
    /// It has ended and cannot be renewed.
    Expired,
}

impl CredentialState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Valid, Self::Invalid, Self::Expired];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl CredentialStatus {
    /// What the vault knows.
    #[must_use]
    pub fn of_head(head: &SecretHead) -> Self {
        let (state, code, reason) = match &head.state {
            SecretState::Valid => (CredentialState::Valid, None, None),
            SecretState::Invalid { code, reason } => {
                (CredentialState::Invalid, Some(code.clone()), Some(reason.clone()))
            }
            SecretState::Expired => (CredentialState::Expired, None, None),
        };
        Self { state, code, reason, at: head.state_at }
    }

    /// Whether it says the same, whenever it began.
    pub(crate) fn says_same(&self, other: &Self) -> bool {
        self.state == other.state && self.code == other.code && self.reason == other.reason
    }
}

impl Credential {
    /// Whether it may be used; one that was refused meanwhile says so when it is.
    #[must_use]
    pub fn is_set_up(&self) -> bool {
        self.status.state != CredentialState::Pending
    }

    /// What the vault binds its secret to.
    #[must_use]
    pub fn owner(&self, project: ProjectId) -> SecretOwner {
        SecretOwner {
            project,
            subject: Subject::Credential { credential: self.id, user: self.user.clone() },
        }
    }

    /// What execution knows of it.
    #[must_use]
    pub fn plan(&self) -> CredentialPlan {
        CredentialPlan {
            id: self.id,
            integration: self.integration,
            external_id: self.external_id.clone(),
            auth_method: self.auth_method.clone(),
            secret: self.secret,
            fields: self.fields.clone(),
            created_at: self.created_at,
            configurations: Vec::new(),
        }
    }
}

/// An account together with what is needed to use it.
pub(crate) struct Usable {
    pub(crate) credential: Credential,
    pub(crate) integration: Integration,
    pub(crate) plan: IntegrationPlan,
}

impl Configuration {
    /// The accounts of a user, oldest first; at most [`crate::Limits::credentials_of_user_max`].
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn credentials(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Vec<Credential>, Error> {
        let mut work = self.read(project).await?;
        let limit = self.limits.credentials_of_user_max;
        Ok(work.credentials_of_user(project, user, limit).await?)
    }

    /// One account.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn credential(
        &self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Credential, Error> {
        let mut work = self.read(project).await?;
        let found = work.credential(project, credential).await?;
        found.ok_or_else(|| Error::no_credential(credential))
    }

    /// An account with its integration.
    pub(crate) async fn usable(
        &self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Usable, Error> {
        let mut work = self.read(project).await?;
        let found = work.credential(project, credential).await?;
        let credential = found.ok_or_else(|| Error::no_credential(credential))?;
        let (integration, plan) =
            integration_with_plan(&mut *work, project, credential.integration).await?;
        Ok(Usable { credential, integration, plan })
    }
}

/// An integration, also as execution knows it.
pub(crate) async fn integration_with_plan(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    id: IntegrationId,
) -> Result<(Integration, IntegrationPlan), Error> {
    let found = work.integration(project, id).await?;
    let integration = found.ok_or_else(|| Error::no_integration(id))?;
    let manifest = match crate::connectors::Slug::of_connector(&integration.connector) {
        Some(slug) => work.connector(project, &slug).await?.map(|custom| custom.manifest),
        None => None,
    };
    let plan = integration.plan(manifest.map(|manifest| Arc::clone(&manifest)));
    Ok((integration, plan))
}

/// The rule for external ids, wherever they are given.
pub(crate) fn check_external_id(external_id: Option<&str>) -> Result<(), Error> {
    let is_valid = external_id.is_none_or(|text| {
        (1..=EXTERNAL_ID_BYTES_MAX).contains(&text.len())
            && !text.chars().any(char::is_control)
            && !text.starts_with("ext:")
            && text.parse::<CredentialId>().is_err()
    });
    if is_valid {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "an external id",
        rule: "1 to 255 bytes without control characters, not a UUID, and without `ext:`",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_id_cannot_be_taken_for_an_id() {
        for (text, is_valid) in [
            ("team a/1", true),
            (&"x".repeat(255), true),
            ("", false),
            (&"x".repeat(256), false),
            ("a\nb", false),
            ("ext:a", false),
            (&CredentialId::new().to_string(), false),
        ] {
            assert_eq!(check_external_id(Some(text)).is_ok(), is_valid, "{text:?}");
        }
        assert!(check_external_id(None).is_ok());
    }

    #[test]
    fn states_have_names() {
        for state in CredentialState::ALL {
            assert_eq!(CredentialState::of_name(state.name()), Some(state));
            assert_eq!(serde_json::json!(state), serde_json::json!(state.name()));
        }
    }
}
