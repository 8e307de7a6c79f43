#![doc = include_str!("../README.md")]

pub mod applied;
pub mod clock;
pub mod document;
pub mod ids;
pub mod limits;
pub mod portal;
pub mod retry;
pub mod secrets;
pub mod workflow;

pub use clock::{Clock, SharedClock, SystemClock};
pub use ids::{
    ApiKeyId, ConfigurationId, ConnectSessionId, CredentialId, EndUserId, IntegrationId, ProjectId,
    QueueName, RunId, SecretId, StepId, VersionId, WorkflowId,
};
pub use secrets::SecretKey;
