//! How many calls of a project to a connector are under way, in this process.
//!
//! As `bid_pool.lua` of the Redis adapter does it. A worker alone is given what it asks for up to the
//! limit; several share it, as in tests.

use std::collections::HashMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use tenon_exec::ports::call_pools::{Bid, CallPools, Error, Pool, Share, WISH_TTL};
use tenon_exec::ports::membership::MemberId;
use tokio::time::Instant;

/// Pools below which those that nobody has a part in are not looked for.
const PURGE_MIN: usize = 1_024;

/// The pools of this process.
#[derive(Debug, Default)]
pub struct LocalCallPools(Mutex<HashMap<Pool, HashMap<MemberId, Part>>>);

/// What one worker has of a pool.
#[derive(Debug, Clone, Copy)]
struct Part {
    held: u32,
    held_until: Instant,
    wish: u32,
    wished_since: Instant,
    wish_until: Option<Instant>,
}

impl Part {
    fn held(&self, now: Instant) -> u32 {
        if self.held_until > now { self.held } else { 0 }
    }

    fn wishes(&self, now: Instant) -> bool {
        self.wish_until.is_some_and(|until| until > now)
    }

    fn counts(&self, now: Instant) -> bool {
        self.held_until > now || self.wishes(now)
    }
}

impl LocalCallPools {
    /// Starts with nothing counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, as a restart of the process would. For fault tests.
    pub fn forget(&self) {
        self.0.lock().clear();
    }
}

#[async_trait]
impl CallPools for LocalCallPools {
    async fn bid(&self, pool: &Pool, bid: &Bid) -> Result<Share, Error> {
        let now = Instant::now();
        let mut pools = self.0.lock();
        if pools.len() >= PURGE_MIN && !pools.contains_key(pool) {
            pools.retain(|_, parts| parts.values().any(|part| part.counts(now)));
        }
        let parts = pools.entry(*pool).or_default();
        parts.retain(|member, part| *member == bid.member || part.counts(now));
        let mine = parts.remove(&bid.member).filter(|part| part.wishes(now));
        let since = mine.map_or(now, |part| part.wished_since);
        let (share, part) = given(bid, parts, since, now);
        if share.held > 0 || part.wish > 0 {
            parts.insert(bid.member, part);
        } else if parts.is_empty() {
            pools.remove(pool);
        }
        Ok(share)
    }
}

/// What a worker is given beside the parts of the others.
fn given(
    bid: &Bid,
    others: &HashMap<MemberId, Part>,
    since: Instant,
    now: Instant,
) -> (Share, Part) {
    let sum = |slots: &mut dyn Iterator<Item = u32>| slots.fold(0_u32, u32::saturating_add);
    let taken = sum(&mut others.values().map(|part| part.held(now)));
    let wishes: Vec<&Part> = others.values().filter(|part| part.wishes(now)).collect();
    let first = wishes.iter().filter(|part| part.wished_since < since);
    let first = sum(&mut first.map(|part| part.wish));
    let free = bid.max.saturating_sub(taken).saturating_sub(bid.used);
    let given = bid.wanted.min(free.saturating_sub(first));
    let total = taken.saturating_add(bid.used).saturating_add(given);
    let is_scarce = total > bid.max / 2;
    let kept = match wishes.is_empty() && !is_scarce {
        true => bid.spare.min(bid.max / 2 - total),
        false => 0,
    };
    let held = bid.used + given + kept;
    let wish = bid.wanted - given;
    let part = Part {
        held,
        held_until: now + bid.ttl,
        wish,
        wished_since: if given > 0 { now } else { since },
        wish_until: (wish > 0).then(|| now + WISH_TTL),
    };
    let members = u32::try_from(others.len()).unwrap_or(u32::MAX).saturating_add(1);
    (Share { held, others_wait: !wishes.is_empty(), is_scarce, members }, part)
}
