//! Connected users: the builder's customers, known by the builder's own ids, and the workflows
//! that each of them switched on or off.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_domain::{EndUserId, ProjectId, WorkflowId};

use crate::configurations::AccountSettings;
use crate::ports::{NewSignal, Signalled, UnitOfWork, UserPage};
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
    /// What the builder's app says of the user, such as a name and a plan.
    pub meta: Map<String, Value>,
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
    /// Makes sure that a user is known. Running it again changes nothing, and only reads.
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
        if let Some(known) = self.read(project).await?.user(project, user).await? {
            return Ok(known);
        }
        let mut work = self.begin_change(project).await?;
        let found = self.ensure_user_in(&mut *work, project, user).await?;
        work.commit().await?;
        Ok(found)
    }

    /// Merges metadata of a user, who is made known where it was not; null takes a member away.
    /// Workflows that the user may not use any more, or may use again, follow at once.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Invalid`] for the id, or where it would grow beyond
    /// [`crate::Limits::user_meta_bytes_max`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn set_user_meta(
        &self,
        project: ProjectId,
        user: &EndUserId,
        change: Map<String, Value>,
    ) -> Result<ConnectedUser, Error> {
        let mut work = self.begin_change(project).await?;
        let (known, workflows) = self.merge_user_meta(&mut *work, project, user, change).await?;
        work.commit().await?;
        if let Some(workflows) = workflows {
            self.after_installations_changed(project, user, &workflows).await;
        }
        Ok(known)
    }

    /// Merges metadata in a unit of work. Where it changed, the workflows are given for which
    /// [`Configuration::after_installations_changed`] is to be called after the commit.
    pub(crate) async fn merge_user_meta(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        user: &EndUserId,
        change: Map<String, Value>,
    ) -> Result<(ConnectedUser, Option<Vec<WorkflowId>>), Error> {
        check_user_id(user)?;
        let mut known = self.ensure_user_in(work, project, user).await?;
        let before = known.meta.clone();
        crate::configurations::merge(&mut known.meta, change);
        if known.meta == before {
            return Ok((known, None));
        }
        let bytes = serde_json::to_vec(&known.meta).map_or(usize::MAX, |text| text.len());
        if bytes > self.limits.user_meta_bytes_max || has_null_byte(&known.meta) {
            return Err(Error::Invalid {
                what: "the metadata of a user",
                rule: "without null bytes, and no larger than the limit user_meta_bytes_max",
            });
        }
        work.set_user_meta(project, user, &known.meta).await?;
        let workflows = enabled_of(work, project, user).await?;
        work.bump_installations(project, &workflows).await?;
        work.bump_user_revision(project, user).await?;
        Ok((known, Some(workflows)))
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

    /// Stops everything for a user: no new run starts, and the open ones of accounts are cancelled.
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
        if let Some(at) = disabled_at {
            let limit = self.limits.credentials_of_user_max;
            for account in work.credentials_of_user(project, user, limit).await? {
                let what = Signalled::AccountEnded;
                let signal = NewSignal { user: user.clone(), credential: account.id, what, at };
                work.append_signal(project, &signal).await?;
            }
        }
        let workflows = enabled_of(&mut *work, project, user).await?;
        work.bump_installations(project, &workflows).await?;
        work.bump_user_revision(project, user).await?;
        self.commit_and_publish(work, project, &[]).await?;
        self.after_installations_changed(project, user, &workflows).await;
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
        let fresh = ConnectedUser {
            id: user.clone(),
            created_at: self.clock.now(),
            disabled_at: None,
            meta: Map::new(),
        };
        work.insert_user(project, &fresh).await?;
        Ok(fresh)
    }
}

/// The workflows that are on for any configuration of a user's accounts.
pub(crate) async fn enabled_of(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    user: &EndUserId,
) -> Result<Vec<WorkflowId>, Error> {
    let configurations = work.configurations_of_users(project, std::slice::from_ref(user)).await?;
    let mut workflows: Vec<WorkflowId> =
        configurations.iter().flat_map(AccountSettings::enabled).collect();
    workflows.sort_unstable();
    workflows.dedup();
    Ok(workflows)
}

/// The database's JSON has no null bytes in texts.
fn has_null_byte(meta: &Map<String, Value>) -> bool {
    fn inside(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(inside),
            Value::Object(members) => has_null_byte(members),
            _ => false,
        }
    }
    meta.iter().any(|(name, value)| name.contains('\0') || inside(value))
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
