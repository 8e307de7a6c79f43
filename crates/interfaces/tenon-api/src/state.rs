//! What the handlers work with: the ports, the settings, and who follows runs.

use std::sync::Arc;

use tenon_contract::plan::PlanSource;
use tenon_exec::archive;
use tenon_exec::ports::blobs::BlobStore;
use tenon_exec::ports::calls::ProxyCallReader;
use tenon_exec::ports::control::RunControl;
use tenon_exec::ports::history::HistoryReader;
use tenon_exec::ports::operations::QueueOperations;
use tenon_exec::ports::script::FunctionRunner;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::ConfigPort;
use crate::settings::ApiSettings;

/// Everything the API needs, handed in by the role that serves it.
#[derive(Clone)]
pub struct ApiState {
    /// Plans: whose key is it, which workflows are deployed.
    pub plans: Arc<dyn PlanSource>,
    /// Workflows, users and keys.
    pub config: Arc<dyn ConfigPort>,
    /// What ran.
    pub history: Arc<dyn HistoryReader>,
    /// What went through the proxy.
    pub calls: Arc<dyn ProxyCallReader>,
    /// Test, replay, cancel.
    pub control: Arc<dyn RunControl>,
    /// Queues and workers, for operators.
    pub operations: Arc<dyn QueueOperations>,
    /// Large recorded values.
    pub blobs: Arc<dyn BlobStore>,
    /// What ran so long ago that it is in the database no more.
    pub archive: archive::Reader,
    /// Parses the code of function steps before it is deployed; without it a syntax error shows
    /// in the first run.
    pub functions: Option<Arc<dyn FunctionRunner>>,
    /// Limits.
    pub settings: Arc<ApiSettings>,
    /// Cancelled when the process stops: followers are then let go at once.
    pub shutdown: CancellationToken,
}

/// The state of the router.
#[derive(Clone)]
pub(crate) struct Api {
    ports: ApiState,
    /// One permit a follower.
    pub(crate) followers: Arc<Semaphore>,
}

impl Api {
    pub(crate) fn new(ports: ApiState) -> Self {
        let followers_max = ports.settings.followers_max.min(Semaphore::MAX_PERMITS);
        Self { ports, followers: Arc::new(Semaphore::new(followers_max)) }
    }
}

impl std::ops::Deref for Api {
    type Target = ApiState;

    fn deref(&self) -> &ApiState {
        &self.ports
    }
}
