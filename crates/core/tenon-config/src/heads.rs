//! Follows the vault: what it learns of an account while execution uses it becomes the account's
//! status here, and an event. Fields that a renewed token brought become fields of the account.

use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_contract::vault::{HeadChange, SecretHead, SecretState, VaultError};
use tenon_credentials::access::answered_fields;
use tenon_domain::{EndUserId, ProjectId};

use crate::credentials::{Credential, CredentialState, CredentialStatus, bump_routes};
use crate::events::{EventType, NewEvent};
use crate::linking::{connect_access, wipe};
use crate::ports::{Scope, UnitOfWork};
use crate::{Configuration, Error};

/// Changes taken over in one unit of work.
const BATCH: u32 = 200;

/// What the vault keeps of an account, as far as it is read here.
#[derive(Deserialize)]
struct Sealed {
    #[serde(default)]
    fields: Map<String, Value>,
}

impl Drop for Sealed {
    fn drop(&mut self) {
        wipe(&mut self.fields);
    }
}

impl Configuration {
    /// Takes over what changed in the vault since it was last asked, and returns how many changes
    /// there were. To be called every second, and whenever somebody says that something changed;
    /// by one process or many: they wait for each other.
    ///
    /// A change that came before the account was linked again is passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] while the store or the vault is away, [`Error::Store`],
    /// [`Error::NoVault`]. The next call goes on at the same place.
    pub async fn follow_vault(&self) -> Result<usize, Error> {
        let linking = self.linking()?;
        let mut count = 0;
        loop {
            let mut work = self.store.begin(Scope::System).await?;
            let cursor = work.lock_vault_cursor().await?;
            let changes = linking.vault.changes(cursor, BATCH).await?;
            let Some(last) = changes.last() else { return Ok(count) };
            let mut users: Vec<(ProjectId, EndUserId)> = Vec::new();
            for change in &changes {
                let changed = self.take_over(&mut *work, change).await?;
                users.extend(changed.filter(|changed| !users.contains(changed)));
            }
            work.set_vault_cursor(last.sequence).await?;
            work.commit().await?;
            for change in &changes {
                self.publisher.announce(&format!("secret:{}", change.secret)).await;
            }
            for (project, user) in &users {
                self.publisher.publish_user_change(*project, user).await;
            }
            count += changes.len();
            if changes.len() < BATCH as usize {
                return Ok(count);
            }
        }
    }

    /// Takes over one change; the user whose plan changed with it.
    async fn take_over(
        &self,
        work: &mut dyn UnitOfWork,
        change: &HeadChange,
    ) -> Result<Option<(ProjectId, EndUserId)>, Error> {
        // What was deleted was deleted from here. App and session secrets have no status.
        let Some(head) = &change.head else { return Ok(None) };
        let found = work.credential_of_secret(change.project, change.secret).await?;
        let Some(credential) = found else { return Ok(None) };
        let has_new_fields = self.take_fields(work, head, &credential).await?;
        let user = credential.user.clone();
        let has_new_status = take_status(work, change.project, head, credential).await?;
        Ok((has_new_fields || has_new_status).then_some((change.project, user)))
    }

    /// Keeps the fields that came with a renewed token, such as the host of the account. Only
    /// connectors whose token answers bring any have their values opened for it.
    async fn take_fields(
        &self,
        work: &mut dyn UnitOfWork,
        head: &SecretHead,
        credential: &Credential,
    ) -> Result<bool, Error> {
        let project = head.owner.project;
        // What came with the first version was stored with the account.
        if head.version == 1 || head.state != SecretState::Valid {
            return Ok(false);
        }
        let names = self.answered_names(work, project, credential).await?;
        // From here on nobody links the account again until this is committed, so that an older
        // value cannot take the place of a newer one.
        if names.is_empty() || work.lock_project(project).await?.is_none() {
            return Ok(false);
        }
        let access = connect_access(project, &format!("fields {}", credential.id));
        let opened = match self.linking()?.vault.open(credential.secret, &access).await {
            Ok(opened) => opened,
            Err(error @ VaultError::Unavailable { .. }) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(credential.id = %credential.id, %error,
                    "the fields of a renewed token cannot be read; the account keeps its old ones");
                return Ok(false);
            }
        };
        let Ok(sealed) = serde_json::from_slice::<Sealed>(opened.value.expose()) else {
            tracing::warn!(credential.id = %credential.id,
                "an account's secrets are not as they were written; it keeps its old fields");
            return Ok(false);
        };
        let brought: Map<String, Value> = (sealed.fields.iter())
            .filter(|(name, _)| names.contains(*name))
            .filter(|(name, value)| credential.fields.get(*name) != Some(*value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if brought.is_empty() {
            return Ok(false);
        }
        let now = self.clock.now();
        if !work.merge_credential_fields(project, credential.id, &brought, now).await? {
            return Ok(false);
        }
        // Published by the next repair, within a second.
        bump_routes(work, project, credential.id).await?;
        work.bump_user_revision(project, &credential.user).await?;
        Ok(true)
    }

    /// Names of the fields that token answers bring to an account; none where its connector is not
    /// there any more.
    async fn answered_names(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        credential: &Credential,
    ) -> Result<Vec<String>, Error> {
        let Some(integration) = work.integration(project, credential.integration).await? else {
            return Ok(Vec::new());
        };
        let connector = match self.find_connector(work, project, &integration.connector).await {
            Ok(connector) => connector,
            Err(Error::ConnectorUnknown { .. } | Error::ConnectorInvalid(_)) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let method = connector.auth(Some(&credential.auth_method));
        let names = method.map(|method| answered_fields(&connector, method)).unwrap_or_default();
        Ok(names.into_iter().map(str::to_owned).collect())
    }
}

async fn take_status(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    head: &SecretHead,
    mut credential: Credential,
) -> Result<bool, Error> {
    let status = CredentialStatus::of_head(head);
    // That its secret works does not complete what a person has to fill in.
    let is_waiting = credential.status.state == CredentialState::Pending
        && status.state == CredentialState::Valid;
    if is_waiting || credential.status.says_same(&status) {
        return Ok(false);
    }
    if !work.set_credential_status(project, credential.id, &status).await? {
        return Ok(false);
    }
    credential.status = status;
    let kind = match credential.status.state {
        CredentialState::Pending => return Ok(true),
        CredentialState::Valid => EventType::CredentialValid,
        CredentialState::Invalid => EventType::CredentialInvalid,
        CredentialState::Expired => EventType::CredentialExpired,
    };
    let event = NewEvent::of_credential(kind, &credential, credential.status.at);
    work.append_event(project, &event).await?;
    // Nothing of the plan changed, but of what the user sees of the account.
    work.bump_user_revision(project, &credential.user).await?;
    Ok(true)
}
