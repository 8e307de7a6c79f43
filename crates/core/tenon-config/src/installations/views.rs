//! What a user has, read as of one moment.

use tenon_domain::{CredentialId, EndUserId, ProjectId};

use crate::configurations::AccountSettings;
use crate::credentials::Credential;
use crate::ports::Scope;
use crate::users::ConnectedUser;
use crate::{Configuration, Error};

/// An account with its configurations.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountView {
    /// The account, with what is known of its state.
    pub credential: Credential,
    /// Its configurations, oldest first: the first one is the default.
    pub configurations: Vec<AccountSettings>,
}

/// What a user has. While both revisions are the same, so is all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct UserAccounts {
    /// The user.
    pub user: ConnectedUser,
    /// Since when what.
    pub revisions: Revisions,
    /// The accounts, oldest first.
    pub accounts: Vec<AccountView>,
}

/// How often a project, and what one user has in it, changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revisions {
    /// Grows with every change of the project: its integrations, workflows, users who are disabled.
    pub project: i64,
    /// Grows with every change of what the user has: metadata, accounts, their states, their
    /// configurations. 0 for a user who has nothing yet; none for one who is not known.
    pub user: Option<i64>,
}

impl Configuration {
    /// How often a project and a user changed: one short statement. What was read at these
    /// revisions still holds.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn revisions(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Revisions, Error> {
        let mut work = self.store.begin(Scope::Project(project)).await?;
        work.revisions(project, user).await?.ok_or(Error::NoSuchProject(project))
    }

    /// The user, their accounts, and the configurations of these.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchUser`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn accounts(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<UserAccounts, Error> {
        let mut work = self.store.snapshot(Scope::Project(project)).await?;
        let found = work.project(project).await?.ok_or(Error::NoSuchProject(project))?;
        let known =
            work.user(project, user).await?.ok_or_else(|| Error::NoSuchUser(user.clone()))?;
        let revision = work.user_revision(project, user).await?.unwrap_or(0);
        let limit = self.limits.credentials_of_user_max;
        let credentials = work.credentials_of_user(project, user, limit).await?;
        let users = std::slice::from_ref(user);
        let mut configurations = match credentials.is_empty() {
            true => Vec::new(),
            false => work.configurations_of_users(project, users).await?,
        };
        let accounts = credentials
            .into_iter()
            .map(|credential| {
                let own =
                    configurations.extract_if(.., |one| one.credential == credential.id).collect();
                AccountView { credential, configurations: own }
            })
            .collect();
        let revisions = Revisions { project: found.revision, user: Some(revision) };
        Ok(UserAccounts { user: known, revisions, accounts })
    }

    /// One account of a user with its configurations.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`] also for an account of somebody else,
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn account(
        &self,
        project: ProjectId,
        user: &EndUserId,
        credential: CredentialId,
    ) -> Result<AccountView, Error> {
        let mut work = self.read(project).await?;
        let found = work.credential(project, credential).await?;
        let found = found.filter(|found| found.user == *user);
        let found = found.ok_or_else(|| Error::no_credential(credential))?;
        let configurations = work.configurations(project, credential).await?;
        Ok(AccountView { credential: found, configurations })
    }
}
