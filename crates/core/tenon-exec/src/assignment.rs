//! Which sources a worker serves.
//!
//! Any worker may claim from any source: leases are fenced, so nothing runs twice because two
//! workers look at the same queue. Who looks first only decides how many calls are made for
//! nothing, and whether a dedicated queue has its workers to itself.

use crate::ports::queue::{Shard, Source};

/// What one worker serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Duty {
    /// Claimed from at once.
    pub own: Vec<Source>,
    /// Claimed from a moment later, by a worker that has room: when their owner is full or gone.
    /// A source that is in neither list is treated like these.
    pub spare: Vec<Source>,
    /// Left to others: dedicated queues, for a worker that is not one of theirs; shared ones, for a
    /// worker that is.
    pub never: Vec<Source>,
}

impl Duty {
    /// All shared queues.
    #[must_use]
    pub fn everything(shards: u16) -> Self {
        let own = (0..shards).map(|number| Source::Shared(Shard(number))).collect();
        Self { own, ..Self::default() }
    }
}
