//! Rows of connected users and their choices.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tenon_domain::{EndUserId, ProjectId};

use super::StoreError;
use crate::users::{Choice, ConnectedUser};

/// Which users to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserPage {
    /// Those behind this one in the order of ids.
    pub after: Option<EndUserId>,
    /// At most so many.
    pub limit: usize,
}

/// Connected users and which workflows they chose.
#[async_trait]
pub trait UserRows: Send {
    /// Adds a user; `false` where it is known already.
    async fn insert_user(
        &mut self,
        project: ProjectId,
        user: &ConnectedUser,
    ) -> Result<bool, StoreError>;

    /// The user.
    async fn user(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<ConnectedUser>, StoreError>;

    /// Users in the order of their ids, byte by byte.
    async fn users(
        &mut self,
        project: ProjectId,
        page: &UserPage,
    ) -> Result<Vec<ConnectedUser>, StoreError>;

    /// Sets since when a user is disabled; `None` enables it.
    async fn set_user_disabled(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
        disabled_at: Option<Timestamp>,
    ) -> Result<(), StoreError>;

    /// Stores a user's metadata.
    async fn set_user_meta(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
        meta: &Map<String, Value>,
    ) -> Result<(), StoreError>;

    /// The metadata of several users who have any.
    async fn metas(
        &mut self,
        project: ProjectId,
        users: &[EndUserId],
    ) -> Result<Vec<(EndUserId, Map<String, Value>)>, StoreError>;

    /// The users who are disabled.
    async fn disabled_users(&mut self, project: ProjectId) -> Result<Vec<EndUserId>, StoreError>;

    /// Stores a choice; `false` where it was the same before.
    async fn put_choice(&mut self, project: ProjectId, choice: &Choice)
    -> Result<bool, StoreError>;

    /// The choices of one user, or of all.
    async fn choices(
        &mut self,
        project: ProjectId,
        user: Option<&EndUserId>,
    ) -> Result<Vec<Choice>, StoreError>;
}
