//! Why a use case was refused, by what the caller can do.

use tenon_domain::{ApiKeyId, EndUserId, ProjectId, VersionId, WorkflowId};

use crate::ports::StoreError;

/// A refusal. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such project.
    #[error("there is no project `{0}`")]
    NoSuchProject(ProjectId),
    /// There is no such workflow in the project.
    #[error("there is no workflow `{0}` in this project")]
    NoSuchWorkflow(WorkflowId),
    /// There is no such version in the project.
    #[error("there is no workflow version `{0}` in this project")]
    NoSuchVersion(VersionId),
    /// There is no such API key in the project, or it was revoked before.
    #[error("there is no valid API key `{0}` in this project")]
    NoSuchApiKey(ApiKeyId),
    /// The project has never seen this user.
    #[error("there is no connected user `{0}` in this project")]
    NoSuchUser(EndUserId),
    /// Two documents of one apply have the same name.
    #[error("two documents are named `{name}`; a name is unique in its project")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// A name or id of the caller's has the wrong form.
    #[error("{what} must be {rule}")]
    Invalid {
        /// What it names.
        what: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A limit is reached; raise the setting or remove something.
    #[error("there may be at most {max} {what}")]
    LimitReached {
        /// What there may be no more of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The store is away or busy: try again later.
    #[error("the configuration store cannot be reached")]
    Unavailable(#[source] StoreError),
    /// A defect: trying again does not help.
    #[error("the configuration store failed")]
    Store(#[source] StoreError),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::Conflict { .. } => {
                Self::Unavailable(error)
            }
            StoreError::Failed { .. } => Self::Store(error),
        }
    }
}
