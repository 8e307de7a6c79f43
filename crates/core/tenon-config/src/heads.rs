//! Follows the vault: what it learns of an account while execution uses it becomes the account's
//! status here, and an event.

use tenon_contract::vault::HeadChange;

use crate::credentials::{CredentialState, CredentialStatus};
use crate::events::{EventType, NewEvent};
use crate::ports::{Scope, UnitOfWork};
use crate::{Configuration, Error};

/// Changes taken over in one unit of work.
const BATCH: u32 = 200;

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
            for change in &changes {
                take_over(&mut *work, change).await?;
            }
            work.set_vault_cursor(last.sequence).await?;
            work.commit().await?;
            for change in &changes {
                self.publisher.announce(&format!("secret:{}", change.secret)).await;
            }
            count += changes.len();
            if changes.len() < BATCH as usize {
                return Ok(count);
            }
        }
    }
}

async fn take_over(work: &mut dyn UnitOfWork, change: &HeadChange) -> Result<(), Error> {
    // What was deleted was deleted from here. App and session secrets have no status.
    let Some(head) = &change.head else { return Ok(()) };
    let found = work.credential_of_secret(change.project, change.secret).await?;
    let Some(mut credential) = found else { return Ok(()) };
    let status = CredentialStatus::of_head(head);
    if credential.status.says_same(&status) {
        return Ok(());
    }
    if !work.set_credential_status(change.project, credential.id, &status).await? {
        return Ok(());
    }
    credential.status = status;
    let kind = match credential.status.state {
        CredentialState::Pending => return Ok(()),
        CredentialState::Valid => EventType::CredentialValid,
        CredentialState::Invalid => EventType::CredentialInvalid,
        CredentialState::Expired => EventType::CredentialExpired,
    };
    let event = NewEvent::of_credential(kind, &credential, credential.status.at);
    work.append_event(change.project, &event).await?;
    Ok(())
}
