//! How many calls of a project to one connector are under way over all workers.
//!
//! There is a *pool* of slots for each. A worker holds some of them for a while, lets its calls take
//! turns on them, and says now and then how many it uses and how many more it wants. So a call
//! mostly costs no round trip. Slots of a worker that says nothing any more come back when their
//! lease ends.
//!
//! Best effort, and rebuildable: all of it may be forgotten at any time. Workers then say again
//! what they use, within a third of the lease; in between others may be given too much.

use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::{IntegrationId, ProjectId};

use super::membership::MemberId;

/// How long a wish counts of a worker that does not repeat it. Others of a pool wait behind it.
pub const WISH_TTL: Duration = Duration::from_secs(1);

/// The slots of one connector of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool {
    /// Whose.
    pub project: ProjectId,
    /// The connector, as the project has switched it on.
    pub integration: IntegrationId,
}

/// What a worker says of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bid {
    /// Who says it.
    pub member: MemberId,
    /// Slots of the pool, for all workers together. Whoever speaks says it: a change holds for
    /// what is given from then on.
    pub max: u32,
    /// Slots that it uses. They stay its own, also where it was taken for dead meanwhile and
    /// others were given them.
    pub used: u32,
    /// Slots that it has calls for beyond those.
    pub wanted: u32,
    /// Slots that it would keep ready beyond those. They are given only where most are free and
    /// nobody else waits.
    pub spare: u32,
    /// How long what it is given holds, from now.
    pub ttl: Duration,
}

/// What a worker has of a pool from now on. What it had before and is not in this was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Slots that it holds.
    pub held: u32,
    /// Whether other workers wait for slots: what is free is to be given back at once.
    pub others_wait: bool,
    /// Whether more than half of the slots are used: none are to be kept for later.
    pub is_scarce: bool,
    /// Workers that have a part in the pool, this one included.
    pub members: u32,
}

/// The service cannot be reached. The outcome is unknown; the next bid says everything anew.
#[derive(Debug, thiserror::Error)]
#[error("the service that counts calls cannot be reached")]
pub struct Error(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The service. Repeating a bid changes nothing but the time.
#[async_trait]
pub trait CallPools: Send + Sync + 'static {
    /// Says what a worker uses and wants, and answers what it has from now on. Together the workers
    /// hold no more than `max`, but for what they use already. Among those who want more, who began
    /// to wait first is first; who was given a part of it waits anew for the rest.
    async fn bid(&self, pool: &Pool, bid: &Bid) -> Result<Share, Error>;
}
