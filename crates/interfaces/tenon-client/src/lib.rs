#![doc = include_str!("../README.md")]

mod archive;
mod client;
mod error;
mod follow;
mod model;
mod operator;

pub use archive::{ArchiveLine, ArchiveLines};
pub use client::{Client, DryRun};
pub use error::{Error, Fault, Refusal};
pub use follow::{Follow, FollowEvent};
pub use model::accounts::{
    AccountConfiguration, App, AppChange, AuthMethod, ConfigurationChange, ConnectField,
    ConnectRequest, ConnectSession, ConnectStatus, ConnectorSummary, Credential, CredentialStatus,
    Event, EventList, Integration, Probe, SigningKey,
};
pub use model::archive::{ArchivedDay, ArchivedDayList};
pub use model::configuration::{
    AppliedIntegration, AppliedWorkflow, ApplyResult, Document, ProjectQueue, User, UserList,
    Workflow, WorkflowDetail, WorkflowVersion,
};
pub use model::portal::{NewLogo, NewPortalLink, Portal, PortalChange, PortalLink, PortalLogo};
pub use model::proxy_call::{ProxyCall, ProxyCallFilter, ProxyCallList, StatusClass};
pub use model::queues::{Queue, QueueChange, QueueMode, Worker, WorkerState, Workers};
pub use model::run::{
    AcceptedRun, ReplayFrom, Run, RunFilter, RunList, RunStatus, StepError, TestRun, TriggerKind,
    Why, WhyReason,
};
pub use model::secrets::Secret;
pub use model::step::{LogLine, OmittedValue, StepList, StepRecordView, StepStatus};
pub use model::webhooks::{AccountWebhook, Webhook, WebhookScope};
pub use operator::Operator;
