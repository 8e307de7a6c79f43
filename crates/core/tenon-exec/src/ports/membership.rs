//! Who is there: workers that beat, the lease of the leader, and the view that it publishes.
//!
//! Best effort, and rebuildable: all of it may be forgotten at any time. Members then beat again,
//! the leader takes its lease again and publishes again. Nothing here guards a job; the fences of
//! the queue do. Time is that of the service: no two machines' clocks are compared.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cluster::view::View;

/// Sources that a member lists, at most.
pub const MEMBER_SOURCES_MAX: usize = 64;
/// Members that one call answers, at most.
pub const MEMBERS_MAX: usize = 5_000;
/// The lease of the leader.
pub const LEADER_LEASE: &str = "leader";

/// One process, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(pub Uuid);

impl MemberId {
    /// Draws an id.
    #[must_use]
    pub fn draw() -> Self {
        Self(Uuid::new_v4())
    }
}

impl std::fmt::Display for MemberId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a worker says of itself with each beat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which.
    pub id: MemberId,
    /// The machine and process, for people.
    pub address: String,
    /// How long it has run, in milliseconds, by its own clock.
    pub uptime_ms: u64,
    /// Runs that it can execute at once.
    pub slots: u32,
    /// Runs that it executes now.
    pub in_flight: u32,
    /// Sources that it works on, at most [`MEMBER_SOURCES_MAX`], for people.
    pub sources: Vec<String>,
    /// Whether it asks to be left out, because it has had nothing to do, or because it stops.
    pub wish: Wish,
    /// The term and number of the view that it follows, if any.
    pub follows: Option<(u64, u64)>,
}

/// What a member asks of the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// To work.
    Stay,
    /// To leave, if it can be spared.
    Leave,
    /// It stops, whatever anybody says.
    Stopping,
}

/// The service cannot be reached; the outcome is unknown.
#[derive(Debug, thiserror::Error)]
#[error("the service of members cannot be reached while it should {action}")]
pub struct Error {
    /// What was asked.
    pub action: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The service. All operations may be repeated.
#[async_trait]
pub trait Membership: Send + Sync + 'static {
    /// Says that a member is there for `ttl` from now.
    async fn beat(&self, member: &Member, ttl: Duration) -> Result<(), Error>;

    /// Forgets a member that stops. Unknown ones are passed over.
    async fn leave(&self, member: MemberId) -> Result<(), Error>;

    /// The members whose last beat holds, at most [`MEMBERS_MAX`], in the order of their ids.
    async fn members(&self) -> Result<Vec<Member>, Error>;

    /// Takes a lease for `ttl` from now, or extends the one that `owner` holds. Answers whether
    /// `owner` holds it now.
    async fn hold_lease(&self, name: &str, owner: MemberId, ttl: Duration) -> Result<bool, Error>;

    /// Gives a lease back, if `owner` holds it. Answers whether it did.
    async fn release_lease(&self, name: &str, owner: MemberId) -> Result<bool, Error>;

    /// Publishes a view, unless one of a later term, or a later one of this term, is there.
    /// Answers whether it was.
    async fn publish_view(&self, view: &View) -> Result<bool, Error>;

    /// The view that was published last; `None` when there is none, or the service forgot.
    async fn view(&self) -> Result<Option<View>, Error>;
}
