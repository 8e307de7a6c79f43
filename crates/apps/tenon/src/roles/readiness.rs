//! Whether this process may be sent work.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenon_api::{NotReady, Readiness};
use tenon_exec::ports::queue::JobQueue;
use tenon_exec::ports::store::JobStore;
use tenon_pg_vault::PgKeyStore;

/// How long a dependency may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What a process depends on.
pub struct Dependencies {
    /// The execution database, where the process may open it.
    pub store: Option<tenon_pg_execution::Store>,
    /// The queues, where the process may use them.
    pub queue: Option<Arc<dyn JobQueue>>,
    /// The vault itself, where this process has the role.
    pub vault: Option<Arc<PgKeyStore>>,
}

#[async_trait]
impl Readiness for Dependencies {
    async fn check(&self) -> Result<(), NotReady> {
        let mut missing = Vec::new();
        if let Some(store) = &self.store
            && !matches!(tokio::time::timeout(ANSWER_TIMEOUT, store.ping()).await, Ok(Ok(())))
        {
            missing.push("postgres");
        }
        if let Some(queue) = &self.queue {
            let generation = tokio::time::timeout(ANSWER_TIMEOUT, queue.generation()).await;
            if !matches!(generation, Ok(Ok(Some(_)))) {
                missing.push("queue");
            }
        }
        if let Some(keys) = &self.vault
            && !matches!(tokio::time::timeout(ANSWER_TIMEOUT, keys.install_id()).await, Ok(Ok(_)))
        {
            missing.push("vault_keys");
        }
        if missing.is_empty() { Ok(()) } else { Err(NotReady { missing }) }
    }
}
