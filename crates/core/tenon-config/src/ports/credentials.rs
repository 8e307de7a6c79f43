//! Rows of credentials, their configurations, and the revisions of users' plans.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, IntegrationId, ProjectId, SecretId};

use super::StoreError;
use crate::configurations::AccountSettings;
use crate::credentials::{Credential, CredentialStatus};

/// Credentials. One that is unlinked is never seen again.
#[async_trait]
pub trait CredentialRows: Send {
    /// Adds a credential; `false` where the user has one with the same external id for the
    /// integration.
    async fn insert_credential(
        &mut self,
        project: ProjectId,
        credential: &Credential,
    ) -> Result<bool, StoreError>;

    /// The credential.
    async fn credential(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Option<Credential>, StoreError>;

    /// The credentials of a user, oldest first; at most `limit`.
    async fn credentials_of_user(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
        limit: usize,
    ) -> Result<Vec<Credential>, StoreError>;

    /// The credentials of several users, oldest first.
    async fn credentials_of_users(
        &mut self,
        project: ProjectId,
        users: &[EndUserId],
    ) -> Result<Vec<Credential>, StoreError>;

    /// The credential that a secret of the vault belongs to.
    async fn credential_of_secret(
        &mut self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<Credential>, StoreError>;

    /// Stores everything of a credential that may change.
    async fn update_credential(
        &mut self,
        project: ProjectId,
        credential: &Credential,
    ) -> Result<(), StoreError>;

    /// Adds fields to those of a credential, in place of the ones of the same names; `false` where
    /// there is none.
    async fn merge_credential_fields(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
        fields: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Stores what became known of a credential; `false` where something newer is known.
    async fn set_credential_status(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
        status: &CredentialStatus,
    ) -> Result<bool, StoreError>;

    /// Marks a credential as unlinked; `false` where there is none.
    async fn delete_credential(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// How many credentials an integration has.
    async fn count_credentials(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<usize, StoreError>;

    /// The auth methods that an integration's credentials were made with.
    async fn auth_methods_in_use(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<Vec<String>, StoreError>;
}

/// Configurations of credentials.
#[async_trait]
pub trait ConfigurationRows: Send {
    /// Adds a configuration; `false` where its external id is taken in the credential.
    async fn insert_configuration(
        &mut self,
        project: ProjectId,
        settings: &AccountSettings,
    ) -> Result<bool, StoreError>;

    /// The configurations of a credential, oldest first.
    async fn configurations(
        &mut self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Vec<AccountSettings>, StoreError>;

    /// Stores settings and meta of a configuration.
    async fn update_configuration(
        &mut self,
        project: ProjectId,
        settings: &AccountSettings,
    ) -> Result<(), StoreError>;

    /// Removes a configuration; `false` where there is none.
    async fn delete_configuration(
        &mut self,
        project: ProjectId,
        configuration: ConfigurationId,
    ) -> Result<bool, StoreError>;
}

/// Revisions of users' plans.
#[async_trait]
pub trait UserPlanRows: Send {
    /// Raises the revision of a user's plan by one and returns it.
    async fn bump_user_revision(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<i64, StoreError>;

    /// The revision of a user's plan; `None` for a user who never had an account.
    async fn user_revision(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<i64>, StoreError>;

    /// Notes that plans of these revisions were published; an older one changes nothing.
    async fn mark_users_published(
        &mut self,
        project: ProjectId,
        published: &[(EndUserId, i64)],
    ) -> Result<(), StoreError>;

    /// Users of a project who have a plan, with its revision, in the order of their ids, behind
    /// `after`.
    async fn users_with_plans(
        &mut self,
        project: ProjectId,
        after: Option<&EndUserId>,
        limit: usize,
    ) -> Result<Vec<(EndUserId, i64)>, StoreError>;

    /// Users in scope whose latest plan was not published; at most `limit`.
    async fn unpublished_users(
        &mut self,
        limit: usize,
    ) -> Result<Vec<(ProjectId, EndUserId)>, StoreError>;
}
