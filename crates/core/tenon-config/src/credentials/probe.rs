//! Asks the provider whether an account works.

use tenon_domain::{CredentialId, ProjectId};

use super::Credential;
use crate::linking::connect_access;
use crate::ports::linker::{Health, LinkedAccount};
use crate::{Configuration, Error};

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// The account, with the status that is known now.
    pub credential: Credential,
    /// What the provider said.
    pub health: Health,
}

impl Configuration {
    /// Asks the provider whether an account works, and takes over what the vault then knows.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::IntegrationInactive`],
    /// [`Error::Connect`] while the provider cannot be asked, [`Error::NoVault`],
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn probe(
        &self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<Probed, Error> {
        let usable = self.usable(project, credential).await?;
        if !usable.integration.is_active {
            return Err(Error::IntegrationInactive { connector: usable.integration.connector });
        }
        let access = connect_access(project, &format!("probe {credential}"));
        let plan = usable.credential.plan();
        let account = LinkedAccount {
            project,
            user: &usable.credential.user,
            integration: &usable.plan,
            credential: &plan,
        };
        let health = self.linking()?.linker.probe(account, &access).await;
        let health = health.map_err(|error| Error::link(&usable.integration.connector, error))?;
        self.follow_vault().await?;
        Ok(Probed { credential: self.credential(project, credential).await?, health })
    }
}
