//! Finds the configuration that a caller means.

use tenon_domain::{EndUserId, ProjectId};

use super::{AccountName, InstallationFault, InstallationName};
use crate::Error;
use crate::configurations::{AccountSettings, SettingsName};
use crate::credentials::Credential;
use crate::portal::PortalIntegration;
use crate::ports::UnitOfWork;

/// An account and one of its configurations.
pub(super) struct Located {
    pub(super) credential: Credential,
    pub(super) settings: AccountSettings,
}

/// The account that is meant, among those of the integration.
pub(super) async fn account(
    work: &mut dyn UnitOfWork,
    (project, user): (ProjectId, &EndUserId),
    integration: &PortalIntegration,
    name: Option<&AccountName>,
    accounts_max: usize,
) -> Result<Credential, Error> {
    let accounts = work.credentials_of_user(project, user, accounts_max).await?;
    let mut accounts = accounts.into_iter().filter(|one| one.integration == integration.id);
    let found = match name {
        None => accounts.next(),
        Some(AccountName::Id(id)) => accounts.find(|one| one.id == *id),
        Some(AccountName::External(name)) => {
            accounts.find(|one| one.external_id.as_ref() == Some(name))
        }
    };
    match (found, name) {
        (Some(found), _) => Ok(found),
        (None, None) => {
            let connector = integration.connector.clone();
            Err(InstallationFault::NotConnected { connector }.into())
        }
        (None, Some(name)) => Err(Error::NotFound {
            what: "credential",
            id: match name {
                AccountName::Id(id) => id.to_string(),
                AccountName::External(name) => name.clone(),
            },
        }),
    }
}

/// A configuration of an account: the one that is named, else the default one.
pub(super) async fn settings(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    credential: &Credential,
    name: Option<&SettingsName>,
) -> Result<AccountSettings, Error> {
    let mut known = work.configurations(project, credential.id).await?.into_iter();
    let found = match name {
        None => known.find(|one| one.is_default),
        Some(name) => known.find(|one| name.fits(one)),
    };
    found.ok_or_else(|| Error::no_configuration(name))
}

/// Both.
pub(super) async fn installation(
    work: &mut dyn UnitOfWork,
    whose: (ProjectId, &EndUserId),
    integration: &PortalIntegration,
    name: &InstallationName,
    accounts_max: usize,
) -> Result<Located, Error> {
    let credential =
        account(work, whose, integration, name.credential.as_ref(), accounts_max).await?;
    let settings = settings(work, whose.0, &credential, name.configuration.as_ref()).await?;
    Ok(Located { credential, settings })
}
