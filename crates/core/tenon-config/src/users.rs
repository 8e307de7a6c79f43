//! Connected users: the builder's customers, known by the builder's own ids, and the workflows
//! that each of them switched on or off.

use jiff::Timestamp;
use serde::Serialize;
use tenon_domain::{EndUserId, ProjectId, WorkflowId};

use crate::ports::{UnitOfWork, UserPage};
use crate::{Configuration, Error};

/// The longest id, in bytes.
const USER_ID_BYTES_MAX: usize = 255;

/// A connected user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectedUser {
    /// The builder's id.
    pub id: EndUserId,
    /// When Tenon first heard of it.
    pub created_at: Timestamp,
    /// Since when nothing runs for it.
    pub disabled_at: Option<Timestamp>,
}

/// A user's choice, in place of the workflow's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Who chose.
    pub user: EndUserId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// On or off.
    pub is_enabled: bool,
}

impl Configuration {
    /// Makes sure that a user is known. Running it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Invalid`] for the id, [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn ensure_user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<ConnectedUser, Error> {
        check_user_id(user)?;
        let mut work = self.begin_change(project).await?;
        let found = self.ensure_user_in(&mut *work, project, user).await?;
        work.commit().await?;
        Ok(found)
    }

    /// The user.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchUser`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn user(&self, project: ProjectId, user: &EndUserId) -> Result<ConnectedUser, Error> {
        let mut work = self.read(project).await?;
        work.user(project, user).await?.ok_or_else(|| Error::NoSuchUser(user.clone()))
    }

    /// One page of the users, in the order of their ids; at most [`crate::Limits::users_page_max`].
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn users(
        &self,
        project: ProjectId,
        mut page: UserPage,
    ) -> Result<Vec<ConnectedUser>, Error> {
        page.limit = page.limit.clamp(1, self.limits.users_page_max);
        Ok(self.read(project).await?.users(project, &page).await?)
    }

    /// Stops everything for a user: no new run starts.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchUser`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn disable_user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<ConnectedUser, Error> {
        self.set_disabled(project, user, Some(self.clock.now())).await
    }

    /// Takes [`Configuration::disable_user`] back.
    ///
    /// # Errors
    ///
    /// As [`Configuration::disable_user`].
    pub async fn enable_user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<ConnectedUser, Error> {
        self.set_disabled(project, user, None).await
    }

    async fn set_disabled(
        &self,
        project: ProjectId,
        user: &EndUserId,
        disabled_at: Option<Timestamp>,
    ) -> Result<ConnectedUser, Error> {
        let mut work = self.begin_change(project).await?;
        let mut found =
            work.user(project, user).await?.ok_or_else(|| Error::NoSuchUser(user.clone()))?;
        if found.disabled_at.is_some() == disabled_at.is_some() {
            return Ok(found);
        }
        work.set_user_disabled(project, user, disabled_at).await?;
        self.commit_and_publish(work, project, &[]).await?;
        found.disabled_at = disabled_at;
        Ok(found)
    }

    /// Switches a workflow on or off for one user, who is made known where it was not.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchWorkflow`], [`Error::Invalid`] for the user's id,
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn choose(&self, project: ProjectId, choice: &Choice) -> Result<(), Error> {
        check_user_id(&choice.user)?;
        let mut work = self.begin_change(project).await?;
        if work.workflow(project, choice.workflow).await?.is_none() {
            return Err(Error::NoSuchWorkflow(choice.workflow));
        }
        self.ensure_user_in(&mut *work, project, &choice.user).await?;
        if work.put_choice(project, choice).await? {
            self.commit_and_publish(work, project, &[]).await
        } else {
            Ok(work.commit().await?)
        }
    }

    /// What a user chose.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchUser`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn choices(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Vec<Choice>, Error> {
        let mut work = self.read(project).await?;
        if work.user(project, user).await?.is_none() {
            return Err(Error::NoSuchUser(user.clone()));
        }
        Ok(work.choices(project, Some(user)).await?)
    }

    pub(crate) async fn ensure_user_in(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<ConnectedUser, Error> {
        if let Some(found) = work.user(project, user).await? {
            return Ok(found);
        }
        let fresh =
            ConnectedUser { id: user.clone(), created_at: self.clock.now(), disabled_at: None };
        work.insert_user(project, &fresh).await?;
        Ok(fresh)
    }
}

fn check_user_id(user: &EndUserId) -> Result<(), Error> {
    let text = user.as_str();
    let is_valid = (1..=USER_ID_BYTES_MAX).contains(&text.len()) && !text.contains('\0');
    if is_valid {
        Ok(())
    } else {
        Err(Error::Invalid { what: "a user's id", rule: "1 to 255 bytes without a null byte" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_has_1_to_255_bytes() {
        for (text, is_valid) in [
            ("u", true),
            (&"x".repeat(255), true),
            ("ü@b c", true),
            ("", false),
            (&"x".repeat(256), false),
            ("a\0b", false),
        ] {
            assert_eq!(check_user_id(&EndUserId::new(text)).is_ok(), is_valid, "{text:?}");
        }
    }
}
