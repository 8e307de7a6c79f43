//! Takes an integration away from a user.

use tenon_domain::{CredentialId, EndUserId, ProjectId};

use super::AccountName;
use super::enable::existing;
use super::locate::account;
use crate::{Configuration, Error};

impl Configuration {
    /// Unlinks a user's account of an integration with everything that is on for it; all of them
    /// when none is named. A user without accounts has nothing to take away.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchUser`], [`Error::NotFound`],
    /// [`Error::NoVault`], [`Error::Unavailable`], [`Error::Store`]. After a failure in between,
    /// doing it again completes it.
    pub async fn uninstall_integration(
        &self,
        project: ProjectId,
        user: &EndUserId,
        integration: &str,
        credential: Option<&AccountName>,
    ) -> Result<(), Error> {
        for account in self.accounts_to_end(project, user, integration, credential).await? {
            self.disconnect(project, account).await?;
        }
        Ok(())
    }

    async fn accounts_to_end(
        &self,
        project: ProjectId,
        user: &EndUserId,
        integration: &str,
        credential: Option<&AccountName>,
    ) -> Result<Vec<CredentialId>, Error> {
        let mut work = self.read(project).await?;
        let portal = self.portal_in(&mut *work, project).await?;
        let integration = portal
            .integration_named(integration)
            .ok_or_else(|| Error::NotFound { what: "integration", id: integration.to_owned() })?;
        existing(&mut *work, project, user).await?;
        let limit = self.limits.credentials_of_user_max;
        if credential.is_some() {
            let found =
                account(&mut *work, (project, user), integration, credential, limit).await?;
            return Ok(vec![found.id]);
        }
        let known = work.credentials_of_user(project, user, limit).await?;
        let of_integration = known.iter().filter(|one| one.integration == integration.id);
        Ok(of_integration.map(|one| one.id).collect())
    }
}
