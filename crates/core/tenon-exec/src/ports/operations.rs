//! What operators see of queues and workers, and change.

use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::QueueName;

use super::membership::{self, Member};
use super::queue::{self, Depth};
use super::routing::{Route, RouteChange};
use super::store;
use crate::cluster::view::View;

/// Why something could not be seen or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The queue service is away, or rebuilds.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The service of members is away.
    #[error(transparent)]
    Membership(#[from] membership::Error),
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueReport {
    /// Which.
    pub queue: QueueName,
    /// How many jobs are where.
    pub depth: Depth,
    /// The age of the ready job that would be handed out next; zero when none is ready.
    pub oldest: Duration,
    /// How it is routed.
    pub route: Route,
    /// Who claims from it first, by the view: addresses, or ids of members that are not there.
    pub owners: Vec<String>,
}

/// The workers, and who distributes the queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkersReport {
    /// Those that beat.
    pub members: Vec<Member>,
    /// What the leader published last.
    pub view: Option<View>,
}

/// What operators see and change.
#[async_trait]
pub trait QueueOperations: Send + Sync + 'static {
    /// The queues that hold anything or are routed in a way of their own, the deepest first, at
    /// most `max`.
    ///
    /// # Errors
    /// When something that is read is away.
    async fn queues(&self, max: usize) -> Result<Vec<QueueReport>, Error>;

    /// One queue, also one that nothing is known of.
    ///
    /// # Errors
    /// When something that is read is away.
    async fn queue(&self, queue: &QueueName) -> Result<QueueReport, Error>;

    /// Changes how a queue is routed, and answers what it is now. The leader then tells the queue
    /// service.
    ///
    /// # Errors
    /// When the database is away; nothing was changed then, or it is unknown. When it was changed
    /// and something that is read is away.
    async fn change(&self, queue: &QueueName, change: &RouteChange) -> Result<QueueReport, Error>;

    /// The workers, and the view.
    ///
    /// # Errors
    /// When the service of members is away.
    async fn workers(&self) -> Result<WorkersReport, Error>;
}
