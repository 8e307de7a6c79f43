//! The truth about terms of the leader and about how queues are routed, in Postgres.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tenon_domain::QueueName;

use super::store::Error;

/// The number of a leader's time in office. Grows with every election.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Term(pub u64);

/// Who decides whether a queue has workers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteMode {
    /// The leader, by how much waits.
    #[default]
    Automatic,
    /// An operator: it has.
    Dedicated,
    /// An operator: it has not.
    Shared,
}

impl RouteMode {
    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Dedicated => "dedicated",
            Self::Shared => "shared",
        }
    }

    /// The mode of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Automatic, Self::Dedicated, Self::Shared]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

/// How a queue is routed. A queue without a route is automatic, shared and not paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which queue.
    pub queue: QueueName,
    /// Who decides.
    pub mode: RouteMode,
    /// Whether it has workers of its own now.
    pub is_dedicated: bool,
    /// Whether nothing of it is handed out for now.
    pub is_paused: bool,
    /// How many workers it has, while it is dedicated; `None` is the setting's number.
    pub workers: Option<u16>,
    /// When `is_dedicated` changed last, in Unix milliseconds by the database's clock.
    pub since_ms: i64,
}

impl Route {
    /// The route of a queue of which nothing was said.
    #[must_use]
    pub fn usual(queue: QueueName) -> Self {
        Self {
            queue,
            mode: RouteMode::Automatic,
            is_dedicated: false,
            is_paused: false,
            workers: None,
            since_ms: 0,
        }
    }
}

/// What an operator changes of a route; what is `None` stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteChange {
    /// Who decides from now on. `Dedicated` and `Shared` hold at once.
    pub mode: Option<RouteMode>,
    /// Whether it is paused.
    pub is_paused: Option<bool>,
    /// How many workers it has while it is dedicated; `Some(None)` is the setting's number.
    pub workers: Option<Option<u16>>,
}

/// The store of terms and routes.
#[async_trait]
pub trait RoutingStore: Send + Sync + 'static {
    /// Begins a new term, higher than any before and than `above`.
    async fn begin_term(&self, above: Term) -> Result<Term, Error>;

    /// The term of the last election.
    async fn term(&self) -> Result<Term, Error>;

    /// The routes that are not usual, at most 100,000, by queue.
    async fn routes(&self) -> Result<Vec<Route>, Error>;

    /// The route of a queue.
    async fn route(&self, queue: &QueueName) -> Result<Route, Error>;

    /// Changes a route for an operator and answers what it is now.
    async fn change_route(&self, queue: &QueueName, change: &RouteChange) -> Result<Route, Error>;

    /// Decides for the leader of `term` whether an automatic queue is dedicated. Answers whether
    /// that was noted: not when the term is over, or an operator decides about the queue.
    async fn decide_route(
        &self,
        term: Term,
        queue: &QueueName,
        is_dedicated: bool,
    ) -> Result<bool, Error>;
}
