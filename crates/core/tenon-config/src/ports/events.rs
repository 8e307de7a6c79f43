//! Rows of the event log, and how far the vault was followed.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_domain::ProjectId;

use super::StoreError;
use crate::events::{Event, NewEvent};

/// Events of a project, in order, and the place in the vault's changes.
#[async_trait]
pub trait EventRows: Send {
    /// Appends an event and returns its number. The project's row is locked until the end of the
    /// unit of work, so numbers become visible in their order.
    async fn append_event(
        &mut self,
        project: ProjectId,
        event: &NewEvent,
    ) -> Result<i64, StoreError>;

    /// Events behind a number, in order; at most `limit`.
    async fn events(
        &mut self,
        project: ProjectId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;

    /// Removes events that happened before `before`, at most `limit`; returns how many went.
    async fn prune_events(&mut self, before: Timestamp, limit: usize) -> Result<u64, StoreError>;

    /// Up to where the vault's changes were taken over; no other unit of work may ask until this
    /// one ends. [`super::Scope::System`] only.
    async fn lock_vault_cursor(&mut self) -> Result<i64, StoreError>;

    /// Moves that place on.
    async fn set_vault_cursor(&mut self, sequence: i64) -> Result<(), StoreError>;
}
