#![doc = include_str!("../README.md")]

pub mod clock;
pub mod ids;
pub mod limits;
pub mod retry;
pub mod workflow;

pub use clock::{Clock, SystemClock};
pub use ids::{ApiKeyId, EndUserId, ProjectId, QueueName, RunId, StepId, VersionId, WorkflowId};
