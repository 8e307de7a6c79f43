//! Ends connections: politely until the deadline, then not.

use std::time::Duration;

use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// How a drain went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections that were cut at the deadline, with requests in work.
    pub cut_connections: usize,
}

/// The open connections of a listener.
#[derive(Default)]
pub(super) struct Connections {
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Tells one connection of the shutdown.
    pub(super) fn watcher(&self) -> Watcher {
        self.graceful.watcher()
    }

    /// Runs a connection on a runtime; the ones that have ended are forgotten on the way.
    pub(super) fn spawn_on(
        &mut self,
        connection: impl Future<Output = ()> + Send + 'static,
        runtime: &Handle,
    ) {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn_on(connection, runtime);
    }

    /// Ends all connections: each after its request in work, at the latest at the deadline.
    pub(super) async fn drain(mut self, timeout: Duration) -> DrainReport {
        let polite = self.graceful.shutdown();
        let is_done = tokio::time::timeout(timeout, polite).await.is_ok();
        while self.tasks.try_join_next().is_some() {}
        let cut_connections = if is_done { 0 } else { self.tasks.len() };
        self.tasks.shutdown().await;
        DrainReport { cut_connections }
    }
}
