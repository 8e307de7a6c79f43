//! A queue service that was restarted or taken over may have gone back in time: what was written
//! last is gone, what was taken out is there again, and nothing in it says so. Then the generation
//! is raised, and the sweep rebuilds all queues from the database.
//!
//! It is raised in the database only. The sweep sees that the service carries an older one, which
//! it repairs in the way that it repairs everything; a worker that writes the old generation once
//! more changes nothing about that.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ports::incarnation::{Incarnation, IncarnationError, Seen};
use crate::ports::store::{self, JobStore};

/// How often it is looked which servers answer.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Watches the servers of the queue service. Any number may run at once: each that sees a change
/// raises the generation, and the queues are rebuilt once more than needed.
pub struct RegressionWatch {
    /// Where the generation is kept.
    pub store: Arc<dyn JobStore>,
    /// Which servers answer.
    pub incarnation: Arc<dyn Incarnation>,
}

/// Why it could not be looked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The queue service cannot be reached.
    #[error(transparent)]
    Service(#[from] IncarnationError),
}

impl RegressionWatch {
    /// Looks until the token fires.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.look().await {
                tracing::debug!(error = %error, "which servers hold the queues is found out later");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    /// Raises the generation if other servers answer than were noted; says whether. A service
    /// without a note has lost its generation, too, or has been rebuilt since: the sweep sees that.
    ///
    /// # Errors
    /// When the database or the service cannot be reached. The next look does what is left.
    pub async fn look(&self) -> Result<bool, Error> {
        match self.incarnation.look().await? {
            Seen::Same => return Ok(false),
            Seen::Nothing => {
                self.incarnation.note().await?;
                return Ok(false);
            }
            Seen::Other => {}
        }
        let truth = self.store.generation().await?;
        let raised = self.store.raise_generation(truth).await?;
        // After it was raised: a process that dies between the two raises it again.
        self.incarnation.note().await?;
        tracing::warn!(
            generation = raised.0,
            "another server holds the queues, or it was restarted; they are rebuilt"
        );
        Ok(true)
    }
}
