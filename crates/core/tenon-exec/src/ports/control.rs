//! What the API may ask of execution: test a draft, replay, cancel.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tenon_domain::{EndUserId, ProjectId, RunId, VersionId, WorkflowId};

use super::store::Installation;
use crate::why::Why;

/// A test run of a draft that was stored as an undeployed version.
#[derive(Debug, Clone)]
pub struct TestRun {
    /// Whose.
    pub project: ProjectId,
    /// The workflow (a draft of a new one has an id too).
    pub workflow: WorkflowId,
    /// The draft, stored as an undeployed version.
    pub version: VersionId,
    /// For whom.
    pub user: Option<EndUserId>,
    /// The account and settings to test with; see [`Chosen::freeze`].
    ///
    /// [`Chosen::freeze`]: crate::installations::Chosen::freeze
    pub installation: Option<Installation>,
    /// The trigger's output, a JSON object such as `{"event": {...}}`.
    pub input: Bytes,
}

/// Where a replay starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayFrom {
    /// From the trigger; every step runs again.
    Start,
    /// From the step that failed; finished steps keep their outputs.
    FailedStep,
}

/// Why a request was turned down, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such run in this project.
    #[error("there is no run `{0}` in this project")]
    NoSuchRun(RunId),
    /// The run has ended (cancel), or has not (replay from the failed step).
    #[error("run `{run}` is {status}: {reason}")]
    WrongState {
        /// The run.
        run: RunId,
        /// Its state.
        status: &'static str,
        /// What to do instead.
        reason: &'static str,
    },
    /// Too much waits to be accepted: try again after the given time. Nothing was accepted.
    #[error("too much work is waiting to be accepted")]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// The database cannot be reached: try again after the given time. Nothing was accepted.
    #[error("the execution database cannot be reached")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Starts and stops runs on behalf of the API. `Ok` means the change is committed.
#[async_trait]
pub trait RunControl: Send + Sync + 'static {
    /// Accepts a test run: delays are skipped, failures are not retried, a fan-out runs its
    /// first ten items and a paginated request reads one page.
    async fn test(&self, run: TestRun) -> Result<RunId, Error>;

    /// Accepts a new run of the same version with the same trigger input.
    async fn replay(
        &self,
        project: ProjectId,
        run: RunId,
        from: ReplayFrom,
    ) -> Result<RunId, Error>;

    /// Says what keeps a run from going on. A queue service that is away is part of the answer.
    /// `running_max` is what the project's plan says of runs at a time.
    async fn why(
        &self,
        project: ProjectId,
        run: RunId,
        running_max: Option<u32>,
    ) -> Result<Why, Error>;

    /// Ends a run. A step in flight is abandoned; what is recorded stays.
    async fn cancel(&self, project: ProjectId, run: RunId) -> Result<(), Error>;
}
