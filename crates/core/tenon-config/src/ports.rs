//! What configuration needs from the outside: a store with units of work, and a way to say that a
//! plan changed. The rows are split by noun, one trait each; a [`UnitOfWork`] has all of them.
//!
//! Stores decide nothing: "not found" is `None`, "nothing changed" is `false`.

mod api_keys;
mod branding;
mod credentials;
mod events;
mod installations;
mod integrations;
pub mod linker;
mod portal_links;
mod projects;
mod secrets;
mod sessions;
mod signing_keys;
pub mod triggering;
mod users;
mod workflows;

use std::error::Error as StdError;

use async_trait::async_trait;
use tenon_domain::ProjectId;

pub use api_keys::{ApiKeyRow, ApiKeyRows};
pub use branding::BrandingRows;
pub use credentials::{ConfigurationRows, CredentialRows, UserPlanRows};
pub use events::EventRows;
pub use installations::{InstallationRows, InstalledRow, NewSignal, Signal, Signalled};
pub use integrations::{ConnectorRows, IntegrationRows};
pub use portal_links::{PortalLinkRow, PortalLinkRows, PortalSessionKeys};
pub use projects::ProjectRows;
pub use secrets::SecretRows;
pub use sessions::{SessionRow, SessionRows, SessionStart};
pub use signing_keys::SigningKeyRows;
pub use users::{UserPage, UserRows};
pub use workflows::{StoredDocument, VersionRow, WorkflowRows};

/// What a unit of work may see. The database enforces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The rows of one project.
    Project(ProjectId),
    /// All rows: bootstrap and publishing only, never on behalf of a caller.
    System,
}

/// A store failed, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or is too busy: try again later.
    #[error("failed to {action}: the store is away")]
    Unavailable {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Another unit of work was in the way: run the use case again.
    #[error("failed to {action}: another change was in the way")]
    Conflict {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A defect: trying again does not help.
    #[error("failed to {action}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// Opens units of work.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Begins a change. Dropping it without [`UnitOfWork::commit`] undoes it.
    async fn begin(&self, scope: Scope) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// Begins to read: every read in it sees the state of one moment; writes fail.
    async fn snapshot(&self, scope: Scope) -> Result<Box<dyn UnitOfWork>, StoreError>;
}

/// Reads and writes that take effect together.
#[async_trait]
pub trait UnitOfWork:
    ProjectRows
    + ApiKeyRows
    + WorkflowRows
    + UserRows
    + IntegrationRows
    + ConnectorRows
    + CredentialRows
    + ConfigurationRows
    + UserPlanRows
    + SessionRows
    + SecretRows
    + SigningKeyRows
    + EventRows
    + InstallationRows
    + BrandingRows
    + PortalLinkRows
{
    /// Makes the writes durable.
    ///
    /// # Errors
    ///
    /// After [`StoreError::Unavailable`] the writes may or may not have taken effect.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Tells every process about a change. Best effort: a listener that missed it finds out when its
/// copy grows old.
#[async_trait]
pub trait Announcer: Send + Sync + 'static {
    /// Announces a topic: `plan:<project>`, `user:<project>:<user>`, or `secret:<id>` for a value
    /// of the vault whose head changed.
    async fn announce(&self, topic: &str);
}
