//! Unlinks an account.

use tenon_domain::{CredentialId, ProjectId};

use crate::configurations::AccountSettings;
use crate::events::{EventType, NewEvent};
use crate::installations::secrets_of;
use crate::linking::connect_access;
use crate::ports::linker::LinkedAccount;
use crate::ports::{NewSignal, Signalled};
use crate::{Configuration, Error};

impl Configuration {
    /// Unlinks an account: takes it back at the provider as far as that lets us, shreds its
    /// secrets, and forgets it. After a failure in between, doing it again completes it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::NoVault`],
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn disconnect(
        &self,
        project: ProjectId,
        credential: CredentialId,
    ) -> Result<(), Error> {
        let usable = self.usable(project, credential).await?;
        let linking = self.linking()?;
        let access = connect_access(project, &format!("unlink {credential}"));
        let plan = usable.credential.plan();
        let account = LinkedAccount {
            project,
            user: &usable.credential.user,
            integration: &usable.plan,
            credential: &plan,
        };
        if let Err(error) = linking.linker.revoke(account, &access).await {
            tracing::info!(credential.id = %credential, %error,
                "an account was not taken back at its provider; it is unlinked all the same");
        }
        linking.vault.delete(project, usable.credential.secret).await?;
        let now = self.clock.now();
        let user = &usable.credential.user;
        let mut work = self.begin_change(project).await?;
        let configurations = work.configurations(project, credential).await?;
        if !work.delete_credential(project, credential, now).await? {
            return Err(Error::no_credential(credential));
        }
        let event =
            NewEvent::of_credential(EventType::CredentialDisconnected, &usable.credential, now);
        work.append_event(project, &event).await?;
        let what = Signalled::AccountEnded;
        let signal = NewSignal { user: user.clone(), credential, what, at: now };
        work.append_signal(project, &signal).await?;
        let workflows: Vec<_> = configurations.iter().flat_map(AccountSettings::enabled).collect();
        work.bump_installations(project, &workflows).await?;
        work.bump_user_revision(project, user).await?;
        work.commit().await?;
        for secret in configurations.iter().flat_map(secrets_of) {
            self.shred(project, secret).await;
        }
        self.shred_account_webhooks(project, &usable).await;
        self.after_installations_changed(project, user, &workflows).await;
        Ok(())
    }
}
