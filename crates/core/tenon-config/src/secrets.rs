//! Environment secrets: what a project keeps for its workflows under a key. Values go to the vault
//! and never come back here; workflows refer to them by key, plans say where they are by id.

use jiff::Timestamp;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{NewValue, SecretOwner, Subject, Vault};
use tenon_domain::secrets::SECRET_BYTES_MIN;
use tenon_domain::workflow::Workflow;
use tenon_domain::{ProjectId, SecretId, SecretKey};

use crate::ports::UnitOfWork;
use crate::{Configuration, Error};

/// Workflows that a refusal names.
const NAMED_MAX: usize = 10;

/// What may be shown of an environment secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSecret {
    /// Where its value is in the vault.
    pub id: SecretId,
    /// What templates call it.
    pub key: SecretKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its value was last set.
    pub updated_at: Timestamp,
}

impl Configuration {
    /// Keeps a secret under a key that is not taken. After an answer that was lost, doing it again
    /// tells that the key is taken: then [`Configuration::replace_secret`] sets the value.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Invalid`] for a value that cannot be kept,
    /// [`Error::Conflict`] where the key is taken, [`Error::LimitReached`], [`Error::NoVault`],
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn create_secret(
        &self,
        project: ProjectId,
        key: SecretKey,
        value: SecretBytes,
    ) -> Result<ProjectSecret, Error> {
        self.check_secret_value(&value)?;
        let vault = self.secret_vault()?;
        let mut work = self.begin_change(project).await?;
        let known = work.secrets(project).await?;
        if known.iter().any(|one| one.key == key) {
            return Err(Error::Conflict {
                reason: format!("there is a secret `{key}`; replace its value instead"),
            });
        }
        if known.len() >= self.limits.secrets_max {
            let max = self.limits.secrets_max;
            return Err(Error::LimitReached { what: "secrets in a project", max });
        }
        let now = self.clock.now();
        let id = SecretId::new();
        let secret = ProjectSecret { id, key, created_at: now, updated_at: now };
        vault.create(id, &owner(project), NewValue { value, expires_at: None }).await?;
        if let Err(error) = work.insert_secret(project, &secret).await {
            self.shred(project, id).await;
            return Err(error.into());
        }
        // Whether a commit without an answer took effect is not known: its value stays.
        self.commit_and_publish(work, project, &[]).await?;
        Ok(secret)
    }

    /// The secrets of a project, by key; never their values.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn secrets(&self, project: ProjectId) -> Result<Vec<ProjectSecret>, Error> {
        Ok(self.read(project).await?.secrets(project).await?)
    }

    /// Sets another value. Steps that begin from now on have it; within a minute at the latest,
    /// where a process has not heard of the change. After a failure, doing it again completes it.
    ///
    /// # Errors
    ///
    /// As [`Configuration::create_secret`]; [`Error::NotFound`].
    pub async fn replace_secret(
        &self,
        project: ProjectId,
        key: &SecretKey,
        value: SecretBytes,
    ) -> Result<ProjectSecret, Error> {
        self.check_secret_value(&value)?;
        let vault = self.secret_vault()?;
        let mut work = self.begin_change(project).await?;
        let mut secret = secret_of_key(&mut *work, project, key).await?;
        vault.replace(secret.id, &owner(project), NewValue { value, expires_at: None }).await?;
        secret.updated_at = self.clock.now();
        work.update_secret(project, &secret).await?;
        work.commit().await?;
        self.publisher.announce(&format!("secret:{}", secret.id)).await;
        Ok(secret)
    }

    /// Deletes a secret and shreds its value. Runs of older versions that name it fail at that
    /// step.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::Conflict`] while a deployed workflow
    /// names it, [`Error::NoVault`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn delete_secret(&self, project: ProjectId, key: &SecretKey) -> Result<(), Error> {
        self.secret_vault()?;
        let mut work = self.begin_change(project).await?;
        let secret = secret_of_key(&mut *work, project, key).await?;
        let users = deployed_users(&mut *work, project, key).await?;
        if !users.is_empty() {
            let shown: Vec<_> =
                users.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
            let more = if users.len() > NAMED_MAX { " and others" } else { "" };
            return Err(Error::Conflict {
                reason: format!(
                    "deployed workflows use the secret `{key}`: {}{more}; change or undeploy them \
                     first",
                    shown.join(", ")
                ),
            });
        }
        if !work.delete_secret(project, secret.id).await? {
            return Err(no_secret(key));
        }
        self.commit_and_publish(work, project, &[]).await?;
        self.shred(project, secret.id).await;
        self.publisher.announce(&format!("secret:{}", secret.id)).await;
        Ok(())
    }

    /// Refuses a workflow that names a secret which is not there.
    pub(crate) async fn check_secrets_of(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        document: &Workflow,
    ) -> Result<(), Error> {
        let wanted = document.secret_keys();
        if wanted.is_empty() {
            return Ok(());
        }
        let known = work.secrets(project).await?;
        let is_known = |key: &str| known.iter().any(|one| one.key.as_str() == key);
        match wanted.into_iter().find(|key| !is_known(key)) {
            Some(key) => {
                Err(Error::SecretMissing { workflow: document.name.clone(), key: key.to_owned() })
            }
            None => Ok(()),
        }
    }

    fn secret_vault(&self) -> Result<&dyn Vault, Error> {
        Ok(&*self.linking()?.vault)
    }

    fn check_secret_value(&self, value: &SecretBytes) -> Result<(), Error> {
        let what = "the value of a secret";
        if std::str::from_utf8(value.expose()).is_err() {
            return Err(Error::Invalid { what, rule: "text in UTF-8" });
        }
        if value.len() < SECRET_BYTES_MIN {
            let rule = "8 bytes at least, so that it can be told from other text where it must not \
                        show";
            return Err(Error::Invalid { what, rule });
        }
        if value.len() > self.limits.secret_bytes_max {
            return Err(Error::LimitReached {
                what: "bytes in the value of a secret",
                max: self.limits.secret_bytes_max,
            });
        }
        Ok(())
    }
}

fn owner(project: ProjectId) -> SecretOwner {
    SecretOwner { project, subject: Subject::Project }
}

async fn secret_of_key(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    key: &SecretKey,
) -> Result<ProjectSecret, Error> {
    let known = work.secrets(project).await?;
    known.into_iter().find(|one| one.key == *key).ok_or_else(|| no_secret(key))
}

/// Names of the deployed workflows that name a secret. A document that cannot be read any more
/// might be one of them.
async fn deployed_users(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    key: &SecretKey,
) -> Result<Vec<String>, Error> {
    let mut users = Vec::new();
    for stored in work.deployed_documents(project).await? {
        let document: Workflow =
            serde_json::from_str(&stored.document).map_err(Error::damaged_document)?;
        if document.names_secret(key) {
            users.push(stored.name);
        }
    }
    Ok(users)
}

fn no_secret(key: &SecretKey) -> Error {
    Error::NotFound { what: "secret", id: key.to_string() }
}
